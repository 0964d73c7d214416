"""OME-TIFF, by tifffile: sizes and units of z, y, x and t, and stage positions.

Source: OME schema 2016-06, elements Pixels, Plane and MapAnnotation. The order of z, c
and t is free; y and x come last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.geometry.units import unit_symbol
from napari_hqsam.images.space_note import KEY, as_text
from napari_hqsam.labels.formats.losses import space_without
from napari_hqsam.labels.formats.tiff import TiledWriter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_hqsam.labels.formats.label_image import LabelImage


class OmeTiffWriter(TiledWriter):
    """Writes an OME-TIFF in tiles; see `label_image.Writer`."""

    is_ome = True
    remark = ""

    def __init__(self, image: LabelImage) -> None:
        super().__init__(image)
        by_axis = dict(
            zip(self.stored_space.axes, self.stored_space.units, strict=True)
        )
        unitless = "t" if "t" in by_axis and by_axis["t"] is None else ""
        self.stored_space = space_without(
            self.stored_space, units="c", sizes="c" + unitless, offsets="ct"
        )

    def describe(self, note: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return ``axes`` and attributes of OME-XML, as tifffile takes them."""
        space = self.stored_space
        found: dict[str, Any] = {"axes": self.axes.upper()}
        if note is not None:
            found["MapAnnotation"] = {KEY: as_text(note)}
        if space.is_plain:
            return found
        each = zip(space.axes, space.scale, space.units, strict=True)
        for letter, size, unit in each:
            if letter in "zyx":
                name = f"PhysicalSize{letter.upper()}"
            elif letter == "t" and unit:
                name = "TimeIncrement"
            else:
                continue
            symbol = unit_symbol(unit) if unit else "pixel"
            found |= {name: size, f"{name}Unit": symbol}
        if any(space.translation):
            found["Plane"] = self._positions()
        return found

    def _positions(self) -> dict[str, list[Any]]:
        """Return the stage position for each plane."""
        places = np.array([*np.ndindex(self.image.sizes(self.axes)[:-2])])
        found: dict[str, list[Any]] = {}
        each = zip(
            self.axes,
            self.stored_space.scale,
            self.stored_space.translation,
            self.stored_space.units,
            strict=True,
        )
        for at, (letter, size, start, unit) in enumerate(each):
            if letter not in "zyx":
                continue
            steps = places[:, at] if letter == "z" else np.zeros(len(places))
            name = f"Position{letter.upper()}"
            found[name] = (start + size * steps).tolist()
            found[f"{name}Unit"] = [unit_symbol(unit) if unit else "pixel"] * len(
                places
            )
        return found
