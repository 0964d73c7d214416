"""From prompts to the outline: asks the worker, shows what comes back.

Connects the scene (what is in the viewer), the state (what was chosen) and the
worker. Everything here runs on the main thread and is quick.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from qtpy.QtCore import QObject

from napari_hqsam.errors import HqsamError
from napari_hqsam.viewer.canvas.mouse.tool_sync import ToolSync
from napari_hqsam.viewer.canvas.scene import Scene
from napari_hqsam.viewer.inference.click_history import ClickHistory
from napari_hqsam.viewer.inference.engine import Engine
from napari_hqsam.viewer.inference.hover import Hover
from napari_hqsam.viewer.inference.outline_view import OutlineView
from napari_hqsam.viewer.inference.request_builder import RequestBuilder
from napari_hqsam.viewer.inference.warmup import Warmup
from napari_hqsam.viewer.main_thread import DeferredCall, MainThread, notify
from napari_hqsam.viewer.planes import layer_shape, shape_without
from napari_hqsam.viewer.state import OUTPUTS, CurrentObject, Settings
from napari_hqsam.viewer.tools import NO_TOOL
from napari_hqsam.worker import Priority, Worker

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_hqsam.prompts import Prompt
    from napari_hqsam.sessions.journal.accept_options import AcceptOptions
    from napari_hqsam.viewer.inference.requests import Answer, Request
    from napari_hqsam.viewer.planes import PlaneView
    from napari_hqsam.viewer.state import Doubt

HEAD_START = 0.05
"""Seconds that the network has before the window paints anything; less than is felt."""
SCALE_STEPS = (1, -1, 2, -2, 0)
"""Levels that a doubtful object is looked at on, from the one it was found on."""


class InferenceController(QObject):
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
        self.worker = Worker(self.to_main, synchronous=synchronous)
        self.scene = Scene(viewer, self.settings)
        self.requests = RequestBuilder(self.scene, self.settings)
        self.hover = Hover(self.requests, self.current, self.worker, self.engine, self)
        self.warmup = Warmup(self.requests, self.worker, self.engine, self)
        self._histories: defaultdict[PlaneView, ClickHistory]
        self._histories = defaultdict(ClickHistory)
        self.shown: tuple[PlaneView, Answer] | None = None
        """Plane and answer that the current object comes from."""
        self.awaited_request: tuple[PlaneView, Request] | None = None
        """Plane and request that are waited for."""
        self._view: PlaneView | None = None
        self._next_wanted = False  # another candidate, once they are there
        self._scales: list[int] = []  # to be looked at on request
        self._soon = DeferredCall(self, self.predict)
        self.tools = ToolSync(self.scene, self.settings, self)
        self.outline = OutlineView(
            self.scene, self.current, self.hover, lambda: self.shown, self
        )
        self._connect()

    def _connect(self) -> None:
        scene, events = self.scene, self.settings.events
        scene.prompts.changed.connect(self.predict_soon)
        scene.plane_changed.connect(self._on_plane)
        scene.image_changed.connect(self._on_image)
        scene.data_changed.connect(self._on_data)
        for name in ("stretch", "channels", "more_layers", "model", "device"):
            getattr(events, name).connect(self._on_data)
        for name in ("output", "scale", "clean"):
            getattr(events, name).connect(self.predict_soon)
        events.channel_axis.connect(self._on_channel_axis)
        events.hover.connect(self.hover.clear)
        self.hover.missed.connect(self.warmup.go_on_from)

    # --- requests ------------------------------------------------------------

    def predict_soon(self) -> None:
        """Ask for that mask when what happens now is over."""
        self._soon.start()

    @property
    def pending(self) -> bool:
        """Whether the outline of what lies on the plane is yet to come."""
        return self.current.waiting or self._soon.isActive()

    def predict(self) -> None:
        """Ask for the mask of the prompts on the plane shown."""
        self._soon.stop()
        self.scene.prompts.deselect()
        self.warmup.pause()
        self.hover.clear()
        try:
            found = self.requests.prompt()
            if found is None:
                self.begin_next()
                return
            view, prompt = found
            if self.shown is not None and self._elsewhere(view, self.shown[0]):
                self.current.chosen = 0  # another slice, another object
            request = self._request(view, prompt, self.current.chosen)
        except HqsamError as error:
            self.clear_current()
            self._drop_prompts_off_image()
            notify(error)
            return
        self._ask(view, request)

    def _elsewhere(self, view: PlaneView, other: PlaneView) -> bool:
        """Whether two planes have prompts of their own; those of channels do not."""
        return view.in_layers != other.in_layers

    def _ask(
        self, view: PlaneView, request: Request, *, next_choice: bool = False
    ) -> None:
        self.awaited_request = view, request
        self._next_wanted = next_choice
        self.current.waiting = True
        ticket = self.worker.submit(
            Priority.CLICK,
            "click",
            lambda _: self.engine.answer(request),
            lambda answer: self._on_answer(view, answer),
            self._on_failure,
        )
        # Painting the prompt would keep the interpreter from the network.
        if ticket.wait(HEAD_START):
            self.to_main.catch_up()

    def _on_answer(self, view: PlaneView, answer: Answer) -> None:
        current = self.current
        self.shown = view, answer
        current.seconds = answer.seconds
        chosen = min(current.chosen, len(answer.masks) - 1)
        current.choices = _choices(answer)
        if self._next_wanted:
            chosen = self._next_choice(chosen)
        self._next_wanted = False
        current.doubt = _doubt(answer, chosen)
        current.masks = answer.masks
        current.chosen = chosen
        current.waiting = False
        self.outline.draw()
        self.warmup.go_on_from(answer.request)

    def _next_choice(self, chosen: int) -> int:
        """Return the next mask that differs from those before it."""
        choices = self.current.choices
        return next((i for i in choices if i > chosen), choices[0])

    def _on_failure(self, error: Exception) -> None:
        self.clear_current()
        notify(error)

    def clear_current(self) -> None:
        """Forget the current object's masks; its prompts stay."""
        self.worker.cancel("click")
        self.shown = None
        self._scales = []
        self.current.doubt = ""
        self.current.masks = ()
        self.current.chosen = 0
        self.current.waiting = False
        self.outline.draw()

    def begin_next(self) -> None:
        """Forget the current object, and how its prompts came to be."""
        with suppress(HqsamError):
            view = self.scene.view()
            self._histories.pop(view, None)
            layer_view = view.in_layers
            if self.current.opened_on == layer_view:  # its prompts are gone
                self.current.reopen(None, layer_view)
        self.clear_current()

    def resume(self, view: PlaneView, prompt: Prompt, how: AcceptOptions) -> None:
        """Ask again for an accepted object, whose prompts lie on the plane shown."""
        self._histories[view].resume(prompt, how)
        self.predict()

    def question(self, view: PlaneView, prompt: Prompt) -> tuple[Request, int]:
        """Return what is asked for prompts on a plane, and which mask is shown."""
        shown = self.shown is not None and self.shown[0] == view
        chosen = self.current.chosen if shown else 0
        return self._request(view, prompt, chosen), chosen

    def _request(self, view: PlaneView, prompt: Prompt, chosen: int) -> Request:
        """Put together what is asked for prompts, and what they go on from."""
        what: Literal["mask", "all"] = "all" if chosen else "mask"
        request = self.requests.request(view, prompt, what)
        return self._histories[view].follow(request, chosen)

    def _drop_prompts_off_image(self) -> None:
        """Take away clicks beside the image, which nobody means."""
        scene = self.scene
        if scene.points is None or scene.image is None:
            return
        size = np.array(shape_without(layer_shape(scene.image), scene.channel_axis))
        data = np.asarray(scene.points.data)
        off = ((data < -0.5) | (data > size - 0.5)).any(1)
        if off.any():
            with scene.prompts.blocked():
                scene.points.selected_data = set(np.flatnonzero(off).tolist())
                scene.points.remove_selected()
            self._soon.start()

    # --- what is shown ---------------------------------------------------------

    def next_candidate(self) -> None:
        """Show the next of SAM's readings of the prompts."""
        current = self.current
        if current.waiting or not current.masks or self.shown is None:
            return
        view, answer = self.shown
        if len(current.masks) > 1:
            chosen = self._next_choice(current.chosen)
            current.doubt = _doubt(answer, chosen)
            current.chosen = chosen
            self.outline.draw()
            return
        self._ask(view, replace(answer.request, what="all"), next_choice=True)

    def next_scale(self) -> None:
        """Look at the current object on the next level: coarser, finer, and so on."""
        if self.shown is None or self.current.waiting or self.current.mask is None:
            return
        view, _ = self.shown
        if not self._scales:
            first = self.current.mask.level or 0
            self._scales = [first + step for step in SCALE_STEPS]
        level = self._scales.pop(0)
        self._scales.append(level)
        self._histories[view].level = level
        self.predict()

    def next_output(self) -> None:
        """Compare SAM + HQ, SAM alone and HQ alone."""
        at = OUTPUTS.index(self.settings.output)
        self.settings.output = OUTPUTS[(at + 1) % len(OUTPUTS)]

    # --- what happens --------------------------------------------------------------

    def _on_plane(self) -> None:
        try:
            view = self.scene.view()
        except HqsamError:
            view = None
        if view == self._view:
            return  # napari tells of the sliders also when a layer grows
        self._view = view
        self.hover.clear()
        if view is not None:
            self._soon.start()

    def _on_image(self) -> None:
        self.worker.cancel()
        self._histories.clear()
        self._view = None
        self.hover.clear()
        self.clear_current()
        if self.scene.image is None:
            self.settings.tool = NO_TOOL
        else:
            self.warmup.prepare()

    def _on_data(self) -> None:
        self.warmup.pause()
        self.hover.clear()
        if self.current.masks or self.current.waiting:
            self._soon.start()
        else:
            self.warmup.prepare()

    def _on_channel_axis(self) -> None:
        """Own layers have other axes now."""
        tool = self.settings.tool
        self.scene.layers.remove()
        self.clear_current()
        if self.scene.image is not None:
            self.scene.use_tool(tool)
        self._on_data()

    def close(self) -> None:
        """Stop everything and leave the viewer as it was, but for the target."""
        for name in self.settings.events:  # nobody is there any more to hear them
            self.settings.events[name].disconnect()
        self._soon.stop()
        self.tools.close()
        self.outline.close()
        self.hover.close()
        self.warmup.close()
        self.worker.close()
        self.scene.close()


def _choices(answer: Answer) -> tuple[int, ...]:
    """Tell which masks of an answer differ from one another."""
    from napari_hqsam.segmentation.mask_checks import distinct  # torch is there by now

    return tuple(distinct(answer.masks))


def _doubt(answer: Answer, chosen: int) -> Doubt:
    """Tell why a mask of an answer is doubtful."""
    from napari_hqsam.segmentation.mask_checks import holds_negative, is_uncertain

    mask = answer.masks[chosen]
    if holds_negative(mask, answer.request.prompt):
        return "negative"
    return "score" if is_uncertain(mask, answer.tuning) else ""
