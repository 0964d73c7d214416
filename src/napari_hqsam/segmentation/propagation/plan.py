"""Which slices are walked, in which order, and what a new prompt can change.

Pure; knows neither pixels nor networks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from napari_hqsam.errors import PromptError
from napari_hqsam.geometry.stack import StackAxis
from napari_hqsam.geometry.units import convert

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from typing import TypeAlias

    from napari_hqsam.geometry import PlaneIndex
    from napari_hqsam.images import Image
    from napari_hqsam.masks.mask import Mask
    from napari_hqsam.prompts import Prompt

Direction = Literal["both", "forward", "backward"]
Fixed: TypeAlias = "Mapping[int, Prompt | Mask]"
"""Of one object: what the user said, by slice."""


def as_objects(objects: Fixed | Sequence[Fixed]) -> list[Fixed]:
    """Return the objects, of which one may come alone."""
    return [objects] if isinstance(objects, Mapping) else list(objects)


def checked_range(
    z_range: tuple[int, int] | None, count: int, objects: Sequence[Fixed]
) -> tuple[int, int]:
    """Return the half-open range to walk; all prompts must lie in it.

    Raises
    ------
    PromptError
        If the range is empty or outside the stack; nothing is prompted; an object
        has no prompt, or one outside the range.
    """
    start, stop = (0, count) if z_range is None else z_range
    if not 0 <= start < stop <= count:
        raise PromptError(
            f"range {start} to {stop} does not lie within the stack's 0 to {count}, or "
            "is empty; the end counts not"
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
    """Return whether to walk forward, and backward.

    Raises
    ------
    PromptError
        If it is no direction.
    """
    if direction not in get_args(Direction):
        known = ", ".join(map(repr, get_args(Direction)))
        raise PromptError(f"direction {direction!r} is unknown; use one of {known}")
    return direction != "backward", direction != "forward"


def spacing_of(
    scale: Mapping[str, float], units: Mapping[str, str], letter: str
) -> float | None:
    """Distance of slices over the size of a pixel, where an image tells both.

    Parameters
    ----------
    scale, units : mapping
        As `Image.scale` and `Image.units`.
    letter : str
        Of the axis that is walked. Steps in time count as one pixel.
    """
    if letter == "t":
        return 1.0
    known = [
        convert(scale[a], units.get(a), units.get("x"))
        for a in (letter, "y", "x")
        if scale.get(a, 0) > 0
    ]
    z, y, x = known if len(known) == 3 else (None, None, None)
    if z is None or y is None or x is None:
        return None
    return z / math.sqrt(y * x)


def checked_spacing(spacing: float | None, image: Image, axis: str | None) -> float:
    """Return the spacing given, else the image's own, else 1.

    Raises
    ------
    PromptError
        If it is not a number above 0.
    """
    if spacing is None:
        letter = image.leading_axes[-1:] if axis is None else axis
        return spacing_of(image.scale, image.units, letter) or 1.0
    if not (math.isfinite(spacing) and spacing > 0):
        raise PromptError(
            f"spacing {spacing:g} is no distance of slices; give the z spacing over "
            "the pixel size, such as 2.5, or leave it out"
        )
    return float(spacing)


@dataclass(frozen=True)
class Walk:
    """Where a walk goes: all that can be said of it before there is a model.

    Attributes
    ----------
    stack : StackAxis
    span : (start, stop)
        Half-open range of slices.
    forward, backward : bool
    spacing : float
        Of the slices, over the size of a pixel.
    """

    stack: StackAxis
    span: tuple[int, int]
    forward: bool
    backward: bool
    spacing: float


def check_walk(
    image: Image,
    objects: Fixed | Sequence[Fixed],
    *,
    axis: str | None = None,
    index: PlaneIndex = (),
    z_range: tuple[int, int] | None = None,
    direction: Direction = "both",
    spacing: float | None = None,
) -> Walk:
    """See that objects can be followed through an image so; reads no pixels.

    Parameters as for `iter_propagate`.

    Raises
    ------
    PromptError
        A prompt's slice, the axis, range, direction or spacing is wrong.
    """
    letters = image.leading_axes
    if not letters and axis is not None and axis not in image.axes:
        raise PromptError(f"{image.name} has axes {image.axes}, no {axis!r}")
    stack = StackAxis.of(letters, image.leading_shape, axis, index, name=image.name)
    span = checked_range(z_range, stack.count, as_objects(objects))
    onward, back = checked_direction(direction)
    return Walk(stack, span, onward, back, checked_spacing(spacing, image, axis))


@dataclass(frozen=True)
class Leg:
    """A stretch of slices that is walked and becomes final by itself.

    Attributes
    ----------
    start, stop : int
        Half-open.
    forward, backward : bool
        Which ways it is walked. If both, first forward.
    """

    start: int
    stop: int
    forward: bool
    backward: bool


def legs(
    objects: Sequence[Collection[int]],
    z_range: tuple[int, int],
    *,
    forward: bool = True,
    backward: bool = True,
) -> list[Leg]:
    """Split a range into legs, in the order in which they are walked.

    A slice between prompted ones is final when both directions have passed it.
    What lies behind the last prompted slice needs the forward pass alone, what
    lies before the first one the backward pass. In between, the stack is cut at
    every slice beyond which no object is followed backwards: where all objects
    with prompts further on are prompted.

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
            [Leg(first, stop, True, False)]
            if forward
            else [Leg(start, last + 1, False, True)]
        )
    planned = []
    at = first
    for z in every:
        if all(z in fixed or max(fixed) < z for fixed in objects):
            planned.append(Leg(at, z + 1, True, True))
            at = z + 1
    if start < first:  # goes on where the first leg's backward pass came to
        planned.insert(1, Leg(start, first, False, True))
    if at < stop:
        planned.append(Leg(at, stop, True, False))
    return planned


def affected_range(
    fixed: Iterable[int],
    z: int,
    z_range: tuple[int, int],
    direction: Direction = "both",
) -> tuple[int, int]:
    """Slices that a new prompt on a slice can change.

    Those up to the neighbouring prompted or given slices, which are not changed
    themselves.

    Parameters
    ----------
    fixed : iterable of int
        Slices on which the object was prompted or edited by hand.
    z : int
        Slice of the new prompt; replacing an old one is the same.
    z_range : (int, int)
        Half-open: the slices that may be touched.
    direction : {"both", "forward", "backward"}
        Which way the object is followed.

    Returns
    -------
    (start, stop)
        Half-open; `z` lies in it.

    Raises
    ------
    PromptError
        If `z` is outside the range.
    """
    start, stop = z_range
    if not start <= z < stop:
        raise PromptError(f"slice {z} is outside the range {start} to {stop}")
    onward, back = checked_direction(direction)
    others = set(fixed) - {z}
    before = max((f + 1 for f in others if f < z), default=start)
    behind = min((f for f in others if f > z), default=stop)
    return (max(before, start) if back else z), (min(behind, stop) if onward else z + 1)


def redone_slices(
    known: Collection[int],
    news: Iterable[int],
    kept: Collection[int],
    z_range: tuple[int, int],
    direction: Direction = "both",
) -> set[int]:
    """Return the slices of an object that something new on some of them can change.

    Parameters
    ----------
    known : collection of int
        Slices on which the object was prompted or given, the new ones too.
    news : iterable of int
        Those on which what is said is new.
    kept : collection of int
        Those on which it stays as it is.
    z_range, direction
        As for `affected_range`.

    Raises
    ------
    PromptError
        One of `news` is outside the range.
    """
    others = set(known)
    ranges = [affected_range(others - {z}, z, z_range, direction) for z in news]
    return {z for each in ranges for z in range(*each)} - set(kept)


def range_to_walk(
    redone: Collection[int],
    objects: Iterable[Collection[int]],
    z_range: tuple[int, int],
) -> tuple[int, int]:
    """Return the range of the slices to redo, and of those that they start from.

    Parameters
    ----------
    redone : collection of int
        At least one slice.
    objects : iterable of collections of int
        Slices on which each object is known.
    z_range : (start, stop)
        Half-open: what may be walked.
    """
    start, stop = max(min(redone) - 1, z_range[0]), min(max(redone) + 2, z_range[1])
    for slices in objects:
        known = [z for z in slices if z_range[0] <= z < z_range[1]]
        if not any(start <= z < stop for z in known):
            nearest = min(known, key=lambda z: abs(z - start))
            start, stop = min(start, nearest), max(stop, nearest + 1)
    return start, stop
