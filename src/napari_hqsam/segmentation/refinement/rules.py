"""When a refined mask replaces an object's old shape."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from napari_hqsam.errors import PromptError

if TYPE_CHECKING:
    from napari_hqsam.masks.mask import Mask
    from napari_hqsam.segmentation.refinement.outlines import OutlineChange


@dataclass(frozen=True, kw_only=True)
class RefineRules:
    """Thresholds for a refined mask; below any of them the object keeps its shape.

    Chosen on validation images of several data sets, with labels that were eroded,
    dilated, shifted and sampled coarsely, so that labels which were right lose almost
    nothing (``benchmarks/refinement.py``).

    Attributes
    ----------
    score : float
        Least score (predicted IoU).
    stability : float
        Least stability.
    overlap : float
        Least IoU with the old shape: below, the network sees another object.
    core : float
        Least share of the old shape's core that is kept: an object in two pieces, or
        two that were merged, must not lose one of them.
    consistency : float
        Least consistency of the edge of the image along the new outline, see
        `OutlineChange`: where it is low, the image does not tell.
    gain : float
        Least ratio of that consistency to the one along the old outline.

    Raises
    ------
    PromptError
        A value is outside its range.
    """

    score: float = 0.5
    stability: float = 0.8
    overlap: float = 0.3
    core: float = 0.8
    consistency: float = 1.3
    gain: float = 1.7

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            limit = 100 if each.name in ("consistency", "gain") else 1
            if not 0 <= value <= limit:
                raise PromptError(
                    f"least {each.name} {value!r} must be from 0 to {limit}",
                    parameter=each.name,
                )

    def broken(self, mask: Mask, overlap: float, change: OutlineChange) -> str:
        """Return the name of the first rule that a refined mask breaks; "" if none.

        Parameters
        ----------
        mask : Mask
        overlap : float
            Its IoU with the old shape.
        change : OutlineChange
            From the old outline to the new one.
        """
        if not mask.area:
            return "empty"
        values = {
            "score": mask.score,
            "stability": mask.stability,
            "overlap": overlap,
            "core": change.core,
            "consistency": change.consistency,
            "gain": change.gain,
        }
        return next((k for k, v in values.items() if v < getattr(self, k)), "")
