"""Making the labels of a session again from its journal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_hqsam.errors import PromptError
from napari_hqsam.masks.algebra import intersection
from napari_hqsam.sessions.edit_log import EditLog
from napari_hqsam.sessions.journal.records import Accept
from napari_hqsam.sessions.journal.runs import mask_digest
from napari_hqsam.sessions.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_hqsam.masks import Mask
    from napari_hqsam.sessions.journal.records import Edit
    from napari_hqsam.sessions.patches import Target
    from napari_hqsam.sessions.recorded import Recorded


@dataclass(frozen=True, eq=False)
class Remade:
    """A mask that was accepted, and how the one made anew compares to it.

    Attributes
    ----------
    accept : Accept
        What was accepted.
    pixels : int
        Number of pixels in which the masks differ.
    iou : float
        Intersection over union of the two.
    lost : bool
        Whether the new mask is empty, or has no pixel of its own.
    """

    accept: Accept
    pixels: int
    iou: float
    lost: bool


def rebuild(recorded: Recorded, target: Target) -> int:
    """Put the labels together as they were, from what the journal holds.

    No network is needed, and the result is the same on every machine.

    Parameters
    ----------
    recorded : Recorded
        The session.
    target : Target
        Labels as it found them: 0, or a copy of its base.

    Returns
    -------
    int
        Number of events that found other ids than they did in the session: not
        0 if something else changed the labels there.

    Raises
    ------
    OutputError
        If the labels cannot be written to.
    """
    log, unfit = EditLog(target, recorded.header), 0
    for event in recorded.history.events:
        unfit += not all(patch.fits(target.array) for patch in event.patches)
        log.do(event)
    return unfit


def remake(
    recorded: Recorded, target: Target, segment: Callable[[Accept], Mask]
) -> list[Remade]:
    """Make the labels anew: every mask from its prompts, every edit repeated.

    Objects are deleted and merged as they are now; what was drawn by hand, split
    or reshaped is repeated pixel by pixel.

    Parameters
    ----------
    recorded : Recorded
        The session.
    target : Target
        Labels as it found them: 0, or a copy of its base.
    segment : callable
        Gives the mask for the prompt, options and setup of an accepted one.

    Returns
    -------
    list of Remade
        One for each accepted mask, in order.

    Raises
    ------
    OutputError
        If the labels cannot be written to.
    """
    session, remade = Session(target, recorded.header), []
    for event in recorded.history.events:
        if isinstance(event, Accept):
            mask = segment(event)
            remade.append(
                _compared(event, mask, lost=not _accept(session, event, mask))
            )
        else:
            _edit(session, event)
    return remade


def _accept(session: Session, event: Accept, mask: Mask) -> bool:
    """Accept a mask in the place of another; False if it has no pixels."""
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
    """Do an edit to the objects as they are now."""
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


def _compared(accept: Accept, mask: Mask, *, lost: bool) -> Remade:
    """Compare a mask with the one that was accepted."""
    if mask_digest(mask.bbox, mask.data) == accept.mask.digest:
        return Remade(accept, 0, 1.0, lost)
    common = intersection(accept.mask, mask)
    union = accept.mask.area + mask.area - common
    return Remade(accept, union - common, common / union, lost)
