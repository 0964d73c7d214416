"""What is decided when the current object is accepted, before its mask may be there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_hqsam.sessions.journal.events import Event


@dataclass(eq=False)
class Link:
    """The accept that the first click on an object made of the object before it.

    Attributes
    ----------
    before : Link or None
        The same of that object.
    event : Event or None
        The last one of the accept's step, once it is in the labels.
    """

    before: Link | None
    event: Event | None = None


@dataclass(frozen=True)
class AcceptIntent:
    """What shall become of the current object, decided when it was accepted.

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
