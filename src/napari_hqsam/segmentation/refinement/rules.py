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
    edges : float
        Least contrast of the image across the new outline, as a multiple of that
        across the old one; see `OutlineChange`.

    Raises
    ------
    PromptError
        A value is outside its range.
    """

    score: float = 0.5
    stability: float = 0.8
    overlap: float = 0.3
    edges: float = 1.3

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            limit = 1 if each.name in ("score", "stability", "overlap") else 100
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
            "edges": change.edges,
        }
        return next((k for k, v in values.items() if v < getattr(self, k)), "")
