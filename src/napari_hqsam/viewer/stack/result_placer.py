"""Write the results of slices to the target."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_hqsam.errors import OutputError, PromptError
from napari_hqsam.viewer.stack.known_objects import is_by_hand

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_hqsam.masks import Mask
    from napari_hqsam.sessions.journal.accept_options import AcceptOptions
    from napari_hqsam.sessions.session import Session
    from napari_hqsam.viewer.inference.requests.request import Request
    from napari_hqsam.viewer.planes import PlaneView
    from napari_hqsam.viewer.session.controller import SessionController
    from napari_hqsam.viewer.stack.plan import StackPlan, StackProgress
    from napari_hqsam.viewer.stack.slices.slice_results import ObjectOnSlice
    from napari_hqsam.viewer.stack.state import StackState


class ResultPlacer:
    """Writes objects to the target, slice by slice.

    Parameters
    ----------
    sessions : SessionController
    state : StackState
        Keeps the parts of the confidence.
    finished : callable
        Fills and smooths a mask as chosen.
    accept_options : callable
        Returns what the journal keeps of a request and the number of its mask.
    """

    def __init__(
        self,
        sessions: SessionController,
        state: StackState,
        finished: Callable[[Mask, PlaneView], Mask],
        accept_options: Callable[[Request, int], AcceptOptions],
    ) -> None:
        self._sessions, self._state = sessions, state
        self._finished, self._accept_options = finished, accept_options

    def place(
        self, plan: StackPlan, progress: StackProgress, z: int, found: ObjectOnSlice
    ) -> None:
        """Write one object on one slice to the target, if any pixel is free for it.

        Raises
        ------
        HqsamError
            The target is gone, or it or the journal cannot be written to.
        """
        session = self._session_of(plan)
        label_id = progress.ids.get(found.key)
        if label_id is None:
            label_id = session.next_id  # looks at the labels: once an object
        plane = plan.stack.plane(z)
        derived = found.prompt is None
        if derived and is_by_hand(session, label_id, plane):
            return  # the user's own pixels stay
        put = self._derive if derived else self._accept
        with session.grouped(plan.group):
            placed = put(session, label_id, plan, progress, z, found)
        progress.begun = True
        if not placed:
            return
        progress.filled.add(z)
        progress.ids[found.key] = label_id  # only now: without pixels there is no id
        if not derived:
            progress.prompted.add((z, found.key))
        if found.parts is not None:
            self._state.parts[label_id, plane] = found.parts

    def reshape(
        self, plan: StackPlan, progress: StackProgress, z: int, found: ObjectOnSlice
    ) -> None:
        """Replace the outline of an object that is in the target; its key is its id.

        Objects that are reshaped together have disjoint new masks, but one may need
        pixels that another still has: new outlines overwrite old ones.

        Raises
        ------
        HqsamError
            As of `place`.
        """
        session = self._session_of(plan)
        label_id, mask = found.key, found.mask
        assert isinstance(label_id, int)
        assert mask is not None
        with session.grouped(plan.group):
            session.reshape(
                label_id,
                mask.bbox,
                mask.data,
                plan.stack.plane(z),
                overlap="overwrite",
            )
        progress.begun = True
        progress.filled.add(z)
        progress.ids[label_id] = label_id

    def _session_of(self, plan: StackPlan) -> Session:
        """Return the session if its labels are those that the run began on."""
        target, session = self._sessions.target, plan.session
        assert session is not None
        if target is None or self._sessions.session is not session:
            raise OutputError("the labels are gone; choose a target and start again")
        wanted = session.header.labels.shape
        if target.shape != wanted:
            raise OutputError(
                f"{target.layer.name} has shape {target.shape} now, the "
                f"session {wanted}; choose a target and start again"
            )
        return session

    def _accept(
        self,
        session: Session,
        label_id: int,
        plan: StackPlan,
        progress: StackProgress,
        z: int,
        found: ObjectOnSlice,
    ) -> bool:
        """Accept a prompted object; False if it has no pixels of its own."""
        mask, prompt = found.mask, found.prompt
        assert mask is not None
        assert prompt is not None
        options = self._accept_options(prompt.request, prompt.chosen)
        plane = plan.stack.plane(z)
        try:
            session.accept(
                mask,
                replace(prompt.prompt, label_id=None),
                plane=plane,
                label_id=label_id,
                options=replace(options, overlap="keep"),
                setup=progress.setup,
                replaces=True,
            )
        except PromptError:
            return False
        done = self._finished(mask, plan.stack.view_of(z))
        if done is not mask:
            session.reshape(label_id, done.bbox, done.data, plane)
        return True

    def _derive(
        self,
        session: Session,
        label_id: int,
        plan: StackPlan,
        progress: StackProgress,
        z: int,
        found: ObjectOnSlice,
    ) -> bool:
        """Write the derived mask of an object; False if it is empty."""
        plane, mask = plan.stack.plane(z), found.mask
        if mask is None:
            if session.table.knows(label_id):
                nothing = (0, 0, 0, 0), np.zeros((0, 0), bool)
                session.derive(label_id, *nothing, plane, confidence=None)
            return False
        mask = self._finished(mask, plan.stack.view_of(z))
        return session.derive(
            label_id, mask.bbox, mask.data, plane, confidence=found.confidence
        )
