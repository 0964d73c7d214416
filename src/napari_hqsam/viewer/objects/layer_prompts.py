"""Batch over a whole layer: one object for each point, shape or label id."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from psygnal import Signal
from qtpy.QtCore import QObject

from napari_hqsam.errors import HqsamError, OutputError, PromptError
from napari_hqsam.viewer.canvas.prompts.reader import plane_size, prompt_source
from napari_hqsam.viewer.main_thread import notify
from napari_hqsam.viewer.step_loop import StepLoop
from napari_hqsam.worker import Priority

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari.layers import Image, Layer

    from napari_hqsam.masks import Mask
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.sessions.journal.headers import ModelRecord
    from napari_hqsam.viewer.inference.controller import InferenceController
    from napari_hqsam.viewer.inference.engine import Engine
    from napari_hqsam.viewer.inference.requests.request import Request
    from napari_hqsam.viewer.objects.object_writer import ObjectWriter
    from napari_hqsam.viewer.planes import PlaneView
    from napari_hqsam.viewer.session.controller import SessionController
    from napari_hqsam.viewer.step_loop import Checkpoint
    from napari_hqsam.worker import Ticket

PromptResult = tuple[int, "Mask", "ModelRecord"]
"""Number of a prompt, its mask, and the model and normalisation it was made with."""


@dataclass(frozen=True, eq=False)
class BatchPlan:
    """The plan of a batch.

    Attributes
    ----------
    view : PlaneView
        Plane of the image that the prompts lie on.
    request : Request
        How to segment; its own prompt does not count.
    prompts : list of Prompt
    group : str
        Name of the step of undo that all of it is.
    """

    view: PlaneView
    request: Request
    prompts: list[Prompt]
    group: str = field(default_factory=lambda: uuid.uuid4().hex)


class PromptRun:
    """One run over the prompts of a plan, for a `StepLoop`.

    Parameters
    ----------
    plan : BatchPlan
    engine : Engine
    accept : callable
        Puts the mask of a prompt into the target; False if there is no room for it.
    advanced : callable
        Gets how many prompts are done, and how many there are.
    ended : callable
        Gets the message at the end.
    """

    def __init__(
        self,
        plan: BatchPlan,
        engine: Engine,
        accept: Callable[[BatchPlan, Prompt, Mask, ModelRecord], bool],
        advanced: Callable[[int, int], None],
        ended: Callable[[str], None],
    ) -> None:
        self.plan = plan
        self._engine, self._accept = engine, accept
        self._advanced, self._ended = advanced, ended
        self._done = self._accepted = 0

    def steps(self, checkpoint: Checkpoint) -> Iterator[PromptResult]:
        """Yield the mask of one prompt after another."""
        engine, request = self._engine, self.plan.request
        for number, mask in engine.answer_many(request, self.plan.prompts):
            yield number, mask, engine.setup(request)

    def before_step(self) -> None:
        """Prepare nothing: all prompts are known."""

    def place(self, result: PromptResult) -> Iterator[None]:
        """Accept the mask of a prompt."""
        number, mask, setup = result
        prompts = self.plan.prompts
        self._accepted += self._accept(self.plan, prompts[number], mask, setup)
        self._done += 1
        self._advanced(self._done, len(prompts))
        yield

    def finish(self) -> None:
        """Report how many objects were accepted."""
        count = f"{self._accepted} of {len(self.plan.prompts)}"
        self._ended(f"{count} objects accepted")

    def fail(self, error: Exception) -> None:
        """Report how many objects were accepted before an error, and the error."""
        self._ended(f"Stopped after {self._accepted} objects")
        notify(error)


class PromptBatch(QObject):
    """Segments all prompts that a layer has on the plane shown.

    Parameters
    ----------
    controller : InferenceController
    sessions : SessionController
    writer : ObjectWriter
    """

    progress = Signal(int, int)
    """Objects that are done, and how many there are; (0, 0): over."""

    def __init__(
        self,
        controller: InferenceController,
        sessions: SessionController,
        writer: ObjectWriter,
    ) -> None:
        super().__init__(controller)
        self._controller, self._sessions = controller, sessions
        self._writer, self._scene = writer, controller.scene
        self._reading: Ticket | None = None  # of the layer
        self._loop: StepLoop[PromptResult] | None = None
        sessions.changed.connect(self._on_sessions)
        self._scene.image_changed.connect(self.cancel)

    @property
    def running(self) -> bool:
        """Whether a batch is under way."""
        return self._reading is not None or self._loop is not None

    def run(self, source: Layer) -> None:
        """Segment one object per point, shape or label id of a layer."""
        if self.running:
            self._sessions.message.emit("A batch is running; cancel it first")
            return
        scene = self._scene
        try:
            view, image = scene.view(), scene.image
            assert image is not None
            read = prompt_source(source, image, view, scene.viewer.dims)
        except HqsamError as error:
            notify(error)
            return

        def done(prompts: list[Prompt]) -> None:
            self._end()
            if scene.image is image:
                self._begin(source.name, image, view, prompts)

        def failed(error: Exception) -> None:
            self._end()
            notify(error)

        self.progress.emit(0, 1)
        self._reading = self._controller.worker.submit(
            Priority.BATCH, "batch", lambda _: read(), done, failed, replace=False
        )

    def _begin(
        self, name: str, image: Image, view: PlaneView, prompts: list[Prompt]
    ) -> None:
        """Segment the prompts on the image, as soon as there is a session."""
        size = plane_size(image, view)
        inside = [p for p in prompts if _lies_on(p, size)]
        try:
            if not inside:
                prompts[0].check_on(size)
            request = self._controller.requests.request(view, inside[0])
            ready = self._sessions.ready(
                request,
                lambda: self._begin(name, image, view, prompts),
                lambda _: None,
            )
        except HqsamError as error:
            notify(error)
            return
        if ready is None:
            return
        if len(inside) < len(prompts):
            notify(
                PromptError(
                    f"{len(prompts) - len(inside)} of {len(prompts)} prompts of "
                    f"{name} lie off the image and are left out"
                )
            )
        self._start(BatchPlan(view, request, inside))

    def _start(self, plan: BatchPlan) -> None:
        controller = self._controller
        run = PromptRun(
            plan, controller.engine, self._accept, self.progress.emit, self._finish
        )
        self._loop = StepLoop(run, controller.worker, "batch", self)
        self.progress.emit(0, len(plan.prompts))
        self._loop.start()

    def _accept(
        self, plan: BatchPlan, prompt: Prompt, mask: Mask, setup: ModelRecord
    ) -> bool:
        """Put one object into the target; False if there is no room for it."""
        labels = self._sessions.labels
        session = None if labels is None else labels.session
        if labels is None or session is None:
            raise OutputError("the labels are gone; choose a target and start again")
        try:
            with session.grouped(plan.group):
                self._writer.write(
                    session,
                    plan.view,
                    mask,
                    replace(prompt, label_id=None),
                    options=self._writer.accept_options(plan.request, 0),
                    setup=setup,
                )
        except PromptError:
            return False
        labels.update_last_step()
        return True

    def cancel(self) -> None:
        """Stop; what was accepted stays."""
        for work in (self._reading, self._loop):
            if work is not None:
                work.cancel()
        if self.running:
            self._finish("Cancelled; what was accepted stays")

    def _end(self) -> None:
        self._reading = self._loop = None
        self.progress.emit(0, 0)

    def _finish(self, text: str) -> None:
        self._end()
        if self._sessions.labels is not None:
            self._sessions.labels.show_rows()
        self._sessions.message.emit(text)
        self._sessions.changed.emit()

    def _on_sessions(self) -> None:
        if self._sessions.target is None and self._loop is not None:
            self.cancel()


def _lies_on(prompt: Prompt, size: tuple[int, int]) -> bool:
    try:
        prompt.check_on(size)
    except PromptError:
        return False
    return True
