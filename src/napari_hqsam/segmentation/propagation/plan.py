"""Plan a propagation: validate its range and prompts, and order the slices.

Pure; knows neither pixels nor networks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from napari_hqsam.errors import PromptError
from napari_hqsam.geometry.stack import StackAxis

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import TypeAlias

    from napari_hqsam.geometry import PlaneIndex, Space
    from napari_hqsam.images import Image
    from napari_hqsam.masks.mask import Mask
    from napari_hqsam.prompts import Prompt

Direction = Literal["both", "forward", "backward"]
KnownSlices: TypeAlias = "Mapping[int, Prompt | Mask]"
"""Prompts and masks given for one object, by slice."""


def as_objects(objects: KnownSlices | Sequence[KnownSlices]) -> list[KnownSlices]:
    """Return a list of objects; a single object becomes a list of one."""
    return [objects] if isinstance(objects, Mapping) else list(objects)


def checked_range(
    z_range: tuple[int, int] | None, count: int, objects: Sequence[KnownSlices]
) -> tuple[int, int]:
    """Validate the range of slices, and that all prompts lie in it.

    Returns
    -------
    (start, stop)
        Half-open; by default the whole stack.

    Raises
    ------
    PromptError
        The range is empty or outside the stack; there are no objects; an object
        has no prompt, or one outside the range.
    """
    start, stop = (0, count) if z_range is None else z_range
    if not 0 <= start < stop <= count:
        raise PromptError(
            f"range {start} to {stop} is empty or outside the stack's 0 to {count} "
            "(the end is exclusive)"
        )
    if not objects:
        raise PromptError("no objects: give at least one slice with its prompt")
    for number, fixed in enumerate(objects):
        if not fixed:
            raise PromptError(f"object {number} has no prompt: give one on some slice")
        for z in fixed:
            if not 0 <= z < count or z != int(z):
                raise PromptError(
                    f"a prompt is on slice {z}; the stack has 0 to {count - 1}"
                )
            if not start <= z < stop:
                raise PromptError(
                    f"a prompt is on slice {z}, outside the range "
                    f"{start} to {stop}; widen the range or leave the prompt out"
                )
    return start, stop


def checked_direction(direction: Direction) -> tuple[bool, bool]:
    """Return whether to propagate forward, and backward.

    Raises
    ------
    PromptError
        The direction is unknown.
    """
    if direction not in get_args(Direction):
        known = ", ".join(map(repr, get_args(Direction)))
        raise PromptError(f"direction {direction!r} is unknown; use one of {known}")
    return direction != "backward", direction != "forward"


def spacing_of(space: Space, letter: str) -> float | None:
    """Return the distance between slices in pixels of the plane.

    The step along the axis over the geometric mean of the pixel's sides.

    Parameters
    ----------
    space : Space
        Space of the image.
    letter : str
        Letter of the axis to propagate along. A step in time counts as one pixel.

    Returns
    -------
    float or None
        None where a size is unknown.
    """
    return 1.0 if letter == "t" else space.spacing(letter)


def checked_spacing(spacing: float | None, image: Image, axis: str | None) -> float:
    """Return the given spacing, else that of the image's metadata, else 1.

    Raises
    ------
    PromptError
        The spacing is not a number above 0.
    """
    if spacing is None:
        letter = image.leading_axes[-1:] if axis is None else axis
        return spacing_of(image.space, letter) or 1.0
    if not (math.isfinite(spacing) and spacing > 0):
        raise PromptError(
            f"spacing {spacing:g} is not a number above 0; give the z spacing divided "
            "by the pixel size, such as 2.5, or leave it out"
        )
    return float(spacing)


@dataclass(frozen=True)
class PropagationPlan:
    """A validated propagation: axis, range, directions and spacing.

    Attributes
    ----------
    stack : StackAxis
    span : (start, stop)
        Half-open range of slices.
    forward, backward : bool
        Directions to run.
    spacing : float
        Distance between slices in pixels of the plane.
    """

    stack: StackAxis
    span: tuple[int, int]
    forward: bool
    backward: bool
    spacing: float


def plan_propagation(
    image: Image,
    objects: KnownSlices | Sequence[KnownSlices],
    *,
    axis: str | None = None,
    index: PlaneIndex = (),
    z_range: tuple[int, int] | None = None,
    direction: Direction = "both",
    spacing: float | None = None,
) -> PropagationPlan:
    """Validate a propagation without reading pixels or loading a model.

    Parameters as for `iter_propagate`.

    Raises
    ------
    PromptError
        A prompt's slice, the axis, range, direction or spacing is invalid.
    """
    letters = image.leading_axes
    if not letters and axis is not None and axis not in image.axes:
        raise PromptError(f"{image.name} has axes {image.axes}, no {axis!r}")
    stack = StackAxis.of(letters, image.leading_shape, axis, index, name=image.name)
    span = checked_range(z_range, stack.count, as_objects(objects))
    forward, backward = checked_direction(direction)
    return PropagationPlan(
        stack, span, forward, backward, checked_spacing(spacing, image, axis)
    )


@dataclass(frozen=True)
class SliceRange:
    """A range of slices that is run on its own and is then final.

    Attributes
    ----------
    start, stop : int
        Half-open.
    forward, backward : bool
        Passes over the range; if both, forward first.
    """

    start: int
    stop: int
    forward: bool
    backward: bool


def plan_ranges(
    objects: Sequence[Collection[int]],
    z_range: tuple[int, int],
    *,
    forward: bool = True,
    backward: bool = True,
) -> list[SliceRange]:
    """Split a range of slices into parts, in the order in which they run.

    Slices after the last prompted one need the forward pass only, slices before the
    first one the backward pass only, and those between need both. In between, the
    range is split at every slice where all objects with later prompts are prompted:
    no backward pass crosses it.

    Parameters
    ----------
    objects : sequence of collections of int
        Slices on which each object is prompted.
    z_range : (int, int)
        Half-open.
    """
    start, stop = z_range
    every = sorted({z for fixed in objects for z in fixed})
    first, last = every[0], every[-1]
    if not (forward and backward):
        return (
            [SliceRange(first, stop, True, False)]
            if forward
            else [SliceRange(start, last + 1, False, True)]
        )
    planned = []
    at = first
    for z in every:
        if all(z in fixed or max(fixed) < z for fixed in objects):
            planned.append(SliceRange(at, z + 1, True, True))
            at = z + 1
    if start < first:  # continues the backward pass of the first range
        planned.insert(1, SliceRange(start, first, False, True))
    if at < stop:
        planned.append(SliceRange(at, stop, True, False))
    return planned
