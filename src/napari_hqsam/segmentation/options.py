"""Options of a segmentation, besides the prompt."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Self, TypedDict

import numpy as np

from napari_hqsam.errors import HqsamWarning, PromptError
from napari_hqsam.network.outputs import OUTPUTS, Output

if TYPE_CHECKING:
    from napari_hqsam.models import Model

Level = Literal["auto", "whole"] | int
ProposerName = Literal["auto", "apg", "ais", "grid"]
"""Where the prompts of automatic segmentation come from; see `automatic`."""


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
    """Keywords of `SegmentOptions`, for signatures with ``**options``."""

    level: Level
    output: Output
    clean: bool
    typical_size: float | None
    view_extent: float | None


@dataclass(frozen=True, kw_only=True)
class SegmentOptions:
    """Options of a segmentation, validated on creation.

    Attributes
    ----------
    level : {"auto", "whole"} or int
        Scale at which the network sees the plane: a network pixel covers 2^level
        image pixels. Numbers are clipped to the useful range, from -3 to the level
        at which the plane fits in one tile. "auto" chooses by the size of the box
        or mask, else by `typical_size`, else by predictions at a few levels (see
        `models.Tuning`). "whole" shows the whole plane in one tile, as SAM's own
        predictor does.
    output : {"sam+hq", "sam", "hq"}
        SAM's mask plus the HQ logits (as in the HQ-SAM paper), SAM's mask
        alone, or the HQ mask alone.
    clean : bool
        Drop specks and fill pinholes; for a prompt of clicks only, also drop
        components without a positive click. Cut out what negative clicks lie on.
    typical_size : float, optional
        Expected longer side of the object, plane pixels, such as that of the
        objects accepted so far.
    view_extent : float, optional
        Longer side of what the user sees of the plane, plane pixels. Where nothing
        else tells the size of a clicked object, sizes usual in such a view are
        preferred; see `levels.size_prior`.

    Raises
    ------
    PromptError
        A value is outside its range.
    """

    level: Level = "auto"
    output: Output = "sam+hq"
    clean: bool = True
    typical_size: float | None = None
    view_extent: float | None = None

    def arguments(self) -> OptionArgs:
        """Return the options as keywords."""
        return {
            "level": self.level,
            "output": self.output,
            "clean": self.clean,
            "typical_size": self.typical_size,
            "view_extent": self.view_extent,
        }

    def for_model(self, model: Model) -> Self:
        """Return the options as a model can do them.

        A SAM without HQ modules gives its own mask instead of SAM + HQ.

        Raises
        ------
        PromptError
            The HQ mask alone is wanted of it.

        Warns
        -----
        HqsamWarning
            Its own mask is given instead of SAM + HQ.
        """
        if self.output in model.network.outputs:
            return self
        if self.output == "hq":
            raise PromptError(
                f"{model.name} is a SAM without HQ modules and has no HQ mask; choose "
                'the output "sam", or an HQ-SAM model'
            )
        warnings.warn(
            f"{model.name} is a SAM without HQ modules: its own mask is given (output "
            '"sam")',
            HqsamWarning,
            stacklevel=4,
        )
        return replace(self, output="sam")

    def __post_init__(self) -> None:
        check_level(self.level)
        if self.output not in OUTPUTS:
            known = ", ".join(map(repr, OUTPUTS))
            raise PromptError(f"output {self.output!r} is unknown; use one of {known}")
        sizes = ("typical size", self.typical_size), ("view extent", self.view_extent)
        for name, size in sizes:
            if size is not None and not 0 < size < math.inf:
                raise PromptError(f"{name} {size} must be above 0 pixels")
