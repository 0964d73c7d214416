"""Files of microscopes (CZI, ND2, LIF, ...) through bioio, where it is installed.

bioio reads each format with a plugin of its own. Axes, pixel sizes in micrometers and
the interval between frames are taken from there; pixels are read lazily.
"""

from __future__ import annotations

import importlib
import warnings
from typing import TYPE_CHECKING, Any

from napari_hqsam.errors import HqsamWarning, ImageError, reason
from napari_hqsam.geometry import Space
from napari_hqsam.geometry.axes import axes_from_names
from napari_hqsam.images.source import Source

if TYPE_CHECKING:
    from pathlib import Path

PLUGINS = {
    ".czi": "bioio-czi",
    ".nd2": "bioio-nd2",
    ".lif": "bioio-lif",
    ".dv": "bioio-dv",
    ".r3d": "bioio-dv",
    ".sldy": "bioio-sldy",
    ".ims": "bioio-bioformats",
    ".oib": "bioio-bioformats",
    ".oif": "bioio-bioformats",
    ".oir": "bioio-bioformats",
    ".vsi": "bioio-bioformats",
    ".zvi": "bioio-bioformats",
}
"""Which plugin of bioio reads a file, by its suffix."""


def open_microscope(path: Path, key: str | None = None) -> Source:
    """Open one scene of a microscope's file.

    Parameters
    ----------
    path : pathlib.Path
        With a suffix of `PLUGINS`.
    key : str, optional
        Name or number of a scene; the first by default.

    Returns
    -------
    Source
        Lazily read, with the axes of the file.

    Raises
    ------
    ImageError
        The plugin is not installed, the file cannot be read, or has no such scene.

    Warns
    -----
    HqsamWarning
        There are several scenes, of which the first is read.
    """
    plugin = PLUGINS[path.suffix.lower()]
    try:
        bioio: Any = importlib.import_module("bioio")
        module: Any = importlib.import_module(plugin.replace("-", "_"))
    except ImportError as error:
        raise ImageError(
            f"{path} is read by {plugin}, which is not installed: "
            f"pip install bioio {plugin}"
        ) from error
    try:
        image = bioio.BioImage(str(path), reader=module.Reader)
        _choose_scene(image, key, path)
        array = image.reader.xarray_dask_data
        axes = axes_from_names(array.dims)
        return Source(array.data, path.name, axes, space=_space(image, axes))
    except (ImageError, HqsamWarning, MemoryError):
        raise
    except Exception as error:  # each plugin has its own
        raise ImageError(
            f"{path} cannot be read by {plugin} ({reason(error)}); it may be damaged"
        ) from error


def _choose_scene(image: Any, key: str | None, path: Path) -> None:  # noqa: ANN401
    scenes = [str(name) for name in image.scenes]
    if key is None:
        if len(scenes) > 1:
            warnings.warn(
                HqsamWarning(
                    f"{path.name} holds {len(scenes)} scenes, of which {scenes[0]} is "
                    f"read: pass key for another, 0 to {len(scenes) - 1}",
                    parameter="key",
                ),
                stacklevel=6,
            )
        return
    if key in scenes:
        image.set_scene(key)
    elif key.isdecimal() and int(key) < len(scenes):
        image.set_scene(int(key))
    else:
        listed = ", ".join(scenes[:8])
        raise ImageError(f"{path} has no scene {key!r}; its scenes are {listed}")


def _space(image: Any, axes: str | None) -> Space | None:  # noqa: ANN401
    """Return the space of a scene: micrometers and seconds where they are known."""
    if axes is None:
        return None
    sizes = image.physical_pixel_sizes
    found = {"z": sizes.Z, "y": sizes.Y, "x": sizes.X}
    units: dict[str, str] = dict.fromkeys(found, "micrometer")
    interval = getattr(image, "time_interval", None)
    if interval is not None:
        seconds = getattr(interval, "total_seconds", None)
        found["t"] = seconds() if callable(seconds) else interval
        units["t"] = "second"
    known = {a: abs(float(size)) for a, size in found.items() if size}
    return Space.of(
        axes,
        scale=[known.get(a, 1.0) for a in axes],
        units=[units[a] if a in known else None for a in axes],
    )
