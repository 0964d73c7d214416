"""The prompts of the user, in the widget's own points and shapes layers."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from napari_hqsam.masks.outlines import outlines
from napari_hqsam.viewer.canvas.connections import Connections
from napari_hqsam.viewer.canvas.prompts.layers import (
    add_points,
    add_shapes,
    fit_prompts,
)
from napari_hqsam.viewer.canvas.prompts.signs import (
    NEGATIVE,
    POSITIVE,
    SIGN,
    colour_points,
    colour_shapes,
)
from napari_hqsam.viewer.tools import EDIT
from napari_hqsam.viewer.world import to_data

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari.layers import Image, Layer, Points, Shapes
    from napari.viewer import Viewer

    from napari_hqsam.prompts import Prompt
    from napari_hqsam.viewer.planes import PlaneView
    from napari_hqsam.viewer.state import Settings


class PromptSet:
    """Points and shapes that prompt an object, with their signs.

    Parameters
    ----------
    viewer : Viewer
    settings : Settings
    """

    changed = Signal()
    """Prompts were added, moved or removed."""
    point_added = Signal(tuple)
    """Position of a positive point, clicked without a modifier key."""
    mode_changed = Signal()
    """Mode or visibility of a layer."""

    def __init__(self, viewer: Viewer, settings: Settings) -> None:
        self.settings, self._viewer = settings, viewer
        self.points: Points | None = None
        self.shapes: Shapes | None = None
        self.unclassified: dict[tuple[float, ...], None] = {}
        """Positions of points that `ClickClassifier` has yet to sort, in order."""
        self._channel_axis: int | None = None
        self._blocked = self._plain = False
        self._connections = Connections()

    # --- the layers --------------------------------------------------------------

    @property
    def layers(self) -> list[Points | Shapes]:
        """The layers that exist."""
        return [layer for layer in (self.points, self.shapes) if layer is not None]

    def make(self, image: Image, channel_axis: int | None) -> tuple[Points, Shapes]:
        """Return points and shapes layer on an image, made where they are missing."""
        if self.points is None or self.shapes is None:
            layer_view = self._viewer, image, channel_axis
            self._channel_axis = channel_axis
            self.shapes = self.shapes or add_shapes(*layer_view)
            self.points = self.points or add_points(*layer_view)
            self._connections.close()
            for layer in self.layers:
                self._connections.add(layer.events.data, self._on_prompts)
                self._connections.add(layer.events.mode, self._on_mode)
                self._connections.add(layer.events.visible, self._on_mode)
                if self._on_press not in layer.mouse_drag_callbacks:
                    layer.mouse_drag_callbacks.append(self._on_press)
        return self.points, self.shapes

    def take_out(self) -> list[Points | Shapes]:
        """Drop the references to the layers, and return the layers, to be removed."""
        self._connections.close()
        found = self.layers
        self.points = self.shapes = None
        return found

    def forget(self, layer: Layer) -> bool:
        """Drop the reference to a removed layer; False if it is another one."""
        if layer == self.points:
            self.points = None
        elif layer == self.shapes:
            self.shapes = None
        else:
            return False
        return True

    def fit(self, zoom: float) -> None:
        """Keep the size of prompts on the screen at a zoom, screen per data pixels."""
        if self.points is not None and self.shapes is not None:
            fit_prompts(self.points, self.shapes, zoom)

    # --- prompts -----------------------------------------------------------------

    def on(self, layer_view: PlaneView) -> list[tuple[Layer, int]]:
        """Return layer and number of each prompt on a plane of the own layers."""
        return [
            (layer, i)
            for layer in (self.shapes, self.points)
            if layer is not None
            for i, data in enumerate(layer.data)
            if layer_view.holds(data).all()
        ]

    def put(self, prompt: Prompt, layer_view: PlaneView) -> None:
        """Add the points and shapes of a prompt.

        A mask is added as its outline, which gives the same mask again but for pixels
        that the outline cuts.
        """
        points, shapes = self.points, self.shapes
        assert points is not None
        assert shapes is not None
        with self.blocked():
            if prompt.mask is not None and prompt.foreground is not None:
                corner = prompt.mask_offset or (0, 0)
                lines = outlines(corner, prompt.foreground)
                shapes.add_polygons(layer_view.to_data(max(lines, key=len)[:-1]))
            elif prompt.box is not None:
                y0, x0, y1, x1 = prompt.box
                corners = [(y0, x0), (y0, x1), (y1, x1), (y1, x0)]
                shapes.add_rectangles(layer_view.to_data(corners))
            for point, label in zip(prompt.points, prompt.point_labels, strict=True):
                self.set_sign(negative=not label)
                points.add(layer_view.to_data([point])[0])
            points.selected_data = set()
            self.set_sign(negative=self.settings.negative)

    def remove_from(
        self, view: PlaneView, keep: tuple[float, ...] | None = None
    ) -> None:
        """Remove the prompts of a plane without `changed`; one point may be kept."""
        for layer in (self.points, self.shapes):
            if layer is None:
                continue
            gone = {i for i, d in enumerate(layer.data) if view.holds(d).all()}
            with_points = layer is self.points
            if with_points:
                stay = {keep, *self.unclassified} if keep is not None else set()
                rows = [tuple(row) for row in np.asarray(layer.data).tolist()]
                gone = {i for i in gone if rows[i] not in stay}
            if gone:
                with self.blocked():
                    layer.selected_data = gone
                    layer.remove_selected()

    def remove_outside(self, shape: Sequence[int]) -> bool:
        """Remove points outside data of a shape; whether there were any."""
        if self.points is None:
            return False
        data = np.asarray(self.points.data)
        outside = ((data < -0.5) | (data > np.array(shape) - 0.5)).any(1)
        if outside.any():
            with self.blocked():
                self.points.selected_data = set(np.flatnonzero(outside).tolist())
                self.points.remove_selected()
        return bool(outside.any())

    def forget_removed(self) -> None:
        """Forget unclassified points that were removed."""
        data = [] if self.points is None else np.asarray(self.points.data).tolist()
        there = {tuple(row) for row in data}
        self.unclassified = {row: None for row in self.unclassified if row in there}

    def set_sign(self, *, negative: bool) -> None:
        """Set the sign of the prompts to come."""
        sign = NEGATIVE if negative else POSITIVE
        for layer in (self.points, self.shapes):
            if layer is not None and layer.feature_defaults[SIGN].iloc[0] != sign:
                layer.selected_data = set()  # else the selected ones change as well
                layer.feature_defaults = {SIGN: sign}

    def deselect(self) -> None:
        """Select no point: napari's mark of selected ones hides their sign."""
        self._deselect(self.points)

    def _deselect(self, layer: Points | Shapes | None) -> None:
        """Select nothing in a layer of prompts, unless the edit tool is active."""
        if (
            layer is not None
            and self.settings.tool != EDIT.name
            and layer.selected_data
        ):
            layer.selected_data = set()

    @contextmanager
    def blocked(self) -> Iterator[None]:
        """Block the signals `changed` and `point_added` in this context."""
        self._blocked = True
        try:
            yield
        finally:
            self._blocked = False

    def add_click(self, position: Any, modifiers: Any) -> None:  # noqa: ANN401
        """Add the point of a click at a position in the world.

        Parameters
        ----------
        position : sequence of float
        modifiers : collection of str
            Keys that were held; Shift inverts the sign.
        """
        points = self.points
        assert points is not None
        points.visible = True
        self._note_sign(modifiers)
        points.add(to_data(points, position, self._viewer.dims))
        points.selected_data = set()

    # --- what happens ------------------------------------------------------------

    def _on_mode(self, event: Any) -> None:  # noqa: ANN401
        self.mode_changed.emit()

    def _on_press(self, layer: Layer, event: Any) -> None:  # noqa: ANN401
        """Invert the sign of what is about to be added if Shift is held."""
        self._note_sign(event.modifiers)

    def _note_sign(self, modifiers: Any) -> None:  # noqa: ANN401
        negative = self.settings.negative != ("Shift" in modifiers)
        self.set_sign(negative=negative)
        self._plain = not negative and not len(modifiers)

    def _on_prompts(self, event: Any) -> None:  # noqa: ANN401
        if str(event.action) in ("added", "changed", "removed"):
            if str(event.action) == "added":
                self._put_on_all_channels()
                self._show_signs()
            if self._blocked:
                return
            if str(event.action) == "added" and event.source is self.shapes:
                self._deselect(self.shapes)  # napari selects what was drawn
            if self._plain and self.points is not None and event.source is self.points:
                self._plain = False
                row = tuple(np.asarray(self.points.data[-1]).tolist())
                self.point_added.emit(row)
                if row in self.unclassified:
                    return
            self.changed.emit()

    def _put_on_all_channels(self) -> None:
        """Move points to the middle of the one step that they have for all channels.

        napari adds them at the slider's position, and shows only those near it.
        """
        axis, points = self._channel_axis, self.points
        if axis and points is not None and np.asarray(points.data)[:, axis].any():
            points.data[:, axis] = 0
            points.refresh()

    def _show_signs(self) -> None:
        if self.points is not None:
            colour_points(self.points)
        if self.shapes is not None:
            colour_shapes(self.shapes)
