"""Undo and redo of prompts, rejects and the session's steps.

With a step of the session the prompts of its object come back, so that the object can
be corrected.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from napari_hqsam.errors import HqsamError
from napari_hqsam.viewer.canvas.prompts.reader import current_prompt
from napari_hqsam.viewer.inference.requests.request import from_candidate
from napari_hqsam.viewer.objects.object_origin import (
    ObjectOrigin,
    origin_of,
    planes_of,
)
from napari_hqsam.viewer.objects.reject_history import Reject, RejectHistory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_hqsam.geometry import Plane
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.sessions.journal.accept_options import AcceptOptions
    from napari_hqsam.sessions.journal.events import Event
    from napari_hqsam.viewer.inference.controller import InferenceController
    from napari_hqsam.viewer.objects.accept_intent import Link
    from napari_hqsam.viewer.objects.acceptor import Acceptor
    from napari_hqsam.viewer.objects.object_writer import ObjectWriter
    from napari_hqsam.viewer.planes import PlaneView
    from napari_hqsam.viewer.session.controller import SessionController


class Undo:
    """Takes back the last prompt, reject or step of the session; redoes steps.

    Parameters
    ----------
    acceptor : Acceptor
        Emits what is accepted and rejected.
    controller : InferenceController
    sessions : SessionController
    writer : ObjectWriter

    Attributes
    ----------
    link : Link or None
        Link of the current object, if a click on it accepted the one before.
    """

    def __init__(
        self,
        acceptor: Acceptor,
        controller: InferenceController,
        sessions: SessionController,
        writer: ObjectWriter,
    ) -> None:
        self._acceptor, self._writer = acceptor, writer
        self._scene, self._current = controller.scene, controller.current
        self._controller, self._sessions = controller, sessions
        self.link: Link | None = None
        self._taken_back: tuple[PlaneView, Prompt] | None = None
        self._waiting = False  # undo as soon as what was accepted is in the labels
        self._splits: WeakKeyDictionary[Event, ObjectOrigin] = WeakKeyDictionary()
        self._rejects = RejectHistory()
        self._scene.image_changed.connect(self._on_image)
        acceptor.next_started.connect(self._on_next)
        acceptor.rejecting.connect(self._on_reject)
        acceptor.split_off.connect(self._on_split)
        acceptor.placed.connect(self._on_placed)

    # --- what is remembered ------------------------------------------------------

    def _on_next(self) -> None:
        """Forget where the current object came from."""
        self.link = self._taken_back = None

    def _on_reject(self, view: PlaneView) -> None:
        """Keep the prompts of the current object, which is about to be rejected."""
        origin = self._current_origin(view)
        if origin is None:
            return
        session = self._sessions.session
        if origin.label_id is not None and session is not None:
            known = session.reopen(origin.label_id, view.labels_plane)
            if known and known[-1].prompt == origin.prompt:
                return  # it was only looked at
        self.remember_reject(
            partial(self._restore_reject, origin), "The rejected object is back"
        )

    def remember_reject(self, restore: Callable[[], bool], text: str) -> None:
        """Let undo take back a reject, as long as it was done last; see `Reject`."""
        self._rejects.add(Reject(self._last_event(), restore, text))

    def _on_split(
        self, view: PlaneView, prompt: Prompt, options: AcceptOptions
    ) -> None:
        """Remember prompts of a part split off, which the journal does not record."""
        event = self._last_event()
        if event is not None:
            plane = view.labels_plane
            self._splits[event] = ObjectOrigin(plane, prompt, options, None)

    def _on_placed(self, link: Link | None) -> None:
        """Store the event of an object just written; run an undo that waited for it."""
        if link is not None:
            link.event = self._last_event()
        if self._waiting and not self._acceptor.unplaced:
            self._waiting = False
            self.undo()

    def _on_image(self) -> None:
        self._on_next()
        self._waiting = False
        self._rejects.clear()

    def untouched(self, view: PlaneView, *, skip: Sequence[float] = ()) -> bool:
        """Whether the prompts on a plane are those that undo restored, unchanged.

        Parameters
        ----------
        view : PlaneView
            The plane shown of the image.
        skip : sequence of float
            Position of a point that does not count.
        """
        layer_view = view.in_layers
        if self._taken_back is None or self._taken_back[0] != layer_view:
            return False
        return self._prompt_on(layer_view, skip) == self._taken_back[1]

    # --- undo and redo -------------------------------------------------------------

    def undo(self) -> None:
        """Take back the last prompt, reject or step of the session."""
        if self._acceptor.unplaced:
            self._waiting = True
            return
        try:
            view = self._scene.view()
        except HqsamError:
            view = None
        if view is not None and self.untouched(view):
            self._acceptor.begin_next(view)
        if self._undo_prompt():
            return
        if self._undo_reject():
            return
        if self._sessions.step("undo"):
            self._say("The last step is undone")
            self._restore_undone()
        else:
            self._say("Nothing to undo")

    def redo(self) -> None:
        """Redo what was undone last."""
        session = self._sessions.session
        origin = None if session is None else self._origin(session.history.to_redo)
        if session is None or not self._sessions.step("redo"):
            self._say("Nothing to redo")
            return
        self._say("The step is done again")
        view = self._show(planes_of(session.history.to_undo))
        if view is None:
            return
        layer_view = view.in_layers
        same = (
            origin is not None
            and origin.plane == view.labels_plane
            and self._prompt_on(layer_view) == origin.prompt
        )
        if same or self.untouched(view):
            self._acceptor.begin_next(view)  # it is accepted again

    def _undo_prompt(self) -> bool:
        """Remove the last prompt on the plane shown; False if there is none."""
        prompts = self._scene.prompts_on_plane()
        if not prompts:
            return False
        link = self.link
        layer, number = prompts[-1]
        layer.selected_data = {number}
        layer.remove_selected()
        self._scene.prompts.forget_removed()
        if len(prompts) == 1 and link is not None:
            self._undo_click(link)
        return True

    def _undo_click(self, link: Link) -> None:
        """Also undo the accept that the click triggered: all is as before the click."""
        if link.event is None or self._last_event() is not link.event:
            return  # something was done since that has nothing to do with it
        if self._sessions.step("undo") and self._restore_undone():
            self._taken_back = None  # the user had not accepted it
            self.link = link.before
            self._say("The click is undone, and what it had accepted")

    def _undo_reject(self) -> bool:
        """Take back the last reject; False if something was done since, or none."""
        text = self._rejects.undo(self._last_event())
        if text is not None:
            self._say(text)
        return text is not None

    def _restore_reject(self, origin: ObjectOrigin) -> bool:
        """Make a rejected object the current one again."""
        view = self._show({origin.plane})
        return view is not None and self._make_current(view, origin)

    def _restore_undone(self) -> bool:
        """Show what was just undone, and make its object the current one."""
        session = self._sessions.session
        assert session is not None
        step = session.history.to_redo
        view, origin = self._show(planes_of(step)), self._origin(step)
        if view is None or origin is None or not self._make_current(view, origin):
            return False
        layer_view = view.in_layers
        prompt = self._prompt_on(layer_view)
        self._taken_back = None if prompt is None else (layer_view, prompt)
        self._say("The accept is undone: correct the object, or click on another one")
        return True

    # --- parts of it ---------------------------------------------------------------

    def _say(self, text: str) -> None:
        self._sessions.message.emit(text)

    def _show(self, planes: set[Plane]) -> PlaneView | None:
        """Go to the slice that is undone or redone, unless one of those is shown.

        On another slice it would go unseen, and its prompts would be lost.

        Returns
        -------
        PlaneView or None
            What is shown then; None: no plane.
        """
        try:
            view = self._scene.view()
        except HqsamError:
            return None
        shown = view.labels_plane
        there = sorted(p.index for p in planes if p.axes == shown.axes)
        if there and not there[0] <= shown.index <= there[-1]:
            nearest = there[0] if shown.index < there[0] else there[-1]
            view = view.at_labels(nearest)
            self._scene.go_to(view)
        return view

    def _make_current(self, view: PlaneView, origin: ObjectOrigin) -> bool:
        """Make an object the current one again, if its plane is shown and empty."""
        layer_view = view.in_layers
        if origin.plane != view.labels_plane or self._scene.prompts.on(layer_view):
            return False
        current = self._current
        if origin.label_id is not None:
            current.reopen(origin.label_id, layer_view)
        current.chosen = from_candidate(origin.options.candidate)
        self._scene.put_prompt(origin.prompt, layer_view)
        self._controller.resume(view, origin.prompt, origin.options)
        return True

    def _last_event(self) -> Event | None:
        """Return the last event that is done."""
        session = self._sessions.session
        step = [] if session is None else session.history.to_undo
        return step[-1] if step else None

    def _origin(self, step: Sequence[Event]) -> ObjectOrigin | None:
        """Return what the object of a step was made from; None: it is no accept."""
        return (self._splits.get(step[-1]) if step else None) or origin_of(step)

    def _current_origin(self, view: PlaneView) -> ObjectOrigin | None:
        """Return what the current object is made from."""
        layer_view = view.in_layers
        prompt = self._prompt_on(layer_view)
        if prompt is None:
            return None
        request, chosen = self._controller.request_for(view, prompt)
        options = self._writer.accept_options(request, chosen)
        label_id = self._current.id_on(layer_view)
        return ObjectOrigin(view.labels_plane, request.prompt, options, label_id)

    def _prompt_on(
        self, layer_view: PlaneView, skip: Sequence[float] = ()
    ) -> Prompt | None:
        points, shapes = self._scene.points, self._scene.shapes
        if points is None or shapes is None:
            return None
        skipped = {tuple(skip)} if skip else set()
        try:
            return current_prompt(points, shapes, layer_view, skip=skipped)
        except HqsamError:
            return None
