"""Accept or reject the current object, and begin the next one.

Knows the current object, its prompts and the session; must not know how undo or clicks
on the next object work: they listen to its signals.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from psygnal import Signal
from qtpy.QtCore import QObject

from napari_hqsam.errors import HqsamError, PromptError
from napari_hqsam.sessions import recent_sizes
from napari_hqsam.viewer.inference.requests.click_scale import TYPICAL_OF
from napari_hqsam.viewer.main_thread import notify
from napari_hqsam.viewer.objects.accept_intent import AcceptIntent
from napari_hqsam.worker import Priority

if TYPE_CHECKING:
    from napari_hqsam.masks import Mask
    from napari_hqsam.sessions.session import Session
    from napari_hqsam.viewer.inference.controller import InferenceController
    from napari_hqsam.viewer.inference.requests.request import Answer
    from napari_hqsam.viewer.objects.accept_intent import Link
    from napari_hqsam.viewer.objects.object_writer import ObjectWriter
    from napari_hqsam.viewer.planes import PlaneView
    from napari_hqsam.viewer.session.controller import SessionController


class Acceptor(QObject):
    """Puts the current object into the labels.

    Parameters
    ----------
    controller : InferenceController
    sessions : SessionController
    writer : ObjectWriter

    Attributes
    ----------
    unplaced : int
        Accepted objects that are not in the labels yet.
    """

    next_started = Signal()
    """The current object is dropped or accepted; another one begins."""
    rejecting = Signal(object)
    """The current object, on a `PlaneView`, is about to be dropped."""
    split_off = Signal(object, object, object)
    """A part was split off: plane, prompt and options that it was made from."""
    placed = Signal(object)
    """An accepted object is in the labels, or failed; with its `Link`, if any."""
    accept_deferred = Signal()
    """Accept is to be called again once the waiting clicks are sorted."""

    def __init__(
        self,
        controller: InferenceController,
        sessions: SessionController,
        writer: ObjectWriter,
    ) -> None:
        super().__init__(controller)
        self._controller, self._sessions, self._writer = controller, sessions, writer
        self._scene, self._current = controller.scene, controller.current
        self._target = sessions.target
        self.unplaced = 0
        controller.requests.accepted_sizes = self._accepted_sizes
        sessions.changed.connect(self._on_sessions)
        self._scene.image_changed.connect(self._on_image)

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
            Link made by that click, for undo.
        """
        controller, current = self._controller, self._current
        if keep is None and self._scene.prompts.unclassified:
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
        elif self._scene.prompts_on_plane():
            notify(
                PromptError("no object was found at these prompts; add or move some")
            )
        else:
            self._sessions.message.emit("Nothing to accept yet: click on an object")

    def _on_lost(self, error: Exception) -> None:
        """Report that the mask of an accepted object could not be made."""
        self._count_placed(None)
        notify(error)

    def _intent(
        self,
        view: PlaneView,
        merge: int | None,
        split: int | None,
        link: Link | None,
    ) -> AcceptIntent:
        layer_view, current = view.in_layers, self._current
        image = self._scene.image
        return AcceptIntent(
            image, current.chosen, current.id_on(layer_view), merge, split, link
        )

    def _place(self, view: PlaneView, answer: Answer, intent: AcceptIntent) -> None:
        """Put an object into the target; its prompts come back if that fails."""
        mask = answer.masks[min(intent.chosen, len(answer.masks) - 1)]
        on_failed = partial(self._on_failed, view, answer, intent)
        try:
            session = self._sessions.ready(
                answer.request, partial(self._place, view, answer, intent), on_failed
            )
            if session is None:
                return
            if intent.split is not None:
                label_id = session.split(
                    intent.split, mask.bbox, mask.data, view.labels_plane
                )
                options = self._writer.accept_options(answer.request, intent.chosen)
                self.split_off.emit(view, answer.request.prompt, options)
            else:
                with session.grouped():
                    label_id = self._write(session, view, answer, mask, intent)
        except HqsamError as error:
            notify(error)
            on_failed(error)
            return
        self._sessions.show_done(f"Object {label_id} accepted")
        self._count_placed(intent.link)

    def _write(
        self,
        session: Session,
        view: PlaneView,
        answer: Answer,
        mask: Mask,
        intent: AcceptIntent,
    ) -> int:
        """Make an object of a mask, or add it to one; return its id."""
        options = self._writer.accept_options(answer.request, intent.chosen)
        prompt, label_id = answer.request.prompt, intent.label_id
        if intent.merge is None:
            return self._writer.write(
                session,
                view,
                mask,
                prompt,
                options=options,
                setup=answer.setup,
                replaces=label_id,
            )
        if label_id not in (None, intent.merge) and mask.area:
            session.merge((intent.merge, label_id))
        return session.accept(
            mask,
            prompt,
            plane=view.labels_plane,
            label_id=intent.merge,
            options=options,
            setup=answer.setup,
        )

    def _on_failed(
        self, view: PlaneView, answer: Answer, intent: AcceptIntent, error: Exception
    ) -> None:
        """Restore the prompts of an object that could not be accepted."""
        scene, request = self._scene, answer.request
        self._count_placed(None)
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
        self._current.chosen = intent.chosen
        if intent.label_id is not None and self._sessions.target is not None:
            self._current.reopen(intent.label_id, layer_view)
        scene.put_prompt(request.prompt, layer_view)
        self._controller.predict_soon()

    def begin_next(
        self, view: PlaneView, *, keep: tuple[float, ...] | None = None
    ) -> None:
        """Drop the current object and its prompts, but for a click on the next."""
        layer_view = view.in_layers
        self._scene.prompts.remove_from(layer_view, keep)
        self.next_started.emit()
        if self._current.opened_on in (None, layer_view):
            self._current.reopen(None, layer_view)
        self._controller.begin_next()

    def reject(self) -> None:
        """Drop the current object and its prompts; a reopened one stays as it was."""
        try:
            view = self._scene.view()
        except HqsamError as error:
            notify(error)
            return
        self.rejecting.emit(view)
        self.begin_next(view)

    def _count_placed(self, link: Link | None) -> None:
        """Note that an accepted object is in the labels, or failed."""
        self.unplaced = max(self.unplaced - 1, 0)
        self.placed.emit(link)

    # --- images and labels that come and go ------------------------------------

    def _on_image(self) -> None:
        self.unplaced = 0

    def _accepted_sizes(self, view: PlaneView) -> list[int]:
        """Return the longer sides of the last objects accepted on such planes."""
        session = self._sessions.session
        if session is None:
            return []
        axes = view.labels_plane.axes
        return recent_sizes(session.history, axes, TYPICAL_OF)

    def _on_sessions(self) -> None:
        """Forget the reopened object: it is none of other labels."""
        if self._sessions.target is not self._target:
            self._target = self._sessions.target
            self._current.label_id = None
