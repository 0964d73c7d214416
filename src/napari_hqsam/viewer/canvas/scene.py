"""The image that is worked on, and the layers of prompts and outline beside it.

Watches the viewer: layers may be renamed, moved, removed or get other data at any time.
Emits signals of what happened, and decides nothing.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_hqsam.errors import ImageError
from napari_hqsam.viewer.canvas.channels import channels_of
from napari_hqsam.viewer.canvas.connections import Connections
from napari_hqsam.viewer.canvas.mouse.image_clicks import ImageClicks
from napari_hqsam.viewer.canvas.mouse.tool_control import ToolControl
from napari_hqsam.viewer.canvas.own_layers import OwnLayers
from napari_hqsam.viewer.canvas.pixel_changes import PixelChanges
from napari_hqsam.viewer.canvas.proposal_layer import is_proposals
from napari_hqsam.viewer.canvas.viewport import Viewport, camera
from napari_hqsam.viewer.planes import layer_shape, shown_plane
from napari_hqsam.viewer.tools import CLICK, NO_TOOL, tool_named
from napari_hqsam.viewer.world import to_data, to_world

if TYPE_CHECKING:
    from napari.layers import Image, Layer, Points, Shapes
    from napari.viewer import Viewer

    from napari_hqsam.prompts import Prompt
    from napari_hqsam.viewer.planes import PlaneView
    from napari_hqsam.viewer.state import Settings

_keys = count()


class Scene:
    """Image and own layers in one viewer.

    Parameters
    ----------
    viewer : Viewer
    settings : Settings
    """

    image_leaving = Signal()
    """The image is about to be another one, or none."""
    image_changed = Signal()
    """Another image, or none."""
    data_changed = Signal()
    """The image, or a further channel, has other data or contrast limits."""
    plane_changed = Signal()
    layers_changed = Signal()
    """The list of layers, or a name in it."""
    tool_changed = Signal()
    """The mouse may be another tool now, see `active_tool`."""
    zoomed = Signal()
    proposals_removed = Signal()
    """The user has removed the layer of proposals."""

    def __init__(self, viewer: Viewer, settings: Settings) -> None:
        self.viewer = viewer
        self.settings = settings
        self.image: Image | None = None
        self.channels: tuple[Image, ...] = ()
        """The image, and the layers that are further channels of it."""
        self.layers = OwnLayers(viewer, settings)
        self.prompts = self.layers.prompts
        self.prompts.mode_changed.connect(self.tool_changed.emit)
        self.viewport = Viewport(viewer)
        self._tools = ToolControl(viewer, self.layers, settings)
        self.key = next(_keys)
        self._clicks = ImageClicks(
            lambda: self.active_tool() == CLICK.name, self._on_click
        )
        self._pixels = PixelChanges(viewer.layers, settings)
        self._pixels.replaced.connect(self._on_replaced)
        self._pixels.changed.connect(self.data_changed.emit)
        self._of_viewer = Connections()
        self._of_image = Connections()
        layers, dims = viewer.layers, viewer.dims
        events = layers.events
        self._of_viewer.add(events.removed, self._on_removed)
        for emitter in (events.inserted, events.renamed, events.reordered):
            self._of_viewer.forward(emitter, self.layers_changed)
        for emitter in (
            dims.events.current_step,
            dims.events.order,
            dims.events.ndisplay,
        ):
            self._of_viewer.forward(emitter, self.plane_changed)
        self._of_viewer.forward(layers.selection.events.active, self.tool_changed)
        self._of_viewer.add(camera(viewer).events.zoom, self._on_zoom)
        if hasattr(dims, "units"):  # of the world, since napari 0.9
            self._of_viewer.add(dims.events.units, self._on_moved)

    # --- the image -----------------------------------------------------------

    @property
    def channel_axis(self) -> int | None:
        """Data axis of the image that holds channels; None: there is none.

        What is prompted belongs to all channels, and stays in view whatever channel
        is shown: own layers do without the axis, see `PlaneView.in_layers`.
        """
        axis, image = self.settings.channel_axis, self.image
        if axis is None or (image is not None and (image.rgb or axis >= image.ndim)):
            return None
        return axis

    def use(self, image: Image | None) -> None:
        """Work on another image, or on none; own layers of the last one go."""
        if image == self.image:
            return
        if self.image is not None:
            self.image_leaving.emit()
        self._of_image.close()
        self._clicks.listen_to(())
        self.layers.remove()
        self.image, self.channels = image, ()
        self._pixels.watch(image)
        self.key = next(_keys)
        if image is not None:
            self.channels = tuple(channels_of(image, self.viewer.layers))
            self._clicks.listen_to(self.channels)
            for name in ("scale", "translate", "rotate", "shear", "affine", "units"):
                self._of_image.add(getattr(image.events, name), self._on_moved)
            for layer in self.channels:
                self._of_image.forward(layer.events.mode, self.tool_changed)
                self._of_image.forward(layer.events.visible, self.tool_changed)
        self.image_changed.emit()

    def view(self) -> PlaneView:
        """Return the plane of the image that is shown.

        Raises
        ------
        ImageError
            There is no image, or no plane of it is shown.
        """
        if self.image is None:
            raise ImageError(
                "there is no image; open one (File > Open Sample > HQ-SAM)"
            )
        view = shown_plane(self.viewer.dims, self.image)
        if self.channel_axis in view.axes:
            raise ImageError(
                f"axis {self.channel_axis} of {self.image.name} holds channels; roll "
                "the axes (Ctrl+E) until others are shown"
            )
        return replace(view, channel_axis=self.channel_axis)

    def go_to(self, view: PlaneView) -> None:
        """Show a plane of the image, in the orientation that is shown."""
        assert self.image is not None
        dims = self.viewer.dims
        world = to_world(self.image, view.position, dims)
        lead = dims.ndim - self.image.ndim
        axes = [axis for axis in view.others if axis != self.channel_axis]
        if axes:
            dims.set_point([axis + lead for axis in axes], [world[a] for a in axes])

    def cursor(self) -> tuple[PlaneView, tuple[float, float]] | None:
        """Return plane and position under the cursor; None beside the image."""
        try:
            view = self.view()
        except ImageError:
            return None
        assert self.image is not None
        viewer = self.viewer
        data = to_data(self.image, viewer.cursor.position, viewer.dims)
        y, x = view.to_plane(data)[0]
        shape = layer_shape(self.image)
        h, w = shape[view.axes[0]], shape[view.axes[1]]
        inside = -0.5 <= y <= h - 0.5 and -0.5 <= x <= w - 0.5
        return (view, (float(y), float(x))) if inside else None

    # --- own layers ------------------------------------------------------------

    @property
    def outline(self) -> Shapes | None:
        """The layer of the outline, if there is one."""
        return self.layers.outline

    @property
    def points(self) -> Points | None:
        """The layer of clicks, if there is one."""
        return self.prompts.points

    @property
    def shapes(self) -> Shapes | None:
        """The layer of boxes, outlines and scribbles, if there is one."""
        return self.prompts.shapes

    def is_own_layer(self, layer: Layer) -> bool:
        """Whether a layer is one of those for prompts, the outline or proposals."""
        return layer in self.layers

    def ensure_layers(self) -> tuple[Points, Shapes, Shapes]:
        """Return points, shapes and outline layer, made where they are missing.

        Raises
        ------
        ImageError
            There is no image.
        """
        if self.image is None:
            self.view()
        assert self.image is not None
        complete = self.layers.complete
        made = self.layers.make(self.image, self.channel_axis)
        if not complete:
            self.layers.fit(self.image, camera(self.viewer).zoom)
            self.layers_changed.emit()  # `is_own_layer` knows them only now
        return made

    def put_prompt(self, prompt: Prompt, layer_view: PlaneView) -> None:
        """Add the points and shapes of a prompt to a plane of the own layers."""
        self.ensure_layers()
        self.prompts.put(prompt, layer_view)

    # --- tools -----------------------------------------------------------------

    def use_tool(self, name: str) -> None:
        """Activate a tool: its layer, and the mode of that layer.

        Raises
        ------
        ImageError
            There is no image.
        PromptError
            There is no such tool.
        """
        if name == NO_TOOL:
            return
        tool = tool_named(name)
        self.ensure_layers()
        if self.image is not None and not self.is_visible():
            self.image.visible = True
        self._tools.use(tool)

    def active_tool(self) -> str:
        """Return the name of the tool that the mouse is, by napari's layer and mode."""
        return self._tools.active(self.channels) if self.is_visible() else NO_TOOL

    def is_visible(self) -> bool:
        """Whether the image is shown, or one of its channels."""
        return any(layer.visible for layer in self.channels)

    def prompts_on_plane(self) -> list[tuple[Layer, int]]:
        """Return layer and number of each prompt on the plane shown."""
        try:
            return self.prompts.on(self.view().in_layers)
        except ImageError:
            return []

    def close(self) -> None:
        """Leave the viewer as it was, but for the target."""
        for watched in (self._of_viewer, self._of_image, self._pixels):
            watched.close()
        self._clicks.listen_to(())
        self.layers.remove()
        self.image = None

    # --- what happens ------------------------------------------------------------

    def _on_removed(self, event: Any) -> None:  # noqa: ANN401
        layer = event.value
        if layer == self.image:
            self.use(None)
        elif layer in self.channels:
            self.channels = tuple(c for c in self.channels if c != layer)
        was_outline = self.outline is not None and layer == self.outline
        if self.layers.forget(layer):
            self.tool_changed.emit()
            if is_proposals(layer):
                self.proposals_removed.emit()
            elif not was_outline:
                self.prompts.changed.emit()
        self.layers_changed.emit()

    def _on_moved(self, event: Any) -> None:  # noqa: ANN401
        if self.image is not None:
            self.layers.move_onto(self.image, self.channel_axis)

    def _on_click(self, position: Any, modifiers: Any) -> None:  # noqa: ANN401
        """Prompt by a click on the image while it is the active layer itself."""
        self.ensure_layers()
        self.prompts.add_click(position, modifiers)

    def _on_replaced(self) -> None:
        self.key = next(_keys)

    def _on_zoom(self, event: Any) -> None:  # noqa: ANN401
        if self.image is not None:
            self.layers.fit(self.image, camera(self.viewer).zoom)
        self.zoomed.emit()
