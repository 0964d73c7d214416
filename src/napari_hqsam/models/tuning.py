"""The numbers that hang on a model's weights, in one record.

How large an object should be on the network's input, what a score of 0.5 is worth:
every model answers that in its own way. Facts only, no torch; who uses a number says
what for.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class InstanceTuning:
    """How objects are told apart in the maps of an instance decoder.

    The defaults are micro-sam's for prompts (APG).

    Attributes
    ----------
    foreground : float
        Foreground above which something is part of an object.
    centre, boundary : float
        Largest distances to centre and boundary in the seed of an object.
    depth : float, optional
        Seeds are the basins of the mean of both distances that are at least so deep,
        instead of what lies below `centre` and `boundary`.
    sigma : float
        Standard deviation of the Gaussian that smooths both distances, network
        pixels; the foreground is smoothed less. 0: nothing is smoothed.

    Raises
    ------
    ValueError
        If a number is out of its range.
    """

    foreground: float = 0.5
    centre: float = 0.5
    boundary: float = 0.5
    depth: float | None = None
    sigma: float = 0.0

    def __post_init__(self) -> None:
        for name in ("foreground", "centre", "boundary", "depth"):
            value = getattr(self, name)
            if value is not None and not 0 < value < 1:
                raise ValueError(f"tuning {name}={value!r}: must be between 0 and 1")
        if self.sigma < 0:
            raise ValueError(f"tuning sigma={self.sigma!r}: must not be negative")


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """Settings that were chosen for the weights of a model.

    The defaults are for SAM's own weights: those of the SAM paper and its reference
    code where there are such; the others have not been measured for them.

    Attributes
    ----------
    object_share : float
        Share of a tile's side that an object takes at most whose size is known: that
        of a box, a mask, an answer that is corrected, objects like it, a first look.
    first_levels : tuple of int
        Levels tried for a click on an object of unknown size, where the plane has
        them. The answer with the best score times stability times extent^`larger`
        tells the size, and what is seen at the level for that size counts.
    larger : float
        How much a larger answer is preferred: a fine level shows sure parts of
        objects.
    view_sigmas : float
        Standard deviations, on a log scale, from the size that is mostly clicked on in
        a view to the smallest and the largest usual one: how much the zoom counts
        beside the network's scores. See `segmentation.plane.levels.size_prior`.
    doubtful_score : float
        Score below which a mask is shown as doubtful.
    automatic_share : float
        As `object_share`, for objects that are looked for without prompts.
    points_per_side : int
        Points of the lattice along the side of a tile, without prompts (SAM paper,
        appendix B: 32 on 1024 pixels).
    apg, ais : InstanceTuning
        How an instance decoder's maps become points, and objects; see
        `segmentation.automatic`.
    prompted_quality : float
        As `quality`, for masks of points that an instance decoder proposes.
    quality : float
        Least quality of SAM's single mask that is kept without prompts. The quality is
        the score times the root of the stability, see
        `segmentation.automatic.Rules`; by default as at the limits of the SAM paper
        (appendix B), a score of 0.88 and a stability of 0.95.
    candidate_quality : float
        The same of its three candidates.
    sure_quality : float
        Quality from which no further point is spent on a place.
    end_stability : float
        Stability below which an object is no longer followed through a stack.
    logit_blur : float
        Standard deviation, in values of the low-resolution logits, that the logits of
        a slice are blurred by before they prompt the next one.

    Raises
    ------
    ValueError
        If a number is out of its range.
    """

    object_share: float = 1 / 3
    first_levels: tuple[int, ...] = (2, 0, -2)
    larger: float = 0.2
    view_sigmas: float = 1.5
    doubtful_score: float = 0.7
    automatic_share: float = 1 / 8
    points_per_side: int = 32
    apg: InstanceTuning = InstanceTuning()
    ais: InstanceTuning = InstanceTuning(sigma=3.2)
    prompted_quality: float = 0.0
    quality: float = 0.86
    candidate_quality: float = 0.86
    sure_quality: float = 0.9
    end_stability: float = 0.3
    logit_blur: float = 1.0

    def __post_init__(self) -> None:
        def check(fits: bool, wanted: str, *names: str) -> None:
            if not fits:
                values = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
                raise ValueError(f"tuning {values}: {wanted}")

        for name in ("object_share", "automatic_share"):  # see `Grid.level_for`
            check(
                0 < getattr(self, name) <= 1 / 2, "must be above 0, at most 1/2", name
            )
        for name in (
            *("doubtful_score", "quality", "candidate_quality"),
            *("prompted_quality", "end_stability"),
        ):
            check(0 <= getattr(self, name) <= 1, "must be from 0 to 1", name)
        for name in ("larger", "logit_blur"):
            check(getattr(self, name) >= 0, "must not be negative", name)
        check(self.view_sigmas > 0, "must be above 0", "view_sigmas")
        check(bool(self.first_levels), "must name a level", "first_levels")
        check(self.points_per_side >= 1, "must be at least 1", "points_per_side")
