"""One run over slices: its plan, its progress, and what the worker needs."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable

    from numpy.typing import NDArray

    from napari_hqsam.geometry import Box, Plane
    from napari_hqsam.segmentation.options import ProposerName
    from napari_hqsam.sessions.journal.headers import ModelRecord
    from napari_hqsam.sessions.session import Session
    from napari_hqsam.viewer.inference.engine import Engine
    from napari_hqsam.viewer.inference.requests.request import Request
    from napari_hqsam.viewer.proposals.proposal_set import ProposalSet
    from napari_hqsam.viewer.session.target.layer_target import LayerTarget
    from napari_hqsam.viewer.stack.slices.slice_axis import SliceAxis
    from napari_hqsam.viewer.step_loop import Checkpoint


@dataclass(frozen=True, eq=False)
class StackPlan:
    """The plan of a run.

    Attributes
    ----------
    stack : SliceAxis
    span : (start, stop)
        Half-open range of slices.
    request : Request
        How to segment; its prompt and plane do not count.
    image_key : int
        `id` of the image's data.
    total : int
        How many slices there may be.
    target : LayerTarget or None
        The labels; None until they are known.
    labels : array-like
        Its array, to be read by regions.
    session : Session or None
        Where objects go; None where labels are only read.
    proposer : {"auto", "apg", "ais", "grid"}
        Where prompts come from, if there are none; see `iter_everything`.
    proposals : ProposalSet or None
        Where masks are proposed; None: they go to the session as objects.
    group : str
        Name of the group of events that one undo takes back.
    """

    stack: SliceAxis
    span: tuple[int, int]
    request: Request
    image_key: int
    total: int
    target: LayerTarget | None = None
    labels: Any = None
    session: Session | None = None
    proposer: ProposerName = "auto"
    proposals: ProposalSet | None = None
    group: str = field(default_factory=lambda: uuid.uuid4().hex)


@dataclass(eq=False)
class StackProgress:
    """The progress of a run.

    Attributes
    ----------
    ids : dict of hashable to int
        Ids of objects by their keys, as soon as they have one.
    done, filled : set of int
        Slices that were worked on, and those with an object.
    prompted : set of (int, hashable)
        Slices and keys of objects that were segmented by prompts.
    tiles : (int, int)
        Tiles of the slice in work that are done, and how many it has.
    setup : ModelRecord or None
        Model and normalisation of the last slice, for the journal.
    begun : bool
        Whether anything was put into the target.
    proposed : int
        How many masks were proposed.
    """

    ids: dict[Hashable, int] = field(default_factory=dict)
    done: set[int] = field(default_factory=set)
    filled: set[int] = field(default_factory=set)
    prompted: set[tuple[int, Hashable]] = field(default_factory=set)
    tiles: tuple[int, int] = (0, 0)
    setup: ModelRecord | None = None
    begun: bool = False
    proposed: int = 0


@dataclass(frozen=True, eq=False)
class SliceJob:
    """The inputs that the worker needs for the steps of a run.

    Attributes
    ----------
    plan : StackPlan
    progress : StackProgress
        To be read: the objects that the run is about.
    engine : Engine
    checkpoint : callable
        See `StepLoop.checkpoint`.
    report_tiles : callable
        Gets the tiles of a slice that are done, and how many it has.
    """

    plan: StackPlan
    progress: StackProgress
    engine: Engine
    checkpoint: Checkpoint
    report_tiles: Callable[[int, int], None]

    def own_ids(self) -> list[int]:
        """Return the ids of the objects that the run is about."""
        return list(self.progress.ids.values())

    def labels_of_others(
        self, plane: Plane, box: Box, earlier: Collection[int] = ()
    ) -> NDArray[Any]:
        """Read the labels of other objects in a region: those pixels are taken.

        Objects that the run is about count as others if they are `earlier` ones.
        """
        region = plane.read(self.plan.labels, box)
        own = [label_id for label_id in self.own_ids() if label_id not in earlier]
        return np.where(np.isin(region, own), 0, region)


class OtherLabels:
    """Labels of other objects on a slice, as an array that is read by slices.

    Open proposals count as objects.

    Parameters
    ----------
    job : SliceJob
    z : int
    earlier : collection of int
        Ids of objects of the run that count as others.
    """

    def __init__(self, job: SliceJob, z: int, earlier: Collection[int] = ()) -> None:
        self._job, self._plane = job, job.plan.stack.plane(z)
        self._earlier = earlier
        proposals = job.plan.proposals
        self._proposed = None if proposals is None else proposals.snapshot()
        self.shape = self._plane.size(job.plan.labels.shape)

    def __getitem__(self, key: tuple[slice, slice]) -> NDArray[Any]:
        (y0, y1, _), (x0, x1, _) = (
            part.indices(n) for part, n in zip(key, self.shape, strict=True)
        )
        box = y0, x0, y1, x1
        labels = self._job.labels_of_others(self._plane, box, self._earlier)
        if self._proposed is None:
            return labels
        return np.where(labels == 0, self._proposed.numbers(box), labels)
