"""Axes, pixel size and units of a label image, in the words of each format."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_hqsam.errors import HqsamWarning, ImageError
from napari_hqsam.geometry.axes import parse_axes
from napari_hqsam.geometry.units import convert, unit_name, unit_symbol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_DEFAULT_AXES = {2: "yx", 3: "zyx", 4: "tzyx", 5: "tczyx"}
_SPACE_AXES = "zyx"
_MAX_RATIONAL = 2**32  # largest value of a TIFF resolution tag


@dataclass(frozen=True)
class Space:
    """Where a label image lies: checked, one entry per dimension.

    Attributes
    ----------
    axes : str
        Lower-case letters; the last two are ``yx``.
    scale : tuple of float or None
        Size of a pixel along each axis, in its unit.
    units : tuple of (str or None)
        Unit of each axis by its OME-Zarr name, such as "micrometer".
    """

    axes: str
    scale: tuple[float, ...] | None
    units: tuple[str | None, ...]

    def ome_zarr(self, name: str) -> dict[str, Any]:
        """Metadata of an OME-Zarr 0.5 label image with one level, "0".

        Parameters
        ----------
        name : str
            Name of the image.

        Returns
        -------
        dict
            Attributes of the zarr group. Source: OME-Zarr 0.5, sections
            "multiscales" and "labels".
        """
        axes = []
        for letter, unit in zip(self.axes, self.units, strict=True):
            axis = {"name": letter, "type": _axis_type(letter)}
            axes.append(axis | {"unit": unit} if unit else axis)
        scale = list(self.scale or (1.0,) * len(self.axes))
        level = {
            "path": "0",
            "coordinateTransformations": [{"type": "scale", "scale": scale}],
        }
        image = {"name": name, "axes": axes, "datasets": [level]}
        label = {"version": "0.5"}
        return {"ome": {"version": "0.5", "multiscales": [image], "image-label": label}}

    def ome_xml(self) -> dict[str, Any]:
        """Metadata of an OME-TIFF, as tifffile takes them.

        Returns
        -------
        dict
            ``axes`` and attributes of OME-XML's ``Pixels``.
        """
        found: dict[str, Any] = {"axes": self.axes.upper()}
        if self.scale is None:
            return found
        for letter, size, unit in zip(self.axes, self.scale, self.units, strict=True):
            if letter in _SPACE_AXES:
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

    def tiff(self) -> dict[str, Any]:
        """Metadata of a plain TIFF, as tifffile takes them.

        Returns
        -------
        dict
            ``axes``, and ``scale`` and ``units`` where known, for the
            description.
        """
        found: dict[str, Any] = {"axes": self.axes.upper()}
        if self.scale is not None:
            found |= {"scale": self.scale, "units": self.units}
        return found

    def tiff_resolution(self) -> tuple[float, float] | None:
        """Pixels per centimetre along x and y.

        Returns
        -------
        tuple of float or None
            None if the pixel size is not a length or no resolution tag holds
            it.
        """
        if self.scale is None:
            return None
        sizes = zip(self.scale[-2:], self.units[-2:], strict=True)
        y_size, x_size = (convert(size, unit, "centimeter") for size, unit in sizes)
        if y_size is None or x_size is None:
            return None
        y, x = 1 / y_size, 1 / x_size
        return (x, y) if all(0 < n < _MAX_RATIONAL for n in (x, y)) else None


def label_axes(axes: str | None, ndim: int) -> str:
    """Return the axes of labels.

    Parameters
    ----------
    axes : str or None
        One letter per dimension, ending in ``yx``; None for the default.
    ndim : int
        Number of dimensions.

    Returns
    -------
    str
        The axes in lower case.

    Raises
    ------
    ImageError
        If they do not fit the labels.
    """
    if axes is None:
        axes = _DEFAULT_AXES.get(ndim)
        if axes is None:
            raise ImageError(
                f"labels have {ndim} dimensions; pass axes, one letter for each"
            )
    letters = parse_axes(axes, (1,) * ndim)
    if not letters.endswith("yx"):
        raise ImageError(f'axes "{axes}" of labels must end in yx; transpose them')
    return letters


def make_space(
    axes: str,
    scale: Sequence[float] | None,
    units: str | Sequence[str | None] | None,
) -> Space:
    """Check pixel size and units against the axes.

    Parameters
    ----------
    axes : str
        As `label_axes` returns them.
    scale : sequence of float or None
        Size of a pixel along each axis.
    units : str or sequence of (str or None) or None
        Unit of each axis; one name stands for the axes of space.

    Returns
    -------
    Space
        The same, with OME-Zarr's names of units.

    Raises
    ------
    ImageError
        If there is not one positive number and one known unit per axis.
    """
    if scale is not None:
        scale = tuple(float(size) for size in scale)
        if len(scale) != len(axes) or not all(0 < s < math.inf for s in scale):
            raise ImageError(
                f'scale {scale} must be one positive number for each axis of "{axes}"'
            )
    if units is None or isinstance(units, str):
        units = [units if letter in _SPACE_AXES else None for letter in axes]
    if len(units) != len(axes):
        raise ImageError(f'units {units} must be one for each axis of "{axes}"')
    names = tuple(unit_name(u, axis) for u, axis in zip(units, axes, strict=True))
    return Space(axes, scale, names)


def space_of_image(
    axes: str,
    scale: Mapping[str, float] | None,
    units: Mapping[str, str | None] | None,
) -> tuple[tuple[float, ...] | None, tuple[str | None, ...] | None]:
    """Pixel size and units of an image, for its labels.

    What the metadata of an image say may be nonsense, and is no reason to lose
    its labels: what cannot be written is left out with a warning.

    Parameters
    ----------
    axes : str
        Axes of the labels.
    scale : mapping of str to float, or None
        Size of a pixel along the axes of the image, by their letters.
    units : mapping of str to (str or None), or None
        Their units.

    Returns
    -------
    scale, units : tuple or None
        One entry for each of the axes, 1 and None where nothing is known, or
        None where that is so for all; `make_space` takes them.

    Warns
    -----
    HqsamWarning
        If a size is not a positive number or a unit is unknown.
    """
    known = {a: s for a, s in (scale or {}).items() if a in axes}
    bad = {a: s for a, s in known.items() if not _is_size(s)}
    if bad:
        _warn_left_out(", ".join(f"{a} = {s!r}" for a, s in bad.items()), "pixel size")
    sizes = {a: float(s) for a, s in known.items() if a not in bad}
    names: dict[str, str | None] = {}
    for letter in sizes:
        try:
            names[letter] = unit_name((units or {}).get(letter), letter)
        except ImageError as error:
            _warn_left_out(str(error), "unit")
    if not sizes:
        return None, None
    return tuple(sizes.get(a, 1.0) for a in axes), tuple(names.get(a) for a in axes)


def _is_size(value: object) -> bool:
    """Whether a value can be the size of a pixel."""
    try:
        return 0 < float(value) < math.inf  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False


def _warn_left_out(what: str, kind: str) -> None:
    warnings.warn(
        f"the image's metadata have a {kind} that labels cannot take over, so it is "
        f"left out: {what}",
        HqsamWarning,
        stacklevel=4,
    )


def _axis_type(letter: str) -> str:
    """Type of an axis in OME-Zarr."""
    return {"t": "time", "c": "channel"}.get(letter, "space")
