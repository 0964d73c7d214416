"""Stop rules of a propagation, scaled with the z spacing.

Pure numbers; must not know images or networks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_hqsam.errors import PromptError

if TYPE_CHECKING:
    from napari_hqsam.models import Tuning


def per_step(ratio: float, step: float) -> float:
    """Convert a ratio over a distance in z to the ratio per pixel of distance.

    An IoU, or a ratio of areas, that decays geometrically is q^d over d pixels; this
    returns q. Distances below one pixel count as one, since the network's noise does
    not shrink with them.

    Parameters
    ----------
    ratio : float
        Over the whole distance, 0..1.
    step : float
        Distance along z in pixels of the plane.
    """
    return float(max(ratio, 0.0) ** (1 / max(step, 1.0)))


@dataclass(frozen=True)
class StopRules:
    """Limits at which the propagation of an object ends.

    Limits are per pixel of distance along z: over d pixels the IoU may fall to
    `overlap`^d and the area change by a factor of `area_jump`^d. An empty mask
    always ends an object.

    Attributes
    ----------
    contrast : float
        Least `Confidence.contrast`, 0..1, independent of the distance.
    stability : float, optional
        Least `Mask.stability`, 0..1, independent of the distance; None: the
        model's (`Tuning.end_stability`).
    overlap : float
        Least IoU with the mask on the last slice, 0..1.
    area_jump : float
        Largest factor by which the area may grow or shrink, at least 1.
    patience : int
        Number of consecutive slices that may fail: a dark or saturated slice is
        skipped and gets no mask.

    Raises
    ------
    PromptError
        A limit is outside its range.
    """

    contrast: float = 0.55
    stability: float | None = None
    overlap: float = 0.4
    area_jump: float = 2.5
    patience: int = 1

    def __post_init__(self) -> None:
        for name in ("contrast", "stability", "overlap"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise PromptError(f"stop rule {name} {value:g} is not from 0 to 1")
        if not self.area_jump >= 1:
            raise PromptError(
                f"stop rule area jump {self.area_jump:g} is below 1; 2 lets an area "
                "double or halve from slice to slice"
            )
        if self.patience < 0:
            raise PromptError(f"stop rule patience {self.patience} is below 0")

    def for_model(self, tuning: Tuning) -> StopRules:
        """Return rules with the model's own limit where None was given."""
        own = tuning.end_stability
        return replace(self, stability=own) if self.stability is None else self

    def broken(
        self,
        contrast: float,
        stability: float,
        overlap: float,
        areas: tuple[int, int],
        step: float,
    ) -> str | None:
        """Return which rule a mask breaks, in a few words; None if it passes.

        Parameters
        ----------
        contrast, stability : float
            Relative contrast of the object, and stability of its mask.
        overlap : float
            Its IoU with the last mask.
        areas : (int, int)
            Areas of the last mask and of this one, pixels.
        step : float
            Distance between the two along z, pixels.
        """
        if not areas[1]:
            return "empty"
        if contrast < self.contrast:
            return f"contrast {contrast:.2f} below {self.contrast:g}"
        if self.stability is not None and stability < self.stability:
            return f"stability {stability:.2f} below {self.stability:g}"
        if (scaled := per_step(overlap, step)) < self.overlap:
            return f"overlap {scaled:.2f} below {self.overlap:g}"
        ratio = per_step(min(areas) / max(areas), step)
        if ratio * self.area_jump < 1:
            return f"area changed {1 / ratio:.1f} times, more than {self.area_jump:g}"
        return None
