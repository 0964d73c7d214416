"""Interface of proposers, which make the prompts of automatic segmentation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_hqsam.geometry import Box, Point
    from napari_hqsam.masks.mask import Mask
    from napari_hqsam.network import TileFeatures
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.segmentation.plane.decoding import PlaneDecoder
    from napari_hqsam.tiling import Grid, Tile

FLAT_CHECK_PIXELS = 2**22
"""Plane pixels of the largest tile that is read to check whether it is uniform."""


@dataclass(frozen=True, eq=False)
class Proposal:
    """A proposed object.

    Attributes
    ----------
    prompt : Prompt
        Plane coordinates; the object's mask must contain its first point.
    score : float
        Confidence of the proposer, 0..1.
    own_object : bool
        Whether it stands for one object: it is then decoded even where a mask lies
        that was found before. The points of a grid do not; several may lie on one
        object.
    mask : Mask, optional
        The object itself, where the proposer segments: in canvas pixels (see
        `plane.LogitCanvas`), with its logits. It is then not decoded.
    least_quality : float
        Least quality (see `Rules`) of the mask decoded, beyond that of the rules.
    """

    prompt: Prompt
    score: float = 1.0
    own_object: bool = False
    mask: Mask | None = None
    least_quality: float = 0.0

    @property
    def is_ambiguous(self) -> bool:
        """Whether it is a click that may mean a part, an object or a group."""
        return not self.own_object and self.prompt.box is None


@dataclass(frozen=True)
class TileView:
    """A tile of a plane as proposers see it; pixels and embedding are lazy.

    Attributes
    ----------
    decoder : PlaneDecoder
        Decodes prompts on tiles of the plane.
    tile : Tile
        A tile of the grid of the plane.
    """

    decoder: PlaneDecoder
    tile: Tile

    @cached_property
    def pixels(self) -> NDArray[np.uint8]:
        """(h, w, 3) 8-bit RGB at the tile's level, as the network sees it."""
        return self.decoder.source.pixels(self.decoder.index, self.tile)

    @property
    def embedding(self) -> TileFeatures:
        """Decoder inputs of the tile; encoded on first use."""
        return self.decoder.source.features(self.decoder.index, self.tile)

    @cached_property
    def is_flat(self) -> bool:
        """Whether the tile is uniform; False, unchecked, if reading it is costly."""
        h, w = self.tile.shape
        if h * w > FLAT_CHECK_PIXELS:
            return False
        return bool(np.ptp(self.pixels.astype(np.int16), axis=(0, 1)).max() <= 1)

    def instance_maps(self) -> NDArray[np.float16]:
        """Compute foreground and distances, see `PlaneDecoder.instance_maps`.

        Those of background where the tile is flat, which then is not encoded.
        Computed once for a tile, as long as the source keeps them.
        """

        def make() -> NDArray[np.float16]:
            if self.is_flat:
                maps = np.ones((3, *self.tile.decoded_shape), np.float16)
                maps[0] = 0
                return maps
            found = self.decoder.instance_maps(self.tile)
            assert found is not None, "asked of a model with an instance decoder only"
            return found.astype(np.float16)

        return self.decoder.source.maps.get((self.decoder.index, self.tile), make)

    def neighbour(self, down: int, right: int) -> TileView | None:
        """Return the tile some rows down and columns right; None beyond the grid."""
        tile = self.decoder.grid.neighbour(self.tile, down, right)
        return None if tile is None else TileView(self.decoder, tile)


class Proposer(Protocol):
    """Proposes the objects of a tile."""

    def propose(self, view: TileView) -> Sequence[Sequence[Proposal]]:
        """Propose objects.

        Parameters
        ----------
        view : TileView
            Pixels and embedding of a tile of the grid.

        Returns
        -------
        sequence of sequences of Proposal
            In phases: proposals of a later one are skipped where masks of an earlier
            one lie, unless they stand for an object of their own. Only those whose
            first point this tile owns.
        """
        ...


def rows_of_tiles(grid: Grid, level: int, region: Box) -> Iterator[list[Tile]]:
    """Yield rows of the tiles that own points of a region.

    A tile owns the points that are nearer to its centre than to any other's: it shows
    most of their surroundings.

    Parameters
    ----------
    grid : Grid
        Tile grid of the plane.
    level : int
        Level of the tiles.
    region : (y0, x0, y1, x1)
        Half-open, plane pixels.
    """
    rows, columns = _owners(grid, level, region)
    for row in rows:
        yield [grid.tile(level, row, column) for column in columns]


def count_tiles(grid: Grid, level: int, region: Box) -> int:
    """Count the tiles that `rows_of_tiles` yields."""
    rows, columns = _owners(grid, level, region)
    return len(rows) * len(columns)


def owns(grid: Grid, tile: Tile, point: Point) -> bool:
    """Whether a tile of the grid owns a point; see `rows_of_tiles`."""
    assert tile.address is not None
    return grid.nearest(tile.address.level, point).address == tile.address


def _owners(grid: Grid, level: int, region: Box) -> tuple[range, range]:
    first = grid.nearest(level, region[:2]).address
    last = grid.nearest(level, (region[2] - 1, region[3] - 1)).address
    assert first is not None
    assert last is not None
    return range(first.row, last.row + 1), range(first.col, last.col + 1)
