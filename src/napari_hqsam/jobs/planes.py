"""Which planes of a stack are meant: 12, 0:40, 3,0:40:2."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from napari_hqsam.errors import ImageError

if TYPE_CHECKING:
    from napari_hqsam.images import Image


def parse_planes(text: str | None, image: Image) -> list[tuple[int, ...]]:
    """Find the planes that a text means.

    Parameters
    ----------
    text : str, optional
        One part for each leading axis, with commas between: a number, or a range
        ``start:stop`` or ``start:stop:step`` as Python slices it (":" is all). None:
        all planes.
    image : Image
        Whose planes.

    Returns
    -------
    list of tuple of int
        In rising order, the last axis fastest.

    Raises
    ------
    ImageError
        The text is no such list, or names planes that the image does not have.
    """
    axes, shape = image.leading_axes, image.leading_shape
    if text is None:
        return list(product(*map(range, shape)))
    parts = text.split(",")
    if len(parts) != len(axes):
        example = ",".join(f"0:{size}" for size in shape) or "none at all"
        raise ImageError(
            f"planes {text!r}: {image.name} has {len(axes)} axes of planes "
            f"({axes or 'a single plane'}), give one range for each, such as {example}"
        )
    ranges = [_range(*each, text) for each in zip(parts, axes, shape, strict=True)]
    return list(product(*ranges))


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
