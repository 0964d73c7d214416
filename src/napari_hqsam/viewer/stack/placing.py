"""Putting what was found on slices into the target."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_hqsam.errors import OutputError, PromptError
from napari_hqsam.viewer.stack import plans as stack_plans

if TYPE_CHECKING:
    from napari_hqsam.geometry import Plane
    from napari_hqsam.sessions.session import Session
    from napari_hqsam.viewer.session.accept import Acceptor
    from napari_hqsam.viewer.stack.run import Run
    from napari_hqsam.viewer.stack.state import StackState
    from napari_hqsam.viewer.stack.work import Item


class Placer:
    """Puts objects into the target, slice by slice.

    Parameters
    ----------
    objects : Acceptor
    state : StackState
    """

    def __init__(self, objects: Acceptor, state: StackState) -> None:
        self._objects, self._labelling = objects, objects.labelling
        self._controller, self._state = objects.controller, state

    def check_target(self, run: Run) -> None:
        """Raise OutputError if the labels are not those that the work began on."""
        target = self._labelling.target
        assert run.session is not None
        if target is None or self._labelling.session is not run.session:
            raise OutputError("the labels are gone; choose a target and start again")
        wanted = run.session.header.labels.shape
        if target.shape != wanted:
            raise OutputError(
                f"{target.layer.name} has shape {target.shape} now, the "
                f"session {wanted}; choose a target and start again"
            )

    def place(self, run: Run, z: int, item: Item) -> None:
        """Put one object on one slice into the target, if there is room for it.

        Raises
        ------
        HqsamError
            The target is gone, or it or the journal cannot be written to.
        """
        self.check_target(run)
        assert run.session is not None
        with run.session.grouped(run.group):
            self._place(run, run.session, z, item)

    def _place(self, run: Run, session: Session, z: int, item: Item) -> None:
        known = run.ids.get(item.key)
        label_id = session.next_id if known is None else known
        if item.asked is not None:
            done = self._accept(run, session, label_id, z, item)
        elif _is_by_hand(session, label_id, run.walk.plane(z)):
            return  # meanwhile, or who knows when
        else:
            done = self._derive(run, session, label_id, z, item)
        run.begun = True
        if not done:
            return
        run.filled.add(z)
        run.ids[item.key] = label_id  # only now: what has no pixels has no id
        if item.asked is not None:
            run.accepted.add((z, item.key))
        if item.parts is not None:
            self._state.parts[label_id, run.walk.plane(z)] = item.parts

    def _accept(
        self, run: Run, session: Session, label_id: int, z: int, item: Item
    ) -> bool:
        """Accept a prompted object; False if it has no pixels of its own."""
        mask, asked = item.mask, item.asked
        assert mask is not None
        assert asked is not None
        settings = self._objects.accept_options(asked.request, asked.chosen)
        plane, view = run.walk.plane(z), run.walk.at(z)
        try:
            session.accept(
                mask,
                replace(asked.prompt, label_id=None),
                plane=plane,
                label_id=label_id,
                options=replace(settings, overlap="keep"),
                setup=run.setup,
                replaces=True,
            )
        except PromptError:
            return False
        done = self._controller.finished(mask, view)
        if done is not mask:
            session.reshape(label_id, done.bbox, done.data, plane)
        return True

    def _derive(
        self, run: Run, session: Session, label_id: int, z: int, item: Item
    ) -> bool:
        """Give an object what was found of it; False if that is nothing."""
        plane, mask = run.walk.plane(z), item.mask
        if mask is None:
            if session.table.knows(label_id):
                nothing = (0, 0, 0, 0), np.zeros((0, 0), bool)
                session.derive(label_id, *nothing, plane, confidence=None)
            return False
        mask = self._controller.finished(mask, run.walk.at(z))
        return session.derive(
            label_id, mask.bbox, mask.data, plane, confidence=item.confidence
        )


def _is_by_hand(session: Session, label_id: int, plane: Plane) -> bool:
    """Whether a slice of an object is not one on which it was derived."""
    derived = session.table.derived.get(label_id, {})
    if derived.get(plane) is not None:
        return False
    return plane in derived or stack_plans.has_pixels(session, label_id, plane)
