"""What refinement does to labels that were damaged on purpose, and to right ones.

    python benchmarks/refinement.py DATA [--part validation] [--model micro]
        [--images 4] [--objects 24] [--only NAME ...] [--cache FOLDER]

DATA holds data sets (`NAME/train/{images,labels}`). Of each image a group of
neighbouring objects is taken, their labels are damaged, and all of them are refined at
once with the default rules. The figure is the boundary IoU, 2 pixels wide, of each true
object with the label that overlaps it most, before and after: a mean over objects, then
images, then (last row) data sets. Thresholds are chosen with ``--part validation``; the
test part is for figures that are reported.

unchanged   the labels as they are: what refinement costs where there is nothing to gain
eroded      by 2 pixels; an object that would lose four fifths of its area stays
dilated     by 2 pixels, where no other object is
shifted     by 2 pixels along y and x
blocky      every fourth pixel, in blocks of 4 x 4
merged      neighbours within 4 pixels of each other have one id, two by two
"""

from __future__ import annotations

import argparse
import os
import platform
import time
import warnings
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np
from scipy import ndimage
from skimage.segmentation import expand_labels

from napari_hqsam import Segmenter, load_model, open_image, read_labels
from napari_hqsam.datasets.folders import find_folders
from napari_hqsam.errors import HqsamWarning
from napari_hqsam.masks.metrics import boundary_iou, rank_labels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from napari_hqsam.datasets.folders import LabelledFolder

    Labels = NDArray[np.int32]

BY = 2
"""Pixels by which labels are eroded, dilated and shifted; width of the boundary."""
BLOCK = 4
"""Side of the blocks, pixels."""
NEAR = 4
"""Largest gap between neighbours that are merged, pixels."""
LEAST = 30
"""Least area of an object, pixels."""


# --- damage ---------------------------------------------------------------------------


def eroded(labels: Labels) -> Labels:
    """Erode each object by itself."""
    out = np.zeros_like(labels)
    for i, window in objects(labels):
        mask = np.pad(labels[window] == i, 1)
        less = ndimage.binary_erosion(mask, iterations=BY)
        chosen = less if less.sum() > mask.sum() / 5 else mask
        out[window][chosen[1:-1, 1:-1]] = i
    return out


def dilated(labels: Labels) -> Labels:
    """Dilate each object where there is background."""
    return np.asarray(expand_labels(labels, BY), np.int32)


def shifted(labels: Labels) -> Labels:
    """Shift all down and to the right."""
    return np.asarray(ndimage.shift(labels, (BY, BY), order=0), np.int32)


def blocky(labels: Labels) -> Labels:
    """Sample coarsely, and enlarge by repetition."""
    rows, cols = (np.arange(n) // BLOCK * BLOCK + BLOCK // 2 for n in labels.shape)
    h, w = labels.shape
    return labels[np.minimum(rows, h - 1)][:, np.minimum(cols, w - 1)]


def merged(labels: Labels) -> Labels:
    """Give neighbours one id, two by two; the others stay."""
    out, partner = labels.copy(), set[int]()
    grown = expand_labels(labels, NEAR / 2 + 0.5)
    for i, j in sorted(touching(grown)):
        if not {i, j} & partner:
            partner |= {i, j}
            out[labels == j] = i
    return out


DAMAGE: dict[str, Callable[[Labels], Labels]] = {
    "unchanged": np.copy,
    **{f.__name__: f for f in (eroded, dilated, shifted, blocky, merged)},
}


def touching(labels: Labels) -> set[tuple[int, int]]:
    """Return the pairs of ids of 4-neighbours, the lower one first."""
    pairs = set()
    for axis in (0, 1):
        one, other = (
            np.delete(labels, end, axis).ravel() for end in (0, labels.shape[axis] - 1)
        )
        differ = (one != other) & (one > 0) & (other > 0)
        both = np.sort(np.stack([one[differ], other[differ]], 1), axis=1)
        pairs |= set(map(tuple, np.unique(both, axis=0).tolist()))
    return pairs


def objects(labels: Labels) -> Iterator[tuple[int, tuple[slice, ...]]]:
    """Yield the id and the window of each object."""
    for i, window in enumerate(ndimage.find_objects(labels), start=1):
        if window is not None:
            yield i, window


# --- measure --------------------------------------------------------------------------


def group(labels: NDArray[Any], count: int, seed: int) -> Labels:
    """Return labels of a group of neighbouring objects, numbered from 1."""
    ranks = rank_labels(labels)[1]
    areas = np.bincount(ranks.ravel())
    large = np.flatnonzero(areas[1:] >= LEAST) + 1
    if not len(large):
        return np.zeros(ranks.shape, np.int32)
    centres = np.array(ndimage.center_of_mass(ranks > 0, ranks, large))
    middle = centres[np.random.default_rng(seed).integers(len(large))]
    nearest = np.argsort(np.hypot(*(centres - middle).T), kind="stable")[:count]
    kept = np.where(np.isin(ranks, large[nearest]), ranks, 0)
    return rank_labels(kept)[1].astype(np.int32)


def scores(found: Labels, truth: Labels) -> list[float]:
    """Return the boundary IoU of each true object with the label it overlaps most."""
    values = []
    for i, window in objects(truth):
        inside = found[window][truth[window] == i]
        ids, counts = np.unique(inside[inside > 0], return_counts=True)
        if not len(ids):
            values.append(0.0)
            continue
        best = ids[counts.argmax()]
        values.append(boundary_iou(found == best, truth == i, width=BY))
    return values


def measure(
    folder: LabelledFolder,
    args: argparse.Namespace,
    model: Any,  # noqa: ANN401
) -> dict[str, tuple[float, float, float]]:
    """Return for each damage: boundary IoU before, after, and the share refined."""
    rows: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    chosen = np.linspace(0, len(folder.pairs) - 1, args.images).round().astype(int)
    for pair in (folder.pairs[k] for k in sorted(set(chosen.tolist()))):
        seed = crc32(f"{folder.name}/{pair.image.name}".encode())
        truth = group(read_labels(pair.labels), args.objects, seed)
        if not truth.any():
            continue
        segmenter = Segmenter(open_image(pair.image), model, cache=args.cache)
        for name, damage in DAMAGE.items():
            labels = damage(truth)
            if name == "merged" and np.array_equal(labels, truth):
                continue
            (plane,) = segmenter.iter_refine(labels)
            before, after = (
                float(np.mean(scores(each, truth))) for each in (labels, plane.labels)
            )
            share = float(np.mean([not each.kept for each in plane.objects]))
            rows[name].append((before, after, share))
    return {name: tuple(np.mean(each, 0).tolist()) for name, each in rows.items()}


def row(name: str, means: dict[str, tuple[float, float, float]]) -> str:
    """Format a row of the table."""
    cells = (
        f"{means[d][0]:.3f} {means[d][1]:.3f}" if d in means else "-" for d in DAMAGE
    )
    return f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    """Print a row for each data set, and one of their means."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder of data sets")
    parser.add_argument("--part", default="validation", choices=("validation", "test"))
    parser.add_argument("--model", default="micro")
    parser.add_argument("--images", type=int, default=4, help="of each set, at most")
    parser.add_argument("--objects", type=int, default=24, help="of each image")
    parser.add_argument("--only", nargs="*", default=(), help="names of data sets")
    parser.add_argument("--cache", default=False, help="folder of embeddings")
    args = parser.parse_args()
    warnings.simplefilter("ignore", HqsamWarning)
    model, start = load_model(args.model), time.perf_counter()
    print(f"{platform.machine()}, {os.cpu_count()} cores, {args.model}, {args.part}")
    print(f"| data set | {' | '.join(DAMAGE)} |\n|---|{'---|' * len(DAMAGE)}")
    table = []
    for folder in find_folders([args.data], args.part):
        if args.only and folder.name not in args.only:
            continue
        means = measure(folder, args, model)
        table.append(means)
        print(row(folder.name, means), flush=True)
    mean = {
        name: tuple(np.mean([m[name] for m in table if name in m], 0).tolist())
        for name in DAMAGE
        if any(name in m for m in table)
    }
    print(row("mean", mean))
    shares = ", ".join(f"{name} {values[2]:.2f}" for name, values in mean.items())
    print(f"share of objects refined: {shares}")
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
