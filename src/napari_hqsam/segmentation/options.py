"""How an object is segmented: all that can be chosen beside the prompt."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypedDict

import numpy as np

from napari_hqsam.errors import PromptError
from napari_hqsam.network.outputs import OUTPUTS, Output

Level = Literal["auto", "whole"] | int


def check_level(level: object) -> None:
    """Raise PromptError unless it is a level."""
    if isinstance(level, str):
        known = level in ("auto", "whole")
    else:
        known = isinstance(level, (int, np.integer)) and not isinstance(level, bool)
    if known:
        return
    raise PromptError(f'level {level!r} is unknown; use "auto", "whole" or an int')


class OptionArgs(TypedDict, total=False):
    """The keywords of `SegmentOptions`, for signatures that take them."""

    level: Level
    output: Output
    clean: bool
    typical_size: float | None
    view_extent: float | None


@dataclass(frozen=True, kw_only=True)
class SegmentOptions:
    """Options of a segmentation; one that exists is sound.

    Attributes
    ----------
    level : {"auto", "whole"} or int
        The scale at which the network looks: a network pixel covers 2^level
        image pixels; a number beyond those that make sense is clipped to them
        (-3 to the level at which the plane fits in one tile). "auto" goes by
        the size of the box or mask, else by `typical_size`, else by what a
        first look at a few levels finds (see `models.Tuning`).
        "whole" shows the whole plane in one tile, as SAM's own predictor.
    output : {"sam+hq", "sam", "hq"}
        SAM's mask plus the HQ logits (as in the HQ-SAM paper), SAM's mask
        alone, or the HQ mask alone.
    clean : bool
        Drop specks and fill pinholes; after clicks alone, also parts that
        none of them is on. What negative clicks lie on is cut out.
    typical_size : float, optional
        Longer side of an object such as this, pixels: of those accepted so far.
    view_extent : float, optional
        Longer side of what the user sees of the plane, pixels. Where nothing else
        tells the size of what is clicked on, sizes that are usual in such a view
        are preferred; see `levels.size_prior`.

    Raises
    ------
    PromptError
        One of them cannot be used.
    """

    level: Level = "auto"
    output: Output = "sam+hq"
    clean: bool = True
    typical_size: float | None = None
    view_extent: float | None = None

    def arguments(self) -> OptionArgs:
        """Return the keywords that make it."""
        return {
            "level": self.level,
            "output": self.output,
            "clean": self.clean,
            "typical_size": self.typical_size,
            "view_extent": self.view_extent,
        }

    def __post_init__(self) -> None:
        check_level(self.level)
        if self.output not in OUTPUTS:
            known = ", ".join(map(repr, OUTPUTS))
            raise PromptError(f"output {self.output!r} is unknown; use one of {known}")
        sizes = ("typical size", self.typical_size), ("view extent", self.view_extent)
        for name, size in sizes:
            if size is not None and not 0 < size < math.inf:
                raise PromptError(f"{name} {size} is no size; give pixels above 0")
