"""Stacks of planes: the axis along which slices are counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_hqsam.errors import PromptError
from napari_hqsam.geometry.planes import Plane, as_ints

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_hqsam.geometry.planes import PlaneIndex


@dataclass(frozen=True)
class StackAxis:
    """The slices of an image along one of its leading axes.

    Attributes
    ----------
    axes : str
        Letters of all leading axes.
    place : int or None
        Which of them is the stack's; None for an image of one plane.
    others : tuple of int
        Index along the other leading axes, in their order.
    count : int
        Number of slices.
    """

    axes: str
    place: int | None
    others: tuple[int, ...]
    count: int

    @classmethod
    def of(
        cls,
        axes: str,
        shape: Sequence[int],
        letter: str | None = None,
        index: PlaneIndex = (),
        *,
        name: str = "the image",
    ) -> StackAxis:
        """Choose the axis along which slices are counted.

        Parameters
        ----------
        axes : str
            Letters of the leading axes of an image.
        shape : sequence of int
            Their lengths.
        letter : str, optional
            The axis of the stack; by default the last. Ignored for a single plane.
        index : mapping of str to int, sequence of int, or int
            Where along the other leading axes, such as ``{"t": 3}``. Where there is
            exactly one other, its number alone will do.
        name : str
            Name of the image, for error messages.

        Raises
        ------
        PromptError
            There is no such axis, or the other axes are not all given an index.
        """
        if not axes:
            return cls(axes, None, (), 1)
        if letter is not None and (len(letter) != 1 or letter not in axes):
            raise PromptError(
                f"{name} has no axis {letter!r} to go along; choose from "
                f"{', '.join(axes)}"
            )
        place = len(axes) - 1 if letter is None else axes.index(letter)
        rest = axes[:place] + axes[place + 1 :]
        others = _others(index, rest, name)
        for each, at in zip(rest, others, strict=True):
            size = shape[axes.index(each)]
            if not 0 <= at < size:
                raise PromptError(f"index {each}={at} is not from 0 to {size - 1}")
        return cls(axes, place, others, int(shape[place]))

    def position(self, z: int) -> tuple[int, ...]:
        """Return the position of a slice along each of the leading axes."""
        if self.place is None:
            return ()
        return (*self.others[: self.place], z, *self.others[self.place :])

    def index(self, z: int) -> dict[str, int]:
        """Return the index of a slice, by axis letters."""
        return dict(zip(self.axes, self.position(z), strict=True))


def _others(index: PlaneIndex, rest: str, name: str) -> tuple[int, ...]:
    """Return the position along the other leading axes."""
    example = ", ".join(f'"{letter}": 0' for letter in rest)
    if isinstance(index, Mapping):
        numbers = tuple(index[letter] for letter in rest if letter in index)
        fits = set(index) == set(rest)
    else:
        numbers = as_ints(index, f"index {index!r} must be ints")
        fits = len(numbers) == len(rest) <= 1
    if not fits:
        raise PromptError(
            f"index {index!r} for the other leading axes of {name}, "
            f"{rest or 'none'}: give one number for each, index={{{example}}}"
        )
    return numbers


@dataclass(frozen=True)
class Reslice:
    """New axis letters of an image, so that planes in any orientation are (y, x).

    Attributes
    ----------
    dims : str
        Axes of a label array of the image, by their names in the image: those with
        several planes, then ``yx``.
    axes : (int, int)
        Which of these are y and x of the planes.
    """

    dims: str
    axes: tuple[int, int]

    @classmethod
    def across(cls, dims: str, letter: str) -> Reslice:
        """Lay planes across one of the axes."""
        y, x = [i for i, each in enumerate(dims) if each != letter][-2:]
        return cls(dims, (y, x))

    @property
    def names(self) -> dict[str, str]:
        """New names of the axes, by those in the image."""
        others = iter(letter for letter in self.dims if letter not in "yx")
        return {
            letter: "yx"[self.axes.index(i)] if i in self.axes else next(others)
            for i, letter in enumerate(self.dims)
        }

    def letters(self, axes: str) -> str:
        """Return all axes of the image, channels too, as `open_image` takes them."""
        names = self.names
        return "".join(names.get(letter, letter) for letter in axes)

    def index(self, plane: Plane) -> dict[str, int]:
        """Index of a plane of the label array, by the new names."""
        across = [a for i, a in enumerate(self.dims) if i not in self.axes]
        names = self.names
        return {names[a]: n for a, n in zip(across, plane.index, strict=True)}

    def plane(self, index: Mapping[str, int]) -> Plane:
        """Return the plane of the label array at an index by the new names."""
        names = self.names
        at = (index[names[a]] for i, a in enumerate(self.dims) if i not in self.axes)
        return Plane(tuple(at), self.axes)
