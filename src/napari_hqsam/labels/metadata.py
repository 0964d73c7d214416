"""The space of labels in the terms of each file format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_hqsam.geometry.ome_zarr import axes_metadata, transforms_metadata
from napari_hqsam.geometry.units import convert, unit_symbol

if TYPE_CHECKING:
    from napari_hqsam.geometry import Space

_MAX_RATIONAL = 2**32
"""Largest value of a TIFF resolution tag."""


def ome_zarr_attributes(space: Space, name: str) -> dict[str, Any]:
    """Return the attributes of an OME-Zarr 0.5 label image with one level, "0".

    Source: OME-Zarr 0.5, sections "multiscales" and "labels".
    """
    level = {"path": "0", "coordinateTransformations": transforms_metadata(space)}
    image = {"name": name, "axes": axes_metadata(space), "datasets": [level]}
    label = {"version": "0.5"}
    return {"ome": {"version": "0.5", "multiscales": [image], "image-label": label}}


def ome_xml_attributes(space: Space) -> dict[str, Any]:
    """Return ``axes`` and attributes of ``Pixels`` in OME-XML, for tifffile."""
    found: dict[str, Any] = {"axes": space.axes.upper()}
    if space.is_plain:
        return found
    for letter, scale, unit in zip(space.axes, space.scale, space.units, strict=True):
        size = abs(scale)
        if letter in "zyx":
            attribute = f"PhysicalSize{letter.upper()}"
        elif letter == "t":
            attribute = "TimeIncrement"
        else:
            continue
        if unit:
            found |= {attribute: size, f"{attribute}Unit": unit_symbol(unit)}
        elif letter != "t":
            found |= {attribute: size, f"{attribute}Unit": "pixel"}
    return found


def tiff_description(space: Space) -> dict[str, Any]:
    """Return the description of a plain TIFF, as tifffile takes it.

    ``axes``, and ``scale`` and ``units`` where known.
    """
    found: dict[str, Any] = {"axes": space.axes.upper()}
    return found if space.is_plain else found | space.to_dict()


def tiff_resolution(space: Space) -> tuple[float, float] | None:
    """Return pixels per centimetre along x and y.

    None if the pixel size is not a length or no resolution tag holds it.
    """
    sizes = zip(space.affine.pixel_size[-2:], space.units[-2:], strict=True)
    y_size, x_size = (convert(size, unit, "centimeter") for size, unit in sizes)
    if y_size is None or x_size is None:
        return None
    y, x = 1 / y_size, 1 / x_size
    return (x, y) if all(0 < n < _MAX_RATIONAL for n in (x, y)) else None
