"""What "find all like these" finds, beside automatic segmentation of the same model.

    python benchmarks/exemplars.py DATA [--part validation] [--images 2] [--model micro]

DATA holds data sets (`NAME/train/{images,labels}`); those are used whose images are
annotated fully. In the middle of each image 1, 3 and 10 labelled objects, drawn at
random (seeded), are given as examples with their true masks. Of all else recall,
precision and AP50 = TP / (TP + FP + FN) at an IoU of .5 are printed by data set: means
over images. The examples are counted neither as found nor as missed, also for the grid
and the instance decoder (APG, AIS), which get none.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np
from scipy import ndimage

from napari_hqsam import Segmenter, load_model, open_image, read_labels
from napari_hqsam.datasets.folders import find_folders
from napari_hqsam.datasets.labelled import PARTLY_ANNOTATED
from napari_hqsam.errors import HqsamError
from napari_hqsam.masks.mask import Mask
from napari_hqsam.segmentation import make_disjoint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_hqsam.models import Model

COUNTS = (1, 3, 10)
FEWEST = 4
"""Objects that an image must have besides the examples."""
LEAST = 20
"""Area of an example, pixels."""
AUTOMATIC = ("grid", "apg", "ais")


def draw_examples(
    labels: NDArray[Any], region: Sequence[int], count: int, seed: int
) -> dict[int, Mask]:
    """Draw objects that lie within a region, by label."""
    y0, x0, y1, x1 = region
    found = {}
    for i, box in enumerate(ndimage.find_objects(labels), 1):
        if box is None:
            continue
        rows, columns = box
        inside = y0 < rows.start and rows.stop < y1
        inside &= x0 < columns.start and columns.stop < x1
        on = labels[box] == i
        if inside and on.sum() >= LEAST:
            found[i] = Mask.from_crop(on, (rows.start, columns.start), 1.0, 1.0)
    order = np.random.default_rng(seed).permutation(list(found))[:count]
    return {int(i): found[int(i)] for i in order}


def score(
    masks: Sequence[Mask],
    labels: NDArray[Any],
    region: Sequence[int],
    examples: Sequence[int],
) -> dict[str, float]:
    """Recall, precision and AP50 of masks, examples left out."""
    y0, x0, y1, x1 = region
    truth = {int(i) for i in np.unique(labels[y0:y1, x0:x1])} - {0, *examples}
    areas = np.bincount(labels.ravel())
    hit: set[int] = set()
    false = 0
    for mask in masks:
        top, left, bottom, right = mask.bbox
        if not (y0 <= (top + bottom) / 2 < y1 and x0 <= (left + right) / 2 < x1):
            continue
        ids, pixels = np.unique(
            labels[top:bottom, left:right][mask.data], return_counts=True
        )
        union = mask.area + areas[ids] - pixels
        matched = ids[(pixels > 0.5 * union) & (ids > 0)]
        if len(matched) and int(matched[0]) not in hit:
            hit.add(int(matched[0]))
        else:
            false += 1
    found = len(hit & truth)
    return {
        "recall": found / len(truth),
        "precision": found / max(found + false, 1),
        "AP50": found / (len(truth) + false),
    }


def middle(shape: Sequence[int], side: int) -> tuple[int, int, int, int]:
    """Return the region in the middle of a plane."""
    (y0, y1), (x0, x1) = (
        (max((n - side) // 2, 0), min((n - side) // 2 + side, n)) for n in shape
    )
    return y0, x0, y1 if y1 > y0 else shape[0], x1 if x1 > x0 else shape[1]


def figures(
    model: Model, image_path: Path, labels_path: Path, args: argparse.Namespace
) -> dict[str, dict[str, float]]:
    """Return the figures of each method on an image; none if it has few objects."""
    labels = np.asarray(read_labels(labels_path)).astype(int)
    image = open_image(image_path)
    region = middle(labels.shape, args.side)
    segmenter = Segmenter(image, model, cache=False)
    found: dict[str, dict[str, float]] = {}
    seed = crc32(image_path.name.encode())
    for count in COUNTS:
        chosen = draw_examples(labels, region, count, seed)
        y0, x0, y1, x1 = region
        there = len(np.unique(labels[y0:y1, x0:x1])) - 1
        if len(chosen) < count or there - count < FEWEST:
            break
        start = time.process_time()
        masks = segmenter.segment_similar(list(chosen.values()), region=region)
        seconds = time.process_time() - start
        found[f"{count} examples"] = {
            **score(masks, labels, region, list(chosen)),
            "seconds": seconds,
        }
    if not found:
        return {}
    for name in AUTOMATIC if args.automatic else ():
        start = time.process_time()
        masks = make_disjoint(
            segmenter.segment_everything(region=region, proposer=name)  # type: ignore[arg-type]
        )
        seconds = time.process_time() - start
        found[name] = {**score(masks, labels, region, []), "seconds": seconds}
    return found


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--part", default="validation", choices=("validation", "test"))
    parser.add_argument("--images", type=int, default=2, help="of a data set, at most")
    parser.add_argument("--side", type=int, default=512, help="of the region, pixels")
    parser.add_argument("--model", default="micro")
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--no-automatic", dest="automatic", action="store_false")
    args = parser.parse_args()
    model = load_model(args.model)
    means: dict[str, list[float]] = defaultdict(list)
    for folder in find_folders([args.data], args.part):
        if folder.name in PARTLY_ANNOTATED or (
            args.only and folder.name not in args.only
        ):
            continue
        rows: dict[str, list[dict[str, float]]] = defaultdict(list)
        steps = np.linspace(
            0, len(folder.pairs) - 1, min(args.images, len(folder.pairs))
        )
        for i in dict.fromkeys(steps.round().astype(int).tolist()):
            pair = folder.pairs[i]
            try:
                each = figures(model, pair.image, pair.labels, args)
            except HqsamError as error:
                print(f"{pair.image.name}: {error}")
                continue
            for name, row in each.items():
                rows[name].append(row)
        for name, of_images in rows.items():
            mean = {k: float(np.mean([r[k] for r in of_images])) for k in of_images[0]}
            means[name].append(mean["AP50"])
            print(
                f"{folder.name:18} {name:12} recall {mean['recall']:.2f}, precision "
                f"{mean['precision']:.2f}, AP50 {mean['AP50']:.2f}, "
                f"{mean['seconds']:.1f} s ({len(of_images)} images)",
                flush=True,
            )
    for name, values in means.items():
        print(f"{'mean':18} {name:12} AP50 {np.mean(values):.3f} ({len(values)} sets)")


if __name__ == "__main__":
    main()
