"""The coordinate model: axis letters, a unit per axis, and an affine to the world.

Data coordinates count pixels, centres at integers. World coordinates are lengths and
times in the unit of each axis, or pixels where it has none; the world has the axes of
the data. All else that says where pixels are (scale, translation, rotation, pixel
size, spacing) is taken from here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.errors import ImageError
from napari_hqsam.geometry.affine import Affine
from napari_hqsam.geometry.compose import decompose, linear_of
from napari_hqsam.geometry.units import convert, fits_axis, unit_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Space:
    """Where the pixels of an array are. ``==`` is exact; compare with `agrees`.

    Attributes
    ----------
    axes : str
        One lower-case letter per dimension, each once.
    units : tuple of (str or None)
        Unit of each axis by its OME-Zarr name, such as "micrometer"; None: pixels.
    affine : Affine
        From data to world coordinates.
    """

    axes: str
    units: tuple[str | None, ...]
    affine: Affine

    def __post_init__(self) -> None:
        if not len(self.axes) == len(self.units) == self.affine.ndim:
            raise ImageError(
                f'axes "{self.axes}", units {self.units} and an affine map of '
                f"{self.affine.ndim} axes do not fit together"
            )

    @classmethod
    def pixels(cls, axes: str) -> Space:
        """Return the space of an array of which only the axes are known."""
        return cls(axes, (None,) * len(axes), Affine.scaling((1.0,) * len(axes)))

    @classmethod
    def of(
        cls,
        axes: str,
        *,
        scale: Sequence[float] | None = None,
        units: str | Sequence[object] | None = None,
        translate: Sequence[float] | None = None,
        rotate: ArrayLike | None = None,
        shear: ArrayLike | None = None,
        affine: ArrayLike | None = None,
    ) -> Space:
        """Make a space from scale, rotation etc. of a caller or a napari layer.

        As in napari, a point is scaled, sheared, rotated and translated, and then
        mapped by `affine`.

        Parameters
        ----------
        axes : str
            One letter per dimension.
        scale : sequence of float, optional
            Size of a pixel along each axis; negative where the axis runs backwards.
        units : str or sequence, optional
            Unit of each axis; one name stands for the axes z, y and x.
        translate : sequence of float, optional
            World coordinates of the centre of the first pixel.
        rotate : (m, m) array or float, optional
            Rotation of the last m axes, or of the last two in degrees.
        shear : (m, m) array or 1D array, optional
            Unit triangular matrix, or the upper triangle of one, row by row.
        affine : (m + 1, m + 1) or (m, m) array, optional
            Homogeneous matrix, or a linear one, of the last m axes.

        Raises
        ------
        ImageError
            If a number, a unit or a size is not fit for these axes.
        """
        n = len(axes)
        sizes = _one_each("scale", scale, axes, 1.0)
        offset = _one_each("translate", translate, axes, 0.0)
        if units is None or isinstance(units, str):
            units = [units if letter in "zyx" else None for letter in axes]
        if len(units) != n:
            raise ImageError(f'units {units} must be one for each axis of "{axes}"')
        names = tuple(unit_name(u, a) for u, a in zip(units, axes, strict=True))
        own = Affine.of(linear_of(sizes, rotate, shear), offset)
        if affine is not None:
            matrix = np.asarray(affine, np.float64)
            m = min(len(matrix), n)
            outer = np.eye(n + 1)
            outer[n - m : n, n - m : n] = matrix[:m, :m]
            if len(matrix) == n + 1:
                outer[:n, n] = matrix[:n, n]
            own = Affine.of(outer[:n, :n], outer[:n, n]) @ own
        return cls(axes, names, own)

    # --- what is known -----------------------------------------------------------

    @property
    def scale(self) -> tuple[float, ...]:
        """Size of a pixel along each axis; negative where it runs backwards."""
        return self.affine.scale

    @property
    def translation(self) -> tuple[float, ...]:
        """World coordinates of the centre of the first pixel."""
        return self.affine.translation

    @property
    def known(self) -> str:
        """Letters of the axes of which a unit, or a size other than 1, is known."""
        each = zip(self.axes, self.affine.pixel_size, self.units, strict=True)
        return "".join(a for a, size, unit in each if unit or size != 1)

    @property
    def sizes(self) -> dict[str, float]:
        """Size of a pixel, positive, along each of the axes that are `known`."""
        each = zip(self.axes, self.affine.pixel_size, strict=True)
        return {letter: size for letter, size in each if letter in self.known}

    @property
    def is_plain(self) -> bool:
        """Whether only the axes are known: world coordinates are pixels."""
        return self == Space.pixels(self.axes)

    def spacing(self, letter: str, plane: str = "yx") -> float | None:
        """Return the distance of slices over the size of a pixel of the planes.

        Parameters
        ----------
        letter : str
            Axis along which the slices follow each other.
        plane : str
            The two axes of the slices; the geometric mean of their sizes counts.

        Returns
        -------
        float or None
            None where it is unknown: no size is, or units do not compare (time and
            length, pixels and micrometers).
        """
        if not set(self.known) & {letter, *plane}:
            return None
        at = [self.axes.index(each) for each in (letter, *plane)]
        sizes = self.affine.pixel_size
        z, y, x = (convert(sizes[i], self.units[i], self.units[at[2]]) for i in at)
        return None if z is None or y is None or x is None else z / math.sqrt(y * x)

    def area(self, plane: str = "yx") -> tuple[float, str] | None:
        """Return the area of a pixel of a plane, and its unit such as "micrometer^2".

        None where a side has no unit of length.
        """
        y, x = (self.axes.index(letter) for letter in plane)
        unit = self.units[x]
        sizes = self.affine.pixel_size
        height = convert(sizes[y], self.units[y], unit)
        if unit is None or height is None:
            return None
        columns = self.affine.matrix[:, [y, x]]  # sheared, they are no rectangle
        angle = columns[:, 0] @ columns[:, 1] / (sizes[y] * sizes[x])
        return height * sizes[x] * math.sqrt(
            max(0.0, 1 - float(angle) ** 2)
        ), f"{unit}^2"

    # --- points ------------------------------------------------------------------

    def to_world(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map (..., n) data coordinates to world coordinates."""
        return self.affine(points)

    def to_data(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map (..., n) world coordinates to data coordinates."""
        return self.affine.inverse()(points)

    # --- other spaces ------------------------------------------------------------

    def select(self, axes: str, at: Mapping[str, float] | None = None) -> Space:
        """Keep some axes, in the order given: drop, transpose, or take a plane.

        Parameters
        ----------
        axes : str
            Letters to keep.
        at : mapping of str to float, optional
            Data coordinates along those that are dropped; 0 by default.

        Raises
        ------
        ImageError
            If an axis is not there.
        """
        if missing := [letter for letter in axes if letter not in self.axes]:
            raise ImageError(f'no axis {", ".join(missing)} in "{self.axes}"')
        keep = [self.axes.index(letter) for letter in axes]
        fixed = [(at or {}).get(letter, 0.0) for letter in self.axes]
        units = tuple(self.units[i] for i in keep)
        return Space(axes, units, self.affine.select(keep, fixed))

    def with_axis(self, letter: str, position: int) -> Space:
        """Insert an axis without size and unit, at a position among the others."""
        old = [i for i in range(len(self.axes) + 1) if i != position]
        linear = np.eye(len(old) + 1)
        linear[np.ix_(old, old)] = self.affine.matrix
        offset = np.zeros(len(old) + 1)
        offset[old] = self.affine.offset
        axes = self.axes[:position] + letter + self.axes[position:]
        units = (*self.units[:position], None, *self.units[position:])
        return Space(axes, units, Affine.of(linear, offset))

    def renamed(self, axes: str) -> Space:
        """Rename the axes, in the same order.

        An axis that its unit does not fit any more (seconds along z) is in pixels.
        """
        fits = [fits_axis(u, a) for u, a in zip(self.units, axes, strict=True)]
        units = tuple(u if ok else None for u, ok in zip(self.units, fits, strict=True))
        if all(fits) or not self.affine.is_diagonal:
            return Space(axes, units, self.affine)
        sizes = [s if ok else 1.0 for s, ok in zip(self.scale, fits, strict=True)]
        offset = [
            t if ok else 0.0 for t, ok in zip(self.translation, fits, strict=True)
        ]
        return Space(axes, units, Affine.scaling(sizes, offset))

    def of_crop(self, start: Sequence[float]) -> Space:
        """Return the space of a crop that begins at a pixel, n data coordinates."""
        shift = Affine.scaling((1.0,) * len(self.axes), start)
        return replace(self, affine=self.affine @ shift)

    def of_level(self, factors: Sequence[float]) -> Space:
        """Return the space of a downsampled copy, with pixels `factors` times as large.

        Its pixels cover whole pixels of this one, from the corner of the first on:
        their centres are half a pixel of the difference further in.
        """
        centre = [(factor - 1) / 2 for factor in factors]
        return replace(self, affine=self.affine @ Affine.scaling(factors, centre))

    def in_units(self, units: Sequence[str | None]) -> Space | None:
        """Convert to other units; None where they do not convert into one another."""
        pairs = zip(self.units, units, strict=True)
        factors = [convert(1.0, unit, to) for unit, to in pairs]
        known = [factor for factor in factors if factor is not None]
        if len(known) < len(factors):
            return None
        return replace(
            self, units=tuple(units), affine=Affine.scaling(known) @ self.affine
        )

    def distance(self, other: Space, shape: Sequence[int] | None = None) -> float:
        """Return how far apart two spaces put the same array, in pixels.

        Parameters
        ----------
        other : Space
        shape : sequence of int, optional
            Shape of the array, whose corners are compared; by default one pixel along
            each axis.

        Returns
        -------
        float
            Largest deviation of a data coordinate; infinite if the axes differ or
            the units do not compare.
        """
        same = None if self.axes != other.axes else other.in_units(self.units)
        return math.inf if same is None else self.affine.distance(same.affine, shape)

    def agrees(
        self, other: Space, shape: Sequence[int] | None = None, tolerance: float = 1e-6
    ) -> bool:
        """Whether both put an array in the same place, to a fraction of a pixel."""
        return self.distance(other, shape) < tolerance

    # --- in other words ----------------------------------------------------------

    def to_napari(self, labels: Sequence[str] | None = None) -> dict[str, Any]:
        """Convert to keywords of napari's layers: scale, translate, units, ...

        Parameters
        ----------
        labels : sequence of str, optional
            Names of the axes, where they are other than the letters.

        Returns
        -------
        dict
            ``scale``, ``translate``, ``units``, ``axis_labels``; and ``rotate`` and
            ``shear``, (n, n) matrices, where there is any.
        """
        found: dict[str, Any] = {
            "scale": self.scale,
            "translate": self.translation,
            "units": tuple(unit or "pixel" for unit in self.units),
            "axis_labels": tuple(labels or self.axes),
        }
        if not self.affine.is_diagonal:
            scale, rotate, shear = decompose(self.affine.matrix)
            found |= {"scale": tuple(scale.tolist()), "rotate": rotate, "shear": shear}
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return scale, units, translation and linear map as JSON can hold them.

        What is trivial is None or left out.
        """
        found: dict[str, Any] = {"scale": None, "units": None}
        if self.is_plain:
            return found
        found = {"scale": list(self.scale), "units": list(self.units)}
        if any(self.translation):
            found["translation"] = list(self.translation)
        if not self.affine.is_diagonal:
            found["linear"] = [list(row) for row in self.affine.linear]
        return found

    @classmethod
    def from_dict(cls, axes: str, found: Mapping[str, Any]) -> Space:
        """Read what `to_dict` returned.

        Raises
        ------
        ImageError
            If the numbers or units are not fit for these axes.
        """
        plain = cls.of(
            axes,
            scale=found.get("scale"),
            units=found.get("units"),
            translate=found.get("translation"),
        )
        if found.get("linear") is None:
            return plain
        affine = Affine.of(found["linear"], plain.translation)
        return cls(axes, plain.units, affine)


def _one_each(
    name: str, values: Sequence[float] | None, axes: str, default: float
) -> list[float]:
    """Return one finite number for each axis."""
    if values is None:
        return [default] * len(axes)
    try:
        numbers = [float(value) for value in values]
    except (TypeError, ValueError):
        numbers = []
    if len(numbers) != len(axes) or not all(map(math.isfinite, numbers)):
        raise ImageError(
            f'{name} {values} must be one number for each axis of "{axes}"'
        )
    if name == "scale" and 0 in numbers:
        raise ImageError(f'scale {values} holds 0: a pixel of "{axes}" has a size')
    return numbers
