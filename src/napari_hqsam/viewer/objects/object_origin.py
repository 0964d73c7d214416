"""The prompts and options of an object, which undo restores."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from napari_hqsam.sessions.journal.events import Accept

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_hqsam.geometry import Plane
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.sessions.journal.accept_options import AcceptOptions
    from napari_hqsam.sessions.journal.events import Event


class ObjectOrigin(NamedTuple):
    """The prompts and options that an object was made from.

    Attributes
    ----------
    plane : Plane
    prompt : Prompt
    options : AcceptOptions
    label_id : int or None
        Id of the accepted object that it was before; None: a new one.
    """

    plane: Plane
    prompt: Prompt
    options: AcceptOptions
    label_id: int | None


def origin_of(step: Sequence[Event]) -> ObjectOrigin | None:
    """Return the prompt and options of the object that a step accepted.

    Returns
    -------
    ObjectOrigin or None
        None unless the step accepts exactly one object; beside that it may only merge
        it with another, or fill and smooth it.
    """
    accepts = [event for event in step if isinstance(event, Accept)]
    edits = [event for event in step if not isinstance(event, Accept)]
    if len(accepts) != 1 or {e.kind for e in edits} - {"reshape", "merge"}:
        return None
    (accept,) = accepts
    before = accept.label_id if accept.replaces else None
    for edit in edits:
        if edit.kind == "merge":
            before = edit.ids[1]
    return ObjectOrigin(accept.plane, accept.prompt, accept.options, before)


def planes_of(step: Sequence[Event]) -> set[Plane]:
    """Return the planes on which a step changed labels."""
    return {patch.plane for event in step for patch in event.patches}
