"""When an object ends, and how change from slice to slice depends on z spacing.

Pure numbers; must not know images or networks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_hqsam.errors import PromptError

if TYPE_CHECKING:
    from napari_hqsam.models import Tuning


def per_step(ratio: float, step: float) -> float:
    """Change by a ratio over some pixels in z, as change over one pixel.

    An IoU, or a ratio of areas, that decays evenly is q^d over d pixels: this is
    q. Slices closer together than a pixel count as a pixel apart: the network's
    own noise does not shrink with them.

    Parameters
    ----------
    ratio : float
        Over the whole step, 0..1.
    step : float
        Distance along z in pixels of the plane.
    """
    return float(max(ratio, 0.0) ** (1 / max(step, 1.0)))


@dataclass(frozen=True)
class StopRules:
    """When an object is no longer followed.

    All limits are for a step of one pixel along z, and widen with the distance of
    the slices: over d pixels an IoU may fall to `overlap`^d and the area change
    by `area_jump`^d. An empty mask always ends an object.

    Attributes
    ----------
    likeness : float
        Least `Confidence.likeness`, 0..1, whatever the distance.
    stability : float, optional
        Least `Mask.stability`, 0..1, whatever the distance; None: the model's
        (`Tuning.end_stability`).
    overlap : float
        Least IoU with the mask on the slice before, 0..1.
    area_jump : float
        Most that the area may grow or shrink by, a ratio of at least 1.
    patience : int
        Slices in a row that may fail before the object has ended: a dark or
        saturated slice is stepped over, and has no mask.

    Raises
    ------
    PromptError
        If a limit is outside its range.
    """

    likeness: float = 0.55
    stability: float | None = None
    overlap: float = 0.4
    area_jump: float = 2.5
    patience: int = 1

    def __post_init__(self) -> None:
        for name in ("likeness", "stability", "overlap"):
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
        """Fill what is left open with the model's own limit."""
        own = tuning.end_stability
        return replace(self, stability=own) if self.stability is None else self

    def broken(
        self,
        likeness: float,
        stability: float,
        overlap: float,
        areas: tuple[int, int],
        step: float,
    ) -> str | None:
        """Say which rule a mask breaks, in a few words; None if it may stay.

        Parameters
        ----------
        likeness, stability : float
            Of the mask.
        overlap : float
            Its IoU with the mask it came from.
        areas : (int, int)
            Pixels of the mask it came from, and its own.
        step : float
            Distance between the two along z, pixels.
        """
        if not areas[1]:
            return "empty"
        if likeness < self.likeness:
            return f"likeness {likeness:.2f} below {self.likeness:g}"
        if self.stability is not None and stability < self.stability:
            return f"stability {stability:.2f} below {self.stability:g}"
        if (kept := per_step(overlap, step)) < self.overlap:
            return f"overlap {kept:.2f} below {self.overlap:g}"
        ratio = per_step(min(areas) / max(areas), step)
        if ratio * self.area_jump < 1:
            return f"area changed {1 / ratio:.1f} times, more than {self.area_jump:g}"
        return None
