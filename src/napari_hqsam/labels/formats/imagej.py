"""An ImageJ hyperstack in strips, which Fiji opens with its voxel size.

Source: ImageJ 1.52, ij.io.TiffEncoder, FileSaver.getDescriptionString and Calibration:
a description of lines "name=value", the pixel size along x and y in the resolution
tags, world = (pixel - origin) * size. ImageJ opens no tiles and no BigTIFF.
"""

from __future__ import annotations

from contextlib import contextmanager
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import tifffile

from napari_hqsam.geometry import Affine, Space
from napari_hqsam.geometry.units import unit_symbol
from napari_hqsam.images.space_note import KEY, as_text
from napari_hqsam.labels.formats.losses import space_without
from napari_hqsam.labels.formats.tiles import (
    create_tiles,
    encoded_strips,
    rows_of_strip,
)
from napari_hqsam.labels.software_tag import MADE_BY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import zarr

    from napari_hqsam.labels.formats.label_image import LabelImage

_ORDER = "tzcyx"
_MOST_BYTES = 2**32 - 2**26
"""Offsets end at 4 GiB; room is left for headers, and for data that compression makes
larger."""
_MOST_RATIONAL = 2**32 - 1
Dots = tuple[tuple[int, int], tuple[int, int]]
"""Pixels per unit along x and y, as fractions."""
_SIZES = {"c": "channels", "z": "slices", "t": "frames"}


def fits_imagej(image: LabelImage) -> bool:
    """Whether labels can be an ImageJ hyperstack."""
    return set(image.space.axes) <= set(_ORDER) and image.nbytes <= _MOST_BYTES


class ImageJWriter:
    """Writes an ImageJ hyperstack; see `label_image.Writer`."""

    remark = ""

    def __init__(self, image: LabelImage) -> None:
        self.image = image
        self.axes = "".join(a for a in _ORDER if a in image.space.axes)
        self.stored_space, self._dots = _storable(image.space.select(self.axes))
        self.losses = ["colours"] if image.colors else []

    @contextmanager
    def open(
        self, partial: Path, note: Mapping[str, Any] | None
    ) -> Iterator[zarr.Array[Any]]:
        """Make the labels: see `label_image.Writer`."""
        from napari_hqsam.labels.chunk_files import chunk_files

        folder = partial.with_name("tiles")
        shape = self.image.sizes(self.axes)
        with chunk_files(folder) as files:
            tiles = create_tiles(files, shape, self.image.dtype)
            yield tiles
        rows = rows_of_strip(tiles)
        planes = 1
        for size in shape[:-2]:
            planes *= size
        with partial.open("xb") as file:
            tifffile.imwrite(
                file,
                encoded_strips(tiles, folder, rows),
                shape=(planes, *shape[-2:]),
                dtype=tiles.dtype,
                byteorder="<",
                bigtiff=False,
                photometric="minisblack",
                planarconfig="separate",
                extrasamples=(),
                compression="zlib",
                rowsperstrip=rows,
                description=self._description(shape, note),
                metadata=None,
                resolution=self._dots,
                resolutionunit="NONE" if self._dots else None,
                software=MADE_BY,
            )

    def _description(
        self, shape: tuple[int, ...], note: Mapping[str, Any] | None
    ) -> str:
        """Return ImageJ's description of a hyperstack: dimensions and voxel size."""
        sizes = dict(zip(self.axes, shape, strict=True))
        counts = {name: sizes.get(letter, 1) for letter, name in _SIZES.items()}
        lines: dict[str, object] = {"ImageJ": "1.52", "images": 1} | counts
        for count in counts.values():
            lines["images"] = int(str(lines["images"])) * count
        lines |= {"hyperstack": "true", "mode": "grayscale", "loop": "false"}
        if not self.stored_space.is_plain:
            lines |= _calibration(self.stored_space)
        if note is not None:
            lines[KEY] = as_text(note)
        return "".join(f"{name}={value}\n" for name, value in lines.items())


def _storable(space: Space) -> tuple[Space, Dots | None]:
    """Return the space that ImageJ will read, and pixels per unit along x and y."""
    unitless_t = "t" if "t" in space.axes and _unit(space, "t") is None else ""
    stored = space_without(space, units="c", sizes="c" + unitless_t, offsets="ct")
    if stored.is_plain:
        return stored, None
    sizes = list(stored.scale)
    x, y = (_rational(1 / sizes[at]) or (1, 1) for at in (-1, -2))
    sizes[-2:] = y[1] / y[0], x[1] / x[0]
    affine = Affine.scaling(sizes, stored.translation)
    return Space(stored.axes, stored.units, affine), (x, y)


def _rational(value: float) -> tuple[int, int] | None:
    """Return the nearest fraction of two 32-bit numbers; None where none is near."""
    if not 2 / _MOST_RATIONAL < value < _MOST_RATIONAL:
        return None
    if value >= 1:
        nearest = Fraction(value).limit_denominator(int(_MOST_RATIONAL / value))
    else:
        most = int(_MOST_RATIONAL * value)
        nearest = 1 / Fraction(1 / value).limit_denominator(most)
    return nearest.numerator, nearest.denominator


def _calibration(space: Space) -> dict[str, object]:
    """Return spacing, units and origin."""
    at = {letter: i for i, letter in enumerate(space.axes)}
    lines: dict[str, object] = {"unit": _name(_unit(space, "x"))}
    if _unit(space, "y") != _unit(space, "x"):
        lines["yunit"] = _name(_unit(space, "y"))
    if "z" in at:
        lines["spacing"] = repr(space.scale[at["z"]])
        if _unit(space, "z") != _unit(space, "x"):
            lines["zunit"] = _name(_unit(space, "z"))
    if "t" in at and (unit := _unit(space, "t")):
        lines["finterval"] = repr(space.scale[at["t"]])
        if unit != "second":
            lines["tunit"] = _name(unit)
    for letter in "xyz":
        if letter in at and (start := space.translation[at[letter]]):
            lines[f"{letter}origin"] = repr(-start / space.scale[at[letter]])
    return lines


def _unit(space: Space, letter: str) -> str | None:
    return space.units[space.axes.index(letter)]


def _name(unit: str | None) -> str:
    """Return ImageJ's name of a unit, in ASCII."""
    if unit is None or unit == "micrometer":
        return "pixel" if unit is None else "micron"
    symbol = unit_symbol(unit)
    return symbol if symbol.isascii() else unit
