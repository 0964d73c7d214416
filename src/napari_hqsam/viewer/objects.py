"""Accept, reject, undo, reopen, merge, split, clean, delete.

What becomes of the current object once the user is content with it. What
labels, journal and undo are is the business of `labelling`.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal
from qtpy.QtCore import QObject

from napari_hqsam.errors import HqsamError, PromptError
from napari_hqsam.labels.records import Settings
from napari_hqsam.prompts import from_labels
from napari_hqsam.viewer.finishing import finish_crop
from napari_hqsam.viewer.main_thread import tell
from napari_hqsam.viewer.prompting import plane_size
from napari_hqsam.viewer.requests import from_candidate, to_candidate
from napari_hqsam.viewer.target import id_at, plane_of
from napari_hqsam.viewer.worker import Urgency

if TYPE_CHECKING:
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.viewer.controller import Controller
    from napari_hqsam.viewer.labelling import Labelling
    from napari_hqsam.viewer.planes import PlaneView
    from napari_hqsam.viewer.requests import Answer, Request


@dataclass(frozen=True)
class Fate:
    """What shall become of the current object.

    Attributes
    ----------
    chosen : int
        Which of the masks it is.
    label_id : int or None
        Of the accepted object that it takes the place of; None: a new one.
    merge, split : int or None
        Id of the object to add it to, or to take it out of.
    """

    chosen: int
    label_id: int | None
    merge: int | None = None
    split: int | None = None


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
        labelling.said.connect(self.said.emit)

    # --- the current object ----------------------------------------------------

    def accept(self, *, merge: int | None = None, split: int | None = None) -> None:
        """Put the current object into the target, and begin the next.

        Parameters
        ----------
        merge : int, optional
            Id of an object to add it to.
        split : int, optional
            Id of the object to take it out of.
        """
        controller, current = self.controller, self.current
        fate = Fate(current.chosen, current.label_id, merge, split)
        if current.waiting and controller.asked is not None:
            # The next click belongs to the next object already.
            view, request = controller.asked
            self._begin_next(view)
            controller.worker.submit(
                Urgency.CLICK,
                "accept",
                lambda _: controller.engine.answer(request),
                lambda answer: self._place(view, answer, fate),
                tell,
                replace=False,
            )
        elif current.mask is not None and controller.shown is not None:
            view, answer = controller.shown
            self._begin_next(view)
            self._place(view, answer, fate)
        elif self.scene.prompts_on_plane():
            tell(PromptError("no object was found at these prompts; add or move some"))
        else:
            self.said.emit("Nothing to accept yet: click on an object")

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
            where = plane_of(view.without(self.scene.dropped))
            if fate.split is not None:
                number = session.split(fate.split, mask.bbox, mask.data, where)
            else:
                with session.grouped():
                    number = session.accept(
                        mask,
                        answer.request.prompt,
                        plane=where,
                        label_id=fate.label_id if fate.merge is None else fate.merge,
                        settings=self.journal_settings(answer.request, fate.chosen),
                        setup=answer.setup,
                        replaces=fate.merge is None and fate.label_id is not None,
                    )
                    done = self.controller.finished(mask, view)
                    if done is not mask and fate.merge is None:
                        session.reshape(
                            number,
                            done.bbox,
                            done.data,
                            where,
                            overlap=self.settings.overlap,
                        )
        except HqsamError as error:
            tell(error)
            give_up(error)
            return
        self.controller.asking.note_accepted(view, answer.request, mask)
        self.labelling.took_step(f"Object {number} accepted")

    def _take_back(
        self, view: PlaneView, answer: Answer, fate: Fate, error: Exception
    ) -> None:
        """Lay the prompts of an object again that could not be accepted."""
        if self.scene.image is None or self.scene.prompts_on_plane():
            return
        self.current.chosen, self.current.label_id = fate.chosen, fate.label_id
        self.scene.put_prompt(answer.request.prompt, view.without(self.scene.dropped))
        self.controller.predict()

    def journal_settings(self, request: Request, chosen: int) -> Settings:
        """Tell the journal how a mask was asked for."""
        return Settings(
            output=request.output,
            candidate=to_candidate(chosen),
            level=request.level,
            typical_size=request.typical_size,
            clean=request.clean,
            overlap=self.settings.overlap,
            corrects=request.corrects,
        )

    def _begin_next(self, view: PlaneView) -> None:
        self.scene.quietly_remove(view.without(self.scene.dropped))
        self.current.label_id = None
        self.controller.begin_next()

    def reject(self) -> None:
        """Drop the current object and its prompts; a reopened one stays as it was."""
        try:
            view = self.scene.view()
        except HqsamError as error:
            tell(error)
            return
        self._begin_next(view)

    def undo(self) -> None:
        """Take the last prompt back; if there is none, the last accepted object."""
        prompts = self.scene.prompts_on_plane()
        if prompts:
            layer, number = prompts[-1]
            layer.selected_data = {number}
            layer.remove_selected()
        elif self.labelling.step("undo"):
            self.said.emit("The last step is undone")
        else:
            self.said.emit("Nothing to undo")

    def redo(self) -> None:
        """Do again what was undone last."""
        if self.labelling.step("redo"):
            self.said.emit("The step is done again")
        else:
            self.said.emit("Nothing to redo")

    # --- accepted objects -------------------------------------------------------

    def _under_cursor(self) -> tuple[PlaneView, int] | None:
        """Plane of the image, and the id pointed at."""
        at, target = self.scene.cursor(), self.labelling.target
        if at is None or target is None:
            return None
        view, point = at
        label_id = id_at(target.layer, view.without(self.scene.dropped), point)
        return (view, label_id) if label_id else None

    def reopen(self) -> None:
        """Make the accepted object under the cursor the current one again."""
        found = self._under_cursor()
        if found is None:
            self.said.emit("Point at an accepted object to open it again")
            return
        view, label_id = found
        own = view.without(self.scene.dropped)
        try:
            prompt, how = self._prompt_of(view, own, label_id)
            self._begin_next(view)
            self.current.label_id = label_id
            self.current.chosen = from_candidate(how.candidate)
            self.scene.put_prompt(prompt, own)
        except HqsamError as error:
            tell(error)
            return
        self.said.emit(f"Object {label_id} is open again")
        self.controller.resume(view, prompt, how)

    def _prompt_of(
        self, view: PlaneView, own: PlaneView, label_id: int
    ) -> tuple[Prompt, Settings]:
        """Prompt that made an object, and how it was asked for; else its box."""
        session, target, image = (
            self.labelling.session,
            self.labelling.target,
            self.scene.image,
        )
        if session is not None:
            with suppress(PromptError):  # an object that the session does not know
                made = session.reopen(label_id, plane_of(own))
                if made:
                    return made[-1].prompt, made[-1].settings
        assert target is not None
        assert image is not None
        window = own.window((0, 0, *plane_size(image, view)))
        here = np.asarray(target.layer.data[window]) == label_id
        (prompt,) = from_labels(here, "box")
        return prompt, Settings()

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
        own = shown[0].without(self.scene.dropped)
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
        where = plane_of(view.without(self.scene.dropped))
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
        """Remove the accepted object under the cursor from the slice shown."""
        found = self._accepted_under_cursor("delete")
        if found is None:
            return
        view, label_id = found
        session = self.labelling.session
        assert session is not None
        try:
            session.delete(label_id, plane_of(view.without(self.scene.dropped)))
        except HqsamError as error:
            tell(error)
            return
        self.labelling.took_step(f"Object {label_id} deleted from this slice")

    def _accepted_under_cursor(self, what: str) -> tuple[PlaneView, int] | None:
        """Plane and id of an object that there is a session for, or say why not."""
        found = self._under_cursor()
        if found is None:
            self.said.emit(f"Point at an accepted object to {what} it")
        elif self.labelling.session is None:
            self.said.emit("Accept an object first: then there is a journal")
            return None
        return found
