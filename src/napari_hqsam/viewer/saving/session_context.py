"""The context of a session: the image's file, the settings, the plane shown.

The journal keeps it with each step, so that a restored session looks as it was left.
See `EditLog.current_context`.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.errors import HqsamError
from napari_hqsam.files import names_other_computer
from napari_hqsam.viewer.planes import layer_shape, without_axis
from napari_hqsam.viewer.world import to_world

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari.layers import Image, Layer
    from napari.viewer import Viewer

    from napari_hqsam.viewer.canvas.scene import Scene
    from napari_hqsam.viewer.files.unsaved_sessions import Unsaved
    from napari_hqsam.viewer.state import Settings

_CHOICES = (
    "channel_axis",
    "channels",
    "more_layers",
    "stretch",
    "output",
    "scale",
    "clean",
    "fill",
    "smooth",
    "overlap",
)


def current_context(scene: Scene, settings: Settings) -> dict[str, Any]:
    """Return the context of the session as plain values, for the journal."""
    values = {name: getattr(settings, name) for name in _CHOICES}
    chosen: dict[str, Any] = {
        k: list(v) if isinstance(v, tuple) else v for k, v in values.items()
    }
    context: dict[str, Any] = {"settings": chosen | {"model": settings.model}}
    image = scene.image
    if image is None:
        return context
    context |= {"layer": image.name, "source": _source(image)}
    if settings.stretch == "contrast limits" and not image.rgb:
        context["limits"] = [float(v) for v in image.contrast_limits]
    with suppress(HqsamError):
        view = scene.view()
        context["plane"] = {"axes": list(view.axes), "position": list(view.position)}
    return context


def _source(image: Layer) -> dict[str, Any]:
    """Return the source of a layer, to open it again."""
    source = image.source
    if source.sample is not None:
        return {"sample": list(source.sample)}
    if source.path is None:
        return {}
    path = str(source.path)
    if "://" not in path:
        path = str(Path(path).absolute())
    return {"path": path, "reader": source.reader_plugin}


def apply_choices(session: Unsaved, scene: Scene, settings: Settings) -> list[str]:
    """Set the settings to those of a session; its image must be in use.

    A file with a model is chosen only for a session of the user's own.

    Returns
    -------
    list of str
        Messages of what is not available.
    """
    context, missing = session.context, []
    chosen = dict(context.get("settings", {}))
    for name in _CHOICES:
        if name in chosen:
            value = chosen[name]
            with suppress(ValueError, TypeError):  # of another version
                setattr(
                    settings, name, tuple(value) if isinstance(value, list) else value
                )
    gone = [n for n in settings.more_layers if n not in scene.viewer.layers]
    if gone:
        missing.append(f"open the channel {', '.join(gone)} as well")
    model = chosen.get("model", settings.model)
    here, is_name = _is_here(model, is_own=session.is_own)
    if here and (is_name or session.is_own):
        settings.model = model
    elif here:
        missing.append(f"it names the model file {model}: choose it if you trust it")
    else:
        missing.append(f"it was made with the model {model}, which is not here")
    limits = context.get("limits")
    if limits and scene.image is not None:
        scene.image.contrast_limits = limits
    return missing


def _is_here(model: str, *, is_own: bool) -> tuple[bool, bool]:
    """Whether a model is available, and whether by a registered name."""
    from napari_hqsam.models import is_cached

    try:
        return is_cached(model), True
    except HqsamError:
        return _may_be_there(model, is_own=is_own) and os.path.isfile(model), False


def _may_be_there(path: str, *, is_own: bool) -> bool:
    """Whether a path may be read: on another computer only one of the user's own."""
    return is_own or not names_other_computer(path)


def show_plane(context: Mapping[str, Any], viewer: Viewer, image: Image) -> None:
    """Show the plane that was shown last."""
    plane, dims = context.get("plane"), viewer.dims
    if not plane or len(plane["position"]) != image.ndim:
        return
    axes, position = plane["axes"], np.asarray(plane["position"], float)
    lead = dims.ndim - image.ndim
    shown = tuple(lead + axis for axis in axes)
    if dims.ndisplay == 2 and tuple(sorted(dims.displayed)) != shown:
        dims.order = (*(i for i in range(dims.ndim) if i not in shown), *shown)
    world = to_world(image, position, dims)
    for axis, value in enumerate(world, lead):
        if axis not in shown:
            dims.set_point(axis, float(value))


def find_image(viewer: Viewer, session: Unsaved) -> Image | None:
    """Return the layer that a session was made on, if it is open."""
    from napari.layers import Image

    fitting = [
        layer
        for layer in reversed(viewer.layers)
        if isinstance(layer, Image) and _fits(layer, session)
    ]
    # A split image has several layers of one file.
    named = [layer for layer in fitting if layer.name == session.context.get("layer")]
    return next(iter([*named, *fitting]), None)


def _fits(image: Image, session: Unsaved) -> bool:
    """Whether a session was made on an image, by shape, source and name."""
    choices = session.context.get("settings", {})
    axis = choices.get("channel_axis")
    if without_axis(layer_shape(image), axis) != session.shape:
        return False
    there, here = session.context.get("source", {}), _source(image)
    if there and there == here:
        return True
    path = there.get("path", "")
    if path:
        may_be = bool(here) and _may_be_there(path, is_own=session.is_own)
        other = may_be and Path(path).exists()
    else:
        other = "sample" in here
    return image.name == session.image and not other


def open_image_of(viewer: Viewer, session: Unsaved) -> Image | None:
    """Open the image that a session was made on; None if it is not known or gone."""
    source = session.context.get("source", {})
    if "sample" in source:
        viewer.open_sample(*source["sample"])
    elif source.get("path") and (
        "://" in source["path"]
        or Path(source["path"]).is_file()  # but no pipe: to open it waits forever
        or Path(source["path"]).is_dir()
    ):
        viewer.open(source["path"], plugin=source.get("reader"))
    else:
        return None
    return find_image(viewer, session)


def what_to_open(session: Unsaved) -> str:
    """Return a message of which image a session needs."""
    path = session.context.get("source", {}).get("path")
    where = f" ({path} is not there any more)" if path else ""
    return (
        f"Open the image {session.image} of {session.size} pixels first{where}, "
        "then press Restore again"
    )
