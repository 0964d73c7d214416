"""Whole layers as prompts: one object for each point, shape or label id."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from psygnal import Signal
from qtpy.QtCore import QObject

from napari_hqsam.errors import HqsamError, OutputError, PromptError
from napari_hqsam.viewer.canvas.prompt_reader import ask_layer, plane_size
from napari_hqsam.viewer.main_thread import tell
from napari_hqsam.worker import Priority

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari.layers import Image, Layer

    from napari_hqsam.masks import Mask
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.sessions.journal.headers import Setup
    from napari_hqsam.viewer.inference.requests import Request
    from napari_hqsam.viewer.planes import PlaneView
    from napari_hqsam.viewer.session.object_actions import Objects
    from napari_hqsam.worker import Ticket

Found = tuple[int, "Mask", "Setup"]


class Batches(QObject):
    """Segments many prompts, one after another, so that clicks come in between.

    Parameters
    ----------
    objects : Objects
    """

    progress = Signal(int, int)
    """Objects that are done, and how many there are; (0, 0): over."""

    def __init__(self, objects: Objects) -> None:
        super().__init__(objects)
        self._objects, self._labelling = objects, objects.labelling
        self._controller = objects.controller
        self._ticket: Ticket | None = None
        self._labelling.changed.connect(self._on_labelling)
        self._controller.scene.image_changed.connect(self.cancel)
        self._accepted = self._tried = 0
        self._group = ""  # of what one run does: it is one step

    @property
    def running(self) -> bool:
        """Whether a batch is under way."""
        return self._ticket is not None

    def run(self, source: Layer) -> None:
        """Segment one object per point, shape or label id of a layer."""
        if self.running:
            self._objects.said.emit("A batch is running; cancel it first")
            return
        scene = self._controller.scene
        try:
            view, image = scene.view(), scene.image
            assert image is not None
            read = ask_layer(source, image, view, scene.viewer.dims)
        except HqsamError as error:
            tell(error)
            return

        def done(prompts: list[Prompt]) -> None:
            self._end()
            if scene.image is image:
                self._begin(source.name, image, view, prompts)

        def failed(error: Exception) -> None:
            self._end()
            tell(error)

        self.progress.emit(0, 1)
        self._ticket = self._controller.worker.submit(
            Priority.BATCH, "batch", lambda _: read(), done, failed, replace=False
        )

    def _begin(
        self, name: str, image: Image, view: PlaneView, prompts: list[Prompt]
    ) -> None:
        """Segment what lies on the image, as soon as there is a session."""
        size = plane_size(image, view)
        inside = [p for p in prompts if _lies_on(p, size)]
        try:
            if not inside:
                prompts[0].check_on(size)
            request = self._controller.asking.request(view, inside[0])
            ready = self._labelling.ready(
                request,
                lambda: self._begin(name, image, view, prompts),
                lambda _: None,
            )
        except HqsamError as error:
            tell(error)
            return
        if ready is None:
            return
        if len(inside) < len(prompts):
            tell(
                PromptError(
                    f"{len(prompts) - len(inside)} of {len(prompts)} prompts of "
                    f"{name} lie off the image and are left out"
                )
            )
        self._start(view, request, inside)

    def _start(self, view: PlaneView, request: Request, prompts: list[Prompt]) -> None:
        worker, engine = self._controller.worker, self._controller.engine
        masks: list[Iterator[tuple[int, Mask]]] = []
        self._accepted = self._tried = 0
        self._group = uuid.uuid4().hex

        def step(_: Ticket) -> Found | None:
            if not masks:
                masks.append(engine.answer_many(request, prompts))
            found = next(masks[0], None)
            return None if found is None else (*found, engine.setup(request))

        def done(found: Found | None) -> None:
            if found is None:
                count = f"{self._accepted} of {len(prompts)}"
                self._finish(f"{count} objects accepted")
                return
            number, mask, setup = found
            try:
                self._accept(view, request, prompts[number], mask, setup)
            except HqsamError as error:
                failed(error)
                return
            self.progress.emit(self._tried, len(prompts))
            go_on()

        def failed(error: Exception) -> None:
            self._finish(f"Stopped after {self._accepted} objects")
            tell(error)

        def go_on() -> None:
            self._ticket = worker.submit(
                Priority.BATCH, "batch", step, done, failed, replace=False
            )

        self.progress.emit(0, len(prompts))
        go_on()

    def _accept(
        self,
        view: PlaneView,
        request: Request,
        prompt: Prompt,
        mask: Mask,
        setup: Setup,
    ) -> None:
        """Put one object into the target, if there is room for it."""
        session = self._labelling.session
        if session is None:
            raise OutputError("the labels are gone; choose a target and start again")
        self._tried += 1
        try:
            with session.grouped(self._group):
                self._objects.put(
                    session,
                    view,
                    mask,
                    replace(prompt, label_id=None),
                    options=self._objects.accept_options(request, 0),
                    setup=setup,
                )
        except PromptError:
            return
        self._labelling.note_rows()
        self._accepted += 1

    def cancel(self) -> None:
        """Stop; what was accepted stays."""
        if self._ticket is not None:
            self._ticket.cancel()
            self._finish("Cancelled; what was accepted stays")

    def _end(self) -> None:
        self._ticket, self._group = None, ""
        self.progress.emit(0, 0)

    def _finish(self, text: str) -> None:
        self._end()
        self._labelling.show_rows()
        self._objects.said.emit(text)
        self._labelling.changed.emit()

    def _on_labelling(self) -> None:
        if self._labelling.target is None and self._group:
            self.cancel()


def _lies_on(prompt: Prompt, size: tuple[int, int]) -> bool:
    try:
        prompt.check_on(size)
    except PromptError:
        return False
    return True
