"""The decisions of an accept, stored until its mask is available."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_hqsam.sessions.journal.events import Event


@dataclass(eq=False)
class Link:
    """An accept made by the first click on the next object, for undo of that click.

    Attributes
    ----------
    before : Link or None
        The link of the accepted object itself.
    event : Event or None
        The last event of the accept's step, once it is in the labels.
    """

    before: Link | None
    event: Event | None = None


@dataclass(frozen=True)
class AcceptIntent:
    """How an object is to be accepted.

    Attributes
    ----------
    image : Image or None
        The layer it was prompted on.
    chosen : int
        Number of the mask.
    label_id : int or None
        Id of the accepted object that it replaces; None: a new one.
    merge, split : int or None
        Id of the object to add it to, or to take it out of.
    link : Link or None
        Link to the object that was begun by the click that accepts this one.
    """

    image: Image | None
    chosen: int
    label_id: int | None
    merge: int | None = None
    split: int | None = None
    link: Link | None = None
