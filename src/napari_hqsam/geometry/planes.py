"""Planes of arrays with more than two axes: which one is meant, and where it lies."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.errors import ImageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_hqsam.geometry.boxes import Box

PlaneIndex = Mapping[str, int] | Sequence[int] | int
"""Axis letters to positions, such as ``{"z": 12}``. Where there is exactly one axis
beside y, x and the channels, its number alone will do, as an int or a tuple. Axes of
length 1 need not be named. Files of napari name the axes axis-0, axis-1, ... in their
order."""
Key = tuple[int | slice, ...]
"""What an array is indexed with: one entry per dimension."""


@dataclass(frozen=True)
class Plane:
    """A plane of labels, in any orientation.

    Attributes
    ----------
    index : tuple of int
        Position along the dimensions that the plane does not lie in, in order.
    axes : tuple of int
        The dimensions of the labels that are y and x of the plane: the last two,
        or others where a volume is looked at from the side.
    """

    index: tuple[int, ...]
    axes: tuple[int, int]

    @classmethod
    def of(
        cls, shape: Sequence[int], given: Plane | Sequence[int] | int | None
    ) -> Plane:
        """Validate a plane of labels.

        Parameters
        ----------
        shape : sequence of int
            Shape of the labels.
        given : Plane, int or sequence of int, optional
            A plane, or the position of one along the last two dimensions. None: the
            only plane.

        Raises
        ------
        ImageError
            If there is no such plane.
        """
        ndim = len(shape)
        if not isinstance(given, Plane):
            numbers = np.atleast_1d(() if given is None else given).tolist()
            given = cls(tuple(map(int, numbers)), (ndim - 2, ndim - 1))
        sizes = [n for axis, n in enumerate(shape) if axis not in given.axes]
        sound = len(set(given.axes) & set(range(ndim))) == 2
        if not sound or len(sizes) != len(given.index):
            raise ImageError(
                f"plane index {given.index} with the plane along the dimensions "
                f"{given.axes} does not fit labels of shape {tuple(shape)}"
            )
        if not all(0 <= i < n for i, n in zip(given.index, sizes, strict=True)):
            raise ImageError(
                f"plane index {given.index} is out of range for labels of shape "
                f"{tuple(shape)}"
            )
        return given

    @property
    def is_resliced(self) -> bool:
        """Whether the plane is not one along the last two dimensions."""
        count = len(self.index)
        return self.axes != (count, count + 1)

    def size(self, shape: Sequence[int]) -> tuple[int, int]:
        """Return the height and width of the plane in labels of a shape."""
        return int(shape[self.axes[0]]), int(shape[self.axes[1]])

    def key(self, box: Box) -> Key:
        """Return the index of a box of the plane in the labels."""
        y0, x0, y1, x1 = box
        at = iter(self.index)
        spans = {self.axes[0]: slice(y0, y1), self.axes[1]: slice(x0, x1)}
        ndim = len(self.index) + 2
        return tuple(spans[axis] if axis in spans else next(at) for axis in range(ndim))

    def oriented(self, window: NDArray[Any]) -> NDArray[Any]:
        """Turn a window from the labels' order of axes to (y, x), or back."""
        return window.T if self.axes[0] > self.axes[1] else window

    def read(self, array: Any, box: Box) -> NDArray[Any]:  # noqa: ANN401
        """Copy a box of the plane, (y, x), out of labels."""
        return self.oriented(np.array(array[self.key(box)]))


def as_ints(value: object, complaint: str) -> tuple[int, ...]:
    """Return an int or a sequence of ints as a tuple; raise `complaint` otherwise."""
    given: Iterable[Any] = value if isinstance(value, Iterable) else (value,)
    try:
        return tuple(operator.index(number) for number in given)
    except TypeError as error:
        raise ImageError(complaint) from error


def resolve_plane(
    given: PlaneIndex, axes: str, shape: Sequence[int], name: str, others: str = ""
) -> tuple[int, ...]:
    """Resolve a plane index to a position along each axis.

    Parameters
    ----------
    given : mapping of str to int, sequence of int, or int
        See `PlaneIndex`.
    axes : str
        Letters of the axes that have several planes.
    shape : sequence of int
        Their lengths.
    name : str
        Name of the image, for error messages.
    others : str
        Letters of all axes besides y and x, in their order: those of `axes`, those of
        length 1, and "c". A position along an axis of length 1 is 0 and drops out;
        one along the channels does not count, since a prompt is for all of them.

    Raises
    ------
    ImageError
        It names an axis that is not there, or not each of the axes, gives numbers
        without names where there are several axes, or is out of range.
    """
    if isinstance(given, Mapping):
        named = _by_letter(given, axes, others or axes, name)
        sizes = dict(zip(axes, shape, strict=True))
        _check_dropped(named, sizes, others, name)
        if missing := [letter for letter in axes if letter not in named]:
            raise ImageError(
                f"plane {named} names no position along {', '.join(missing)} of "
                f"{name}; give one number for each of its axes {', '.join(axes)}"
            )
        given = tuple(named[letter] for letter in axes)
    elif len(axes) > 1:
        example = ", ".join(f'"{letter}": 0' for letter in axes)
        raise ImageError(
            f"plane index {given!r} does not say which number is for which of the axes "
            f"{', '.join(axes)} of {name}; name them: plane={{{example}}}"
        )
    return check_position(given, axes, shape, name)


def _by_letter(
    given: Mapping[str, int], axes: str, others: str, name: str
) -> dict[str, int]:
    """Return positions by axis letter, where napari numbers the axes in their order.

    napari's files may have an axis for channels and axes of length 1, or lack them.
    """
    if not given or list(given) != [f"axis-{i}" for i in range(len(given))]:
        return dict(given)
    numbers = list(given.values())
    for letters in (others, others.replace("c", ""), axes):
        if len(letters) == len(numbers):
            return dict(zip(letters, numbers, strict=True))
    raise ImageError(
        f"{len(numbers) + 2} columns axis-0, axis-1, ... do not fit {name}, which has "
        f"the axes {', '.join((*others, 'y', 'x'))}: name the columns by these letters"
    )


def _check_dropped(
    named: Mapping[str, int], sizes: Mapping[str, int], others: str, name: str
) -> None:
    """Raise ImageError for a position along an unknown axis, or out of range."""
    for letter, number in named.items():
        if letter in sizes or (letter == "c" and letter in others):
            continue
        if letter not in others:
            known = ", ".join((*sizes, "y", "x"))
            raise ImageError(
                f"a plane spans axis {letter} and has no position along it; the axes "
                f"of {name} are {known}"
                if letter in "yx"
                else f"a plane is named by axis {letter}, which {name} does not have; "
                f"its axes are {known}"
            )
        if number != 0:
            raise ImageError(
                f"plane index {letter}={number} is out of range; {name} has one plane "
                f"along {letter}, 0"
            )


def check_position(
    given: Sequence[int] | int, axes: str, shape: Sequence[int], name: str
) -> tuple[int, ...]:
    """Return a position along each of the axes, in their order, as ints in range.

    Parameters and errors as for `resolve_plane`.
    """
    numbers = as_ints(given, f"plane index {given!r} must be ints")
    if len(numbers) != len(shape):
        sizes = dict(zip(axes, shape, strict=True))
        example = ", ".join(f'"{letter}": 0' for letter in axes)
        raise ImageError(
            f"plane index {numbers} has {len(numbers)} numbers, {name} has "
            f"{len(shape)} leading axes {sizes or ''}; pass for example {{{example}}}"
        )
    for letter, number, size in zip(axes, numbers, shape, strict=True):
        if not 0 <= number < size:
            raise ImageError(
                f"plane index {letter}={number} is out of range; {name} has "
                f"{letter} from 0 to {size - 1}"
            )
    return numbers
