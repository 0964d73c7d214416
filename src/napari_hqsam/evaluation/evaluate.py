"""Measure a model on a folder of images and labels, as a user would prompt it.

Prompts are made from the true labels: the tight box, or clicks simulated as in
the SAM paper (appendix A): the first in the middle of the object, each further
one in the middle of the largest wrong part of the answer so far, with the
earlier mask fed back.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_hqsam.errors import ImageError
from napari_hqsam.evaluation.metrics import average_precision, boundary_iou, iou
from napari_hqsam.images import open_image
from napari_hqsam.labels import paint, read_labels
from napari_hqsam.prompts import Prompt
from napari_hqsam.segmentation import Segmenter

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from napari_hqsam.models import Model
    from napari_hqsam.network import Output
    from napari_hqsam.segmentation import Mask

    Progress = Callable[[Sequence[tuple[Path, Path]]], Iterable[tuple[Path, Path]]]

KINDS = {"box": 0, "click": 1, "clicks3": 3, "clicks5": 5}
"""Kinds of prompts and how many clicks they take."""
THIN = 2
"""Width in pixels of the finer of the two boundary IoUs."""
MEASURES = ("iou", "boundary_iou", f"boundary_iou_{THIN}px")
MIN_AREA = 10
"""Smaller objects are specks of the annotation; they are left out and counted."""


@dataclass
class ImageScores:
    """Scores of one image.

    Attributes
    ----------
    image : str
        File name.
    objects, skipped : int
        Objects measured, and those below `MIN_AREA` pixels.
    means : dict
        (output, measure) to the mean over objects, 0..1; the measure "ap" is
        the average precision .50:.05:.95 of all masks painted together.
    """

    image: str
    objects: int
    skipped: int
    means: dict[tuple[str, str], float] = field(default_factory=dict)


def evaluate(
    model: Model,
    folder: str | os.PathLike[str],
    *,
    prompts: str = "box",
    outputs: Sequence[Output] = ("sam", "sam+hq", "hq"),
    max_objects: int | None = None,
    progress: Progress | None = None,
) -> list[ImageScores]:
    """Measure a model on a folder.

    Parameters
    ----------
    model : Model
        From `load_model`.
    folder : path
        With ``images/`` and ``labels/`` that hold files of the same names (up
        to their suffixes); also a data set whose ``test/`` holds these two.
    prompts : {"box", "click", "clicks3", "clicks5"}
        See the module.
    outputs : sequence of str
        Which masks of the network to measure.
    max_objects : int, optional
        At most so many objects an image, evenly taken from its ids.
    progress : callable, optional
        Wraps the list of pairs, such as tqdm.

    Returns
    -------
    list of ImageScores
        In order of file names. The mean over images (not over objects) is the
        figure to report: a crowded image would drown the others.

    Raises
    ------
    ImageError
        The folder has no images with labels, a pair cannot be read or does not
        fit together, or the kind of prompts is unknown.
    """
    check_kind(prompts)
    if max_objects is not None and max_objects < 1:
        raise ImageError(f"at most {max_objects} objects leave nothing to measure")
    pairs = find_pairs(Path(folder))
    scores = [
        _evaluate_image(model, image, labels, prompts, outputs, max_objects)
        for image, labels in (progress(pairs) if progress else pairs)
    ]
    if not any(s.objects for s in scores):
        raise ImageError(
            f"the labels of {folder} hold no object of {MIN_AREA} pixels or more: "
            "nothing to measure"
        )
    return scores


def check_kind(prompts: str) -> None:
    """Raise ImageError unless there are such prompts."""
    if prompts not in KINDS:
        known = ", ".join(KINDS)
        raise ImageError(f"prompts {prompts!r} are unknown; use one of {known}")


def find_pairs(folder: Path) -> list[tuple[Path, Path]]:
    """Images and their label files, matched by stem, in order.

    Raises
    ------
    ImageError
        There is no such pair.
    """
    root = folder / "test" if (folder / "test" / "images").is_dir() else folder
    labels = _by_stem(root / "labels")
    images = _by_stem(root / "images")
    common = [stem for stem in images if stem in labels]
    if not common:
        raise ImageError(
            f"{folder} holds no images with labels: put NAME.tif or .png into "
            "images/ and labels/ inside it, under the same names"
        )
    return [(images[stem], labels[stem]) for stem in common]


def _by_stem(folder: Path) -> dict[str, Path]:
    """Files of a folder by their names without suffix, in order."""
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("[!.]*")):
        stem = re.sub(r"(\.ome)?\.[^.]+$", "", path.name)
        if stem in found:
            raise ImageError(
                f"{path.name} and {found[stem].name} in {folder} are both called "
                f"{stem}: keep one"
            )
        found[stem] = path
    return found


def _evaluate_image(
    model: Model,
    image_path: Path,
    labels_path: Path,
    kind: str,
    outputs: Sequence[Output],
    max_objects: int | None,
) -> ImageScores:
    truth = read_labels(labels_path)
    segmenter = Segmenter(open_image(image_path), model)
    shape = segmenter.image.plane_shape
    if truth.shape != shape:
        raise ImageError(
            f"{labels_path} has shape {truth.shape}, its image {shape}: "
            "they must be planes of the same size"
        )
    ids, areas = np.unique(truth[truth > 0], return_counts=True)
    kept = ids[areas >= MIN_AREA]
    if max_objects is not None and len(kept) > max_objects:
        kept = kept[np.linspace(0, len(kept) - 1, max_objects).astype(int)]
    scores = ImageScores(image_path.name, len(kept), int((areas < MIN_AREA).sum()))
    for output in outputs:
        rows, found = [], []
        for target in objects(truth, kept):
            mask = answer(segmenter, target, kind, output)
            plane = mask.to_plane(shape)
            rows.append(
                (
                    iou(plane, target),
                    boundary_iou(plane, target),
                    boundary_iou(plane, target, width=THIN),
                )
            )
            found.append(mask)
        for name, values in zip(MEASURES, zip(*rows, strict=True), strict=False):
            scores.means[output, name] = float(np.mean(values))
        if rows:
            wanted = np.where(np.isin(truth, kept), truth, 0)
            scores.means[output, "ap"] = average_precision(
                paint_all(found, shape), wanted
            )["AP"]
    return scores


def objects(
    labels: NDArray[np.integer], ids: NDArray[np.integer]
) -> Iterator[NDArray[np.bool_]]:
    """Full-plane bool masks of the given ids, one at a time."""
    for label_id in ids:
        yield labels == label_id


def paint_all(masks: Sequence[Mask], shape: tuple[int, int]) -> NDArray[np.int32]:
    """Masks as one label image; the more stable mask wins contested pixels."""
    labels = np.zeros(shape, np.int32)
    for i in sorted(range(len(masks)), key=lambda i: -masks[i].stability):
        if masks[i].area:
            paint(labels, masks[i].bbox, masks[i].data, i + 1)
    return labels


def answer(
    segmenter: Segmenter, target: NDArray[np.bool_], kind: str, output: Output
) -> Mask:
    """Prompt for one object as `kind` says and return the last answer."""
    if kind == "box":
        return segmenter.segment(Prompt(box=tight_box(target)), output=output)
    points = [middle(target)]
    labels = [1]
    mask = segmenter.segment(Prompt(points, labels), output=output)
    for _ in range(KINDS[kind] - 1):
        found = mask.to_plane(target.shape)
        wrong = found != target
        if not wrong.any():
            break
        point = middle(wrong)
        if point in points:  # nothing new to say
            break
        points.append(point)
        labels.append(int(target[round(point[0]), round(point[1])]))
        earlier = found if found.any() else None
        mask = segmenter.segment(Prompt(points, labels, mask=earlier), output=output)
    return mask


def tight_box(target: NDArray[np.bool_]) -> tuple[float, float, float, float]:
    """Box (y0, x0, y1, x1) along the outer borders of the object's pixels."""
    rows, cols = np.flatnonzero(target.any(1)), np.flatnonzero(target.any(0))
    return rows[0] - 0.5, cols[0] - 0.5, rows[-1] + 0.5, cols[-1] + 0.5


def middle(region: NDArray[np.bool_]) -> tuple[float, float]:
    """Find the pixel (y, x) of a region farthest from its outside, borders included."""
    depth = ndimage.distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1]
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    return float(y), float(x)
