"""The request cycle: from prompts to a request, from its answer to the outline.

Connects the scene (what is in the viewer), the state (what was chosen) and the
worker. Everything here runs on the main thread and is quick.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from qtpy.QtCore import QObject

from napari_hqsam.errors import HqsamError
from napari_hqsam.viewer.canvas.mouse.tool_sync import ToolSync
from napari_hqsam.viewer.canvas.scene import Scene
from napari_hqsam.viewer.inference.engine import Engine
from napari_hqsam.viewer.inference.hover import Hover
from napari_hqsam.viewer.inference.outline_view import OutlineView
from napari_hqsam.viewer.inference.requests.builder import RequestBuilder
from napari_hqsam.viewer.inference.requests.click_history import ClickHistory
from napari_hqsam.viewer.inference.uncertainty import (
    distinct_masks,
    next_choice,
    uncertainty_of,
)
from napari_hqsam.viewer.inference.warmup import Warmup
from napari_hqsam.viewer.main_thread import DeferredCall, MainThread, notify
from napari_hqsam.viewer.planes import layer_shape, shape_without
from napari_hqsam.viewer.state import CurrentObject, Settings
from napari_hqsam.worker import Priority, Worker

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_hqsam.prompts import Prompt
    from napari_hqsam.sessions.journal.accept_options import AcceptOptions
    from napari_hqsam.viewer.inference.requests.request import Answer, Request
    from napari_hqsam.viewer.planes import PlaneView

HEAD_START = 0.05
"""Seconds that the network has before the window paints anything; less than is felt."""


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
        """Plane and request of the answer that is waited for."""
        self._next_wanted = False  # the next candidate, once they are there
        self._soon = DeferredCall(self, self.predict)
        self.tools = ToolSync(self.scene, self.settings, self)
        self.outline = OutlineView(
            self.scene, self.current, self.hover, lambda: self.shown, self
        )
        self.scene.prompts.changed.connect(self.predict_soon)
        self.hover.missed.connect(self.warmup.go_on_from)

    # --- requests ------------------------------------------------------------

    def predict_soon(self) -> None:
        """Call `predict` once the present event is handled."""
        self._soon.start()

    @property
    def pending(self) -> bool:
        """Whether the outline of the prompts on the plane is yet to come."""
        return self.current.waiting or self._soon.isActive()

    def predict(self) -> None:
        """Request the mask of the prompts on the plane shown."""
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
            if self._drop_prompts_off_image():
                self._soon.start()
            notify(error)
            return
        self.submit(view, request)

    def _elsewhere(self, view: PlaneView, other: PlaneView) -> bool:
        """Whether two planes have separate prompts; channels of a plane share them."""
        return view.in_layers != other.in_layers

    def submit(
        self, view: PlaneView, request: Request, *, next_choice: bool = False
    ) -> None:
        """Submit a request for the current object; a newer one cancels it.

        Parameters
        ----------
        view : PlaneView
            Plane of the image.
        request : Request
        next_choice : bool
            Show the mask after the one that is chosen.
        """
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
        current.choices = distinct_masks(answer)
        if self._next_wanted:
            chosen = next_choice(current.choices, chosen)
        self._next_wanted = False
        current.uncertainty = uncertainty_of(answer, chosen)
        current.masks = answer.masks
        current.chosen = chosen
        current.waiting = False
        self.outline.draw()
        self.warmup.go_on_from(answer.request)

    def _on_failure(self, error: Exception) -> None:
        self.clear_current()
        notify(error)

    def clear_current(self) -> None:
        """Forget the current object's masks; its prompts stay."""
        self.worker.cancel("click")
        self.shown = None
        self.current.uncertainty = ""
        self.current.masks = ()
        self.current.chosen = 0
        self.current.waiting = False
        self.outline.draw()

    def begin_next(self) -> None:
        """Forget the current object and the history of its clicks."""
        with suppress(HqsamError):
            view = self.scene.view()
            self._histories.pop(view, None)
            layer_view = view.in_layers
            if self.current.opened_on == layer_view:  # its prompts are gone
                self.current.reopen(None, layer_view)
        self.clear_current()

    def resume(self, view: PlaneView, prompt: Prompt, options: AcceptOptions) -> None:
        """Request an accepted object again, whose prompts lie on the plane shown."""
        self._histories[view].resume(prompt, options)
        self.predict()

    def request_for(self, view: PlaneView, prompt: Prompt) -> tuple[Request, int]:
        """Return the request for prompts on a plane, and which mask is shown."""
        shown = self.shown is not None and self.shown[0] == view
        chosen = self.current.chosen if shown else 0
        return self._request(view, prompt, chosen), chosen

    def _request(self, view: PlaneView, prompt: Prompt, chosen: int) -> Request:
        """Build the request for prompts, linked to the answers that they correct."""
        what: Literal["mask", "all"] = "all" if chosen else "mask"
        request = self.requests.request(view, prompt, what)
        return self._histories[view].linked(request, chosen)

    def history_of(self, view: PlaneView) -> ClickHistory:
        """Return the clicks on the current object of a plane."""
        return self._histories[view]

    def forget_image(self) -> None:
        """Cancel all work, and forget the current object: the image is another one."""
        self.worker.cancel()
        self._histories.clear()
        self.hover.clear()
        self.clear_current()

    def _drop_prompts_off_image(self) -> bool:
        """Remove clicks outside the image; return whether there were any."""
        scene = self.scene
        if scene.image is None:
            return False
        size = shape_without(layer_shape(scene.image), scene.channel_axis)
        return scene.prompts.remove_outside(size)

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
