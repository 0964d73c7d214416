"""Parse planes from the command line: 12, 0:40, t=3,z=0:40:2."""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING

from napari_hqsam.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_PLANES = 2**20
"""More are not listed: a few bytes of metadata may name billions."""


def planes_of_text(
    text: str, axes: str, shape: Sequence[int], name: str
) -> list[tuple[int, ...]]:
    """Parse the planes that a text names.

    Parameters
    ----------
    text : str
        A number, or a range ``start:stop`` or ``start:stop:step`` as Python slices it
        (":" is all), for each axis that is named, with commas between:
        ``t=3,z=0:40``. An axis that is not named is meant whole. Where there is
        exactly one axis, its name may be left out.
    axes : str
        Letters of the axes that have several planes.
    shape : sequence of int
        Their lengths.
    name : str
        Name of the image, for error messages.

    Returns
    -------
    list of tuple of int
        Positions along the axes in rising order, the last axis fastest.

    Raises
    ------
    ImageError
        The text is no such list, names planes that are not there, or more than
        `MAX_PLANES`.
    """
    parts = _named(text, axes, shape, name)
    sizes = dict(zip(axes, shape, strict=True))
    ranges = [_range(parts.get(a, ":"), a, sizes[a], text) for a in axes]
    _check_count(math.prod(map(len, ranges)), name)
    return list(product(*ranges))


def all_planes(shape: Sequence[int], name: str) -> list[tuple[int, ...]]:
    """Return all planes of an image.

    Parameters
    ----------
    shape : sequence of int
        Sizes of the axes besides y, x and channels.
    name : str
        Name of the image, for error messages.

    Raises
    ------
    ImageError
        There are more than `MAX_PLANES`.
    """
    _check_count(math.prod(shape), name)
    return list(product(*map(range, shape)))


def _check_count(count: int, name: str) -> None:
    if count > MAX_PLANES:
        raise ImageError(
            f"{count} planes of {name} are more than can be listed, the limit is "
            f"{MAX_PLANES}: name some of them, such as 0:1000",
            parameter="planes",
        )


def plane_of_text(
    text: str, axes: str, shape: Sequence[int], name: str
) -> tuple[int, ...]:
    """Parse the one plane that a text names.

    Parameters and errors as for `planes_of_text`; each axis needs a number.
    """
    parts = _named(text, axes, shape, name)
    if missing := [letter for letter in axes if letter not in parts]:
        raise ImageError(
            f"plane {text!r} does not say where along {', '.join(missing)} of {name}: "
            f"give a number for each axis, such as {_example(axes)}"
        )
    found = planes_of_text(text, axes, shape, name)
    if len(found) > 1 or ":" in text:
        raise ImageError(
            f"plane {text!r} is a range: give one number for each axis, such as "
            f"{_example(axes)}"
        )
    return found[0]


def _named(text: str, axes: str, shape: Sequence[int], name: str) -> dict[str, str]:
    """Split a text into its parts, by axis letter."""
    if len(axes) == 1 and "=" not in text:
        return {axes: text}
    parts: dict[str, str] = {}
    for part in text.split(","):
        letter, equals, numbers = part.partition("=")
        letter = letter.strip()
        if not equals or len(letter) != 1 or letter not in axes or letter in parts:
            sizes = dict(zip(axes, shape, strict=True))
            shown = part if len(part) <= 40 else f"{part[:40]}..."
            raise ImageError(
                f"planes: {shown!r} is for none of the axes of {name}"
                + (
                    f", or for one given before ({sizes}): name the axis of each "
                    f"number, such as {_example(axes)}"
                    if axes
                    else ", which is a single plane: leave it out"
                )
            )
        parts[letter] = numbers
    return parts


def _example(axes: str) -> str:
    """Return the text of an example plane with these axes."""
    return ",".join(f"{letter}=0" for letter in axes)


def _range(part: str, letter: str, size: int, text: str) -> range:
    try:
        numbers = [int(n) if n.strip() else None for n in part.split(":")]
    except ValueError:
        numbers = []
    if not 1 <= len(numbers) <= 3 or numbers == [None]:
        raise ImageError(
            f"planes {text!r}: {part!r} is neither a number nor a range such as 0:40"
        )
    if len(numbers) == 1:
        first = numbers[0] or 0
        found = range(first, first + 1)
    else:
        start, stop, step = (*numbers, None)[:3]
        found = range(start or 0, size if stop is None else stop, step or 1)
    if not len(found) or found[0] < 0 or found[-1] >= size or found.step < 1:
        raise ImageError(
            f"planes {text!r}: {letter} = {part} is not within 0:{size}, rising and "
            "not empty"
        )
    return found
