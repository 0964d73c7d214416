"""Write labels of layers to files, with the scale, units and axes of the layer."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.geometry import Space
from napari_hqsam.geometry.axes import axes_from_names, label_axes
from napari_hqsam.geometry.units import unit_or_pixel
from napari_hqsam.images.memory import check_fits
from napari_hqsam.viewer.planes import without_axis

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari.viewer import Viewer
    from numpy.typing import NDArray

FLAT = "napari-hqsam: axis of all channels"
"""Key in a layer's metadata: the axis that its labels lack, see `LayerTarget`."""

FILE = "napari-hqsam: file"
"""Where a layer's metadata tell the file of labels that came with their image."""
_PLACE = ("scale", "translate", "rotate", "shear", "affine")
_ANY_AXES = "abcdefghijklmnopqrstuvwxyz"


def save_labels(path: str, data: Any, attributes: Mapping[str, Any]) -> str:  # noqa: ANN401
    """Write labels as TIFF, OME-TIFF or OME-Zarr, by the suffix.

    Parameters
    ----------
    path : str
    data : array
        Integers.
    attributes : mapping
        Scale, units, axis labels, ... of the layer, as napari hands them to writers.

    Returns
    -------
    str
        The path.

    Raises
    ------
    HqsamError
        As `write_labels`.
    """
    from napari_hqsam.labels import write_labels

    space = space_of(attributes, len(data.shape))
    colors = colors_of(attributes.get("colormap"))
    write_labels(path, np.asarray(data), space=space, colors=colors)
    return path


def space_of(attributes: Mapping[str, Any], ndim: int) -> Space:
    """Return where a layer lies.

    Parameters
    ----------
    attributes : mapping
        Attributes of the layer, as napari hands them to writers.
    ndim : int

    Warns
    -----
    HqsamWarning
        A unit is none of length or time: it is taken as pixels.
    """
    axes = label_axes(axes_of(attributes.get("axis_labels"), ndim), ndim)
    units = attributes.get("units") or [None] * ndim
    place: dict[str, Any] = {name: attributes.get(name) for name in _PLACE}
    known = [unit_or_pixel(u, a, "the layer") for u, a in zip(units, axes, strict=True)]
    return Space.of(axes, units=known, **place)


def without_step(attributes: Mapping[str, Any], axis: int | None) -> dict[str, Any]:
    """Return attributes of labels without an axis that has one step for all channels.

    Parameters
    ----------
    attributes : mapping
        Attributes of the layer, as napari hands them to writers.
    axis : int, optional
        None: there is none.
    """
    if axis is None:
        return dict(attributes)
    place: dict[str, Any] = {name: attributes.get(name) for name in _PLACE}
    letters = _ANY_AXES[: len(attributes["scale"])]
    kept = letters.replace(letters[axis], "")
    moved = Space.of(letters, **place).select(kept).to_napari()
    found = {name: v for name, v in attributes.items() if name not in _PLACE}
    found |= {name: v for name, v in moved.items() if name in _PLACE}
    for name in ("units", "axis_labels"):
        if found.get(name) is not None:
            found[name] = without_axis(found[name], axis)
    return found


def files_in_use(viewer: Viewer) -> list[Path]:
    """Return the files that layers read, which labels must not overwrite.

    Except those of labels in memory: these may be saved in their own file again. A
    layer tells its file only if napari opened it; lazily read arrays tell theirs.
    """
    from napari.layers import Labels

    found: list[Path] = []
    for layer in viewer.layers:
        if isinstance(layer, Labels) and isinstance(layer.data, np.ndarray):
            continue
        path = layer.source.path
        if path is not None and "://" not in str(path):
            found.append(Path(path))
        levels = layer.data if getattr(layer, "multiscale", False) else [layer.data]
        found += [file for level in levels for file in _files_of(level)]
    return found


def _files_of(data: Any) -> list[Path]:  # noqa: ANN401 - of any layer
    """Return the files that an array reads from, as far as it tells."""
    data = getattr(data, "array", data)  # of one that is transposed
    while isinstance(data, np.ndarray):
        if isinstance(data, np.memmap) and data.filename is not None:
            return [Path(data.filename)]
        data = data.base  # of a view
    root = getattr(getattr(data, "store", None), "root", None)
    return [] if root is None else [Path(root)]


def colors_of(colormap: object) -> dict[int, tuple[int, int, int, int]]:
    """Return the colours that a user has given to objects, each from 0 to 255.

    Parameters
    ----------
    colormap : napari colormap or None
        Colormap of a Labels layer. One that computes its colours has none to keep.
    """
    given = getattr(colormap, "color_dict", None) or {}
    return {
        int(i): tuple(round(float(v) * 255) for v in rgba)  # type: ignore[misc]
        for i, rgba in given.items()
        if i is not None and i > 0
    }


def warn_kept(path: str, kept: Path) -> None:
    """Show where labels were backed up, see `back_up_foreign_labels`."""
    from napari.utils.notifications import show_warning

    show_warning(
        f"{path} was changed by another program since it was saved: what was there is "
        f"kept as {kept.name}"
    )


def axes_of(names: Any, ndim: int) -> str | None:  # noqa: ANN401
    """Derive axis letters from napari's axis labels, in any order.

    None, for the default, where they are numbers, as napari's own default is.
    """
    letters = axes_from_names(names)
    return letters if letters is not None and len(letters) == ndim else None


def empty_labels(shape: tuple[int, ...]) -> NDArray[np.uint32]:
    """Make labels without objects, in memory.

    Raises
    ------
    ImageError
        They would not fit.
    """
    check_fits(
        math.prod(shape) * 4,
        f"labels of shape {shape}",
        "open a zarr array of this shape as Labels layer and choose it as target, or "
        "crop the image",
    )
    return np.zeros(shape, np.uint32)
