"""Replay the journal of a session: repaint its masks, or segment its prompts again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_hqsam.errors import PromptError
from napari_hqsam.masks.algebra import intersection
from napari_hqsam.sessions.edit_log import EditLog
from napari_hqsam.sessions.journal.events import Accept
from napari_hqsam.sessions.journal.runs import mask_digest
from napari_hqsam.sessions.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_hqsam.masks import Mask
    from napari_hqsam.sessions.changes.target import Target
    from napari_hqsam.sessions.journal.events import Edit
    from napari_hqsam.sessions.recorded_session import RecordedSession


@dataclass(frozen=True, eq=False)
class ResegmentedMask:
    """An accepted mask compared with the one segmented again.

    Attributes
    ----------
    accept : Accept
        The event of the accepted mask.
    pixels : int
        Number of pixels in which the masks differ.
    iou : float
        Intersection over union of the two.
    lost : bool
        Whether the new mask is empty, or all of its pixels have another id.
    """

    accept: Accept
    pixels: int
    iou: float
    lost: bool


def rebuild(recorded: RecordedSession, target: Target) -> int:
    """Rebuild the labels of a session from its recorded masks and edits.

    Needs no model; the result is the same on every machine.

    Parameters
    ----------
    recorded : RecordedSession
        The session.
    target : Target
        Labels as it began with them: 0, or a copy of its base.

    Returns
    -------
    int
        Number of events whose patches do not fit: above 0 if the labels were also
        changed by something that the journal does not record.

    Raises
    ------
    OutputError
        The labels cannot be written to.
    """
    log, unfit = EditLog(target, recorded.header), 0
    for event in recorded.history.events:
        unfit += not all(patch.fits(target.array) for patch in event.patches)
        log.do(event)
    return unfit


def resegment(
    recorded: RecordedSession, target: Target, segment: Callable[[Accept], Mask]
) -> list[ResegmentedMask]:
    """Segment every prompt of a session again, and repeat every edit.

    Deletions and merges apply to the new objects; brush strokes, splits and reshapes
    are repeated pixel by pixel.

    Parameters
    ----------
    recorded : RecordedSession
        The session.
    target : Target
        Labels as it began with them: 0, or a copy of its base.
    segment : callable
        Returns the new mask for an `Accept`, from its prompt, options and setup.

    Returns
    -------
    list of ResegmentedMask
        One for each accepted mask, in order.

    Raises
    ------
    OutputError
        The labels cannot be written to.
    """
    session, resegmented = Session(target, recorded.header), []
    for event in recorded.history.events:
        if isinstance(event, Accept):
            mask = segment(event)
            resegmented.append(
                _compared(event, mask, lost=not _accept(session, event, mask))
            )
        else:
            _edit(session, event)
    return resegmented


def _accept(session: Session, event: Accept, mask: Mask) -> bool:
    """Accept a mask as another one was accepted; False if it has no pixels."""
    try:
        session.accept(
            mask,
            event.prompt,
            plane=event.plane,
            label_id=event.label_id,
            options=event.options,
            setup=event.setup,
            replaces=event.replaces,
        )
    except PromptError:
        return False
    return True


def _edit(session: Session, event: Edit) -> None:
    """Repeat an edit on the objects as they are now."""
    first, *others = event.ids or (0,)
    match event.kind:
        case "delete":
            if session.table.knows(first):
                session.delete(first, event.plane)
        case "merge":
            if known := [i for i in others if session.table.knows(i)]:
                session.merge([first, *known])
        case _:
            session.repeat(event)


def _compared(accept: Accept, mask: Mask, *, lost: bool) -> ResegmentedMask:
    """Compare a mask with the one that was accepted."""
    if mask_digest(mask.bbox, mask.data) == accept.mask.digest:
        return ResegmentedMask(accept, 0, 1.0, lost)
    common = intersection(accept.mask, mask)
    union = accept.mask.area + mask.area - common
    return ResegmentedMask(accept, union - common, common / union, lost)
