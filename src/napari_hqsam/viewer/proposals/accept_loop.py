"""Write accepted proposals to the session, without a pause of the window."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject

from napari_hqsam.errors import OutputError
from napari_hqsam.viewer.main_thread import notify
from napari_hqsam.viewer.proposals.proposal_set import Status
from napari_hqsam.viewer.step_loop import TimeSlices

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from napari_hqsam.sessions.session import Session
    from napari_hqsam.viewer.proposals.proposal_set import Proposal, ProposalSet
    from napari_hqsam.viewer.session.controller import SessionController
    from napari_hqsam.viewer.session.target.layer_target import LayerTarget


DRAWN_TOGETHER = 16
"""Objects that are written before the labels are drawn again."""


@dataclass(eq=False)
class Gesture:
    """Proposals of one plane that are accepted together: one step of undo.

    Attributes
    ----------
    proposals : ProposalSet
    chosen : sequence of Proposal
    pixels : sequence of (h, w) bool array
        Of each, in its box: what it does not share with better proposals.
    session : Session
    ids : sequence of int
        Ids of the objects, unless others take them meanwhile.
    group : str
        Name of the step.
    written : list of int
        Those that are in the labels.
    done : int
        How many of the proposals were written, or have no free pixel.
    """

    proposals: ProposalSet
    chosen: Sequence[Proposal]
    pixels: Sequence[np.ndarray]
    session: Session
    ids: Sequence[int]
    group: str = field(default_factory=lambda: uuid.uuid4().hex)
    written: list[int] = field(default_factory=list)
    done: int = 0


class AcceptLoop(QObject):
    """Writes gestures one after the other, object by object.

    Parameters
    ----------
    sessions : SessionController
    ended : callable
        Called when nothing more is to be written.
    """

    def __init__(
        self, sessions: SessionController, ended: Callable[[], None], parent: QObject
    ) -> None:
        super().__init__(parent)
        self._sessions, self._ended = sessions, ended
        self._gestures: list[Gesture] = []
        self._slices = TimeSlices(self, self._finish, self._fail)

    @property
    def running(self) -> bool:
        """Whether there is anything left to write."""
        return self._slices.running

    def accept(self, proposals: ProposalSet, chosen: Sequence[Proposal]) -> None:
        """Write proposals to the session, which is open, as new objects.

        Raises
        ------
        OutputError
            The labels' data type holds too few ids.
        """
        session, target = self._sessions.session, self._sessions.target
        assert session is not None
        assert target is not None
        promised = sum(len(each.ids) - each.done for each in self._gestures)
        ids = session.next_ids(promised + len(chosen))[promised:]
        highest = int(np.iinfo(target.array.dtype).max)
        if ids[-1] > highest:
            fit = sum(label_id <= highest for label_id in ids)
            raise OutputError(
                f"{target.layer.name} is {target.array.dtype} and holds ids up to "
                f"{highest}: {fit} more objects fit, {len(chosen)} were to be "
                "accepted. Accept fewer, or convert the layer (right click on it > "
                "Convert data type)"
            )
        chosen = sorted(chosen, key=lambda each: each.bbox)  # neighbours in turn
        layered = proposals.open
        number = {each: i for i, each in enumerate(layered.masks)}
        pixels = [layered.own_pixels(number[each]) for each in chosen]
        self._gestures.append(Gesture(proposals, chosen, pixels, session, ids))
        proposals.mark_accepted(chosen, pixels)
        if not self.running:
            self._slices.start(self._write())

    def complete(self) -> None:
        """Write all that is left now."""
        self._slices.complete()

    def cancel(self) -> None:
        """Leave out what is left: it is proposed again."""
        self._slices.stop()
        for gesture in self._gestures:
            gesture.proposals.mark(gesture.chosen[gesture.done :], Status.OPEN)
        self._gestures.clear()

    def _write(self) -> Iterator[None]:
        """Write object by object; neighbours are drawn together."""
        while self._gestures:
            gesture = self._gestures[0]
            while gesture.done < len(gesture.chosen):
                target = self._target_of(gesture)
                left = len(gesture.chosen) - gesture.done
                with target.undrawn():
                    for _ in range(min(left, DRAWN_TOGETHER) - 1):
                        self._write_next(gesture)
                if not self._write_next(gesture):
                    target.layer.refresh()
                yield
            self._gestures.pop(0)
            self._report(gesture)

    def _write_next(self, gesture: Gesture) -> bool:
        """Write one object; False if it has no free pixel."""
        i, label_id = gesture.done, gesture.ids[gesture.done]
        if label_id <= gesture.session.table.highest:  # of an object made meanwhile
            label_id = gesture.session.next_id
        with gesture.session.grouped(gesture.group):
            written = gesture.session.derive(
                label_id,
                gesture.chosen[i].bbox,
                gesture.pixels[i],
                gesture.proposals.view.labels_plane,
                confidence=min(gesture.chosen[i].quality, 1.0),
            )
        gesture.done += 1
        gesture.written += [label_id] if written else []
        return written

    def _target_of(self, gesture: Gesture) -> LayerTarget:
        """Return the labels if they are those of before.

        Raises
        ------
        OutputError
            They are not.
        """
        target = self._sessions.target
        if target is None or self._sessions.session is not gesture.session:
            raise OutputError("the labels are gone; accept the proposals again")
        return target

    def _report(self, gesture: Gesture) -> None:
        """Show what a gesture has written, and say so."""
        ids, labels = gesture.written, self._sessions.labels
        if labels is not None:
            labels.update_objects(ids)
            labels.show_rows()
        if len(ids) == 1:
            text = f"Object {ids[0]} accepted"
        elif ids:
            text = f"{len(ids)} objects accepted"
        else:
            text = "Other objects have all pixels of what was to be accepted"
        self._sessions.message.emit(text)

    def _finish(self) -> None:
        self._sessions.changed.emit()
        self._ended()

    def _fail(self, error: Exception) -> None:
        gestures = self._gestures[:1]
        self.cancel()
        for gesture in gestures:
            if self._sessions.session is gesture.session and gesture.written:
                self._report(gesture)
        notify(error)
        self._finish()
