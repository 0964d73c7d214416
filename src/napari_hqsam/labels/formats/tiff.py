"""TIFF: an ImageJ hyperstack where possible, else tiles with metadata in JSON.

In tiles, description and axes are those of tifffile ("shaped"), with scale, units,
translation and linear map beside them; BigTIFF where the pixels take more than 4 GiB.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import tifffile

from napari_hqsam.geometry.units import convert
from napari_hqsam.images.space_note import KEY
from napari_hqsam.labels.formats.imagej import ImageJWriter, fits_imagej
from napari_hqsam.labels.formats.tiles import create_tiles, encoded_tiles
from napari_hqsam.labels.software_tag import MADE_BY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import zarr

    from napari_hqsam.geometry import Space
    from napari_hqsam.labels.formats.label_image import LabelImage, Writer

# Offsets of a classic TIFF end at 4 GiB; leave room for headers and for data
# that compression makes larger.
_CLASSIC_BYTES = 2**32 - 2**26
_MOST_RATIONAL = 2**32
"""Largest value of a TIFF resolution tag."""


def tiff_writer(image: LabelImage) -> Writer:
    """Return the writer of labels as TIFF."""
    for_imagej = not image.internal and fits_imagej(image)
    return ImageJWriter(image) if for_imagej else TiledWriter(image)


class TiledWriter:
    """Writes a TIFF in tiles, of any size and any axes; see `label_image.Writer`.

    Parameters
    ----------
    image : LabelImage
    is_ome : bool
        With the metadata of `describe` as OME-XML.
    """

    is_ome = False
    remark = "Fiji opens it through Bio-Formats only: it is no ImageJ hyperstack"

    def __init__(self, image: LabelImage) -> None:
        self.image = image
        self.axes = plane_last(image.space.axes)
        self.stored_space = image.space.select(self.axes)
        self.losses = ["colours"] if image.colors else []

    def describe(self, note: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return the metadata, as tifffile takes them."""
        found: dict[str, Any] = {"axes": self.axes.upper()}
        if not self.stored_space.is_plain:
            found |= self.stored_space.to_dict()
        return found if note is None else found | {KEY: dict(note)}

    @contextmanager
    def open(
        self, partial: Path, note: Mapping[str, Any] | None
    ) -> Iterator[zarr.Array[Any]]:
        """Make the labels: see `label_image.Writer`."""
        from napari_hqsam.labels.chunk_files import chunk_files

        folder = partial.with_name("tiles")
        with chunk_files(folder) as files:
            shape = self.image.sizes(self.axes)
            tiles = create_tiles(files, shape, self.image.dtype)
            yield tiles
        resolution = pixels_per_centimeter(self.stored_space)
        with partial.open("xb") as file:
            tifffile.imwrite(
                file,
                encoded_tiles(tiles, folder),
                shape=tiles.shape,
                dtype=tiles.dtype,
                byteorder="<",
                ome=self.is_ome,
                bigtiff=tiles.nbytes > _CLASSIC_BYTES,
                photometric="minisblack",
                # No dimension is one of samples; else planes one pixel wide would
                # be laid together.
                planarconfig="separate",
                extrasamples=(),
                compression="zlib",
                tile=tiles.chunks[-2:],
                metadata=self.describe(note),
                resolution=resolution,
                resolutionunit="CENTIMETER" if resolution else None,
                software=MADE_BY,
            )


def plane_last(axes: str) -> str:
    """Return axes with y and x at the end; pages hold planes."""
    return "".join(letter for letter in axes if letter not in "yx") + "yx"


def pixels_per_centimeter(space: Space) -> tuple[float, float] | None:
    """Return the resolution along x and y.

    None if the pixel size is not a length or no resolution tag holds it.
    """
    sizes = zip(space.affine.pixel_size[-2:], space.units[-2:], strict=True)
    y_size, x_size = (convert(size, unit, "centimeter") for size, unit in sizes)
    if y_size is None or x_size is None:
        return None
    y, x = 1 / y_size, 1 / x_size
    return (x, y) if all(0 < n < _MOST_RATIONAL for n in (x, y)) else None
