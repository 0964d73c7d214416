"""Paint masks into a label image, and find unused ids."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from napari_hqsam.errors import ImageError
from napari_hqsam.geometry.boxes import common, index_in
from napari_hqsam.labels.blocks import blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from napari_hqsam.masks.algebra import MaskCrop

Overlap = Literal["keep", "overwrite", "empty"]


def paint(
    labels: np.ndarray,
    mask_bbox: tuple[int, int, int, int],
    mask_data: np.ndarray,
    label_id: int,
    overlap: Overlap = "keep",
    *,
    index: Sequence[int] = (),
) -> int:
    """Write an id where a mask is true, in place; only the box is touched.

    Parameters
    ----------
    labels : numpy.ndarray
        Integers, shape ``(..., h, w)``. A zarr array works as well: then the
        chunks under the mask are read and written one by one, and no others.
    mask_bbox : tuple of int
        ``(y0, x0, y1, x1)``, half-open, inside the plane.
    mask_data : numpy.ndarray
        bool, shape ``(y1 - y0, x1 - x0)``.
    label_id : int
        The id, at least 1 and no more than the data type holds.
    overlap : {"keep", "overwrite", "empty"}
        Who gets pixels that belong to another object: it keeps them, or the
        new mask takes them. "empty", only pixels that no object has, is the
        same as "keep" here; where a mask takes the place of an earlier one of
        the same object (`Session.accept`), that one's pixels stay as well.
    index : sequence of int
        Plane index over the leading axes of ``labels``.

    Returns
    -------
    int
        Number of pixels that now have the id and did not before.

    Raises
    ------
    ImageError
        If the labels are not integers, the id or the box does not fit them, or
        the mask does not fit the box.
    """
    _check_overlap(overlap)
    taken = _paint(
        labels,
        mask_bbox,
        mask_data,
        label_id,
        index,
        gives_way=lambda _: overlap == "overwrite",
    )
    return taken.total()


def paint_masks(
    labels: Any,  # noqa: ANN401 - numpy or zarr
    masks: Mapping[int, MaskCrop],
    *,
    index: Sequence[int] = (),
) -> None:
    """Write many masks at once, in place; each chunk is read and written once.

    Parameters
    ----------
    labels : numpy.ndarray
        As of `paint`.
    masks : mapping of int to Mask
        By the id to write. Pixels that have an id keep it, so that of masks which
        share some the first gets them.
    index : sequence of int
        As of `paint`.
    """
    ids = list(masks)
    bboxes = np.array([mask.bbox for mask in masks.values()]).reshape(-1, 4)
    for y, x in blocks(labels, (0, 0, *labels.shape[-2:])):
        box = y.start, x.start, y.stop, x.stop
        meets = (bboxes[:, :2] < box[2:]).all(1) & (box[:2] < bboxes[:, 2:]).all(1)
        if not meets.any():
            continue
        window = np.array(labels[(*index, y, x)])
        for number in np.flatnonzero(meets).tolist():
            mask = masks[ids[number]]
            shared = common(mask.bbox, box)
            part = window[index_in(shared, box)]
            on = mask.data[index_in(shared, mask.bbox)]
            part[on & (part == 0)] = ids[number]
        labels[(*index, y, x)] = window


class PromptPainter:
    """Paints the masks of many prompts in any order, as if one after the other.

    Where masks overlap, "keep" gives the pixel to the first of the prompts and
    "overwrite" to the last, whichever mask comes first: a mask may be painted
    as soon as it is there, and none need wait in memory for another. Objects
    that were in the labels before keep their pixels, or lose them, as with
    `paint`.

    Parameters
    ----------
    labels : numpy.ndarray or zarr.Array
        Integers, shape ``(..., h, w)``.
    ids : sequence of int
        Id of each prompt, no two the same, and none that an object in the
        labels has already.
    overlap : {"keep", "overwrite", "empty"}
        Who gets pixels of several masks; see `paint`.
    index : sequence of int
        Plane index over the leading axes of ``labels``.

    Raises
    ------
    ImageError
        If the overlap is unknown or an id is there twice.
    """

    def __init__(
        self,
        labels: np.ndarray,
        ids: Sequence[int],
        overlap: Overlap = "keep",
        *,
        index: Sequence[int] = (),
    ) -> None:
        _check_overlap(overlap)
        self.labels, self.overlap, self.index = labels, overlap, index
        self._ids = list(ids)
        self._numbers = {label_id: n for n, label_id in enumerate(ids)}
        if len(self._numbers) < len(self._ids):
            twice = next(i for i, n in Counter(ids).items() if n > 1)
            raise ImageError(f"label id {twice} is there twice; give each its own")
        self._pixels: Counter[int] = Counter()

    def paint(
        self, number: int, mask_bbox: tuple[int, int, int, int], mask_data: np.ndarray
    ) -> None:
        """Paint the mask of one prompt.

        Parameters
        ----------
        number : int
            Which prompt, counted from 0.
        mask_bbox, mask_data
            As for `paint`.

        Raises
        ------
        ImageError
            As for `paint`.
        """
        label_id = self._ids[number]

        def gives_way(other: int) -> bool:
            its_number = self._numbers.get(other)
            if its_number is None:
                return self.overlap == "overwrite"
            return (its_number > number) == (self.overlap != "overwrite")

        taken = _paint(
            self.labels, mask_bbox, mask_data, label_id, self.index, gives_way
        )
        self._pixels.subtract(taken)
        self._pixels[label_id] += taken.total()

    def pixels(self, number: int) -> int:
        """Return how many of the pixels painted so far a prompt has now."""
        return self._pixels[self._ids[number]]


def free_id(labels: np.ndarray) -> int:
    """Return an id that no object has.

    Parameters
    ----------
    labels : numpy.ndarray
        Integers of any shape.

    Returns
    -------
    int
        One above the highest id; the lowest unused one where the data type
        ends there.

    Raises
    ------
    ImageError
        If the labels are not integers or every id is taken.
    """
    _check_integers(labels)
    highest = int(np.max(labels, initial=0))
    limit = int(np.iinfo(labels.dtype).max)
    if highest < limit:
        return highest + 1
    used = np.unique(labels)
    used = used[used > 0]
    gaps = np.flatnonzero(used != np.arange(1, len(used) + 1, dtype=used.dtype))
    if gaps.size == 0:
        raise ImageError(
            f"all {limit} ids of {labels.dtype} are taken; convert the labels to a "
            "wider type"
        )
    return int(gaps[0]) + 1


def _paint(
    labels: np.ndarray,
    bbox: tuple[int, int, int, int],
    data: np.ndarray,
    label_id: int,
    index: Sequence[int],
    gives_way: Callable[[int], bool],
) -> Counter[int]:
    """Paint block by block; return how many pixels each former owner lost.

    The background, id 0, is always overwritten.
    """
    _check_id(labels, label_id)
    _check_place(labels, bbox, data, index)
    taken: Counter[int] = Counter()
    y0, x0, _, _ = bbox
    for y, x in blocks(labels, bbox):
        mask = data[y.start - y0 : y.stop - y0, x.start - x0 : x.stop - x0].astype(bool)
        if not mask.any():
            continue
        key: tuple[int | slice, ...] = (*index, y, x)
        window = np.array(labels[key])
        mask &= window != label_id
        ids, counts = np.unique(window[mask], return_counts=True)
        owners = dict(zip(ids.tolist(), counts.tolist(), strict=True))
        lost = {o: n for o, n in owners.items() if o == 0 or gives_way(o)}
        if len(lost) < len(owners):
            mask &= np.isin(window, list(lost))
        if lost:
            taken.update(lost)
            window[mask] = label_id
            # Assigned as a whole: lazily stored arrays take slices, not masks.
            labels[key] = window
    return taken


def _check_overlap(overlap: str) -> None:
    """Raise ImageError if the overlap policy is unknown."""
    if overlap not in get_args(Overlap):
        raise ImageError(
            f'overlap {overlap!r} is unknown; use "keep", "overwrite" or "empty"'
        )


def _check_integers(labels: np.ndarray) -> None:
    """Raise ImageError unless labels are integers."""
    if np.dtype(labels.dtype).kind not in "iu":
        raise ImageError(f"labels are {labels.dtype}; convert them to integers")


def _check_id(labels: np.ndarray, label_id: int) -> None:
    """Raise ImageError if an id is below 1, or too large for the array's type."""
    _check_integers(labels)
    limit = int(np.iinfo(labels.dtype).max)
    if not 1 <= label_id <= limit:
        raise ImageError(
            f"label id {label_id} must be from 1 to {limit}, the most that "
            f"{labels.dtype} holds; choose another id or convert the labels"
        )


def _check_place(
    labels: np.ndarray,
    bbox: tuple[int, int, int, int],
    data: np.ndarray,
    index: Sequence[int],
) -> None:
    """Raise ImageError if index, box and mask do not fit the labels."""
    if labels.ndim != len(index) + 2:
        raise ImageError(
            f"labels of shape {labels.shape} need a plane index of "
            f"{max(0, labels.ndim - 2)} numbers, got {tuple(index)}"
        )
    for number, size in zip(index, labels.shape, strict=False):
        if not 0 <= number < size:
            raise ImageError(
                f"plane index {tuple(index)} is out of range for labels of shape "
                f"{labels.shape}"
            )
    y0, x0, y1, x1 = bbox
    height, width = labels.shape[-2:]
    if not (0 <= y0 <= y1 <= height and 0 <= x0 <= x1 <= width):
        raise ImageError(
            f"box {tuple(bbox)} must be (y0, x0, y1, x1) inside the plane of shape "
            f"{(height, width)}"
        )
    if data.shape != (y1 - y0, x1 - x0):
        raise ImageError(
            f"mask of shape {data.shape} does not fit its box {tuple(bbox)}, which is "
            f"{(y1 - y0, x1 - x0)}"
        )
