"""The tile: a rectangle of a plane, and its mapping to network pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_hqsam.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray


class Address(NamedTuple):
    """Position of a tile in the grid of its plane (see `Grid`).

    Attributes
    ----------
    level : int
        A network pixel covers 2^level plane pixels along each axis.
    row, col : int
        In steps of half a tile.
    """

    level: int
    row: int
    col: int


@dataclass(frozen=True)
class Tile:
    """A rectangle of a plane, resized into the top left of the network's square.

    All fields are whole pixels, so a tile can be a cache key and both scale
    factors are exact ratios. With (y, x) on the plane and (v, u) in the network:

    - a tile of the grid maps pixel centres, v + 1/2 = (y - y0 + 1/2) * scale;
      the scale is a power of 2, so nothing is rounded. Its rectangle may end
      less than a network pixel beyond the plane;
    - the whole plane in one tile (`fit_plane`) maps as SAM's `apply_coords`,
      v = (y - y0) * scale, and its two scales differ a little, since the
      resized sides are rounded apart.

    The prompt encoder adds the half pixel of the network itself.

    Parameters
    ----------
    y0, x0 : int
        First pixel of the rectangle on the plane.
    shape : (h, w)
        Plane pixels the tile covers.
    resized_shape : (h, w)
        Network pixels they are resized to; the rest of the square is padding.
    size : int
        Side of the network's input square.
    address : Address, optional
        Place in the grid, if it is a tile of the grid.
    """

    y0: int
    x0: int
    shape: tuple[int, int]
    resized_shape: tuple[int, int]
    size: int
    address: Address | None = None

    @property
    def scale(self) -> tuple[float, float]:
        """Network pixels per plane pixel, (along y, along x)."""
        return (
            self.resized_shape[0] / self.shape[0],
            self.resized_shape[1] / self.shape[1],
        )

    @property
    def region(self) -> tuple[int, int, int, int]:
        """Half-open plane box (y0, x0, y1, x1) that the tile covers."""
        return self.y0, self.x0, self.y0 + self.shape[0], self.x0 + self.shape[1]

    @property
    def decoded_shape(self) -> tuple[int, int]:
        """Rows and columns of the decoder's logits without padding."""
        h, w = self.resized_shape
        return -(-h // 4), -(-w // 4)

    @property
    def decoded_pitch(self) -> float:
        """Plane pixels per pixel of the decoder's logits, along each axis."""
        longer = 0 if self.shape[0] >= self.shape[1] else 1
        return 4 * self.shape[longer] / self.resized_shape[longer]

    def holds(self, point: Sequence[float]) -> bool:
        """Whether a (y, x) of the plane lies on the tile, its border included."""
        y0, x0, y1, x1 = self.region
        y, x = point
        return y0 - 0.5 <= y <= y1 - 0.5 and x0 - 0.5 <= x <= x1 - 0.5

    @property
    def _half(self) -> float:
        """Half-pixel shift that is added to a coordinate before scaling."""
        return 0.0 if self.address is None else 0.5

    def to_network(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map plane points to the network.

        Parameters
        ----------
        points : (n, 2) float array-like
            (y, x) on the plane.

        Returns
        -------
        (n, 2) float64 array
            (x, y) in network pixels, SAM's order.
        """
        yx = np.asarray(points, dtype=np.float64).reshape(-1, 2)
        half = self._half
        return ((yx - (self.y0, self.x0) + half) * self.scale - half)[:, ::-1]

    def to_plane(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map network points to the plane: the inverse of `to_network`.

        Parameters
        ----------
        points : (n, 2) float array-like
            (x, y) in network pixels.

        Returns
        -------
        (n, 2) float64 array
            (y, x) on the plane.
        """
        xy = np.asarray(points, dtype=np.float64).reshape(-1, 2)
        half = self._half
        return (xy[:, ::-1] + half) / self.scale - half + (self.y0, self.x0)

    def box_to_network(self, box: Sequence[float]) -> NDArray[np.float64]:
        """Map a box to the network, corner by corner.

        Parameters
        ----------
        box : (y0, x0, y1, x1)
            On the plane.

        Returns
        -------
        (4,) float64 array
            (x0, y0, x1, y1) in network pixels.
        """
        return self.to_network(box).reshape(4)


def fit_plane(shape: tuple[int, int], size: int) -> Tile:
    """Return the tile that shows a whole plane to the network.

    The longest side becomes `size`, the other is rounded half up: SAM's
    `ResizeLongestSide.get_preprocess_shape`. A side never vanishes, as it would
    there for a plane 2 `size` times longer than wide.

    Parameters
    ----------
    shape : (h, w)
        Size of the plane.
    size : int
        Side of the network's input square.

    Returns
    -------
    Tile

    Raises
    ------
    ImageError
        If the plane has no pixels.
    """
    h, w = shape
    if h < 1 or w < 1:
        raise ImageError(f"a plane of {h} x {w} pixels has nothing to segment")
    scale = size / max(h, w)
    resized = max(int(h * scale + 0.5), 1), max(int(w * scale + 0.5), 1)
    return Tile(0, 0, (h, w), resized, size)
