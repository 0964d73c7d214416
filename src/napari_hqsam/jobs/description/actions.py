"""What a job does with each image. A new action is a class here and one in `runs`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from napari_hqsam.masks.linking import MIN_OVERLAP

Proposer = Literal["auto", "apg", "ais", "grid"]


@dataclass(frozen=True, kw_only=True)
class Automatic:
    """Segment all objects without prompts; link them through a stack.

    Attributes
    ----------
    kind : "automatic"
    proposer : {"auto", "apg", "ais", "grid"}
        Where the prompts come from; see `segmentation.iter_everything`.
    min_overlap, max_gap, linked_axis
        How objects of a stack are linked; see `plan_batch`.
    """

    kind: Literal["automatic"] = "automatic"
    proposer: Proposer = "auto"
    min_overlap: float = MIN_OVERLAP
    max_gap: int = 0
    linked_axis: str | None = None


@dataclass(frozen=True, kw_only=True)
class Prompted:
    """Segment objects from a file of prompts for each image, or one for all.

    Attributes
    ----------
    kind : "prompts"
    prompts : str
        The file; ``{stem}``, ``{name}`` and ``{folder}`` stand for those of the image.
    mode : {"same", "each"}, optional
        As of `plan_batch`, for stacks.
    overlap : {"keep", "overwrite"}
        Which prompt gets pixels in several masks: the first or the last.
    """

    kind: Literal["prompts"] = "prompts"
    prompts: str
    mode: Literal["same", "each"] | None = None
    overlap: Literal["keep", "overwrite"] = "keep"


@dataclass(frozen=True, kw_only=True)
class Propagated:
    """Propagate prompted objects through the stack of each image.

    Attributes
    ----------
    kind : "propagate"
    prompts : str
        As of `Prompted`.
    across, direction, z_range, spacing
        As of `propagate_file`.
    """

    kind: Literal["propagate"] = "propagate"
    prompts: str
    across: str | None = None
    direction: Literal["both", "forward", "backward"] = "both"
    z_range: tuple[int, int] | None = None
    spacing: float | None = None


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """Recreate the labels of a session from the journal beside each image.

    Attributes
    ----------
    kind : "replay"
    journal : str
        The journal; placeholders as of `Prompted`.
    segment_again : bool
        Segment all prompts with the job's model instead of using the accepted masks.
    """

    kind: Literal["replay"] = "replay"
    journal: str
    segment_again: bool = False


@dataclass(frozen=True, kw_only=True)
class Refined:
    """Refine the outlines of the labels beside each image, made by any program.

    Attributes
    ----------
    kind : "refine"
    labels : str
        The labels; placeholders as of `Prompted`.
    labels_key : str, optional
        As of `refine_file`.
    """

    kind: Literal["refine"] = "refine"
    labels: str
    labels_key: str | None = None


Action = Automatic | Prompted | Propagated | Refined | Replayed
ACTIONS = {
    "automatic": Automatic,
    "prompts": Prompted,
    "propagate": Propagated,
    "refine": Refined,
    "replay": Replayed,
}
"""The classes by their ``kind``."""
