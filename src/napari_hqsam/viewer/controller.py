"""From prompts to the outline: asks the worker, shows what comes back.

Connects the scene (what is in the viewer), the state (what was chosen) and the
worker. Everything here runs on the main thread and is quick.
"""

from __future__ import annotations

import logging
import math
from contextlib import suppress
from functools import partial
from statistics import median_low
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from qtpy.QtCore import QObject, Qt, QTimer
from qtpy.QtCore import Signal as QtSignal  # type: ignore[attr-defined]

from napari_hqsam.errors import HqsamError, HqsamWarning
from napari_hqsam.prompts import Prompt
from napari_hqsam.viewer import layers
from napari_hqsam.viewer.engine import Engine, ImageSpec, ModelSpec, Request
from napari_hqsam.viewer.planes import camera, layer_shape
from napari_hqsam.viewer.prompting import current_prompt
from napari_hqsam.viewer.scene import Scene
from napari_hqsam.viewer.state import OUTPUTS, CurrentObject, Settings
from napari_hqsam.viewer.worker import InferenceWorker, Urgency

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.viewer import Viewer

    from napari_hqsam.segmentation import Mask
    from napari_hqsam.tiling import Tile
    from napari_hqsam.viewer.engine import Answer
    from napari_hqsam.viewer.planes import PlaneView
    from napari_hqsam.viewer.worker import Ticket

REST_MS = 120
"""How long the cursor rests before the object under it is outlined."""
TYPICAL_OF = 21
"""Objects accepted last whose level is taken for typical."""
IDLE_MS = 1200
"""How long nothing happens before tiles are encoded ahead."""
logger = logging.getLogger(__name__)


class MainThread(QObject):
    """Runs functions on the thread it was made on."""

    _wanted = QtSignal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._wanted.connect(self._run, Qt.ConnectionType.QueuedConnection)

    def __call__(self, function: Callable[[], None]) -> None:
        """Run a function soon; from any thread."""
        # RuntimeError: the window is gone, nobody waits for it.
        with suppress(RuntimeError):
            self._wanted.emit(function)

    @staticmethod
    def _run(function: Callable[[], None]) -> None:
        function()


def tell(error: Exception) -> None:
    """Show what went wrong, once, as a notification."""
    from napari.utils import notifications

    if isinstance(error, (HqsamError, HqsamWarning)):
        notifications.show_warning(str(error))
        return
    logger.error("unforeseen", exc_info=error)
    notifications.show_error(
        f"{type(error).__name__}: {error}. This should not happen; please report it "
        "with the log"
    )


class Controller(QObject):
    """One current object, its prompts and its outline.

    Parameters
    ----------
    viewer : Viewer
    settings : Settings
    synchronous : bool
        Answer at once, on the main thread: for tests.
    """

    def __init__(
        self,
        viewer: Viewer,
        settings: Settings | None = None,
        *,
        synchronous: bool = False,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.settings = settings or Settings()
        self.current = CurrentObject()
        self.engine = Engine()
        self.to_main = MainThread(self)
        self.worker = InferenceWorker(self.to_main, synchronous=synchronous)
        self.scene = Scene(viewer, self.settings)
        self.levels: list[int] = []
        """Levels at which the accepted objects were found."""
        self.shown: tuple[PlaneView, Answer] | None = None
        """Plane and answer that the current object comes from."""
        self.asked: tuple[PlaneView, Request] | None = None
        """Plane and request that are waited for."""
        self._view: PlaneView | None = None
        self._hovered: tuple[PlaneView, Mask] | None = None
        self._soon = self._timer(0, self.predict)
        self._rest = self._timer(REST_MS, self._hover)
        self._zoom = self._timer(150, self._draw)
        self._soon_ready = self._timer(50, self.warm_up)
        self._idle = self._timer(IDLE_MS, self._encode_ahead)
        self._ahead: Request | None = None
        scene, events = self.scene, self.settings.events
        scene.prompts_changed.connect(self._on_prompts)
        scene.plane_changed.connect(self._on_plane)
        scene.image_changed.connect(self._on_image)
        scene.data_changed.connect(self._on_data)
        scene.zoomed.connect(self._on_zoom)
        for name in ("stretch", "channels", "more_layers", "model", "device"):
            getattr(events, name).connect(self._on_data)
        for name in ("output", "scale", "clean"):
            getattr(events, name).connect(self._on_prompts)
        events.channel_axis.connect(self._on_channel_axis)
        events.tool.connect(self.take_tool)
        events.negative.connect(self._on_sign)
        events.hover.connect(self._clear_hover)
        viewer.mouse_move_callbacks.append(self._on_move)

    def _timer(self, milliseconds: int, call: Callable[[], Any]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(milliseconds)
        timer.timeout.connect(call)
        return timer

    # --- requests ------------------------------------------------------------

    def image_spec(self, view: PlaneView) -> ImageSpec:
        """Snapshot of the image as it is shown.

        Raises
        ------
        ImageError
            A layer chosen as channel is gone.
        """
        image = self.scene.image
        assert image is not None
        axes, _ = self.scene.axes_and_channels(view)
        more = [
            self.viewer.layers[name]
            for name in self.settings.more_layers
            if name in self.viewer.layers
        ]
        data = list(image.data) if image.multiscale else image.data
        channels = self.settings.channels if "c" in axes else ()
        normalization: str | tuple[tuple[float, float], ...] = "percentile"
        if self.settings.stretch == "contrast limits" and not image.rgb:
            shown = [image, *more]
            limits = [tuple(float(v) for v in layer.contrast_limits) for layer in shown]
            if "c" in axes:
                n = len(dict.fromkeys(channels)) if channels else 0
                size = layer_shape(image)[axes.index("c")]
                limits *= n or min(size, 3)
            normalization = tuple((low, high) for low, high in limits)
        elif image.rgb and image.dtype == np.uint8:
            normalization = "none"
        arrays = tuple(
            layer.data[0] if layer.multiscale else layer.data for layer in more
        )
        key = (self.scene.key, tuple(id(array) for array in arrays))
        return ImageSpec(data, axes, channels, normalization, key, image.name, arrays)

    def request(
        self, view: PlaneView, prompt: Prompt, what: Literal["mask", "all"] = "mask"
    ) -> Request:
        """Snapshot of all that an answer depends on."""
        s = self.settings
        image = self.scene.image
        assert image is not None
        _, channel_axis = self.scene.axes_and_channels(view)
        level: Literal["auto", "whole"] | int = "auto"
        only_points = prompt.box is None and prompt.mask is None
        if s.scale == "whole":
            level = "whole"
        elif s.scale == "view" and only_points:
            level = round(-math.log2(self.scene.pixel_size(view)))
        elif s.scale == "auto" and only_points and self.levels:
            # Not the objects' size: levels chosen by sizes found at such levels
            # would drift.
            level = median_low(self.levels[-TYPICAL_OF:])
        return Request(
            self.image_spec(view),
            ModelSpec(s.model, s.device),
            view.index(layer_shape(image), channel_axis),
            prompt,
            level,
            s.output,
            s.clean,
            None,
            what,
        )

    def prompt(self) -> tuple[PlaneView, Prompt] | None:
        """Return what lies on the plane shown; None if nothing does.

        Raises
        ------
        HqsamError
            No plane is shown, or the prompts there are none.
        """
        scene = self.scene
        if scene.image is None or scene.points is None or scene.shapes is None:
            return None
        view = scene.view()
        own = view.without(scene.dropped)
        found = current_prompt(scene.points, scene.shapes, own)
        return None if found is None else (view, found)

    def predict(self) -> None:
        """Ask for the mask of the prompts on the plane shown."""
        self._soon.stop()
        self._pause_prefetch()
        self._clear_hover()
        try:
            found = self.prompt()
            if found is None:
                self.clear_current()
                return
            view, prompt = found
            what: Literal["mask", "all"] = "all" if self.current.chosen else "mask"
            request = self.request(view, prompt, what)
            self._check_on_image(view, prompt)
        except HqsamError as error:
            self.clear_current()
            self._drop_prompts_off_image()
            tell(error)
            return
        self._ask(view, request)

    def _ask(self, view: PlaneView, request: Request) -> None:
        self.asked = view, request
        self.current.waiting = True
        self.worker.submit(
            Urgency.CLICK,
            "click",
            lambda _: self.engine.answer(request),
            lambda answer: self._on_answer(view, answer),
            self._on_failure,
        )

    def _on_answer(self, view: PlaneView, answer: Answer) -> None:
        current = self.current
        self.shown = view, answer
        current.seconds = answer.seconds
        chosen = min(current.chosen, len(answer.masks) - 1)
        current.masks = answer.masks
        current.chosen = chosen
        current.waiting = False
        self._draw()
        self._prefetch(answer.request)

    def _on_failure(self, error: Exception) -> None:
        self.clear_current()
        tell(error)

    def clear_current(self) -> None:
        """Forget the current object's masks; its prompts stay."""
        self.worker.cancel("click")
        self.shown = None
        self.current.masks = ()
        self.current.chosen = 0
        self.current.waiting = False
        self._draw()

    def _check_on_image(self, view: PlaneView, prompt: Prompt) -> None:
        image = self.scene.image
        assert image is not None
        shape = layer_shape(image)
        prompt.check_on((shape[view.axes[0]], shape[view.axes[1]]))

    def _drop_prompts_off_image(self) -> None:
        """Take away clicks beside the image, which nobody means."""
        scene = self.scene
        if scene.points is None or scene.image is None:
            return
        size = np.array(layer_shape(scene.image)[scene.dropped :])
        data = np.asarray(scene.points.data)
        off = ((data < -0.5) | (data > size - 0.5)).any(1)
        if off.any():
            with scene.unheard():
                scene.points.selected_data = set(np.flatnonzero(off).tolist())
                scene.points.remove_selected()
            self._soon.start()

    # --- what is shown ---------------------------------------------------------

    def _draw(self) -> None:
        """Show the outline of what there is: the current object, or that hovered."""
        scene = self.scene
        if scene.outline is None or scene.image is None:
            return
        mask, view, colour = self.current.mask, None, layers.CURRENT_COLOUR
        if mask is not None and self.shown is not None:
            view = self.shown[0]
        elif self._hovered is not None:
            view, mask = self._hovered
            colour = layers.HOVER_COLOUR
        if view is None:
            if len(scene.outline.data):
                scene.outline.data = []
            return
        width = layers.OUTLINE_PIXELS / scene.pixel_size(view)
        own = view.without(scene.dropped)
        layers.show_outline(scene.outline, mask, own, colour, width)

    def next_candidate(self) -> None:
        """Show the next of SAM's readings of the prompts."""
        current = self.current
        if current.waiting or not current.masks or self.shown is None:
            return
        if len(current.masks) > 1:
            current.chosen = (current.chosen + 1) % len(current.masks)
            self._draw()
            return
        view, answer = self.shown
        current.chosen = 1
        try:
            self._ask(view, self.request(view, answer.request.prompt, "all"))
        except HqsamError as error:
            self._on_failure(error)

    def next_output(self) -> None:
        """Compare SAM + HQ, SAM alone and HQ alone."""
        at = OUTPUTS.index(self.settings.output)
        self.settings.output = OUTPUTS[(at + 1) % len(OUTPUTS)]

    # --- hovering --------------------------------------------------------------

    def _on_move(self, viewer: Viewer, event: Any) -> None:  # noqa: ANN401
        if not self.settings.hover or self.settings.tool != "point":
            return
        if getattr(event, "is_dragging", False) or self.current.masks:
            return
        if self._hovered is not None:
            at = self.scene.cursor()
            if at is None or not _covers(self._hovered[1], at[1]):
                self._clear_hover()
        self._rest.start()

    def _hover(self) -> None:
        at = self.scene.cursor()
        active = self.viewer.layers.selection.active
        if at is None or self.current.masks or self.current.waiting:
            return
        if self.scene.points is None or active != self.scene.points:
            return
        if self._hovered is not None and _covers(self._hovered[1], at[1]):
            return
        view, point = at
        try:
            request = self.request(view, Prompt([point]))
        except HqsamError:
            return

        def done(answer: Answer | None) -> None:
            if answer is None:
                self._prefetch(request)
            elif not self.current.masks and not self.current.waiting:
                self._hovered = view, answer.masks[0]
                self._draw()

        self.worker.submit(
            Urgency.HOVER,
            "hover",
            lambda _: self.engine.answer_if_quick(request),
            done,
            lambda error: logger.debug("hover: %s", error),
        )

    def _clear_hover(self) -> None:
        self._rest.stop()
        self.worker.cancel("hover")
        if self._hovered is not None:
            self._hovered = None
            self._draw()

    # --- getting ready -----------------------------------------------------------

    def warm_up(self) -> None:
        """Load the model and the tiles in the middle of the view, while idle."""
        if not self.settings.prefetch:
            return
        try:
            view = self.scene.view()
            image = self.scene.image
            assert image is not None
            centre = np.asarray(image.world_to_data(self._centre()))[-view.ndim :]
            shape = np.array(layer_shape(image))
            inside = np.clip(centre, 0, shape - 1)
            y, x = view.to_plane(inside)[0]
            request = self.request(view, Prompt([(float(y), float(x))]))
        except HqsamError:
            return
        if not self.worker.synchronous:
            self.worker.submit(
                Urgency.PREFETCH,
                "around",
                lambda _: self.engine.warm_up(request),
                lambda _: None,
                lambda error: logger.debug("warm-up: %s", error),
            )

    def _centre(self) -> np.ndarray:
        """World position in the middle of the view."""
        centre = np.array(self.viewer.dims.point, float)
        shown = list(self.viewer.dims.displayed)
        centre[shown] = camera(self.viewer).center[-len(shown) :]
        return centre

    def _prefetch(self, request: Request) -> None:
        """Encode what is near a request once nothing has happened for a while.

        Not at once: the next click would have to wait for the tile in work.
        """
        self._ahead = request
        self._idle.start()

    def _pause_prefetch(self) -> None:
        self._idle.stop()
        self.worker.cancel("tiles")
        self.worker.cancel("around")

    def _encode_ahead(self) -> None:
        request, self._ahead = self._ahead, None
        if request is None or not self.settings.prefetch or self.worker.synchronous:
            return

        def prepare(plane: tuple[int, ...], tile: Tile, _: Ticket) -> None:
            self.engine.prepare(request, plane, tile)

        def submit(wanted: list[tuple[tuple[int, ...], Tile]]) -> None:
            for plane, tile in wanted:
                self.worker.submit(
                    Urgency.PREFETCH,
                    "tiles",
                    partial(prepare, plane, tile),
                    lambda _: None,
                    lambda error: logger.debug("prefetch: %s", error),
                    replace=False,
                )

        self.worker.cancel("tiles")
        self.worker.submit(
            Urgency.PREFETCH,
            "around",
            lambda _: self.engine.around(request),
            submit,
            lambda error: logger.debug("prefetch: %s", error),
        )

    # --- what happens --------------------------------------------------------------

    def _on_prompts(self) -> None:
        self._soon.start()

    def _on_plane(self) -> None:
        try:
            view = self.scene.view()
        except HqsamError:
            view = None
        if view == self._view:
            return  # napari tells of the sliders also when a layer grows
        self._view = view
        self._clear_hover()
        if view is not None:
            self._soon.start()

    def _on_image(self) -> None:
        self.worker.cancel()
        self.levels.clear()
        self._view = None
        self._hovered = None
        self.clear_current()
        if self.scene.image is None:
            self.settings.tool = "none"
        else:
            self._soon_ready.start()

    def _on_data(self) -> None:
        self.worker.cancel("tiles")
        self._clear_hover()
        if self.current.masks or self.current.waiting:
            self._soon.start()
        else:
            self._soon_ready.start()

    def _on_channel_axis(self) -> None:
        """Own layers have other axes now."""
        tool = self.settings.tool
        self.scene.remove_layers()
        self.clear_current()
        if self.scene.image is not None:
            self.scene.use_tool(tool)
        self._on_data()

    def take_tool(self) -> None:
        """Make the mouse do what the tool says, on the layer that it needs."""
        try:
            self.scene.use_tool(self.settings.tool)
        except HqsamError as error:
            tell(error)
            self.settings.tool = "none"

    def _on_sign(self) -> None:
        self.scene.set_sign(negative=self.settings.negative)

    def _on_zoom(self) -> None:
        if self.current.masks or self._hovered is not None:
            self._zoom.start()

    def close(self) -> None:
        """Stop everything and leave the viewer as it was, but for the target."""
        for timer in (
            self._soon,
            self._rest,
            self._zoom,
            self._soon_ready,
            self._idle,
        ):
            timer.stop()
        with suppress(ValueError):
            self.viewer.mouse_move_callbacks.remove(self._on_move)
        self.worker.close()
        self.scene.close()


def _covers(mask: Mask, point: tuple[float, float]) -> bool:
    """Whether a mask has the pixel at a plane position."""
    y, x = (int(np.floor(v + 0.5)) for v in point)
    y0, x0, y1, x1 = mask.bbox
    return y0 <= y < y1 and x0 <= x < x1 and bool(mask.data[y - y0, x - x0])


__all__ = ["Controller", "MainThread", "tell"]
