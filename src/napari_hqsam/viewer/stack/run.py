"""Work on slices that is under way."""

from __future__ import annotations

import threading
import uuid
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

    from napari_hqsam.prompts import Prompt
    from napari_hqsam.sessions.journal.headers import Setup
    from napari_hqsam.sessions.session import Session
    from napari_hqsam.viewer.inference.engine import Engine
    from napari_hqsam.viewer.inference.requests import Request
    from napari_hqsam.viewer.session.target import LayerTarget
    from napari_hqsam.viewer.stack.stack_axis import Walk
    from napari_hqsam.viewer.stack.work import Item, Slice
    from napari_hqsam.worker import Ticket


@dataclass(eq=False)
class Run:
    """Work on slices, from its start to its end; of the main thread.

    Attributes
    ----------
    walk : Walk
    span : (start, stop)
        Half-open range of slices.
    session : Session or None
        Where objects go; None where labels are only read.
    target : LayerTarget or None
        Then: the labels that are read.
    request : Request
        How to segment.
    steps : callable
        What the worker does: gives the slices one after another.
    before : callable
        What the main thread does before each slice.
    key : int
        Of the image's data when it began.
    group : str
        Name of the step of the session.
    begun : bool
        Whether anything was put into the target.
    slices_to_come : iterator of Slice or None
        What `steps` gave; of the worker's thread.
    ids : dict of hashable to int
        Objects' ids by their keys, as soon as they have one.
    prompts : dict of (int, hashable) to Prompt
        Of the widget's own layers, by slice and key: taken off, and laid again if
        nothing comes of them.
    kept : dict of hashable to set of int
        Slices that accepted objects are followed from, by their keys.
    reopened : int or None
        Id of the object that the prompts belong to; None: a new one.
    accepted : set of (int, hashable)
        Slices and keys whose prompts gave an object.
    done, filled : set of int
        Slices that were worked on, and those with an object.
    total : int
        How many slices there may be.
    task : str
        See `StackState`.
    tiles : (int, int)
        Tiles of the slice under way that are done, and how many it has.
    told_tiles : callable
        Gets these, on the main thread.
    waiting : deque of (int, Item)
        What is still to be put into the target.
    setup : Setup or None
        Model and normalisation of the last slice, for the journal.
    ticket : Ticket or None
        Of the slice that is under way.
    cancelled : threading.Event
    told : str
        What to say at the end, instead of counting slices.
    """

    walk: Walk
    span: tuple[int, int]
    session: Session | None
    key: int
    request: Request
    steps: Callable[[Engine], Iterator[Slice]] = lambda _: iter(())
    before: Callable[[], None] = lambda: None
    target: LayerTarget | None = None
    group: str = field(default_factory=lambda: uuid.uuid4().hex)
    begun: bool = False
    slices_to_come: Iterator[Slice] | None = None
    ids: dict[Hashable, int] = field(default_factory=dict)
    prompts: dict[tuple[int, Hashable], Prompt] = field(default_factory=dict)
    kept: dict[Hashable, frozenset[int]] = field(default_factory=dict)
    reopened: int | None = None
    accepted: set[tuple[int, Hashable]] = field(default_factory=set)
    done: set[int] = field(default_factory=set)
    filled: set[int] = field(default_factory=set)
    total: int = 0
    task: str = ""
    tiles: tuple[int, int] = (0, 0)
    told_tiles: Callable[[int, int], None] = lambda done, total: None
    waiting: deque[tuple[int, Item]] = field(default_factory=deque)
    told: str = ""
    setup: Setup | None = None
    ticket: Ticket | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> None:
        """Let the worker end with the slice that it is in."""
        self.cancelled.set()
        if self.ticket is not None:
            self.ticket.cancel()
