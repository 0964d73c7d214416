"""Settings that depend on a model's weights, in one record.

The best size of an object on the network's input or the meaning of a score of 0.5
differ between models. Data only, no torch; each number is described where it is used.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class InstanceTuning:
    """Parameters that separate objects in the maps of an instance decoder.

    The defaults are micro-sam's for prompts (APG).

    Attributes
    ----------
    foreground : float
        Threshold of the foreground map: pixels above it belong to objects.
    centre, boundary : float
        Largest values of the two distance maps in the seed of an object.
    depth : float, optional
        Seeds are instead the basins of the mean of both distance maps with at least
        this depth (h-minima); `centre` and `boundary` are not used.
    sigma : float
        Standard deviation of the Gaussian that smooths both distances, network
        pixels; the foreground is smoothed less. 0: no smoothing.

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
    """Settings chosen for the weights of a model.

    The defaults are for SAM's own weights: those of the SAM paper and its reference
    code where these have such a setting; the others have not been measured for SAM.

    Attributes
    ----------
    object_share : float
        Largest ratio of an object's longer side to the tile's side, where the size is
        known: from a box, a mask, the mask to correct, or similar objects.
    first_levels : tuple of int
        Levels tried first for a click on an object of unknown size, where the plane has
        them; see `segmentation.plane.level_search`. With a single one, no other is
        tried.
    cut_factor : float
        Factor of the rating of a mask that reaches the side of its tile, where the best
        level is searched for: the network may not have seen the whole object, and
        following it takes more tiles. Near 1 for networks of thin structures.
    view_sigmas : float
        Distance, on a log scale in standard deviations, from the size that users mostly
        click on in a view to the smallest and the largest usual size: the weight of the
        zoom against the network's scores. See `segmentation.plane.levels.size_prior`.
    uncertain_score : float
        Score below which a mask is shown as uncertain.
    automatic_share : float
        As `object_share`, for segmentation without prompts.
    points_per_side : int
        Points of the grid along the side of a tile, without prompts (SAM paper,
        appendix B: 32 on 1024 pixels).
    apg, ais : InstanceTuning
        How an instance decoder's maps become point prompts, and objects; see
        `segmentation.automatic`.
    prompted_quality : float
        As `quality`, for masks of points that an instance decoder proposes.
    boxed_quality : float, optional
        As `quality`, for objects of the instance decoder that are prompted again with
        their box, where the point gave no mask of high quality; None: they are not.
    quality : float
        Least quality of SAM's single mask to be kept without prompts. The quality is
        the score times the square root of the stability, see
        `segmentation.automatic.Rules`; by default as at the limits of the SAM paper
        (appendix B), a score of 0.88 and a stability of 0.95.
    candidate_quality : float
        The same for SAM's three candidates.
    sure_quality : float
        Quality of a mask above which the grid points on it are skipped.
    end_stability : float
        Stability below which the propagation of an object through a stack ends.
    logit_blur : float
        Standard deviation, in pixels of the low-resolution logits, of the Gaussian blur
        of a slice's logits before they prompt the next slice.

    Raises
    ------
    ValueError
        If a number is out of its range.
    """

    object_share: float = 1 / 3
    first_levels: tuple[int, ...] = (2, 0, -2)
    cut_factor: float = 0.5
    view_sigmas: float = 1.5
    uncertain_score: float = 0.7
    automatic_share: float = 1 / 8
    points_per_side: int = 32
    apg: InstanceTuning = InstanceTuning()
    ais: InstanceTuning = InstanceTuning(sigma=3.2)
    prompted_quality: float = 0.0
    boxed_quality: float | None = None
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
        if self.boxed_quality is not None:
            check(0 <= self.boxed_quality <= 1, "must be from 0 to 1", "boxed_quality")
        for name in (
            *("uncertain_score", "quality", "candidate_quality"),
            *("prompted_quality", "end_stability", "cut_factor"),
        ):
            check(0 <= getattr(self, name) <= 1, "must be from 0 to 1", name)
        check(self.logit_blur >= 0, "must not be negative", "logit_blur")
        check(self.view_sigmas > 0, "must be above 0", "view_sigmas")
        check(bool(self.first_levels), "must name a level", "first_levels")
        check(self.points_per_side >= 1, "must be at least 1", "points_per_side")
