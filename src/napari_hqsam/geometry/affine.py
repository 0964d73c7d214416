"""Affine maps of points: compose, invert, select axes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_hqsam.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Affine:
    """The map ``x -> linear @ x + translation`` of points with n coordinates.

    Plain tuples, so that it can be hashed and compared exactly; computed in float64.

    Attributes
    ----------
    linear : tuple of n tuples of n floats
        Row by row; column i is the step in the target per step along axis i.
    translation : tuple of n floats
        Where the origin goes.

    Raises
    ------
    ImageError
        If it is not square, not finite or not invertible.
    """

    linear: tuple[tuple[float, ...], ...]
    translation: tuple[float, ...]

    def __post_init__(self) -> None:
        rows = tuple(tuple(map(float, row)) for row in self.linear)
        offset = tuple(map(float, self.translation))
        if not offset or any(len(row) != len(offset) for row in (rows, *rows)):
            raise ImageError(
                f"an affine map of {len(offset)} axes needs as many rows and columns"
            )
        if not all(map(math.isfinite, (*offset, *(v for row in rows for v in row)))):
            raise ImageError("an affine map holds NaN or infinite numbers")
        object.__setattr__(self, "linear", rows)
        object.__setattr__(self, "translation", offset)
        sizes = self.pixel_size
        rank = np.linalg.matrix_rank(self.matrix / sizes) if min(sizes) > 0 else 0
        if rank < len(sizes):
            raise ImageError(
                "an affine map is singular: a pixel has size 0, or two axes point "
                "the same way"
            )

    @classmethod
    def of(cls, linear: ArrayLike, translation: ArrayLike) -> Affine:
        """Make it from an (n, n) and an (n,) array."""
        rows = np.asarray(linear, np.float64).tolist()
        offset = np.asarray(translation, np.float64).tolist()
        return cls(tuple(map(tuple, rows)), tuple(offset))

    @classmethod
    def scaling(
        cls, scale: Sequence[float], translation: Sequence[float] | None = None
    ) -> Affine:
        """Scale each axis, then translate."""
        offset = np.zeros(len(scale)) if translation is None else translation
        return cls.of(np.diag(scale), offset)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.translation)

    @property
    def matrix(self) -> NDArray[np.float64]:
        """`linear` as (n, n) array."""
        return np.array(self.linear, np.float64)

    @property
    def offset(self) -> NDArray[np.float64]:
        """`translation` as (n,) array."""
        return np.array(self.translation, np.float64)

    @property
    def is_diagonal(self) -> bool:
        """Whether it is scale and translation alone: no rotation, no shear.

        Off the diagonal rounding is allowed for, a millionth of a millionth of the
        column.
        """
        matrix = self.matrix
        rest = np.abs(matrix - np.diag(np.diag(matrix)))
        return bool((rest <= 1e-12 * np.array(self.pixel_size)).all())

    @property
    def pixel_size(self) -> tuple[float, ...]:
        """Length of a step along each axis, positive."""
        return tuple(math.hypot(*column) for column in zip(*self.linear, strict=True))

    @property
    def scale(self) -> tuple[float, ...]:
        """Step along each axis: with its sign if diagonal, else `pixel_size`."""
        if self.is_diagonal:
            return tuple(self.linear[i][i] for i in range(self.ndim))
        return self.pixel_size

    def __call__(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map (..., n) points."""
        given = np.asarray(points, np.float64)
        mapped: NDArray[np.float64] = given @ self.matrix.T + self.offset
        return mapped

    def __matmul__(self, first: Affine) -> Affine:
        """Compose: the map that does `first`, then this one."""
        return Affine.of(self.matrix @ first.matrix, self(first.offset))

    def inverse(self) -> Affine:
        """Return the inverse map."""
        linear = np.linalg.inv(self.matrix)
        return Affine.of(linear, -linear @ self.offset)

    def distance(self, other: Affine, shape: Sequence[int] | None = None) -> float:
        """Return how far apart two maps put an array, in steps of its source.

        Parameters
        ----------
        other : Affine
        shape : sequence of int, optional
            Shape of the array, whose corners are compared; by default one step each.

        Returns
        -------
        float
            Largest deviation of a coordinate; infinite if the numbers of axes differ.
        """
        if self.ndim != other.ndim:
            return math.inf
        far = np.eye(self.ndim) if shape is None else np.diag(np.asarray(shape, float))
        corners = np.vstack([np.zeros(self.ndim), far])
        return float(np.abs(self.inverse()(other(corners)) - corners).max())

    def last(self, ndim: int) -> Affine:
        """Keep the last axes."""
        return self.select(range(self.ndim - ndim, self.ndim))

    def select(self, axes: Sequence[int], at: Sequence[float] | None = None) -> Affine:
        """Keep some axes of source and target alike, in the order given.

        Parameters
        ----------
        axes : sequence of int
        at : sequence of n floats, optional
            Position along the axes that are dropped; by default 0. What is given
            along the others does not count.

        Raises
        ------
        ImageError
            If what is left cannot be inverted: an axis that is kept points along one
            that is dropped.
        """
        keep = list(axes)
        fixed = np.zeros(self.ndim) if at is None else np.array(at, np.float64)
        fixed[keep] = 0
        return Affine.of(self.matrix[np.ix_(keep, keep)], self(fixed)[keep])
