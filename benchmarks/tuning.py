"""Choose the numbers that hang on a model's weights, on validation images.

    python benchmarks/tuning.py DATA [--model micro] [--cache FOLDER]

DATA holds data sets (`NAME/train/{images,labels}`); of each the images that training
keeps aside are used, never the test part. Each number is varied alone, in the order of
the tables, with what was chosen before; a table has a row for each value, figures are
means over data sets. A value in the record of the model stays unless another one is
better by more than a margin (`MARGIN`). At the end the whole `Tuning` is printed, to be
put into `models/registry.py`; run it again from there, until nothing changes.

levels        mean IoU of SAM + HQ: a box; a click on an object of known size (the
              median of its image), of unknown size, and in views of several zooms
doubt         of clicks: masks below a score, and how they compare with the labels
automatic     AP50 (TP / (TP + FP + FN)) and AP without prompts, in the middle of each
              image that is fully annotated

Every prompt is decoded once for each tile, whatever the number of values: about ten
minutes on one core. With ``--cache`` tiles are encoded once for several runs.
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
from napari_hqsam.errors import HqsamWarning
from napari_hqsam.evaluation.clicking import (
    FOLLOWED,
    first_click,
    on_common_window,
    tight_box,
)
from napari_hqsam.evaluation.folders import find_folders
from napari_hqsam.evaluation.levels import VIEWS
from napari_hqsam.evaluation.scoring import choose_objects
from napari_hqsam.masks.metrics import average_precision, iou
from napari_hqsam.models import Tuning
from napari_hqsam.segmentation import Rules, make_disjoint
from napari_hqsam.segmentation.automatic.running import Everything
from napari_hqsam.segmentation.plane.decoding import Answer, PlaneDecoder
from napari_hqsam.segmentation.plane.levels import levels_to_try, look_again, tile_for
from napari_hqsam.segmentation.plane.whole import whole_mask
from napari_hqsam.training.data import PARTLY_ANNOTATED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_hqsam.masks import Mask
    from napari_hqsam.models import Model
    from napari_hqsam.tiling import Tile

MARGIN = 0.005
"""A figure that is better by less may be so by chance: the same images, the same
objects, but only a few hundred of them."""
IMAGES = 6
"""Images of a data set, at most, spread evenly over its validation part."""
REGION = 8
"""Side of the region that is searched without prompts, typical objects."""
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
"""Three at most: each is a tile to be encoded before the first click is answered."""
FEWEST = 4
"""Objects that such a region holds at least."""

Figures = dict[str, float]
Measure = Callable[[Tuning], Figures]


# --- one image ------------------------------------------------------------------------


class Remembering(PlaneDecoder):
    """A decoder that looks at a prompt on a tile only once, without masks."""

    def __init__(self, segmenter: Segmenter) -> None:
        super().__init__(segmenter.source, segmenter.model, segmenter.grid, ())
        self.known: dict[tuple[Prompt, Tile, bool], Answer] = {}

    def decode(
        self,
        prompts: Sequence[Prompt],
        tile: Tile,
        *,
        hq: bool,
        masks: Sequence[NDArray[np.float32]] | None = None,
    ) -> list[Answer]:
        """As `PlaneDecoder.decode`."""
        if masks is not None:
            return super().decode(prompts, tile, hq=hq, masks=masks)
        new = [p for p in prompts if (p, tile, hq) not in self.known]
        for prompt, answer in zip(
            new, super().decode(new, tile, hq=hq) if new else [], strict=True
        ):
            self.known[prompt, tile, hq] = answer
        return [self.known[p, tile, hq] for p in prompts]


class Scene:
    """A validation image with its objects, and what the model says of them.

    Parameters
    ----------
    name : str
        Of the data set.
    segmenter : Segmenter
    objects : sequence of Mask
        The truth, or some of it.
    labels : ndarray
        (h, w), all of it.
    """

    def __init__(
        self,
        name: str,
        segmenter: Segmenter,
        objects: Sequence[Mask],
        labels: NDArray[Any],
    ) -> None:
        self.name, self.segmenter = name, segmenter
        self.objects, self.labels = objects, labels
        self.decoder = Remembering(segmenter)
        self.final: dict[tuple[Prompt, int], Mask] = {}
        self.typical = float(np.median([extent_of(truth) for truth in objects]))

    # --- with prompts

    def mask(self, tuning: Tuning, prompt: Prompt, **known: float | None) -> Mask:
        """Segment as `Segmenter.segment` does, looking at nothing twice."""
        grid = self.segmenter.grid
        levels = levels_to_try(prompt, grid, tuning, **known)
        answers = [self.look(prompt, level) for level in levels]
        second = look_again(
            grid,
            {0: prompt},
            {0: answers},
            FOLLOWED,
            0,
            tuning,
            known.get("view_extent"),
        )
        if second:
            return self.mask_at(prompt, second[0].address.level)
        best = max(answers, key=lambda a: a.scores[0])
        return self.mask_at(prompt, best.tile.address.level)

    def look(self, prompt: Prompt, level: int) -> Answer:
        """Answer on the tile of a level."""
        tile = tile_for(prompt, self.segmenter.grid, level)
        (answer,) = self.decoder.decode([prompt], tile, hq=True)
        if len(answer.sam) > 1:  # the candidates are not needed: memory
            answer = Answer(tile, answer.sam[:1].clone(), answer.hq, answer.scores)
            self.decoder.known[prompt, tile, True] = answer
        return answer

    def mask_at(self, prompt: Prompt, level: int) -> Mask:
        """Mask in plane pixels, seen at a level."""
        if (prompt, level) not in self.final:
            answer = self.look(prompt, level)
            decoder = PlaneDecoder(
                self.segmenter.source, self.segmenter.model, self.segmenter.grid, ()
            )
            mask = whole_mask(decoder, prompt, answer, FOLLOWED, 0, clean=True)
            self.final[prompt, level] = replace(mask, logits=None)
        return self.final[prompt, level]

    # --- without

    @cached_property
    def region(self) -> tuple[int, int, int, int]:
        """Middle of the plane, `REGION` objects wide."""
        side = REGION * self.typical
        sides = [(n / 2, min(n, side) / 2) for n in self.labels.shape]
        (y0, x0), (y1, x1) = (
            [round(middle + sign * half) for middle, half in sides] for sign in (-1, 1)
        )
        return y0, x0, y1, x1

    @cached_property
    def truth(self) -> NDArray[np.int64]:
        """Labels of the region."""
        y0, x0, y1, x1 = self.region
        return self.labels[y0:y1, x0:x1].astype(int)

    def found(self, tuning: Tuning) -> dict[str, float]:
        """Average precision without prompts."""
        grid = self.segmenter.grid
        every = Everything(
            Known(self),
            self.decoder,
            grid.level_for(self.typical, tuning.automatic_share),
            self.region,
            tuning.points_per_side,
            rules=Rules().for_model(tuning),
        )
        labels = np.zeros(grid.plane_shape, np.int32)
        for i, mask in enumerate(make_disjoint(list(every)), 1):
            paint(labels, mask.bbox, mask.data, i)
        y0, x0, y1, x1 = self.region
        return average_precision(labels[y0:y1, x0:x1], self.truth)


class Known:
    """Looks like a `Segmenter` to `Everything`; segments nothing twice."""

    def __init__(self, scene: Scene) -> None:
        self.scene, self.source = scene, scene.segmenter.source

    def iter_many(
        self, prompts: Sequence[Prompt], *, level: int, **_: object
    ) -> Iterator[tuple[int, Mask]]:
        """Yield masks at a level."""
        for i, prompt in enumerate(prompts):
            yield i, self.scene.mask_at(prompt, level)


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
                scenes.append(Scene(data_set.name, segmenter, objects, labels))
    return scenes


# --- figures of a tuning --------------------------------------------------------------


def mean_by_set(scenes: Sequence[Scene], rows: Callable[[Scene], list[float]]) -> float:
    """Mean over data sets of the mean over what their images give."""
    values: dict[str, list[float]] = defaultdict(list)
    for scene in scenes:
        values[scene.name] += rows(scene)
    return float(np.mean([np.mean(v) for v in values.values() if v]))


def prompted(scenes: Sequence[Scene], tuning: Tuning, kind: str) -> float:
    """Mean IoU of "box", "size known", or of a click in a view of `VIEWS`."""

    def scores(scene: Scene) -> list[float]:
        found = []
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
            found.append(iou_of(scene.mask(tuning, prompt, **known), truth))
        return found

    return mean_by_set(scenes, scores)


def iou_of(mask: Mask, truth: Mask) -> float:
    a, b, _ = on_common_window(mask, truth)
    return float(iou(a, b))


def doubted(scenes: Sequence[Scene], tuning: Tuning) -> Figures:
    """How well a low score tells poor masks of clicks; of all objects together."""
    pairs = []
    for scene in scenes:
        for truth in scene.objects:
            mask = scene.mask(tuning, Prompt([first_click(truth)]))
            pairs.append((mask.score, iou_of(mask, truth)))
    scores, ious = np.array(pairs).T
    low, poor, good = scores < tuning.doubtful_score, ious < 0.5, ious >= 0.75
    return {
        "F1 (IoU < .5)": 2 * float((low & poor).sum() / (low.sum() + poor.sum())),
        "dashed": float(low.mean()),
        "poor of these": float(poor[low].mean()) if low.any() else 1.0,
        "of the poor": float(low[poor].mean()),
        "of IoU >= .75": float(low[good].mean()),
    }


def searched(scenes: Sequence[Scene], tuning: Tuning) -> Figures:
    """Average precision without prompts."""
    found = {id(scene): scene.found(tuning) for scene in scenes}
    return {
        name: mean_by_set(scenes, lambda scene, k=name: [found[id(scene)][k]])
        for name in ("AP50", "AP")
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
    ) -> None:
        """Print a row for each change, and keep the best by the mean of some columns.

        Only where it is better than what there is by more than `MARGIN`; of those as
        good as the best, up to that margin, the first.
        """
        start = time.perf_counter()
        now = {k: getattr(self.tuning, k) for k in changes[0]}
        rows = [(c, measure(replace(self.tuning, **c))) for c in [now, *changes]]
        rated = [float(np.mean([row[name] for name in by])) for _, row in rows]
        best = max(rated)
        chosen = next(i for i, rate in enumerate(rated) if rate >= best - MARGIN)
        self.tuning = replace(self.tuning, **rows[chosen][0])
        names = list(rows[0][1])
        print(f"\n{title}: chosen by {', '.join(by)}\n")
        print(f"| {' | '.join(['', *changes[0], *names])} |")
        print(f"|---|{'---|' * (len(changes[0]) + len(names))}")
        for i, (change, row) in enumerate(rows):
            mark = "chosen" if i == chosen else "" if i else "now"
            cells = [short(v) for v in change.values()]
            cells += [f"{row[name]:.3f}" for name in names]
            print(f"| {' | '.join([mark, *cells])} |")
        print(f"\n({time.perf_counter() - start:.0f} s)", flush=True)


def short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    return str(value)


def one(name: str, *values: object) -> list[dict[str, Any]]:
    return [{name: value} for value in values]


def sweep_levels(sweep: Sweep, scenes: Sequence[Scene]) -> None:
    def sizes(tuning: Tuning) -> Figures:
        kinds = ("box", "size known", "unknown")
        return {kind: prompted(scenes, tuning, kind) for kind in kinds}

    def first(tuning: Tuning) -> Figures:
        return {k: prompted(scenes, tuning, k) for k in ("unknown", "image fitted")}

    def views(tuning: Tuning) -> Figures:
        return {k: prompted(scenes, tuning, k) for k in VIEWS if k != "unknown"}

    sweep.vary(
        "share of a tile's side",
        one("object_share", 1 / 8, 1 / 6, 1 / 5, 1 / 4, 1 / 3, 0.4, 1 / 2),
        sizes,
        ("box", "size known", "unknown"),
    )
    sweep.vary(
        "levels of a first look",
        one("first_levels", *FIRST_LEVELS),
        first,
        ("unknown", "image fitted"),
    )
    sweep.vary(
        "preference of larger answers",
        one("larger", 0.0, 0.1, 0.2, 0.3, 0.4, 0.6),
        first,
        ("unknown", "image fitted"),
    )
    sweep.vary(
        "standard deviations of the view's prior",
        one("view_sigmas", 0.5, 1.0, 1.5, 2.0, 3.0),
        views,
        tuple(k for k in VIEWS if k != "unknown"),
    )


def sweep_doubt(sweep: Sweep, scenes: Sequence[Scene]) -> None:
    steps = [round(0.3 + 0.05 * i, 2) for i in range(11)]
    sweep.vary(
        "score of a doubtful mask",
        one("doubtful_score", *steps),
        lambda tuning: doubted(scenes, tuning),
        ("F1 (IoU < .5)",),
    )


def sweep_automatic(sweep: Sweep, scenes: Sequence[Scene]) -> None:
    whole = [s for s in scenes if s.name not in PARTLY_ANNOTATED]
    fit = [s for s in whole if len(np.unique(s.truth[s.truth > 0])) >= FEWEST]
    names = sorted({s.name for s in fit})
    print(f"\n{len(fit)} regions of {', '.join(names)}")

    def measure(tuning: Tuning) -> Figures:
        return searched(fit, tuning)

    least = [
        {"quality": single, "candidate_quality": candidate}
        for single in (0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
        for candidate in (0.4, 0.5, 0.6, 0.7, 1.0)
        if candidate >= single
    ]
    for title, changes in (
        ("share of a tile's side", one("automatic_share", 1 / 16, 1 / 8, 1 / 6, 1 / 4)),
        ("least quality", least),
        ("quality that is sure", one("sure_quality", 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)),
        ("points along a tile", one("points_per_side", 12, 18, 24)),
    ):
        sweep.vary(title, changes, measure, ("AP50",))


SWEEPS = {"levels": sweep_levels, "doubt": sweep_doubt, "automatic": sweep_automatic}


def check(scenes: Sequence[Scene]) -> None:
    """Make sure that what is measured here is what the segmenter does."""
    for scene in scenes[:: max(1, len(scenes) // 3)]:
        prompt = Prompt([first_click(scene.objects[0])])
        mine = scene.mask(scene.segmenter.model.tuning, prompt)
        mask = scene.segmenter.segment(prompt)
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
    start = time.perf_counter()
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
    print(f"\nTuning(   # {(time.perf_counter() - start) / 60:.0f} minutes")
    for field in fields(Tuning):
        value, before = (getattr(t, field.name) for t in (sweep.tuning, model.tuning))
        said = "" if value == before else f"  # was {short(before)}"
        print(f"    {field.name}={short(value)},{said}")
    print(")")


if __name__ == "__main__":
    main()
