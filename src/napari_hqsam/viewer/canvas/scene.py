"""The image that is worked on and the widget's own layers beside it.

Watches the viewer: layers may be renamed, moved, removed or get other data at
any time. Says what happened by signals, and decides nothing.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from napari_hqsam.errors import ImageError
from napari_hqsam.masks.outlines import outlines
from napari_hqsam.viewer.canvas import outline, placing, prompt_layers
from napari_hqsam.viewer.canvas.channels import channels_of
from napari_hqsam.viewer.canvas.connections import Connections
from napari_hqsam.viewer.canvas.placing import Placing
from napari_hqsam.viewer.planes import layer_shape, shown_plane
from napari_hqsam.viewer.tools import CLICK, EDIT, NO_TOOL, TOOLS, tool_named

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari.components import Camera
    from napari.layers import Image, Layer, Points, Shapes
    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from napari_hqsam.prompts import Prompt
    from napari_hqsam.viewer.planes import PlaneView
    from napari_hqsam.viewer.state import Settings
    from napari_hqsam.viewer.tools.tool import LayerName

_keys = count()
_CANVAS = 600, 800
"""Height and width of the canvas, screen pixels, where napari does not tell."""
_CLICK = 5
"""Screen pixels that a click may slip, as in napari's own tools."""


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
    """The image has other data, contrast limits or channels."""
    plane_changed = Signal()
    prompts_changed = Signal()
    point_added = Signal(tuple)
    """Position of a positive point, clicked without a modifier key."""
    layers_changed = Signal()
    """The list of layers, or a name in it."""
    hand_changed = Signal()
    """What the mouse does may be another thing now: see `tool_in_hand`."""
    zoomed = Signal()

    def __init__(self, viewer: Viewer, settings: Settings) -> None:
        self.viewer = viewer
        self.settings = settings
        self.image: Image | None = None
        self.channels: tuple[Image, ...] = ()
        """The image, and the layers that are further channels of it."""
        self.points: Points | None = None
        self.shapes: Shapes | None = None
        self.outline: Shapes | None = None
        self.key = next(_keys)
        self.held: dict[tuple[float, ...], None] = {}
        """Positions of points that wait to be sorted: no prompts yet, in order."""
        self._quiet = self._plain = False
        self._of_viewer = Connections()
        self._of_image = Connections()
        self._of_prompts = Connections()
        events = viewer.layers.events
        self._of_viewer.add(events.inserted, self._on_inserted)
        self._of_viewer.add(events.removed, self._on_removed)
        self._of_viewer.add(events.renamed, self._on_listed)
        self._of_viewer.add(events.reordered, self._on_listed)
        self._of_viewer.add(viewer.layers.selection.events.active, self._on_hand)
        for emitter in (
            viewer.dims.events.current_step,
            viewer.dims.events.order,
            viewer.dims.events.ndisplay,
        ):
            self._of_viewer.add(emitter, self._on_dims)
        self._of_viewer.add(camera(viewer).events.zoom, self._on_zoom)

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
        self._listen_to_clicks(())
        self.remove_layers()
        self.image = image
        self.key = next(_keys)
        if image is not None:
            self._listen_to_clicks(channels_of(image, self.viewer.layers))
            for emitter in (image.events.data, image.events.contrast_limits):
                self._of_image.add(emitter, self._on_data)
            for name in ("scale", "translate", "rotate", "shear", "affine", "units"):
                self._of_image.add(getattr(image.events, name), self._on_moved)
            for layer in self.channels:
                self._of_image.add(layer.events.mode, self._on_hand)
                self._of_image.add(layer.events.visible, self._on_hand)
        self.image_changed.emit()

    def _listen_to_clicks(self, channels: Sequence[Image]) -> None:
        """Let clicks prompt also while the image is the active layer."""
        for layer in self.channels:
            if self._on_image_press in layer.mouse_drag_callbacks:
                layer.mouse_drag_callbacks.remove(self._on_image_press)
        self.channels = tuple(channels)
        for layer in self.channels:
            layer.mouse_drag_callbacks.append(self._on_image_press)

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
        world = np.asarray(self.image.data_to_world(np.array(view.position, float)))
        lead = dims.ndim - self.image.ndim
        axes = [axis for axis in view.others if axis != self.channel_axis]
        if axes:
            dims.set_point([axis + lead for axis in axes], [world[a] for a in axes])

    def letters(self, view: PlaneView) -> str:
        """Axes letters of the image's data, as `open_image` wants them."""
        assert self.image is not None
        return view.letters() + ("c" if self.image.rgb else "")

    def pixel_size(self, view: PlaneView) -> float:
        """Screen pixels per data pixel."""
        assert self.image is not None
        linear = Placing.of(self.image).linear
        sides = [float(np.linalg.norm(linear[:, axis])) for axis in view.axes]
        return max(float(camera(self.viewer).zoom) * sum(sides) / 2, 1e-9)

    def middle(self, view: PlaneView) -> NDArray[np.float64]:
        """Return what is in the middle of the canvas, (ndim,) data coordinates."""
        assert self.image is not None
        world = np.array(self.viewer.dims.point, float)
        shown = list(self.viewer.dims.displayed)
        world[shown] = camera(self.viewer).center[-len(shown) :]
        return np.asarray(self.image.world_to_data(world))[-view.ndim :]

    def extent_in_view(self, view: PlaneView) -> float:
        """Longer side of the canvas, data pixels."""
        canvas = getattr(self.viewer, "canvas", None)
        size = getattr(canvas, "size", _CANVAS)
        return max(size) / self.pixel_size(view)

    def part_in_view(
        self, view: PlaneView, size: tuple[int, int]
    ) -> tuple[int, int, int, int]:
        """Return the box (y0, x0, y1, x1) of a plane that the canvas shows."""
        y, x = view.to_plane(self.middle(view))[0]
        reach = self.extent_in_view(view) / 2
        y0, x0 = (
            int(np.clip(v - reach, 0, n - 1)) for v, n in zip((y, x), size, strict=True)
        )
        y1, x1 = (
            int(np.clip(v + reach, 1, n)) for v, n in zip((y, x), size, strict=True)
        )
        return y0, x0, max(y1, y0 + 1), max(x1, x0 + 1)

    def cursor(self) -> tuple[PlaneView, tuple[float, float]] | None:
        """Return plane and position under the cursor; None beside the image."""
        try:
            view = self.view()
        except ImageError:
            return None
        assert self.image is not None
        data = np.asarray(self.image.world_to_data(self.viewer.cursor.position))
        y, x = view.to_plane(data[-view.ndim :])[0]
        shape = layer_shape(self.image)
        h, w = shape[view.axes[0]], shape[view.axes[1]]
        inside = -0.5 <= y <= h - 0.5 and -0.5 <= x <= w - 0.5
        return (view, (float(y), float(x))) if inside else None

    # --- own layers ------------------------------------------------------------

    def own(self, layer: Layer) -> bool:
        """Whether a layer is one of those for prompts or the outline."""
        return any(layer == own for own in (self.points, self.shapes, self.outline))

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
        if self.points is None or self.shapes is None or self.outline is None:
            active = self.viewer.layers.selection.active
            own = self.viewer, self.image, self.channel_axis
            self.outline = self.outline or outline.add_outline(*own)
            self.shapes = self.shapes or prompt_layers.add_shapes(*own)
            self.points = self.points or prompt_layers.add_points(*own)
            self._of_prompts.close()
            for layer in (self.points, self.shapes):
                self._of_prompts.add(layer.events.data, self._on_prompts)
                self._of_prompts.add(layer.events.mode, self._on_hand)
                self._of_prompts.add(layer.events.visible, self._on_hand)
                if self._on_press not in layer.mouse_drag_callbacks:
                    layer.mouse_drag_callbacks.append(self._on_press)
            self.viewer.layers.selection.active = active
            self._fit_prompts()
        return self.points, self.shapes, self.outline

    def remove_layers(self) -> None:
        """Take the own layers out of the viewer."""
        self._of_prompts.close()
        own = [
            layer
            for layer in (self.points, self.shapes, self.outline)
            if layer is not None and layer in self.viewer.layers
        ]
        self.points = self.shapes = self.outline = None
        if not own:
            return
        # In one go where napari can (0.9): it collects garbage after each.
        together = getattr(self.viewer.layers, "batched_update", nullcontext)
        with together():
            for layer in own:
                self.viewer.layers.remove(layer)

    def use_tool(self, name: str) -> None:
        """Make the mouse do what a tool says, on the layer that it needs.

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
        points, shapes, _ = self.ensure_layers()
        own: dict[str, Points | Shapes] = {"points": points, "shapes": shapes}
        counts = {key: len(layer.data) for key, layer in own.items()}
        layer = own[tool.choose_layer(self._active_layer(), counts)]
        layer.visible = True
        if self.image is not None and not self.is_visible():
            self.image.visible = True
        self.viewer.layers.selection.active = layer
        layer.mode = tool.mode
        self.set_sign(negative=self.settings.negative)

    def tool_in_hand(self) -> str:
        """Return the name of the tool that the mouse is now, whoever made it so.

        While the image itself is active, clicks still prompt if the point tool was
        in the hand before: so the image's contrast can be set in between.
        """
        active = self.viewer.layers.selection.active
        if active is None or not active.visible or not self.is_visible():
            return NO_TOOL
        if any(active == layer for layer in self.channels):
            pans = str(active.mode) == "pan_zoom"
            clicks = pans and self.settings.tool == CLICK.name
            return CLICK.name if clicks else NO_TOOL
        name = self._active_layer()
        if name is None:
            return NO_TOOL
        mode = str(active.mode)
        found = (tool.name for tool in TOOLS.values() if tool.is_active(name, mode))
        return next(found, NO_TOOL)

    def _active_layer(self) -> LayerName | None:
        """Return which of the layers for prompts is active."""
        active = self.viewer.layers.selection.active
        if active is not None and active == self.points:
            return "points"
        return "shapes" if active is not None and active == self.shapes else None

    def is_visible(self) -> bool:
        """Whether the image is shown, or one of its channels."""
        return any(layer.visible for layer in self.channels)

    def lacks_layers(self) -> bool:
        """Whether there is an image, and not all of the own layers."""
        own = self.points, self.shapes, self.outline
        return self.image is not None and any(layer is None for layer in own)

    def set_sign(self, *, negative: bool) -> None:
        """Say whether what comes next is negative."""
        sign = prompt_layers.NEGATIVE if negative else prompt_layers.POSITIVE
        for layer in (self.points, self.shapes):
            if (
                layer is not None
                and layer.feature_defaults[prompt_layers.SIGN].iloc[0] != sign
            ):
                layer.selected_data = set()  # else the selected ones change as well
                layer.feature_defaults = {prompt_layers.SIGN: sign}

    def deselect_points(self) -> None:
        """Let points show their sign: napari marks those that are selected."""
        self._deselect(self.points)

    def _deselect(self, layer: Points | Shapes | None) -> None:
        """Select nothing in a layer of prompts, but where the user selects."""
        if (
            layer is not None
            and self.settings.tool != EDIT.name
            and layer.selected_data
        ):
            layer.selected_data = set()

    def forget_held(self) -> None:
        """Forget points that waited and are gone."""
        data = [] if self.points is None else np.asarray(self.points.data).tolist()
        there = {tuple(row) for row in data}
        self.held = {row: None for row in self.held if row in there}

    def quietly_remove(
        self, view: PlaneView, keep: tuple[float, ...] | None = None
    ) -> None:
        """Take the prompts off a plane, without a word; one point may stay."""
        for layer in (self.points, self.shapes):
            if layer is None:
                continue
            gone = {i for i, d in enumerate(layer.data) if view.holds(d).all()}
            with_points = layer is self.points
            if with_points:
                stay = {keep, *self.held} if keep is not None else set()
                rows = [tuple(row) for row in np.asarray(layer.data).tolist()]
                gone = {i for i in gone if rows[i] not in stay}
            if gone:
                with self.unheard():
                    layer.selected_data = gone
                    layer.remove_selected()

    def prompts_on_plane(self) -> list[tuple[Layer, int]]:
        """Layer and number of each prompt on the plane shown."""
        try:
            return self.prompts_on(self.view().in_layers)
        except ImageError:
            return []

    def prompts_on(self, own: PlaneView) -> list[tuple[Layer, int]]:
        """Layer and number of each prompt on a plane of the own layers."""
        return [
            (layer, i)
            for layer in (self.shapes, self.points)
            if layer is not None
            for i, data in enumerate(layer.data)
            if own.holds(data).all()
        ]

    def put_prompt(self, prompt: Prompt, own: PlaneView) -> None:
        """Lay a prompt into the own layers again.

        A mask comes back as its outline, which gives the same mask again but
        for pixels cut by it.
        """
        points, shapes, _ = self.ensure_layers()
        with self.unheard():
            if prompt.mask is not None and prompt.foreground is not None:
                corner = prompt.mask_offset or (0, 0)
                lines = outlines(corner, prompt.foreground)
                shapes.add_polygons(own.to_data(max(lines, key=len)[:-1]))
            elif prompt.box is not None:
                y0, x0, y1, x1 = prompt.box
                corners = [(y0, x0), (y0, x1), (y1, x1), (y1, x0)]
                shapes.add_rectangles(own.to_data(corners))
            for point, label in zip(prompt.points, prompt.point_labels, strict=True):
                self.set_sign(negative=not label)
                points.add(own.to_data([point])[0])
            points.selected_data = set()
            self.set_sign(negative=self.settings.negative)

    def unheard(self) -> _Quiet:
        """Context in which changes of prompts are not told."""
        return _Quiet(self)

    def close(self) -> None:
        """Leave the viewer as it was, but for the target."""
        for connections in (self._of_viewer, self._of_image, self._of_prompts):
            connections.close()
        self._listen_to_clicks(())
        self.remove_layers()
        self.image = None

    # --- what happens ------------------------------------------------------------

    def _on_inserted(self, event: Any) -> None:  # noqa: ANN401
        self.layers_changed.emit()

    def _on_listed(self, event: Any) -> None:  # noqa: ANN401
        self.layers_changed.emit()

    def _on_removed(self, event: Any) -> None:  # noqa: ANN401
        layer = event.value
        if layer == self.image:
            self.use(None)
        elif layer in self.channels:
            self.channels = tuple(c for c in self.channels if c != layer)
        for name in ("points", "shapes", "outline"):
            if layer == getattr(self, name):
                setattr(self, name, None)
                self.hand_changed.emit()
                if name != "outline":
                    self.prompts_changed.emit()
        self.layers_changed.emit()

    def _on_data(self, event: Any) -> None:  # noqa: ANN401
        if event.type == "data":
            self.key = next(_keys)
        elif self.settings.stretch != "contrast limits":
            return
        self.data_changed.emit()

    def _on_moved(self, event: Any) -> None:  # noqa: ANN401
        if self.image is None:
            return
        place = placing.placement(self.image, self.channel_axis)
        for layer in (self.points, self.shapes, self.outline):
            if layer is not None:
                for name, value in place.items():
                    setattr(layer, name, value)

    def _on_hand(self, event: Any) -> None:  # noqa: ANN401
        self.hand_changed.emit()

    def _on_image_press(self, image: Image, event: Any) -> Iterator[None]:  # noqa: ANN401
        """Prompt by a click on the image while it is the active layer itself."""
        start = np.array(event.pos, float)
        negative = self.settings.negative != ("Shift" in event.modifiers)
        is_click = event.button == 1 and self.tool_in_hand() == CLICK.name
        yield
        while event.type == "mouse_move":
            yield
        if not is_click or np.linalg.norm(np.array(event.pos) - start) >= _CLICK:
            return
        points, _, _ = self.ensure_layers()
        points.visible = True
        self.set_sign(negative=negative)
        self._plain = not negative and not len(event.modifiers)
        points.add(points.world_to_data(event.position))
        points.selected_data = set()

    def _on_dims(self, event: Any) -> None:  # noqa: ANN401
        self.plane_changed.emit()

    def _on_zoom(self, event: Any) -> None:  # noqa: ANN401
        self._fit_prompts()
        self.zoomed.emit()

    def _fit_prompts(self) -> None:
        """Keep the size of prompts on the screen."""
        if self.image is None or self.points is None or self.shapes is None:
            return
        # Along the last axis: napari scales points so.
        step = float(np.linalg.norm(Placing.of(self.image).linear[:, -1]))
        zoom = max(float(camera(self.viewer).zoom) * step, 1e-9)
        prompt_layers.fit_prompts(self.points, self.shapes, zoom)

    def _on_prompts(self, event: Any) -> None:  # noqa: ANN401
        if str(event.action) in ("added", "changed", "removed"):
            if str(event.action) == "added":
                self._put_on_all_channels()
                self._show_signs()
            if self._quiet:
                return
            if str(event.action) == "added" and event.source is self.shapes:
                self._deselect(self.shapes)  # napari selects what was drawn
            if self._plain and self.points is not None and event.source is self.points:
                self._plain = False
                row = tuple(np.asarray(self.points.data[-1]).tolist())
                self.point_added.emit(row)
                if row in self.held:
                    return
            self.prompts_changed.emit()

    def _put_on_all_channels(self) -> None:
        """Move points to the middle of the one step that they have for all channels.

        napari adds them where the slider is, and shows those near by alone.
        """
        axis, points = self.channel_axis, self.points
        if axis and points is not None and np.asarray(points.data)[:, axis].any():
            points.data[:, axis] = 0
            points.refresh()

    def _show_signs(self) -> None:
        """Give each sign its colour, and points a symbol for the colour-blind.

        Only where they lack it: each change makes napari draw the layer anew.
        """
        points, shapes = self.points, self.shapes
        if points is not None and len(points.data):
            signs = [str(s) for s in points.features[prompt_layers.SIGN]]
            symbols = [prompt_layers.SYMBOLS[s] for s in signs]
            if [str(s) for s in points.symbol] != symbols:
                points.symbol = symbols
            colours = [prompt_layers.COLOURS[s] for s in signs]
            if not outline.are_coloured(points.face_color, colours):
                points.face_color = points.border_color = colours
        if shapes is not None and len(shapes.data):
            signs = [str(s) for s in shapes.features[prompt_layers.SIGN]]
            colours = [prompt_layers.COLOURS[s] for s in signs]
            if not outline.are_coloured(shapes.edge_color, colours):
                shapes.edge_color = colours

    def _on_press(self, layer: Layer, event: Any) -> None:  # noqa: ANN401
        """Shift turns the sign of what is about to be added."""
        negative = self.settings.negative != ("Shift" in event.modifiers)
        self.set_sign(negative=negative)
        self._plain = not negative and not len(event.modifiers)


class _Quiet:
    """See `Scene.unheard`."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def __enter__(self) -> None:
        self._scene._quiet = True

    def __exit__(self, *error: object) -> None:
        self._scene._quiet = False


def camera(viewer: Viewer) -> Camera:
    """Return the camera of a viewer, wherever its version of napari keeps it."""
    found: Camera = getattr(viewer, "scene", viewer).camera
    return found
