"""Results of one step over a stack: objects on a slice. Frozen records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from napari_hqsam.geometry import Box
    from napari_hqsam.masks import Mask, Tracks
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.segmentation.propagation import Confidence
    from napari_hqsam.sessions.journal.headers import ModelRecord
    from napari_hqsam.viewer.inference.requests.request import Request


@dataclass(frozen=True, eq=False)
class SlicePrompt:
    """The prompt of an object on a slice, and which mask of its answer counts.

    Attributes
    ----------
    request : Request
    chosen : int
        Number of the mask in the answer.
    """

    request: Request
    chosen: int = 0

    @property
    def prompt(self) -> Prompt:
        """The prompt."""
        return self.request.prompt


@dataclass(frozen=True, eq=False)
class ObjectOnSlice:
    """One object on one slice.

    Attributes
    ----------
    key : hashable
        The same on all slices.
    mask : Mask or None
        None: the object is not on the slice.
    prompt : SlicePrompt or None
        Prompt that the mask was made from; None: it was derived from other slices.
    confidence : float
    parts : Confidence or None
        What the confidence was computed from.
    """

    key: Hashable
    mask: Mask | None
    prompt: SlicePrompt | None = None
    confidence: float = 1.0
    parts: Confidence | None = None


@dataclass(frozen=True, eq=False)
class SliceResult:
    """The objects found on a slice; or, at the end, tracks.

    Attributes
    ----------
    z : int
    objects : tuple of ObjectOnSlice
    tracks : Tracks or None
    boxes : mapping of int to tuple, or None
        Box of each object in the labels of the slice, by ids; None: not looked up.
    partial : bool
        Whether more results of this slice follow.
    setup : ModelRecord or None
        Model and normalisation, for the journal.
    """

    z: int
    objects: tuple[ObjectOnSlice, ...] = ()
    tracks: Tracks | None = None
    boxes: Mapping[int, Box] | None = None
    partial: bool = False
    setup: ModelRecord | None = None
