"""Undo and redo, each of which takes the prompts with it.

What is undone is a step of the session, and what went with it in the viewer: the
prompts of an object come back with its accept, so that it can be corrected.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

from napari_hqsam.errors import HqsamError
from napari_hqsam.sessions.journal.events import Accept
from napari_hqsam.viewer.canvas.prompts.reader import current_prompt
from napari_hqsam.viewer.inference.requests import from_candidate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_hqsam.geometry import Plane
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.sessions.journal.accept_options import AcceptOptions
    from napari_hqsam.sessions.journal.events import Event
    from napari_hqsam.viewer.inference.controller import InferenceController
    from napari_hqsam.viewer.objects.accept_intent import Link
    from napari_hqsam.viewer.objects.acceptor import Acceptor
    from napari_hqsam.viewer.planes import PlaneView
    from napari_hqsam.viewer.session.controller import SessionController

KEPT_REJECTS = 20


class ObjectOrigin(NamedTuple):
    """What an object was made from.

    Attributes
    ----------
    plane : Plane
    prompt : Prompt
    how : AcceptOptions
    label_id : int or None
        Of the accepted object that it was before; None: a new one.
    """

    plane: Plane
    prompt: Prompt
    how: AcceptOptions
    label_id: int | None


class Undo:
    """Undo and redo of prompts, rejects and the session's steps.

    Parameters
    ----------
    acceptor : Acceptor
        Tells what is accepted and dropped.
    controller : InferenceController
    sessions : SessionController
    """

    def __init__(
        self,
        acceptor: Acceptor,
        controller: InferenceController,
        sessions: SessionController,
    ) -> None:
        self._acceptor, self._message = acceptor, acceptor.message
        self._scene, self._current = controller.scene, controller.current
        self._controller, self._sessions = controller, sessions
        self.link: Link | None = None
        """Of the current object, if a click on it accepted the one before."""
        self._taken_back: tuple[PlaneView, Prompt] | None = None
        self._due = False
        self._splits: WeakKeyDictionary[Event, ObjectOrigin] = WeakKeyDictionary()
        self._rejects: deque[tuple[Event | None, ObjectOrigin]] = deque(
            maxlen=KEPT_REJECTS
        )
        self._scene.image_changed.connect(self._on_image)
        acceptor.next_started.connect(self._on_next)
        acceptor.rejecting.connect(self._on_reject)
        acceptor.split_off.connect(self._on_split)
        acceptor.placed.connect(self._on_placed)

    # --- what is noted -----------------------------------------------------------

    def _on_next(self) -> None:
        """Forget where the current object came from."""
        self.link = self._taken_back = None

    def _on_reject(self, view: PlaneView) -> None:
        """Keep the prompts of the current object, which is about to be rejected."""
        layer_view = view.in_layers
        made = self._current_origin(view)
        if made is None:
            return
        session = self._sessions.session
        if made.label_id is not None and session is not None:
            known = session.reopen(made.label_id, layer_view.labels_plane)
            if known and known[-1].prompt == made.prompt:
                return  # it was only looked at
        self._rejects.append((self._last(), made))

    def _on_split(self, view: PlaneView, prompt: Prompt, how: AcceptOptions) -> None:
        """Keep the prompts of a part that was split off: the journal has not."""
        event = self._last()
        if event is not None:
            where = view.labels_plane
            self._splits[event] = ObjectOrigin(where, prompt, how, None)

    def _on_placed(self, link: Link | None) -> None:
        """Note the step of an object that is in the labels; undo it if that is due."""
        if link is not None:
            link.event = self._last()
        if self._due and not self._acceptor.unplaced:
            self._due = False
            self.undo()

    def untouched(self, view: PlaneView, *, skip: Sequence[float] = ()) -> bool:
        """Whether all on a plane is an object that undo has taken back, as it was.

        Parameters
        ----------
        view : PlaneView
            Of the image.
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
            self._due = True  # first it must be there
            return
        try:
            view = self._scene.view()
        except HqsamError:
            view = None
        if view is not None and self.untouched(view):
            self._acceptor.begin_next(view)
        prompts = self._scene.prompts_on_plane()
        link = self.link
        if prompts:
            layer, number = prompts[-1]
            layer.selected_data = {number}
            layer.remove_selected()
            self._scene.prompts.forget_removed()
            if len(prompts) == 1 and link is not None:
                self._undo_click(link)
            return
        if self._undo_reject():
            self._message.emit("The rejected object is back")
        elif self._sessions.step("undo"):
            self._message.emit("The last step is undone")
            self._restore()
        else:
            self._message.emit("Nothing to undo")

    def _undo_click(self, link: Link) -> None:
        """Take back also the accept that the click made: all is as before it."""
        if link.event is None or self._last() is not link.event:
            return  # something was done since that has nothing to do with it
        if self._sessions.step("undo") and self._restore():
            self._taken_back = None  # it had not been accepted: nobody took it back
            self.link = link.before
            self._message.emit("The click is undone, and what it had accepted")

    def _undo_reject(self) -> bool:
        if not self._rejects:
            return False
        last, made = self._rejects[-1]
        if last is not self._last():
            return False
        view = self._show({made.plane})
        if view is None or not self._lay(view, made):
            return False
        self._rejects.pop()
        return True

    def _restore(self) -> bool:
        """Show what was just undone, and lay the prompts of it again."""
        session = self._sessions.session
        assert session is not None
        step = session.history.to_redo
        view, made = self._show(_planes(step)), self._origin(step)
        if view is None or made is None or not self._lay(view, made):
            return False
        layer_view = view.in_layers
        prompt = self._prompt_on(layer_view)
        self._taken_back = None if prompt is None else (layer_view, prompt)
        self._message.emit(
            "The accept is undone: correct the object, or click on another one"
        )
        return True

    def redo(self) -> None:
        """Do again what was undone last."""
        session = self._sessions.session
        made = None if session is None else self._origin(session.history.to_redo)
        if session is None or not self._sessions.step("redo"):
            self._message.emit("Nothing to redo")
            return
        self._message.emit("The step is done again")
        view = self._show(_planes(session.history.to_undo))
        if view is None:
            return
        layer_view = view.in_layers
        same = made is not None and made.plane == layer_view.labels_plane
        if self.untouched(view) or (
            same and made is not None and self._prompt_on(layer_view) == made.prompt
        ):
            self._acceptor.begin_next(view)  # it is accepted again

    # --- how -----------------------------------------------------------------

    def _show(self, planes: set[Plane]) -> PlaneView | None:
        """Go to what is undone or done again, unless the slice shown lies within.

        Else it would happen unseen, and its prompts would be lost.

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

    def _last(self) -> Event | None:
        """Return the last event that is done."""
        session = self._sessions.session
        step = [] if session is None else session.history.to_undo
        return step[-1] if step else None

    def _origin(self, step: Sequence[Event]) -> ObjectOrigin | None:
        """Tell from a step what was accepted; None: it was something else."""
        accepts = [event for event in step if isinstance(event, Accept)]
        edits = [event for event in step if not isinstance(event, Accept)]
        if not accepts and step:
            return self._splits.get(step[-1])
        if len(accepts) != 1 or {e.kind for e in edits} - {"reshape", "merge"}:
            return None
        (accept,) = accepts
        before = accept.label_id if accept.replaces else None
        for edit in edits:
            if edit.kind == "merge":
                before = edit.ids[1]
        return ObjectOrigin(accept.plane, accept.prompt, accept.options, before)

    def _current_origin(self, view: PlaneView) -> ObjectOrigin | None:
        """Tell what the current object is made from."""
        layer_view = view.in_layers
        prompt = self._prompt_on(layer_view)
        if prompt is None:
            return None
        request, chosen = self._controller.question(view, prompt)
        how = self._acceptor.accept_options(request, chosen)
        return ObjectOrigin(
            layer_view.labels_plane,
            request.prompt,
            how,
            self._current.id_on(layer_view),
        )

    def _prompt_on(
        self, layer_view: PlaneView, skip: Sequence[float] = ()
    ) -> Prompt | None:
        scene = self._scene
        if scene.points is None or scene.shapes is None:
            return None
        try:
            return current_prompt(
                scene.points,
                scene.shapes,
                layer_view,
                skip={tuple(skip)} if skip else set(),
            )
        except HqsamError:
            return None

    def _lay(self, view: PlaneView, made: ObjectOrigin) -> bool:
        """Make an object the current one again, if its plane is shown and empty."""
        layer_view = view.in_layers
        if made.plane != layer_view.labels_plane or self._scene.prompts.on(layer_view):
            return False
        current = self._current
        if made.label_id is not None:
            current.reopen(made.label_id, layer_view)
        current.chosen = from_candidate(made.how.candidate)
        self._scene.put_prompt(made.prompt, layer_view)
        self._controller.resume(view, made.prompt, made.how)
        return True

    def _on_image(self) -> None:
        self._on_next()
        self._due = False
        self._rejects.clear()


def _planes(step: Sequence[Event]) -> set[Plane]:
    """Planes on which a step changed labels."""
    return {patch.plane for event in step for patch in event.patches}
