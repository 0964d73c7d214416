"""What following objects through a stack is worth, and what it costs.

    python benchmarks/stacks.py DATA [--split train] [--only NAME ...] [--objects 5]
    python benchmarks/stacks.py --speed

DATA has `NAME/{train,test}/volumes/STEM.tif` and `volume_labels/STEM.tif` (uint16,
ZYX). Of each volume some objects, drawn with a fixed seed, are segmented all alone,
and compared with their labels; IoU is of voxels. Rows, all in one run:

click, box    from one click, or one box, on the object's middle slice, followed;
              then clicks on the deepest error of the slice of least confidence,
              at most 5: how many until the 3D IoU is 0.8
true boxes    the same network prompted slice by slice with the true box: the most
              that following could give
automatic     objects found on each slice by themselves and linked by overlap, from
              the one that the click hits: what following must be better than

`--speed` needs no data: 50 generated objects over 60 slices, all together against
one after another with a segmenter each, as a tool does that keeps no embeddings;
encoder calls are counted.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
from scipy import ndimage

from napari_hqsam import Prompt, Segmenter, load_model, open_image
from napari_hqsam.masks import link_planes
from napari_hqsam.masks.algebra import deepest_pixel, pixel_box
from napari_hqsam.segmentation import StackObject, iter_everything, propagate, revise

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_hqsam.masks import Mask
    from napari_hqsam.models import Model

CLICKS = 5
ENOUGH = 0.8
SPACING = {"plantseg_ovules/train": 2.24, "plantseg_ovules/test": 1.57}
"""Where the volumes do not tell (the data's own description does)."""


def iou(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Return the IoU of voxels; 1 where both are empty."""
    union = np.count_nonzero(a | b)
    return np.count_nonzero(a & b) / union if union else 1.0


def filled(masks: dict[int, Mask], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return masks of slices as a volume."""
    volume = np.zeros(shape, bool)
    for z, mask in masks.items():
        y0, x0, y1, x1 = mask.bbox
        volume[z, y0:y1, x0:x1] = mask.data
    return volume


def voxels(found: StackObject, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return an object as a volume."""
    return filled({z: s.mask for z, s in found.slices.items()}, shape)


def middle(truth: NDArray[np.bool_]) -> int:
    """Middle of the slices on which an object is."""
    slices = np.flatnonzero(truth.any((1, 2)))
    return int(slices[len(slices) // 2])


def correction(
    found: StackObject, z: int, truth: NDArray[np.bool_], given: Prompt | None
) -> Prompt | None:
    """Add a click on the deepest error of a slice to the prompt given there."""
    kept = found.slices.get(z)
    seen = (
        np.zeros(truth.shape, bool) if kept is None else kept.mask.to_plane(truth.shape)
    )
    missed, surplus = truth & ~seen, seen & ~truth
    depths = [deepest_pixel(e) if e.any() else ((0, 0), 0.0) for e in (missed, surplus)]
    positive = depths[0][1] >= depths[1][1]
    point = depths[0 if positive else 1][0]
    if given is not None:
        points, labels, box = given.points, given.point_labels, given.box
    elif truth.any() and (seen & truth).any():
        points, labels, box = (deepest_pixel(seen & truth)[0],), (1,), None
    else:
        points, labels, box = (), (), None
    if not positive and not (1 in labels or box):
        return None
    logits = None if kept is None else kept.mask.logits
    return Prompt([*points, point], [*labels, int(positive)], box=box, logits=logits)


def followed(
    segmenter: Segmenter, truth: NDArray[np.bool_], kind: str, spacing: float
) -> tuple[float, int | None]:
    """3D IoU from one prompt, and how many further clicks it takes to be enough."""
    z = middle(truth)
    plane = truth[z]
    first = (
        Prompt(box=pixel_box(plane))
        if kind == "box"
        else Prompt([deepest_pixel(plane)[0]])
    )
    span = 0, len(truth)
    (found,) = propagate(segmenter, {z: first}, z_range=span, spacing=spacing)
    prompts: dict[int, Prompt] = {z: first}
    score = best = iou(voxels(found, truth.shape), truth)
    for clicks in range(CLICKS + 1):
        if best >= ENOUGH:
            return score, clicks
        worst = found.worst_slice
        prompt = (
            None
            if worst is None or clicks == CLICKS
            else correction(found, worst, truth[worst], prompts.get(worst))
        )
        if worst is None or prompt is None:
            break
        prompts[worst] = prompt
        found = revise(segmenter, found, worst, prompt, z_range=span, spacing=spacing)
        best = iou(voxels(found, truth.shape), truth)
    return score, None


def with_true_boxes(segmenter: Segmenter, truth: NDArray[np.bool_]) -> float:
    """3D IoU of masks from the true box of each slice."""
    masks = {
        int(z): segmenter.segment(Prompt(box=pixel_box(truth[z])), plane=(int(z),))
        for z in np.flatnonzero(truth.any((1, 2)))
    }
    return iou(filled(masks, truth.shape), truth)


def by_overlap(everything: dict[int, list[Mask]], truth: NDArray[np.bool_]) -> float:
    """3D IoU of the automatic masks linked to the one that the first click hits."""
    start = middle(truth)
    y, x = deepest_pixel(truth[start])[0]
    chain: dict[int, Mask] = {}
    for mask in everything[start]:
        y0, x0, y1, x1 = mask.bbox
        if y0 <= y < y1 and x0 <= x < x1 and mask.data[y - y0, x - x0]:
            chain[start] = mask
    for way in (1, -1):
        z = start
        while z in chain and 0 <= z + way < len(truth):
            links = link_planes([chain[z]], everything[z + way])
            if not links.continues:
                break
            z += way
            chain[z] = everything[z][next(iter(links.continues)) - 1]
    return iou(filled(chain, truth.shape), truth)


def volumes(data: Path, split: str, only: list[str]) -> Iterator[tuple[str, Path]]:
    """Yield data set and path of the volumes of a data folder."""
    for path in sorted(data.glob(f"*/{split}/volumes/*.tif")):
        name = path.relative_to(data).parts[0]
        if not only or name in only:
            yield name, path


def chosen(labels: NDArray[Any], count: int) -> list[int]:
    """Objects over 5 slices or more, drawn with a fixed seed."""
    fit = [
        i
        for i, box in enumerate(ndimage.find_objects(labels), start=1)
        if box and box[0].stop - box[0].start >= 5
    ]
    drawn = np.random.default_rng(0).permutation(fit)[:count]
    return [int(i) for i in drawn]


def quality(options: argparse.Namespace, model: Model) -> None:
    """Print a line a volume."""
    for name, path in volumes(options.data, options.split, options.only):
        pixels = tifffile.imread(path)
        labels = tifffile.imread(path.parents[1] / "volume_labels" / path.name)
        pixels, labels = pixels[: options.slices], labels[: options.slices]
        spacing = SPACING.get(f"{name}/{options.split}", 1.0)
        segmenter = Segmenter(
            open_image(pixels, axes="zyx"), model, cache=options.cache
        )
        truths = [labels == i for i in chosen(labels, options.objects)]
        everything = {}
        if options.automatic:
            everything = {
                z: list(iter_everything(segmenter, plane=z)) for z in range(len(labels))
            }
        for row in ("click", "box"):
            found = [followed(segmenter, t, row, spacing) for t in truths]
            done = sorted(n for _, n in found if n is not None)
            mean = np.mean([score for score, _ in found])
            print(
                f"{path.stem:<24}{row:<12}{mean:.3f}   {ENOUGH} reached by "
                f"{len(done)} of {len(truths)} after {done} clicks",
                flush=True,
            )
        mean = np.mean([with_true_boxes(segmenter, t) for t in truths])
        print(f"{path.stem:<24}{'true boxes':<12}{mean:.3f}", flush=True)
        if everything:
            mean = np.mean([by_overlap(everything, t) for t in truths])
            print(f"{path.stem:<24}{'automatic':<12}{mean:.3f}", flush=True)


def speed(options: argparse.Namespace, model: Model) -> None:
    """Print times and encoder calls of all objects together and one by one."""
    side, count, slices = 224, options.objects, options.slices or 60
    rng = np.random.default_rng(0)
    yy, xx = np.mgrid[:side, :side]
    grid = [(14 + 28 * (k // 8), 14 + 28 * (k % 8)) for k in range(count)]
    plane = np.max([np.hypot(yy - y, xx - x) < 10 for y, x in grid], 0) * 140.0 + 50
    stack = (plane + rng.normal(0, 8, (slices, side, side))).clip(0, 255).astype("u1")
    image = open_image(stack, axes="zyx")
    objects = [
        {slices // 2: Prompt(box=(y - 11, x - 11, y + 11, x + 11))} for y, x in grid
    ]

    def timed(some: list[dict[int, Prompt]]) -> tuple[float, int]:
        segmenter = Segmenter(image, model, cache=False)
        start = time.perf_counter()
        segmenter.propagate(some, level=0)
        return time.perf_counter() - start, segmenter.source.encoded

    together, calls = timed(objects)
    alone = [timed([each]) for each in objects[: options.alone]]
    each = sum(t for t, _ in alone) / len(alone)
    print(f"{count} objects, {slices} slices, one tile a slice")
    print(f"together     {together:8.1f} s, {calls} encoder calls")
    print(
        f"one by one   {each * count:8.1f} s ({len(alone)} of them timed), "
        f"{alone[0][1] * count} encoder calls"
    )
    print(f"ratio        {each * count / together:8.1f}")


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--split", choices=("train", "test"), default="train")
    parser.add_argument("--only", nargs="*", default=[], help="names of data sets")
    parser.add_argument("--objects", type=int, default=5)
    parser.add_argument("--slices", type=int, help="only the first so many")
    parser.add_argument("--automatic", action="store_true", help="with that row")
    parser.add_argument("--alone", type=int, default=2, help="objects timed one by one")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--model", default="micro")
    parser.add_argument("--cache", type=Path, help="folder for embeddings")
    options = parser.parse_args()
    model = load_model(options.model)
    if options.speed:
        speed(options, model)
    elif options.data:
        quality(options, model)
    else:
        parser.error("name the data folder, or give --speed")


if __name__ == "__main__":
    main()
