"""The prompt: all that describes one object on one plane."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.errors import PromptError
from napari_hqsam.masks.algebra import pixel_box
from napari_hqsam.prompts.geometry import MAX_COORDINATE, vertex_array
from napari_hqsam.prompts.wording import numbers, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from napari_hqsam.geometry import FloatBox, PlaneIndex, Point
    from napari_hqsam.masks.logits import Logits


@dataclass(frozen=True, init=False, eq=False)
class Prompt:
    """Points, a box, a mask, or any of them together, for one object.

    Coordinates are (y, x) in level-0 data pixels, pixel centres at integers.
    Sequences are converted to tuples of plain numbers, the mask to a read-only view.
    Validated on creation; whether it lies on a plane is checked by `check_on`.

    Parameters
    ----------
    points : (n, 2) sequence of float
        (y, x) clicks.
    point_labels : (n,) sequence of int, optional
        1 on the object, 0 off it. None: all on the object.
    box : (y0, x0, y1, x1), optional
        Continuous coordinates, y0 < y1 and x0 < x1.
    mask : (h, w) array, optional
        bool or integer (not 0 = object) or float logits (> 0 = object).
    label_id : int, optional
        Id from 1 on of the object in the target; None: the next free one.
    mask_offset : (y, x) ints, optional
        Plane position of the mask's first pixel; may be negative. None: the
        mask is as large as the plane.
    plane : mapping of str to int, or tuple of int, optional
        Index over the leading axes, such as ``{"t": 0, "z": 12}``, if a file names
        it; see `geometry.PlaneIndex`. None: the caller's plane.
    logits : Logits, optional
        `Mask.logits` of the previous prediction, used as mask prompt; excludes
        `mask`. Not compared by ``==`` and not written to files, since it follows from
        the other parts.

    Raises
    ------
    PromptError
        Nothing is given, or only negative points; both a mask and logits are given;
        a number is not finite; a label is not 0 or 1; a point is both positive and
        negative; the box has no area; the mask is empty.
    """

    points: tuple[Point, ...]
    point_labels: tuple[int, ...]
    box: FloatBox | None
    mask: NDArray[Any] | None
    label_id: int | None
    mask_offset: tuple[int, int] | None
    plane: Mapping[str, int] | tuple[int, ...] | None
    logits: Logits | None

    def __init__(
        self,
        points: Sequence[Sequence[float]] | NDArray[Any] = (),
        point_labels: Sequence[int] | NDArray[Any] | None = None,
        box: Sequence[float] | NDArray[Any] | None = None,
        mask: ArrayLike | None = None,
        label_id: int | None = None,
        *,
        mask_offset: Sequence[int] | None = None,
        plane: PlaneIndex | None = None,
        logits: Logits | None = None,
    ) -> None:
        kept_points = _points(points)
        values: dict[str, object] = {
            "points": kept_points,
            "point_labels": _point_labels(point_labels, len(kept_points)),
            "box": None if box is None else _box(box),
            "mask": None if mask is None else _mask(mask),
            "label_id": None,
            "mask_offset": None,
            "plane": None,
            "logits": logits,
        }
        if label_id is not None:
            (values["label_id"],) = _integers((label_id,), "label id", minimum=1)
        if plane is not None:
            values["plane"] = _plane(plane)
        if mask_offset is not None:
            offset = _integers(mask_offset, "mask offset", minimum=-MAX_COORDINATE)
            if len(offset) != 2 or max(offset) > MAX_COORDINATE or mask is None:
                raise PromptError(
                    f"mask offset {offset} is not the (y, x) of a mask's first pixel"
                )
            values["mask_offset"] = offset
        for name, value in values.items():
            object.__setattr__(self, name, value)
        self._check()

    def _check(self) -> None:
        """Raise PromptError unless the parts are consistent."""
        labelled = list(zip(self.points, self.point_labels, strict=True))
        positive = {point for point, on in labelled if on}
        negative = {point for point, on in labelled if not on}
        if not self.points and self.box is None and self.mask is None:
            raise PromptError("the prompt is empty; give a point, a box or a mask")
        if self.mask is not None and self.logits is not None:
            raise PromptError("a mask and logits in one prompt; give one of them")
        if not positive and self.box is None and self.mask is None:
            raise PromptError(
                f"only negative points, one at (y, x) = {numbers(min(negative))}; "
                "add a positive point, a box or a mask of the same object"
            )
        if both := positive & negative:
            raise PromptError(
                f"the point (y, x) = {numbers(min(both))} is both positive and "
                "negative; remove one of the two"
            )

    @cached_property
    def foreground(self) -> NDArray[np.bool_] | None:
        """The mask as (h, w) bool, logits thresholded at 0; None without a mask."""
        if self.mask is None:
            return None
        return self.mask if self.mask.dtype == np.bool_ else self.mask > 0

    @cached_property
    def extent(self) -> FloatBox:
        """Smallest box (y0, x0, y1, x1) around points, box, mask and logits above 0.

        Includes negative points, since the tile should contain them. A single point
        gives a box without area.
        """
        return self._box_around(self.points)

    @cached_property
    def focus(self) -> FloatBox:
        """Smallest box (y0, x0, y1, x1) around all parts except negative points."""
        return self._box_around(
            [p for p, on in zip(self.points, self.point_labels, strict=True) if on]
        )

    def _box_around(self, points: Sequence[Point]) -> FloatBox:
        boxes = [(*point, *point) for point in points]
        if self.box is not None:
            boxes.append(self.box)
        if self.foreground is not None:
            boxes.append(pixel_box(self.foreground, self.mask_offset or (0, 0)))
        if self.logits is not None and self.logits.box is not None:
            boxes.append(self.logits.box)
        edges = np.array(boxes)
        y0, x0 = edges[:, :2].min(axis=0)
        y1, x1 = edges[:, 2:].max(axis=0)
        return float(y0), float(x0), float(y1), float(x1)

    def check_on(self, plane_shape: tuple[int, int]) -> None:
        """Raise PromptError unless the prompt can be used on a plane.

        Every point must lie on the plane. A box or mask may extend beyond the border,
        but must overlap the plane; `clip_to` returns the part that is used.

        Parameters
        ----------
        plane_shape : (h, w)
            In pixels; the plane covers -0.5 to h - 0.5 and -0.5 to w - 0.5.

        Raises
        ------
        PromptError
            A point, the box or the mask lies outside, or a mask without offset has
            another shape than the plane.
        """
        self.clip_to(plane_shape)

    def clip_to(self, plane_shape: tuple[int, int]) -> Prompt:
        """Return the part of the prompt that lies on the plane.

        Parameters
        ----------
        plane_shape : (h, w)

        Returns
        -------
        Prompt
            The same object if nothing lies outside.

        Raises
        ------
        PromptError
            As of `check_on`.
        """
        h, w = plane_shape
        where = f"outside the plane of {h} x {w} pixels"
        for y, x in self.points:
            if not (-0.5 <= y <= h - 0.5 and -0.5 <= x <= w - 0.5):
                raise PromptError(
                    f"the point (y, x) = {numbers((y, x))} is {where}; "
                    "coordinates are data pixels, row first"
                )
        changes: dict[str, Any] = {}
        if self.box is not None:
            y0, x0, y1, x1 = self.box
            clipped = (
                max(y0, -0.5),
                max(x0, -0.5),
                min(y1, h - 0.5),
                min(x1, w - 0.5),
            )
            if clipped[0] >= clipped[2] or clipped[1] >= clipped[3]:
                raise PromptError(
                    f"the box (y0, x0, y1, x1) = {numbers(self.box)} is {where}; "
                    "coordinates are data pixels, row first"
                )
            if clipped != self.box:
                changes["box"] = clipped
        changes.update(self._clipped_mask(h, w, where))
        return replace(self, **changes) if changes else self

    def first(self, count: int) -> Prompt:
        """Return the prompt with only its first `count` points.

        Raises
        ------
        PromptError
            Nothing, or nothing positive, is left.
        """
        labels = self.point_labels[:count]
        return replace(self, points=self.points[:count], point_labels=labels)

    def _clipped_mask(self, h: int, w: int, where: str) -> dict[str, Any]:
        """Return the fields to change so that the mask lies on an (h, w) plane."""
        if self.mask is None or self.foreground is None:
            return {}
        if self.mask_offset is None:
            if self.mask.shape != (h, w):
                raise PromptError(
                    f"the mask has {self.mask.shape[0]} x {self.mask.shape[1]} pixels, "
                    f"the plane {h} x {w}; give mask_offset=(y, x) with a crop"
                )
            return {}
        y, x = self.mask_offset
        rows = slice(max(-y, 0), max(h - y, 0))
        columns = slice(max(-x, 0), max(w - x, 0))
        if not self.foreground[rows, columns].any():
            raise PromptError(f"the mask at (y, x) = {numbers((y, x))} is {where}")
        clipped = self.mask[rows, columns]
        if clipped.shape == self.mask.shape:
            return {}
        return {"mask": clipped, "mask_offset": (max(y, 0), max(x, 0))}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Prompt):
            return NotImplemented
        if self._key() != other._key():
            return False
        if self.mask is None or other.mask is None:
            return self.mask is other.mask
        return self.mask.dtype == other.mask.dtype and np.array_equal(
            self.mask, other.mask
        )

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[object, ...]:
        """Return all parts except the mask, which is not hashable."""
        return (
            self.points,
            self.point_labels,
            self.box,
            self.label_id,
            self.mask_offset,
            plane_key(self.plane),
        )


def _listed(values: Iterable[Any], what: str) -> list[Any]:
    try:
        return list(values)
    except TypeError:
        raise PromptError(f"{what} {shown(values)} are not a list; give one") from None


def _points(points: Sequence[Sequence[float]] | NDArray[Any]) -> tuple[Point, ...]:
    given = _listed(points, "points")
    if not given:
        return ()
    return tuple((float(y), float(x)) for y, x in vertex_array(given))


def _point_labels(
    labels: Sequence[int] | NDArray[Any] | None, count: int
) -> tuple[int, ...]:
    if labels is None:
        return (1,) * count
    given = _listed(labels, "point labels")
    if len(given) != count:
        raise PromptError(
            f"{len(given)} point labels for {count} points; give one 0 or 1 for each"
        )
    for label in given:
        if label not in (0, 1):
            raise PromptError(
                f"point label {shown(label)} is neither 1 (on the object) nor 0 (off)"
            )
    return tuple(int(label) for label in given)


def _box(box: Sequence[float] | NDArray[Any]) -> FloatBox:
    try:
        y0, x0, y1, x1 = (float(edge) for edge in box)
    except (TypeError, ValueError, OverflowError):
        raise PromptError(f"box {shown(box)} is not (y0, x0, y1, x1)") from None
    if not np.isfinite([y0, x0, y1, x1]).all():
        raise PromptError(f"box {numbers((y0, x0, y1, x1))} is not finite")
    if y0 >= y1 or x0 >= x1:
        raise PromptError(
            f"box {numbers((y0, x0, y1, x1))} has no area; "
            "give (y0, x0, y1, x1) with y0 < y1 and x0 < x1"
        )
    return y0, x0, y1, x1


def _mask(mask: ArrayLike) -> NDArray[Any]:
    array = np.asarray(mask).view()
    if array.ndim != 2:
        raise PromptError(f"the mask has {array.ndim} axes; give one plane (y, x)")
    if array.dtype.kind in "iu":
        array = array != 0
    if array.dtype.kind not in "bf":
        raise PromptError(f"a mask of {array.dtype} is neither bool nor float logits")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise PromptError("the mask holds NaN or infinite logits; clip them")
    if not (array.any() if array.dtype.kind == "b" else (array > 0).any()):
        raise PromptError("the mask has no object; give at least one pixel")
    array.flags.writeable = False
    return array


def plane_key(
    plane: Mapping[str, int] | tuple[int, ...] | None,
) -> object:
    """Return a hashable value that is equal for equal planes."""
    return frozenset(plane.items()) if isinstance(plane, Mapping) else plane


def _plane(plane: PlaneIndex) -> dict[str, int] | tuple[int, ...]:
    if isinstance(plane, Mapping):
        positions = _integers(tuple(plane.values()), "plane index", minimum=0)
        return dict(zip(map(str, plane), positions, strict=True))
    several = plane if isinstance(plane, Iterable) else (plane,)
    return _integers(tuple(several), "plane index", minimum=0)


def _integers(values: Sequence[int], what: str, minimum: float) -> tuple[int, ...]:
    try:
        integers = tuple(operator.index(value) for value in values)
    except TypeError:
        raise PromptError(
            f"{what} {shown(values)} is not made of whole numbers"
        ) from None
    if any(value < minimum for value in integers):
        raise PromptError(f"{what} {min(integers)} is below {minimum:g}")
    return integers
