"""Build requests from layers and settings. Runs on the main thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from napari_hqsam.segmentation import SegmentOptions
from napari_hqsam.viewer.canvas.prompts.reader import current_prompt, plane_size
from napari_hqsam.viewer.inference.requests.click_scale import scale_of_prompt
from napari_hqsam.viewer.inference.requests.image_snapshot import image_spec
from napari_hqsam.viewer.inference.requests.request import ImageSpec, ModelSpec, Request
from napari_hqsam.viewer.planes import layer_shape

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_hqsam.prompts import Prompt
    from napari_hqsam.viewer.canvas.scene import Scene
    from napari_hqsam.viewer.planes import PlaneView
    from napari_hqsam.viewer.state import Settings


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
            scene.points, scene.shapes, layer_view, scene.prompts.unclassified
        )
        if found is None:
            return None
        found.check_on(plane_size(scene.image, view))
        return view, found

    def request(
        self, view: PlaneView, prompt: Prompt, what: Literal["mask", "all"] = "mask"
    ) -> Request:
        """Snapshot of all that an answer depends on."""
        scene, s = self.scene, self.settings
        assert scene.image is not None  # there is a view of it
        scale = scale_of_prompt(scene, view, prompt, self.accepted_sizes(view))
        return Request(
            self.image_spec(view),
            ModelSpec(s.model, s.device),
            view.index(layer_shape(scene.image)),
            prompt,
            SegmentOptions(output=s.output, clean=s.clean, **scale),
            what=what,
        )

    def image_spec(self, view: PlaneView) -> ImageSpec:
        """Return a snapshot of the image and its normalisation."""
        return image_spec(self.scene, view)
