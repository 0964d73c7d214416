"""Compose linear maps from scale, shear and rotation, and decompose them.

As napari does it: ``linear = rotate @ shear @ diag(scale)`` with a unit upper
triangular shear, so that a layer with the decomposed values lies where it should.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from napari_hqsam.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray


def linear_of(
    scale: Sequence[float],
    rotate: ArrayLike | None = None,
    shear: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """Compose the linear part of a map.

    Parameters
    ----------
    scale : sequence of n floats
    rotate : (m, m) array or float, optional
        Rotation of the last m axes; a number is an angle in degrees, of the last two.
    shear : (m, m) array or 1D array, optional
        Shear of the last m axes; or the upper triangle of such a matrix, row by row.

    Returns
    -------
    (n, n) float64 array

    Raises
    ------
    ImageError
        If shapes do not fit.
    """
    n = len(scale)
    linear: NDArray[np.float64] = np.diag(np.asarray(scale, np.float64))
    if shear is not None:
        linear = _embedded(_shear_matrix(shear), n, "shear") @ linear
    if rotate is not None:
        linear = _embedded(_rotation_matrix(rotate), n, "rotate") @ linear
    return linear


def decompose(
    linear: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Decompose a linear map into scale, rotation and shear, by QR decomposition.

    Parameters
    ----------
    linear : (n, n) array

    Returns
    -------
    scale : (n,) array
        The last one is negative where the map mirrors.
    rotate : (n, n) array
        Rotation matrix, of determinant 1.
    shear : (n, n) array
        Unit upper triangular.
    """
    rotate, upper = np.linalg.qr(linear)
    signs = np.sign(np.diag(upper))
    if np.prod(signs) * np.linalg.det(rotate) < 0:
        signs[-1] *= -1
    rotate, upper = rotate * signs, upper * signs[:, None]
    scale = np.diag(upper).copy()
    return scale, rotate, upper / scale


def _embedded(matrix: NDArray[np.float64], n: int, name: str) -> NDArray[np.float64]:
    """Extend a matrix of the last axes by the identity on the other axes."""
    m = len(matrix)
    if matrix.ndim != 2 or matrix.shape != (m, m) or m > n:
        raise ImageError(f"{name} of shape {matrix.shape} does not fit {n} axes")
    whole = np.eye(n)
    whole[n - m :, n - m :] = matrix
    return whole


def _rotation_matrix(rotate: ArrayLike) -> NDArray[np.float64]:
    given = np.asarray(rotate, np.float64)
    if given.ndim:
        return given
    c, s = math.cos(math.radians(float(given))), math.sin(math.radians(float(given)))
    return np.array([[c, -s], [s, c]])


def _shear_matrix(shear: ArrayLike) -> NDArray[np.float64]:
    given = np.asarray(shear, np.float64)
    if given.ndim == 2:
        return given
    values = np.atleast_1d(given)
    m = round((1 + math.sqrt(1 + 8 * len(values))) / 2)
    matrix = np.eye(m)
    rows, columns = np.triu_indices(m, 1)
    if len(rows) != len(values):
        raise ImageError(f"shear of {len(values)} numbers is no upper triangle")
    matrix[rows, columns] = values
    return matrix
