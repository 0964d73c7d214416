"""Build requests from layers and settings. Runs on the main thread."""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_hqsam.segmentation import SegmentOptions
from napari_hqsam.viewer.canvas.prompts.reader import current_prompt, plane_size
from napari_hqsam.viewer.inference.requests import ImageSpec, ModelSpec, Request
from napari_hqsam.viewer.planes import layer_shape

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari.layers import Image

    from napari_hqsam.prompts import Prompt
    from napari_hqsam.viewer.canvas.scene import Scene
    from napari_hqsam.viewer.planes import PlaneView
    from napari_hqsam.viewer.state import Settings

TYPICAL_OF = 21
"""How many of the last accepted objects give the typical size (their median)."""


class RequestBuilder:
    """Builds requests from the image, the prompts and the settings.

    Parameters
    ----------
    scene : Scene
    settings : Settings
    """

    def __init__(self, scene: Scene, settings: Settings) -> None:
        self.scene, self.settings = scene, settings
        self.accepted_sizes: Callable[[PlaneView], Sequence[int]] = lambda _: ()
        """Returns the longer sides of the last objects accepted on such planes."""

    def prompt(self) -> tuple[PlaneView, Prompt] | None:
        """Return the plane shown and the prompt on it; None if there is none.

        Raises
        ------
        HqsamError
            No plane is shown, or its prompts are not valid.
        """
        scene = self.scene
        if scene.image is None or scene.points is None or scene.shapes is None:
            return None
        view = scene.view()
        layer_view = view.in_layers
        found = current_prompt(
            scene.points, scene.shapes, layer_view, scene.prompts.unsorted
        )
        if found is None:
            return None
        found.check_on(plane_size(scene.image, view))
        return view, found

    def request(
        self, view: PlaneView, prompt: Prompt, what: Literal["mask", "all"] = "mask"
    ) -> Request:
        """Snapshot of all that an answer depends on."""
        s, image = self.settings, self._image()
        level, size = self._level(view, prompt), self._typical_size(view)
        seen = self._view_extent(view) if level == "auto" and size is None else None
        return Request(
            self.image_spec(view),
            ModelSpec(s.model, s.device),
            view.index(layer_shape(image)),
            prompt,
            SegmentOptions(
                level=level,
                output=s.output,
                clean=s.clean,
                typical_size=size,
                view_extent=seen,
            ),
            what=what,
        )

    def image_spec(self, view: PlaneView) -> ImageSpec:
        """Return a snapshot of the image and its normalisation."""
        image = self._image()
        axes = view.letters() + ("c" if image.rgb else "")
        more = self._more_layers()
        arrays = tuple(
            layer.data[0] if layer.multiscale else layer.data for layer in more
        )
        return ImageSpec(
            list(image.data) if image.multiscale else image.data,
            axes,
            self.settings.channels if "c" in axes else (),
            self._normalization(image, more, axes),
            (self.scene.key, tuple(id(array) for array in arrays)),
            image.name,
            arrays,
        )

    def _image(self) -> Image:
        image = self.scene.image
        assert image is not None  # there is a view of it
        return image

    def _more_layers(self) -> list[Image]:
        """Return the further layers that are channels, if they still exist."""
        layers = self.scene.viewer.layers
        return [layers[name] for name in self.settings.more_layers if name in layers]

    def _normalization(
        self, image: Image, more: list[Image], axes: str
    ) -> str | tuple[tuple[float, float], ...]:
        if image.rgb:
            return "none" if image.dtype == np.uint8 else "percentile"
        if self.settings.stretch == "percentile":
            return "percentile"
        limits = [layer.contrast_limits for layer in (image, *more)]
        if "c" in axes:
            distinct = len(dict.fromkeys(self.settings.channels))
            limits *= distinct or min(layer_shape(image)[axes.index("c")], 3)
        return tuple((float(low), float(high)) for low, high in limits)

    def _level(self, view: PlaneView, prompt: Prompt) -> Literal["auto", "whole"] | int:
        """Return the level; of boxes and masks, their size gives it."""
        scale = self.settings.scale
        if scale == "whole":
            return "whole"
        if scale == "view" and prompt.box is None and prompt.mask is None:
            return round(
                -math.log2(self.scene.viewport.pixel_size(self.scene.image, view))
            )
        return "auto"

    def _typical_size(self, view: PlaneView) -> float | None:
        """Return the median longer side of the last accepted objects, plane pixels."""
        sizes = self.accepted_sizes(view)
        return float(median(sizes)) if sizes else None

    def _view_extent(self, view: PlaneView) -> float:
        """Return the longer side of what the canvas shows, whole plane pixels."""
        return float(max(round(self.scene.viewport.extent(self.scene.image, view)), 1))
