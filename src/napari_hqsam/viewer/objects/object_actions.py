"""Actions on accepted objects: reopen, merge, split, clean, delete."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from napari_hqsam.errors import HqsamError, PromptError
from napari_hqsam.masks.finishing import finish_crop
from napari_hqsam.prompts import Prompt
from napari_hqsam.sessions.journal.accept_options import AcceptOptions
from napari_hqsam.viewer.canvas.prompts.reader import plane_size
from napari_hqsam.viewer.inference.requests.request import from_candidate
from napari_hqsam.viewer.main_thread import notify
from napari_hqsam.viewer.planes import layer_shape
from napari_hqsam.viewer.session.target.object_lookup import box_at, id_at

if TYPE_CHECKING:
    from napari_hqsam.viewer.inference.controller import InferenceController
    from napari_hqsam.viewer.objects.acceptor import Acceptor
    from napari_hqsam.viewer.planes import PlaneView
    from napari_hqsam.viewer.session.controller import SessionController


class ObjectActions:
    """Actions on the accepted object under the cursor.

    Parameters
    ----------
    controller : InferenceController
    sessions : SessionController
    acceptor : Acceptor
    """

    def __init__(
        self,
        controller: InferenceController,
        sessions: SessionController,
        acceptor: Acceptor,
    ) -> None:
        self._controller, self._sessions = controller, sessions
        self._scene, self._current = controller.scene, controller.current
        self._settings, self._acceptor = controller.settings, acceptor
        self._message = sessions.message

    def _under_cursor(self) -> tuple[PlaneView, int] | None:
        """Return the plane of the image and the id under the cursor, if any."""
        at, target = self._scene.cursor(), self._sessions.target
        if at is None or target is None:
            return None
        view, point = at
        label_id = id_at(target.layer, view.in_layers, point)
        return (view, label_id) if label_id else None

    def reopen(self) -> None:
        """Make the accepted object under the cursor the current one again."""
        found = self._under_cursor()
        if found is None:
            self._message.emit("Point at an accepted object to open it again")
            return
        view, label_id = found
        layer_view = view.in_layers
        try:
            prompt, options = self._prompt_of(layer_view, label_id)
            self._acceptor.begin_next(view)
            if self._current.opened_on is not None:  # elsewhere: one at a time
                self._scene.prompts.remove_from(self._current.opened_on)
            self._current.reopen(label_id, layer_view)
            self._current.chosen = from_candidate(options.candidate)
            self._scene.put_prompt(prompt, layer_view)
        except HqsamError as error:
            notify(error)
            return
        self._message.emit(f"Object {label_id} is open again")
        self._controller.resume(view, prompt, options)

    def _prompt_of(
        self, layer_view: PlaneView, label_id: int
    ) -> tuple[Prompt, AcceptOptions]:
        """Return the prompt and options that made an object; else its box."""
        session, target = self._sessions.session, self._sessions.target
        at = self._scene.cursor()
        if session is not None:
            with suppress(PromptError):  # an object that the session does not know
                made = session.reopen(label_id, layer_view.labels_plane)
                if made:
                    return made[-1].prompt, made[-1].options
        assert target is not None
        assert at is not None
        y0, x0, y1, x1 = box_at(target.layer, layer_view, at[1])
        box = y0 - 0.5, x0 - 0.5, y1 - 0.5, x1 - 0.5
        return Prompt(box=box), AcceptOptions()

    def merge(self) -> None:
        """Add the current object to the accepted one under the cursor."""
        found = self._under_cursor()
        if found is None:
            self._message.emit("Point at the accepted object to merge with")
            return
        self._acceptor.accept(merge=found[1])

    def split(self) -> None:
        """Take the current object out of the accepted one that it lies on most."""
        mask, shown = self._current.mask, self._controller.shown
        target = self._sessions.target
        if mask is None or shown is None or target is None:
            self._message.emit("Outline the part to split off first")
            return
        layer_view = shown[0].in_layers
        below = np.asarray(target.layer.data[layer_view.window(mask.bbox)])[mask.data]
        ids, counts = np.unique(below[below > 0], return_counts=True)
        if not len(ids):
            notify(
                PromptError(
                    "there is no accepted object below the outline to split it from; "
                    "accept it as it is"
                )
            )
            return
        self._acceptor.accept(split=int(ids[counts.argmax()]))

    def clean(self) -> None:
        """Fill the holes of the accepted object under the cursor, and smooth it."""
        found = self._accepted_under_cursor("clean")
        if found is None:
            return
        view, label_id = found
        session = self._sessions.session
        assert session is not None
        plane = view.labels_plane
        bbox, data = session.pixels(label_id, plane)
        assert self._scene.image is not None
        bbox, data = finish_crop(
            bbox,
            data,
            fill=True,
            smooth=self._settings.smooth,
            size=plane_size(self._scene.image, view),
        )
        overlap = self._settings.overlap
        try:
            session.reshape(label_id, bbox, data, plane, overlap=overlap)
        except HqsamError as error:
            notify(error)
            return
        self._sessions.show_done(f"Object {label_id} cleaned")

    def delete(self) -> None:
        """Remove the accepted object under the cursor from the plane shown."""
        found = self._accepted_under_cursor("delete")
        if found is None:
            return
        view, label_id = found
        session = self._sessions.session
        assert session is not None
        try:
            session.delete(label_id, view.labels_plane)
        except HqsamError as error:
            notify(error)
            return
        assert self._scene.image is not None
        several = view.index(layer_shape(self._scene.image))
        where_from = " from this slice" if several else ""
        self._sessions.show_done(f"Object {label_id} deleted{where_from}")

    def _accepted_under_cursor(self, verb: str) -> tuple[PlaneView, int] | None:
        """Return plane and id under the cursor; None without a session, and say so."""
        found = self._under_cursor()
        if found is None:
            self._message.emit(f"Point at an accepted object to {verb} it")
        elif self._sessions.session is None:
            self._message.emit("Accept an object first: then there is a journal")
            return None
        return found
