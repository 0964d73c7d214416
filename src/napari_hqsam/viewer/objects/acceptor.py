"""The current object goes into the labels, and the next one begins.

Knows the current object, its prompts and the session; must not know how undo or clicks
on the next object work: they listen to its signals.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from psygnal import Signal
from qtpy.QtCore import QObject

from napari_hqsam.errors import HqsamError, OutputError, PromptError
from napari_hqsam.sessions import recent_sizes
from napari_hqsam.sessions.journal.accept_options import AcceptOptions
from napari_hqsam.viewer.inference.request_builder import TYPICAL_OF
from napari_hqsam.viewer.inference.requests import to_candidate
from napari_hqsam.viewer.main_thread import notify
from napari_hqsam.viewer.objects.accept_intent import AcceptIntent
from napari_hqsam.worker import Priority

if TYPE_CHECKING:
    from napari_hqsam.masks import Mask
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.sessions.session import Session
    from napari_hqsam.viewer.inference.controller import InferenceController
    from napari_hqsam.viewer.inference.requests import Answer, Request
    from napari_hqsam.viewer.objects.accept_intent import Link
    from napari_hqsam.viewer.planes import PlaneView
    from napari_hqsam.viewer.session.controller import SessionController

PATIENCE = 5.0
"""Seconds that closing, or another image, waits at most for what was accepted."""


class Acceptor(QObject):
    """Puts the current object into the labels.

    Parameters
    ----------
    controller : InferenceController
    sessions : SessionController
    """

    message = Signal(str)
    """What happened, or what to do first."""
    next_started = Signal()
    """The current object is dropped or accepted; another one begins."""
    rejecting = Signal(object)
    """The current object, on a `PlaneView`, is about to be dropped."""
    split_off = Signal(object, object, object)
    """A part was split off: plane, prompt and options that it was made from."""
    placed = Signal(object)
    """An accepted object is in the labels, or given up; with its `Link`, if any."""
    accept_deferred = Signal()
    """Accept was asked for while clicks wait: do it once they are sorted."""

    def __init__(
        self, controller: InferenceController, sessions: SessionController
    ) -> None:
        super().__init__(controller)
        self.controller, self.sessions = controller, sessions
        self.scene, self.current = controller.scene, controller.current
        self.settings = controller.settings
        self._target = sessions.target
        self.unplaced = 0
        """Accepted objects that are not in the labels yet."""
        controller.requests.accepted_sizes = self._accepted_sizes
        sessions.changed.connect(self._on_sessions)
        self.scene.image_changed.connect(self._on_image)
        self.scene.image_leaving.connect(self._on_leaving)

    def accept(
        self,
        *,
        merge: int | None = None,
        split: int | None = None,
        keep: tuple[float, ...] | None = None,
        link: Link | None = None,
    ) -> None:
        """Put the current object into the target, and begin the next.

        Parameters
        ----------
        merge : int, optional
            Id of an object to add it to.
        split : int, optional
            Id of the object to take it out of.
        keep : tuple of float, optional
            Position of the click that the next object begins with.
        link : Link, optional
            What undo is told of that click.
        """
        controller, current = self.controller, self.current
        if keep is None and self.scene.prompts.unsorted:
            self.accept_deferred.emit()
            return
        if current.waiting and controller.awaited_request is not None:
            # The next click belongs to the next object already.
            view, request = controller.awaited_request
            intent = self._intent(view, merge, split, link)
            self.begin_next(view, keep=keep)
            self.unplaced += 1
            controller.worker.submit(
                Priority.CLICK,
                "accept",
                lambda _: controller.engine.answer(request),
                lambda answer: self._place(view, answer, intent),
                self._on_lost,
                replace=False,
            )
        elif current.mask is not None and controller.shown is not None:
            view, answer = controller.shown
            intent = self._intent(view, merge, split, link)
            self.begin_next(view, keep=keep)
            self.unplaced += 1
            self._place(view, answer, intent)
        elif self.scene.prompts_on_plane():
            notify(
                PromptError("no object was found at these prompts; add or move some")
            )
        else:
            self.message.emit("Nothing to accept yet: click on an object")

    def _on_lost(self, error: Exception) -> None:
        """No mask came for an object that was accepted."""
        self._count_out(None)
        notify(error)

    def _intent(
        self,
        view: PlaneView,
        merge: int | None,
        split: int | None,
        link: Link | None,
    ) -> AcceptIntent:
        layer_view, current = view.in_layers, self.current
        image = self.scene.image
        return AcceptIntent(
            image, current.chosen, current.id_on(layer_view), merge, split, link
        )

    def _place(self, view: PlaneView, answer: Answer, intent: AcceptIntent) -> None:
        """Put an object into the target; its prompts come back if that fails."""
        mask = answer.masks[min(intent.chosen, len(answer.masks) - 1)]
        give_up = partial(self._take_back, view, answer, intent)
        try:
            session = self.sessions.ready(
                answer.request, partial(self._place, view, answer, intent), give_up
            )
            if session is None:
                return
            where = view.labels_plane
            if intent.split is not None:
                number = session.split(intent.split, mask.bbox, mask.data, where)
                how = self.accept_options(answer.request, intent.chosen)
                self.split_off.emit(view, answer.request.prompt, how)
            else:
                with session.grouped():
                    number = self._put(session, view, answer, mask, intent)
        except HqsamError as error:
            notify(error)
            give_up(error)
            return
        self.sessions.took_step(f"Object {number} accepted")
        self._count_out(intent.link)

    def _put(
        self,
        session: Session,
        view: PlaneView,
        answer: Answer,
        mask: Mask,
        intent: AcceptIntent,
    ) -> int:
        """Make an object of a mask, or add it to one; return its id."""
        options = self.accept_options(answer.request, intent.chosen)
        how: dict[str, Any] = {"options": options, "setup": answer.setup}
        prompt, label_id = answer.request.prompt, intent.label_id
        if intent.merge is None:
            how |= {"label_id": label_id, "replaces": label_id is not None}
            return self.put(session, view, mask, prompt, **how)
        if label_id not in (None, intent.merge) and mask.area:
            session.merge((intent.merge, label_id))
        where = view.labels_plane
        return session.accept(mask, prompt, plane=where, label_id=intent.merge, **how)

    def put(
        self,
        session: Session,
        view: PlaneView,
        mask: Mask,
        prompt: Prompt,
        **how: Any,  # noqa: ANN401
    ) -> int:
        """Make an object of a mask, its holes filled and its edge smoothed if chosen.

        For one step call it in a group. What `how` says goes to `Session.accept`,
        which tells what is raised.

        Returns
        -------
        int
            The object's id.
        """
        where = view.labels_plane
        number = session.accept(mask, prompt, plane=where, **how)
        done = self.controller.outline.finished(mask, view)
        if done is not mask:
            overlap = self.settings.overlap
            session.reshape(number, done.bbox, done.data, where, overlap=overlap)
        return number

    def _take_back(
        self, view: PlaneView, answer: Answer, intent: AcceptIntent, error: Exception
    ) -> None:
        """Lay the prompts of an object again that could not be accepted."""
        scene, request = self.scene, answer.request
        self._count_out(None)
        if scene.image is None or scene.image is not intent.image:
            return
        layer_view = view.in_layers
        if scene.prompts.on(layer_view):
            notify(
                PromptError(
                    "an object is lost, since there are other prompts already; "
                    "accept those and click on it again"
                )
            )
            return
        self.current.chosen = intent.chosen
        if intent.label_id is not None and self.sessions.target is not None:
            self.current.reopen(intent.label_id, layer_view)
        scene.put_prompt(request.prompt, layer_view)
        self.controller.predict_soon()

    def accept_options(self, request: Request, chosen: int) -> AcceptOptions:
        """Tell the journal how a mask was asked for."""
        return AcceptOptions(
            segmentation=request.options,
            candidate=to_candidate(chosen),
            overlap=self.settings.overlap,
            corrects=request.corrects,
        )

    def begin_next(
        self, view: PlaneView, *, keep: tuple[float, ...] | None = None
    ) -> None:
        """Drop the current object and its prompts, but for a click on the next."""
        layer_view = view.in_layers
        self.scene.prompts.remove_from(layer_view, keep)
        self.next_started.emit()
        if self.current.opened_on in (None, layer_view):
            self.current.reopen(None, layer_view)
        self.controller.begin_next()

    def reject(self) -> None:
        """Drop the current object and its prompts; a reopened one stays as it was."""
        try:
            view = self.scene.view()
        except HqsamError as error:
            notify(error)
            return
        self.rejecting.emit(view)
        self.begin_next(view)

    def _count_out(self, link: Link | None) -> None:
        """Note that an accepted object is there, or given up."""
        self.unplaced = max(self.unplaced - 1, 0)
        self.placed.emit(link)

    # --- images and labels that come and go ------------------------------------

    def _on_image(self) -> None:
        self.unplaced = 0

    def _on_leaving(self) -> None:
        """Put what was accepted into its labels before they are let go."""
        target, there = self.sessions.target, self.scene.viewer.layers
        if self.scene.image in there or (target is not None and target.layer in there):
            self.finish()
        elif self.controller.worker.has("accept"):
            notify(
                OutputError("the last object is lost: its image went before it came")
            )

    def finish(self) -> None:
        """Wait until what was accepted is in the labels; at most for `PATIENCE`."""
        worker, end = self.controller.worker, time.monotonic() + PATIENCE
        while worker.has("accept") or self.sessions.awaited:
            if time.monotonic() > end:
                notify(
                    OutputError("the last object was accepted too late, and is lost")
                )
                return
            time.sleep(0.005)
            self.controller.to_main.catch_up()

    def _accepted_sizes(self, view: PlaneView) -> list[int]:
        """Longer sides of the objects accepted last, on planes such as a view."""
        session = self.sessions.session
        if session is None:
            return []
        axes = view.labels_plane.axes
        return recent_sizes(session.history, axes, TYPICAL_OF)

    def _on_sessions(self) -> None:
        """Forget what was reopened: it is no object of other labels."""
        if self.sessions.target is not self._target:
            self._target = self.sessions.target
            self.current.label_id = None
