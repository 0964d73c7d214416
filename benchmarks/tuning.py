"""Choose the settings that depend on a model's weights, on validation images.

    python benchmarks/tuning.py DATA [--model micro] [--cache FOLDER]

DATA holds data sets (`NAME/train/{images,labels}`); of each the images that training
keeps aside are used, never the test part. Each number is varied alone, in the order of
the tables, with what was chosen before; a table has a row for each value, figures are
means over data sets. A value in the record of the model stays unless another one is
better by more than a margin. At the end the whole `Tuning` is printed, to be
put into `models/registry.py`; run it again from there, until nothing changes.
Where a value costs time, of those as good the cheapest is chosen: `tiles` are encoded
and looked at for one click, `clicks` are decoded for a region.

levels        mean IoU of SAM + HQ: a box; a click on an object of known size (the
              median of its image), of unknown size, and in views of several zooms
uncertain     of clicks: masks below a score, and how they compare with the labels
automatic     AP50 (TP / (TP + FP + FN)) and AP without prompts, in regions of images
              that are fully annotated; prompts come from the instance decoder, where
              the model has one, else from the grid

Every prompt is decoded once for each tile, whatever the number of values. With
``--cache`` tiles are encoded once for several runs.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np

from napari_hqsam import Prompt, Segmenter, load_model, open_image, paint, read_labels
from napari_hqsam.datasets.folders import find_folders
from napari_hqsam.datasets.labelled import PARTLY_ANNOTATED
from napari_hqsam.errors import HqsamWarning
from napari_hqsam.evaluation.clicking import (
    CORRECTED,
    first_click,
    on_common_window,
    tight_box,
)
from napari_hqsam.evaluation.levels import VIEWS
from napari_hqsam.evaluation.scoring import choose_objects
from napari_hqsam.masks.metrics import average_precision, iou
from napari_hqsam.models import InstanceTuning, Tuning
from napari_hqsam.segmentation import Rules, make_disjoint
from napari_hqsam.segmentation.automatic import find_proposer
from napari_hqsam.segmentation.automatic.tile_rows import Area, AutomaticRun
from napari_hqsam.segmentation.plane.decoding import PlaneDecoder, TilePrediction
from napari_hqsam.segmentation.plane.level_search import LevelSearch
from napari_hqsam.segmentation.plane.levels import (
    is_searched,
    levels_to_try,
    tile_for,
)
from napari_hqsam.segmentation.plane.object_mask import object_mask

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_hqsam.masks import Mask
    from napari_hqsam.models import Model
    from napari_hqsam.tiling import Tile

MARGIN, MARGIN_AUTOMATIC = 0.005, 0.02
"""A figure that is better by less may be so by chance: the same images and objects, but
only a few hundred objects, or a few regions."""
IMAGES = 6
"""Images of a data set, at most, spread evenly over its validation part; and regions
that are searched without prompts."""
REGION = 6
"""Side of such a region, typical objects."""
FIRST_LEVELS = (
    (0,),
    (1, -1),
    (2, 0),
    (0, -2),
    (2, 0, -2),
    (1, 0, -1),
    (2, 1, -1),
    (3, 1, -1),
    (1, -1, -3),
)
"""Three at most: each is a tile to be encoded before the first click is answered.
Images of this size do not tell what a coarse one is worth for objects beyond a tile."""
FEWEST = 4
"""Objects that such a region holds at least."""

Figures = dict[str, float]
Measure = Callable[[Tuning], Figures]


# --- one image ------------------------------------------------------------------------


class CachingDecoder(PlaneDecoder):
    """A decoder that looks at a prompt on a tile only once, without masks."""

    def __init__(self, segmenter: Segmenter) -> None:
        super().__init__(segmenter.source, segmenter.model, segmenter.grid, ())
        self.known: dict[tuple[Prompt, Tile, bool], TilePrediction] = {}
        self.asked = 0

    def decode(
        self,
        prompts: Sequence[Prompt],
        tile: Tile,
        *,
        hq: bool,
        masks: Sequence[NDArray[np.float32]] | None = None,
    ) -> list[TilePrediction]:
        """As `PlaneDecoder.decode`."""
        self.asked += 0 if hq else len(prompts)
        if masks is not None:
            return super().decode(prompts, tile, hq=hq, masks=masks)
        new = [p for p in prompts if (p, tile, hq) not in self.known]
        for prompt, answer in zip(
            new, super().decode(new, tile, hq=hq) if new else [], strict=True
        ):
            self.known[prompt, tile, hq] = answer
        return [self.known[p, tile, hq] for p in prompts]


class Scene:
    """A validation image with its objects and the cached predictions.

    Parameters
    ----------
    name : str
        Of the data set.
    segmenter : Segmenter
    objects : sequence of Mask
        The truth, or some of it.
    labels : ndarray
        (h, w), all of it.
    places : int
        Regions that are searched without prompts, at most.
    """

    def __init__(
        self,
        name: str,
        segmenter: Segmenter,
        objects: Sequence[Mask],
        labels: NDArray[Any],
        places: int,
    ) -> None:
        self.name, self.segmenter, self.places = name, segmenter, places
        self.objects, self.labels = objects, labels
        self.decoder = CachingDecoder(segmenter)
        self.rated: dict[tuple[Prompt, int], tuple[float, float]] = {}
        self.known = CachedSegmenter(self)
        self.typical = float(np.median([extent_of(truth) for truth in objects]))

    # --- with prompts

    def rate(
        self, tuning: Tuning, truth: Mask, prompt: Prompt, **known: float | None
    ) -> tuple[float, float]:
        """Score of the mask that `Segmenter.segment` would give, and its IoU."""
        level = self.levels(tuning, prompt, **known)[-1]
        if (prompt, level) not in self.rated:  # not the masks: memory
            mask = self.segment(prompt, level)
            a, b, _ = on_common_window(mask, truth)
            self.rated[prompt, level] = mask.score, float(iou(a, b))
        return self.rated[prompt, level]

    def levels(
        self, tuning: Tuning, prompt: Prompt, **known: float | None
    ) -> list[int]:
        """Levels that a prompt is looked at, the one that counts last."""
        grid = self.segmenter.grid
        levels = levels_to_try(prompt, grid, tuning, **known)
        answers = [self.look(prompt, level) for level in levels]
        view = known.get("view_extent")
        search = LevelSearch(self.decoder, CORRECTED, 0, tuning, view)
        size = known.get("typical_size")
        searched = {0: prompt} if is_searched(prompt, tuning, size) else {}
        while tiles := search.further_tiles(searched, {0: answers}):
            answers += [self.look(prompt, tile.address.level) for tile in tiles[0]]
        levels = [answer.tile.address.level for answer in answers]
        last = search.best(prompt, answers).tile.address.level
        return [*(level for level in levels if level != last), last]

    def look(self, prompt: Prompt, level: int) -> TilePrediction:
        """TilePrediction on the tile of a level."""
        tile = tile_for(prompt, self.segmenter.grid, level)
        (answer,) = self.decoder.decode([prompt], tile, hq=True)
        if len(answer.sam) > 1:  # the candidates are not needed: memory
            answer = TilePrediction(
                tile, answer.sam[:1].clone(), answer.hq, answer.scores
            )
            self.decoder.known[prompt, tile, True] = answer
        return answer

    def segment(self, prompt: Prompt, level: int) -> Mask:
        """Mask in plane pixels, seen at a level."""
        decoder = PlaneDecoder(
            self.segmenter.source, self.segmenter.model, self.segmenter.grid, ()
        )
        answer = self.look(prompt, level)
        return object_mask(decoder, prompt, answer, CORRECTED, 0, clean=True)

    # --- without

    @cached_property
    def regions(self) -> list[tuple[int, int, int, int]]:
        """Regions that hold `FEWEST` objects, spread evenly over the plane."""
        side = round(REGION * self.typical)
        corners = [
            range(n % side // 2 if n > side else 0, max(n - side, 0) + 1, side)
            for n in self.labels.shape
        ]
        found = [(y, x, y + side, x + side) for y in corners[0] for x in corners[1]]
        h, w = self.labels.shape
        found = [(y0, x0, min(y1, h), min(x1, w)) for y0, x0, y1, x1 in found]
        fit = [r for r in found if len(np.unique(self.truth(r))) > FEWEST]
        steps = np.linspace(0, len(fit) - 1, min(self.places, len(fit)))
        return [fit[i] for i in steps.round().astype(int)]

    def truth(self, region: tuple[int, int, int, int]) -> NDArray[np.int64]:
        """Labels of a region."""
        y0, x0, y1, x1 = region
        return self.labels[y0:y1, x0:x1].astype(int)

    def found(
        self, tuning: Tuning, region: tuple[int, int, int, int], proposer: str
    ) -> dict[str, float]:
        """Average precision in a region without prompts, and the clicks for it."""
        grid = self.segmenter.grid
        before = self.decoder.asked
        level = grid.level_for(self.typical, tuning.automatic_share)
        model = replace(self.segmenter.model, tuning=tuning)
        self.decoder.model = model
        kind = find_proposer(proposer, model)
        every = AutomaticRun(
            self.known,
            Area(self.decoder, level, region),
            kind.make(self.decoder, level, region, None),
            kind.rules(Rules(), model),
        )
        labels = np.zeros(grid.plane_shape, np.int32)
        for i, mask in enumerate(make_disjoint(list(every)), 1):
            paint(labels, mask.bbox, mask.data, i)
        y0, x0, y1, x1 = region
        scores = average_precision(labels[y0:y1, x0:x1], self.truth(region))
        return scores | {"clicks": float(self.decoder.asked - before)}


class CachedSegmenter:
    """Looks like a `Segmenter` to `AutomaticRun`; segments nothing twice."""

    def __init__(self, scene: Scene) -> None:
        self.scene, self.source = scene, scene.segmenter.source
        self.image = scene.segmenter.image
        self.masks: dict[tuple[Prompt, int], Mask] = {}

    def iter_many(
        self, prompts: Sequence[Prompt], *, level: int, **_: object
    ) -> Iterator[tuple[int, Mask]]:
        """Yield masks at a level."""
        for i, prompt in enumerate(prompts):
            if (prompt, level) not in self.masks:
                self.masks[prompt, level] = self.scene.segment(prompt, level)
            yield i, self.masks[prompt, level]


def extent_of(mask: Mask) -> float:
    y0, x0, y1, x1 = mask.bbox
    return float(max(y1 - y0, x1 - x0))


def read_scenes(data: Path, model: Model, options: argparse.Namespace) -> list[Scene]:
    scenes = []
    for data_set in find_folders([data], "validation"):
        count = min(len(data_set.pairs), IMAGES)
        steps = np.linspace(0, len(data_set.pairs) - 1, count).round().astype(int)
        for pair in (data_set.pairs[i] for i in steps):
            labels = np.asarray(read_labels(pair.labels))
            seed = 0, crc32(f"{data_set.name}/{pair.image.name}".encode())
            objects, _ = choose_objects(labels, -(-options.objects // count), seed)
            if objects:
                image = open_image(pair.image)
                segmenter = Segmenter(image, model, cache=options.cache or False)
                places = -(-IMAGES // count)
                scenes.append(Scene(data_set.name, segmenter, objects, labels, places))
    return scenes


# --- figures of a tuning --------------------------------------------------------------


def mean_by_set(scenes: Sequence[Scene], rows: Callable[[Scene], list[float]]) -> float:
    """Mean over data sets of the mean over what their images give."""
    values: dict[str, list[float]] = defaultdict(list)
    for scene in scenes:
        values[scene.name] += rows(scene)
    return float(np.mean([np.mean(v) for v in values.values() if v]))


def prompts_of(
    scene: Scene, kind: str
) -> Iterator[tuple[Mask, Prompt, dict[str, float | None]]]:
    """Yield objects, prompts and what is known of the size, for a kind of prompts.

    "box", "size known", or a click in a view of `VIEWS`.
    """
    for truth in scene.objects:
        known: dict[str, float | None] = {}
        prompt = Prompt([first_click(truth)])
        if kind == "box":
            prompt = Prompt(box=tight_box(truth))
        elif kind == "size known":
            known = {"typical_size": scene.typical}
        elif kind == "image fitted":
            known = {"view_extent": float(max(scene.labels.shape))}
        elif share := VIEWS[kind]:
            known = {"view_extent": extent_of(truth) / share}
        yield truth, prompt, known


def prompted(scenes: Sequence[Scene], tuning: Tuning, kinds: Sequence[str]) -> Figures:
    """Mean IoU by the kind of prompts, see `prompts_of`."""

    def scores(scene: Scene, kind: str) -> list[float]:
        return [
            scene.rate(tuning, truth, prompt, **known)[1]
            for truth, prompt, known in prompts_of(scene, kind)
        ]

    return {k: mean_by_set(scenes, lambda scene, k=k: scores(scene, k)) for k in kinds}


def tiles(scenes: Sequence[Scene], tuning: Tuning, kind: str) -> float:
    """Mean number of tiles that a prompt is looked at on, unless it grows."""
    return mean_by_set(
        scenes,
        lambda scene: [
            float(len(scene.levels(tuning, prompt, **known)))
            for _, prompt, known in prompts_of(scene, kind)
        ],
    )


def uncertain_shares(scenes: Sequence[Scene], tuning: Tuning) -> Figures:
    """How well a low score tells poor masks of clicks; of all objects together."""
    pairs = [
        scene.rate(tuning, truth, Prompt([first_click(truth)]))
        for scene in scenes
        for truth in scene.objects
    ]
    scores, ious = np.array(pairs).T
    low, poor, good = scores < tuning.uncertain_score, ious < 0.5, ious >= 0.75
    return {
        "F1 (IoU < .5)": 2 * float((low & poor).sum() / (low.sum() + poor.sum())),
        "dashed": float(low.mean()),
        "poor of these": float(poor[low].mean()) if low.any() else 1.0,
        "of the poor": float(low[poor].mean()),
        "of IoU >= .75": float(low[good].mean()),
    }


def searched(
    scenes: Sequence[Scene], tuning: Tuning, proposer: str = "auto"
) -> Figures:
    """Average precision without prompts."""
    found = {
        id(scene): [scene.found(tuning, region, proposer) for region in scene.regions]
        for scene in scenes
    }
    return {
        name: mean_by_set(scenes, lambda s, k=name: [row[k] for row in found[id(s)]])
        for name in ("AP50", "AP", "clicks")
    }


# --- choosing -------------------------------------------------------------------------


@dataclass
class Sweep:
    """Varies one number after the other and keeps what is best.

    Attributes
    ----------
    tuning : Tuning
        What was chosen so far.
    """

    tuning: Tuning

    def vary(
        self,
        title: str,
        changes: Sequence[dict[str, Any]],
        measure: Measure,
        by: Sequence[str],
        *,
        cost: str = "",
        margin: float = MARGIN,
    ) -> None:
        """Print a row for each change, and keep the best by the mean of some columns.

        What there is stays unless it is worse by more than the margin; but if there is
        a column of costs, the cheapest of those as good as the best is kept.
        """
        start = time.process_time()
        now = {k: getattr(self.tuning, k) for k in changes[0]}
        rows = [
            (change, measure(replace(self.tuning, **change)))
            for change in [now, *(c for c in changes if c != now)]
        ]
        rated = [float(np.mean([row[name] for name in by])) for _, row in rows]
        good = [i for i, rate in enumerate(rated) if rate >= max(rated) - margin]
        best = 0 if 0 in good else int(np.argmax(rated))
        if cost:
            least = min(rows[i][1][cost] for i in good)
            if rows[best][1][cost] > least:
                best = next(i for i in good if rows[i][1][cost] == least)
        self.tuning = replace(self.tuning, **rows[best][0])
        names = list(rows[0][1])
        print(f"\n{title}: chosen by {', '.join(by)}\n")
        print(f"| {' | '.join(['', *changes[0], *names])} |")
        print(f"|---|{'---|' * (len(changes[0]) + len(names))}")
        for i, (change, row) in enumerate(rows):
            mark = "chosen" if i == best else "" if i else "now"
            cells = [short(v) for v in change.values()]
            cells += [
                f"{row[k]:.0f}" if row[k] > 10 else f"{row[k]:.3f}" for k in names
            ]
            print(f"| {' | '.join([mark, *cells])} |")
        print(f"\n({time.process_time() - start:.0f} s)", flush=True)


def short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    return str(value)


def one(name: str, *values: object) -> list[dict[str, Any]]:
    return [{name: value} for value in values]


def sweep_levels(sweep: Sweep, scenes: Sequence[Scene]) -> None:
    known = ("box", "size known", "unknown")
    seen = tuple(view for view in VIEWS if view != "unknown")
    sweep.vary(
        "share of a tile's side",
        one("object_share", 1 / 8, 1 / 6, 1 / 5, 1 / 4, 1 / 3, 0.4, 1 / 2),
        lambda tuning: prompted(scenes, tuning, known),
        known,
    )
    sweep.vary(
        "levels of a first look",
        one("first_levels", *FIRST_LEVELS),
        lambda tuning: (
            prompted(scenes, tuning, tuple(VIEWS))
            | {"tiles": tiles(scenes, tuning, "unknown")}
        ),
        tuple(VIEWS),
        cost="tiles",
    )
    sweep.vary(
        "standard deviations of the view's prior",
        one("view_sigmas", 0.5, 1.0, 1.5, 2.0, 3.0),
        lambda tuning: prompted(scenes, tuning, seen),
        seen,
    )


def sweep_uncertain(sweep: Sweep, scenes: Sequence[Scene]) -> None:
    steps = [round(0.3 + 0.05 * i, 2) for i in range(11)]
    sweep.vary(
        "score of an uncertain mask",
        one("uncertain_score", *steps),
        lambda tuning: uncertain_shares(scenes, tuning),
        ("F1 (IoU < .5)",),
    )


def sweep_automatic(sweep: Sweep, scenes: Sequence[Scene]) -> None:
    fit = [s for s in scenes if s.name not in PARTLY_ANNOTATED and s.regions]
    names = ", ".join(sorted({s.name for s in fit}))
    print(f"\n{sum(len(s.regions) for s in fit)} regions of {names}")
    least = [
        {"quality": single, "candidate_quality": candidate}
        for single in (0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6)
        for candidate in (0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 1.0)
        if candidate >= single
    ]

    def vary(
        title: str,
        changes: list[dict[str, Any]],
        cost: str = "",
        proposer: str = "auto",
    ) -> None:
        sweep.vary(
            title,
            changes,
            lambda tuning: searched(fit, tuning, proposer),
            ("AP50", "AP"),
            cost=cost,
            margin=MARGIN_AUTOMATIC,
        )

    vary("share of a tile's side", one("automatic_share", 1 / 16, 1 / 8, 1 / 6, 1 / 4))
    if fit[0].segmenter.model.network.instance_decoder is not None:
        seeds = [
            {"apg": InstanceTuning(foreground=f, depth=d, sigma=sigma)}
            for f in (0.5, 0.65, 0.75)
            for d in (0.2, 0.25, 0.3)
            for sigma in (2.0, 3.2)
        ]
        vary("seeds", seeds)
    vary("least quality", least)
    vary(
        "quality that is sure",
        one("sure_quality", 0.3, 0.4, 0.5, 0.6, 0.7, 0.8),
        "clicks",
    )
    vary("points along a tile", one("points_per_side", 12, 18, 24), "clicks", "grid")


SWEEPS = {
    "levels": sweep_levels,
    "uncertain": sweep_uncertain,
    "automatic": sweep_automatic,
}


def check(scenes: Sequence[Scene]) -> None:
    """Make sure that what is measured here is what the segmenter does."""
    for scene in scenes[:: max(1, len(scenes) // 3)]:
        prompt = Prompt([first_click(scene.objects[0])])
        level = scene.levels(scene.segmenter.model.tuning, prompt)[-1]
        mine, mask = scene.segment(prompt, level), scene.segmenter.segment(prompt)
        assert (mask.level, mask.bbox) == (mine.level, mine.bbox), scene.name
        assert (mask.data == mine.data).all(), scene.name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="micro")
    parser.add_argument("--only", nargs="*", choices=SWEEPS, default=list(SWEEPS))
    parser.add_argument("--objects", type=int, default=30, help="a data set, at most")
    parser.add_argument("--cache", type=Path, help="folder for embeddings")
    options = parser.parse_args()
    warnings.simplefilter("ignore", HqsamWarning)  # of single masks
    start = time.process_time()
    model = load_model(options.model)
    scenes = read_scenes(options.data, model, options)
    check(scenes)
    count = sum(len(scene.objects) for scene in scenes)
    sets = len({scene.name for scene in scenes})
    dtype = str(model.dtype).removeprefix("torch.")
    print(
        f"{model.name} ({dtype}, decoder {model.decoder_digest[:8]}): {count} objects "
        f"on {len(scenes)} validation images of {sets} data sets"
    )
    sweep = Sweep(model.tuning)
    for name in options.only:
        SWEEPS[name](sweep, scenes)
    print(f"\nTuning(   # {(time.process_time() - start) / 60:.0f} minutes of a core")
    for field in fields(Tuning):
        value, before = (getattr(t, field.name) for t in (sweep.tuning, model.tuning))
        change = "" if value == before else f"  # was {short(before)}"
        print(f"    {field.name}={short(value)},{change}")
    print(")")


if __name__ == "__main__":
    main()
