"""Accept, reject, undo, reopen, merge, split, clean, delete.

What becomes of the current object once the user is content with it. What
labels, journal and undo are is the business of `labelling`.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal
from qtpy.QtCore import QObject

from napari_hqsam.errors import HqsamError, OutputError, PromptError
from napari_hqsam.masks.finishing import finish_crop
from napari_hqsam.prompts import Prompt
from napari_hqsam.sessions import recent_sizes
from napari_hqsam.sessions.journal.records import AcceptOptions
from napari_hqsam.viewer.canvas.prompt_reader import plane_size
from napari_hqsam.viewer.inference.request_builder import TYPICAL_OF
from napari_hqsam.viewer.inference.requests import from_candidate, to_candidate
from napari_hqsam.viewer.main_thread import tell
from napari_hqsam.viewer.planes import layer_shape
from napari_hqsam.viewer.session.click_sorting import ClickSorter
from napari_hqsam.viewer.session.target import box_at, id_at
from napari_hqsam.viewer.session.undo import Undoing
from napari_hqsam.worker import Priority

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_hqsam.masks import Mask
    from napari_hqsam.sessions.session import Session
    from napari_hqsam.viewer.inference.controller import Controller
    from napari_hqsam.viewer.inference.requests import Answer, Request
    from napari_hqsam.viewer.planes import PlaneView
    from napari_hqsam.viewer.session.controller import Labelling
    from napari_hqsam.viewer.session.undo import Link

PATIENCE = 5.0
"""Seconds that closing, or another image, waits at most for what was accepted."""


@dataclass(frozen=True)
class Fate:
    """What shall become of the current object.

    Attributes
    ----------
    image : Image or None
        The layer that it was prompted on.
    chosen : int
        Which of the masks it is.
    label_id : int or None
        Of the accepted object that it takes the place of; None: a new one.
    merge, split : int or None
        Id of the object to add it to, or to take it out of.
    link : Link or None
        Of the object that was begun by the click that accepts this one.
    """

    image: Image | None
    chosen: int
    label_id: int | None
    merge: int | None = None
    split: int | None = None
    link: Link | None = None


class Objects(QObject):
    """What can be done with the current object, and with accepted ones.

    Parameters
    ----------
    controller : Controller
    labelling : Labelling
    """

    said = Signal(str)
    """What happened, or what to do first."""

    def __init__(self, controller: Controller, labelling: Labelling) -> None:
        super().__init__(controller)
        self.controller, self.labelling = controller, labelling
        self.scene, self.current = controller.scene, controller.current
        self.settings = controller.settings
        self._target = labelling.target
        self.undoing = Undoing(self)
        self._clicks = ClickSorter(self)
        labelling.said.connect(self.said.emit)
        controller.asking.accepted_sizes = self._accepted_sizes
        labelling.changed.connect(self._on_labelling)
        controller.scene.image_leaving.connect(self._on_leaving)

    # --- the current object ----------------------------------------------------

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
        if keep is None and self._clicks.accept_when_sorted():
            return
        if current.waiting and controller.asked is not None:
            # The next click belongs to the next object already.
            view, request = controller.asked
            fate = self._fate(view, merge, split, link)
            self.begin_next(view, keep=keep)
            self.undoing.in_flight += 1
            controller.worker.submit(
                Priority.CLICK,
                "accept",
                lambda _: controller.engine.answer(request),
                lambda answer: self._place(view, answer, fate),
                self._on_lost,
                replace=False,
            )
        elif current.mask is not None and controller.shown is not None:
            view, answer = controller.shown
            fate = self._fate(view, merge, split, link)
            self.begin_next(view, keep=keep)
            self.undoing.in_flight += 1
            self._place(view, answer, fate)
        elif self.scene.prompts_on_plane():
            tell(PromptError("no object was found at these prompts; add or move some"))
        else:
            self.said.emit("Nothing to accept yet: click on an object")

    def _on_lost(self, error: Exception) -> None:
        """No mask came for an object that was accepted."""
        self.undoing.note_placed(None)
        tell(error)

    def _fate(
        self,
        view: PlaneView,
        merge: int | None,
        split: int | None,
        link: Link | None,
    ) -> Fate:
        own, current = view.in_layers, self.current
        image = self.scene.image
        return Fate(image, current.chosen, current.id_on(own), merge, split, link)

    def _place(self, view: PlaneView, answer: Answer, fate: Fate) -> None:
        """Put an object into the target; its prompts come back if that fails."""
        mask = answer.masks[min(fate.chosen, len(answer.masks) - 1)]
        give_up = partial(self._take_back, view, answer, fate)
        try:
            session = self.labelling.ready(
                answer.request, partial(self._place, view, answer, fate), give_up
            )
            if session is None:
                return
            where = view.labels_plane
            if fate.split is not None:
                number = session.split(fate.split, mask.bbox, mask.data, where)
                how = self.accept_options(answer.request, fate.chosen)
                self.undoing.note_split(view, answer.request.prompt, how)
            else:
                with session.grouped():
                    number = self._put(session, view, answer, mask, fate)
        except HqsamError as error:
            tell(error)
            give_up(error)
            return
        self.labelling.took_step(f"Object {number} accepted")
        self.undoing.note_placed(fate.link)

    def _put(
        self, session: Session, view: PlaneView, answer: Answer, mask: Mask, fate: Fate
    ) -> int:
        """Make an object of a mask, or add it to one; return its id."""
        options = self.accept_options(answer.request, fate.chosen)
        how: dict[str, Any] = {"options": options, "setup": answer.setup}
        prompt, own = answer.request.prompt, fate.label_id
        if fate.merge is None:
            how |= {"label_id": own, "replaces": own is not None}
            return self.put(session, view, mask, prompt, **how)
        if own not in (None, fate.merge) and mask.area:
            session.merge((fate.merge, own))
        where = view.labels_plane
        return session.accept(mask, prompt, plane=where, label_id=fate.merge, **how)

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
        done = self.controller.finished(mask, view)
        if done is not mask:
            overlap = self.settings.overlap
            session.reshape(number, done.bbox, done.data, where, overlap=overlap)
        return number

    def _on_leaving(self) -> None:
        """Put what was accepted into its labels before they are let go."""
        target, there = self.labelling.target, self.scene.viewer.layers
        if self.scene.image in there or (target is not None and target.layer in there):
            self.finish()
        elif self.controller.worker.has("accept"):
            tell(OutputError("the last object is lost: its image went before it came"))

    def finish(self) -> None:
        """Wait until what was accepted is in the labels; at most for `PATIENCE`."""
        worker, end = self.controller.worker, time.monotonic() + PATIENCE
        while worker.has("accept") or self.labelling.awaited:
            if time.monotonic() > end:
                tell(OutputError("the last object was accepted too late, and is lost"))
                return
            time.sleep(0.005)
            self.controller.to_main.catch_up()

    def _take_back(
        self, view: PlaneView, answer: Answer, fate: Fate, error: Exception
    ) -> None:
        """Lay the prompts of an object again that could not be accepted."""
        scene, request = self.scene, answer.request
        self.undoing.note_placed(None)
        if scene.image is None or scene.image is not fate.image:
            return
        own = view.in_layers
        if scene.prompts_on(own):
            tell(
                PromptError(
                    "an object is lost, since there are other prompts already; "
                    "accept those and click on it again"
                )
            )
            return
        self.current.chosen = fate.chosen
        if fate.label_id is not None and self.labelling.target is not None:
            self.current.reopen(fate.label_id, own)
        scene.put_prompt(request.prompt, own)
        self.controller.predict_soon()

    def accept_options(self, request: Request, chosen: int) -> AcceptOptions:
        """Tell the journal how a mask was asked for."""
        return AcceptOptions(
            segmentation=request.options,
            candidate=to_candidate(chosen),
            overlap=self.settings.overlap,
            corrects=request.corrects,
        )

    def _accepted_sizes(self, view: PlaneView) -> list[int]:
        """Longer sides of the objects accepted last, on planes such as a view."""
        session = self.labelling.session
        if session is None:
            return []
        axes = view.labels_plane.axes
        return recent_sizes(session.history, axes, TYPICAL_OF)

    def begin_next(
        self, view: PlaneView, *, keep: tuple[float, ...] | None = None
    ) -> None:
        """Drop the current object and its prompts, but for a click on the next."""
        own = view.in_layers
        self.scene.quietly_remove(own, keep)
        self.undoing.begin_next()
        if self.current.opened_on in (None, own):
            self.current.reopen(None, own)
        self.controller.begin_next()

    def reject(self) -> None:
        """Drop the current object and its prompts; a reopened one stays as it was."""
        try:
            view = self.scene.view()
        except HqsamError as error:
            tell(error)
            return
        self.undoing.note_reject(view)
        self.begin_next(view)

    def undo(self) -> None:
        """Take back the last prompt, else the last reject or step; see `Undoing`."""
        self.undoing.undo()

    def redo(self) -> None:
        """Do again what was undone last."""
        self.undoing.redo()

    def _on_labelling(self) -> None:
        """Forget what was reopened: it is no object of other labels."""
        if self.labelling.target is not self._target:
            self._target = self.labelling.target
            self.current.label_id = None

    # --- accepted objects -------------------------------------------------------

    def _under_cursor(self) -> tuple[PlaneView, int] | None:
        """Plane of the image, and the id pointed at."""
        at, target = self.scene.cursor(), self.labelling.target
        if at is None or target is None:
            return None
        view, point = at
        label_id = id_at(target.layer, view.in_layers, point)
        return (view, label_id) if label_id else None

    def reopen(self) -> None:
        """Make the accepted object under the cursor the current one again."""
        found = self._under_cursor()
        if found is None:
            self.said.emit("Point at an accepted object to open it again")
            return
        view, label_id = found
        own = view.in_layers
        try:
            prompt, how = self._prompt_of(own, label_id)
            self.begin_next(view)
            if self.current.opened_on is not None:  # elsewhere: one at a time
                self.scene.quietly_remove(self.current.opened_on)
            self.current.reopen(label_id, own)
            self.current.chosen = from_candidate(how.candidate)
            self.scene.put_prompt(prompt, own)
        except HqsamError as error:
            tell(error)
            return
        self.said.emit(f"Object {label_id} is open again")
        self.controller.resume(view, prompt, how)

    def _prompt_of(self, own: PlaneView, label_id: int) -> tuple[Prompt, AcceptOptions]:
        """Prompt that made the object under the cursor, and how; else its box."""
        session, target = self.labelling.session, self.labelling.target
        at = self.scene.cursor()
        if session is not None:
            with suppress(PromptError):  # an object that the session does not know
                made = session.reopen(label_id, own.labels_plane)
                if made:
                    return made[-1].prompt, made[-1].options
        assert target is not None
        assert at is not None
        y0, x0, y1, x1 = box_at(target.layer, own, at[1])
        box = y0 - 0.5, x0 - 0.5, y1 - 0.5, x1 - 0.5
        return Prompt(box=box), AcceptOptions()

    def merge(self) -> None:
        """Add the current object to the accepted one under the cursor."""
        found = self._under_cursor()
        if found is None:
            self.said.emit("Point at the accepted object to merge with")
            return
        self.accept(merge=found[1])

    def split(self) -> None:
        """Take the current object out of the accepted one that it lies on most."""
        mask, shown = self.current.mask, self.controller.shown
        target = self.labelling.target
        if mask is None or shown is None or target is None:
            self.said.emit("Outline the part to split off first")
            return
        own = shown[0].in_layers
        below = np.asarray(target.layer.data[own.window(mask.bbox)])[mask.data]
        ids, counts = np.unique(below[below > 0], return_counts=True)
        if not len(ids):
            tell(
                PromptError(
                    "there is no accepted object below the outline to split it from; "
                    "accept it as it is"
                )
            )
            return
        self.accept(split=int(ids[counts.argmax()]))

    def clean(self) -> None:
        """Fill the holes of the accepted object under the cursor, and smooth it."""
        found = self._accepted_under_cursor("clean")
        if found is None:
            return
        view, label_id = found
        session = self.labelling.session
        assert session is not None
        where = view.labels_plane
        bbox, data = session.pixels(label_id, where)
        assert self.scene.image is not None
        bbox, data = finish_crop(
            bbox,
            data,
            fill=True,
            smooth=self.settings.smooth,
            size=plane_size(self.scene.image, view),
        )
        overlap = self.settings.overlap
        try:
            session.reshape(label_id, bbox, data, where, overlap=overlap)
        except HqsamError as error:
            tell(error)
            return
        self.labelling.took_step(f"Object {label_id} cleaned")

    def delete(self) -> None:
        """Remove the accepted object under the cursor from the plane shown."""
        found = self._accepted_under_cursor("delete")
        if found is None:
            return
        view, label_id = found
        session = self.labelling.session
        assert session is not None
        try:
            session.delete(label_id, view.labels_plane)
        except HqsamError as error:
            tell(error)
            return
        assert self.scene.image is not None
        several = view.index(layer_shape(self.scene.image))
        where_from = " from this slice" if several else ""
        self.labelling.took_step(f"Object {label_id} deleted{where_from}")

    def _accepted_under_cursor(self, what: str) -> tuple[PlaneView, int] | None:
        """Plane and id of an object that there is a session for, or say why not."""
        found = self._under_cursor()
        if found is None:
            self.said.emit(f"Point at an accepted object to {what} it")
        elif self.labelling.session is None:
            self.said.emit("Accept an object first: then there is a journal")
            return None
        return found
