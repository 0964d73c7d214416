"""Axes strings: what each dimension of an array is.

An axes string has one lower-case letter per dimension: ``y`` and ``x`` span
the plane, ``c`` holds channels or colour samples, every other letter (``t``,
``z``, ...) is a leading axis, addressed by the plane index. This module is
pure: it sees shapes and letters, never pixels or files.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from napari_hqsam.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Iterable

COLOUR_SAMPLES = (3, 4)
_COLOUR_DTYPES = (np.dtype(np.uint8), np.dtype(np.uint16))
_DEFAULT_AXES = {2: "yx", 3: "zyx", 4: "tzyx", 5: "tczyx"}
"""Of labels that come without."""
# Letters for leading dimensions of length 1, the innermost last.
_SINGLE_AXES = "abdefghijklmnopqrsuvwtcz"
# Names that differ from their letter; "s" is TIFF's name for colour samples.
_ALIASES = {
    **dict.fromkeys(("s", "ch", "channel", "channels", "band", "bands"), "c"),
    **dict.fromkeys(("time", "times", "timepoint", "frame", "frames"), "t"),
    **dict.fromkeys(("plane", "depth", "slice", "slices"), "z"),
    **{"row": "y", "rows": "y", "col": "x", "column": "x", "columns": "x"},
}
_PLANES = (
    ("lat", "lon"),
    ("latitude", "longitude"),
    ("northing", "easting"),
    ("height", "width"),  # alone, a height may be along z
    ("ypos", "xpos"),
)
"""Names of the axes y and x that mean them where both are there."""

_MEANINGS = "tzcyxs"
"""Letters that say what an axis is."""
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def parse_axes(axes: str, shape: tuple[int, ...]) -> str:
    """Check an axes string against the shape it describes.

    Parameters
    ----------
    axes : str
        One letter per dimension, upper or lower case; ``s`` (samples) is read
        as ``c``.
    shape : tuple of int
        Shape of the array.

    Returns
    -------
    str
        The axes in lower case, with ``c`` for channels.

    Raises
    ------
    ImageError
        If the string is no axes string, names an axis twice, lacks ``y`` or
        ``x``, or does not fit the number of dimensions.
    """
    if not (axes.isascii() and axes.isalpha()):
        raise ImageError(
            f'axes {axes!r} must be letters such as "yx", "yxc", "cyx" or "tczyx"'
        )
    letters = "".join(_ALIASES.get(letter, letter) for letter in axes.lower())
    if len(letters) != len(shape):
        raise ImageError(
            f'axes "{axes}" name {len(letters)} dimensions, the image has '
            f"{len(shape)}, of shape {shape}; give one letter per dimension"
        )
    twice = sorted({letter for letter in letters if letters.count(letter) > 1})
    if twice:
        raise ImageError(
            f'axes "{axes}" name {", ".join(twice)} twice; use each letter once'
        )
    if not {"y", "x"} <= set(letters):
        raise ImageError(f'axes "{axes}" must contain y and x')
    return letters


def guess_axes(shape: tuple[int, ...], dtype: np.dtype) -> str:
    """Guess axes where only one answer is plausible.

    ``(h, w)`` is ``yx``; ``(h, w, 3 or 4)`` of uint8 or uint16 is ``yxc``, a
    colour picture; leading dimensions of length 1 do not count. Anything else
    could be a stack, a time series or channels, and a wrong guess would give
    wrong masks without a word, so it is an error.

    Parameters
    ----------
    shape : tuple of int
        Shape of the array.
    dtype : numpy.dtype
        Its data type.

    Returns
    -------
    str
        Axes; leading dimensions of length 1 are called z, c, t from the inside.

    Raises
    ------
    ImageError
        If the shape leaves room for doubt or has fewer than two dimensions.
    """
    if len(shape) < 2:
        raise ImageError(
            f"an image needs at least 2 dimensions, this one has shape {shape}"
        )
    for known in ("yxc", "yx"):
        singles = [letter for letter in _SINGLE_AXES if letter not in known]
        lead = len(shape) - len(known)
        if not 0 <= lead <= len(singles) or any(size != 1 for size in shape[:lead]):
            continue
        is_colour = shape[-1] in COLOUR_SAMPLES and dtype in _COLOUR_DTYPES
        if known == "yx" or is_colour:
            return "".join(singles[len(singles) - lead :]) + known
    raise ImageError(
        f"cannot tell what the {len(shape)} dimensions of shape {shape} are; "
        f'pass axes, for example "{_example(len(shape))}"'
    )


def label_axes(axes: str | None, ndim: int) -> str:
    """Return the axes of labels.

    Parameters
    ----------
    axes : str or None
        One letter per dimension, in any order; None for the default.
    ndim : int
        Number of dimensions.

    Returns
    -------
    str
        The axes in lower case.

    Raises
    ------
    ImageError
        If they do not fit the labels.
    """
    if axes is None:
        axes = _DEFAULT_AXES.get(ndim)
        if axes is None:
            raise ImageError(
                f"labels have {ndim} dimensions; pass axes, one letter for each"
            )
    return parse_axes(axes, (1,) * ndim)


def axes_from_names(names: Iterable[object] | None) -> str | None:
    """Derive axis letters from the dimension names of a file or an array.

    Parameters
    ----------
    names : iterable or None
        Such as ``("time", "c", "y", "x")``; None where there are none. What is
        no text names nothing.

    Returns
    -------
    str or None
        One letter per name: of a name without a meaning the first that is free and
        has none either ("phase" is p, "cell" is e). None if the names do not make
        valid axes: then the axes must be guessed or passed.
    """
    if names is None:
        return None
    lower = [name.lower() if isinstance(name, str) else "" for name in names]
    pairs = [pair for pair in _PLANES if set(pair) <= set(lower)]
    planar = {
        name: letter for pair in pairs for name, letter in zip(pair, "yx", strict=True)
    }
    letters = [planar.get(name) or _known_letter(name) for name in lower]
    for i, name in enumerate(lower):
        if not letters[i]:
            taken = {*letters, *_MEANINGS}
            free = (a for a in name if a in _LETTERS and a not in taken)
            letters[i] = next(free, "?")
    try:
        return parse_axes("".join(letters), (1,) * len(letters))
    except ImageError:
        return None


def _known_letter(name: str) -> str:
    """Return the letter for an axis name such as "time", "z" or "y [um]"; else None."""
    if name in _ALIASES:
        return _ALIASES[name]
    first = re.match(r"[a-z](?![a-z])", name)
    return "" if first is None else _ALIASES.get(first[0], first[0])


def _example(ndim: int) -> str:
    """Return the axes of the most common image with this number of dimensions."""
    return {3: "zyx", 4: "tzyx", 5: "tczyx"}.get(ndim, "ptczyx")
