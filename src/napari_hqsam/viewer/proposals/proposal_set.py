"""The proposals on one plane, and what became of each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from napari_hqsam.geometry.boxes import EMPTY, around, common, is_empty
from napari_hqsam.masks.algebra import iou
from napari_hqsam.masks.layered import LayeredMasks
from napari_hqsam.viewer.canvas.proposal_layer import grade

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from napari_hqsam.geometry import Box, Plane
    from napari_hqsam.masks import Mask
    from napari_hqsam.sessions.journal.events import Event
    from napari_hqsam.viewer.inference.requests.request import Request
    from napari_hqsam.viewer.planes import PlaneView

SAME = 0.5
"""IoU with a mask that was rejected from which a new one is the same."""


class Status(Enum):
    """What became of a proposal.

    OPEN: it can be accepted. COVERED: objects have most of its pixels. WITHDRAWN: it
    was covered, and the object was deleted or erased since. REJECTED: by the user.
    """

    OPEN = auto()
    COVERED = auto()
    WITHDRAWN = auto()
    REJECTED = auto()


@dataclass(frozen=True, eq=False)
class Proposal:
    """A mask that was found and is no object yet.

    Attributes
    ----------
    mask : Mask
        As it would be accepted.
    quality : float
        0..1.
    """

    mask: Mask
    quality: float

    @property
    def bbox(self) -> Box:
        """Of the mask."""
        return self.mask.bbox

    @property
    def data(self) -> NDArray[np.bool_]:
        """Of the mask."""
        return self.mask.data

    @cached_property
    def area(self) -> int:
        """Number of pixels."""
        return self.mask.area


class ProposalSet:
    """The proposals on one plane of an image.

    Parameters
    ----------
    view : PlaneView
        The plane, of the image.
    request : Request
        How they were found, for a session that begins with them.
    """

    def __init__(self, view: PlaneView, request: Request) -> None:
        self.view, self.request = view, request
        self._status: dict[Proposal, Status] = {}
        self._open: LayeredMasks[Proposal] | None = None
        self._refused: LayeredMasks[Proposal] | None = None
        self._own: dict[Proposal, NDArray[np.bool_]] = {}  # what was accepted of each

    @property
    def open(self) -> LayeredMasks[Proposal]:
        """Those that can be accepted, by ascending quality; the same until one changes.

        So of two that share pixels, the better one has them.
        """
        if self._open is None:
            self._open = self.snapshot()
        return self._open

    def snapshot(self) -> LayeredMasks[Proposal]:
        """Return those that can be accepted now; may be called on any thread."""
        known = list(self._status.items())
        found = [each for each, status in known if status is Status.OPEN]
        return LayeredMasks(sorted(found, key=lambda each: each.quality))

    def __bool__(self) -> bool:
        """Whether there are any, whatever became of them."""
        return bool(self._status)

    def count(self, status: Status) -> int:
        """Count those of a status."""
        return sum(each is status for each in self._status.values())

    def shown(self, least: float) -> list[Proposal]:
        """Return the open ones of at least a quality."""
        return [p for p in self.open.masks if grade(p.quality) >= grade(least)]

    def clear(self) -> None:
        """Forget all of them."""
        self._status.clear()
        self._own.clear()
        self._open = self._refused = None

    def add(self, proposal: Proposal) -> bool:
        """Add a proposal; False if it is much like one that was rejected."""
        if self._refused is None:
            refused = Status.REJECTED, Status.WITHDRAWN
            self._refused = LayeredMasks(
                [p for p, status in self._status.items() if status in refused]
            )
        known = (self._refused.masks[i] for i in self._refused.meeting(proposal.bbox))
        if not proposal.area or any(iou(proposal, each) >= SAME for each in known):
            return False
        self._status[proposal] = Status.OPEN
        self._open = None
        return True

    def known(self, proposals: Iterable[Proposal]) -> list[Proposal]:
        """Return those that were not forgotten."""
        return [each for each in proposals if each in self._status]

    def mark_accepted(
        self, proposals: Sequence[Proposal], pixels: Sequence[NDArray[np.bool_]]
    ) -> None:
        """Remember which are being accepted, and the pixels (h, w) that each gets.

        A better proposal may have most pixels of one: it is covered by its own.
        """
        self._own.update(zip(proposals, pixels, strict=True))
        self.mark(proposals, Status.COVERED)

    def mark(self, proposals: Iterable[Proposal], status: Status) -> None:
        """Set what became of some."""
        self._status.update(dict.fromkeys(proposals, status))
        self._open = self._refused = None

    def update(
        self,
        read: Callable[[Box], NDArray[np.integer]] | None,
        box: Box | None = None,
        *,
        undone: bool = False,
        anew: bool = False,
    ) -> None:
        """Compare with the labels.

        Parameters
        ----------
        read : callable
            Returns the labels in a box of the plane. None: there are no labels.
        box : (y0, x0, y1, x1), optional
            Where the labels may have changed; by default everywhere.
        undone : bool
            Whether what covers a proposal no more was undone. Else it was deleted or
            erased, and the proposal is not shown again.
        anew : bool
            Whether these are other labels than before.
        """
        changed: dict[Proposal, Status] = {}
        for proposal, status in self._status.items():
            if status is Status.REJECTED:
                continue
            if box is not None and is_empty(common(proposal.bbox, box)):
                continue
            own = self._own.get(proposal, proposal.data)
            if read is not None and _is_covered(own, read(proposal.bbox)):
                new = Status.COVERED
            elif anew or (undone and status is Status.COVERED):
                new = Status.OPEN
            else:
                new = Status.WITHDRAWN if status is Status.COVERED else status
            if new is not status:
                changed[proposal] = new
        if changed:
            self._status.update(changed)
            self._open = self._refused = None


def _is_covered(pixels: NDArray[np.bool_], labels: NDArray[np.integer]) -> bool:
    """Whether objects have most pixels (h, w) of a proposal, given the labels there."""
    free = np.count_nonzero(pixels & (labels == 0))
    return bool(2 * free < np.count_nonzero(pixels))


def changed_on(plane: Plane, step: Sequence[Event]) -> Box:
    """Return the box in which events changed the labels of a plane."""
    box = EMPTY
    for patch in (patch for event in step for patch in event.patches):
        if patch.plane == plane:
            box = around(box, patch.bbox)
    return box
