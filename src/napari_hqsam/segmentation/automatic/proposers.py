"""The table of proposers: requirements, factories, and how each rates a level."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_hqsam.errors import PromptError
from napari_hqsam.segmentation.automatic.grid_proposer import GridProposer
from napari_hqsam.segmentation.automatic.instances import ObjectProposer, PointProposer
from napari_hqsam.segmentation.automatic.level_rating import (
    rate_by_clicks,
    rate_by_maps,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_hqsam.geometry import Box
    from napari_hqsam.models import Model
    from napari_hqsam.segmentation.automatic.detections import Rules
    from napari_hqsam.segmentation.automatic.level_rating import Rating
    from napari_hqsam.segmentation.automatic.proposing import Proposer, TileView
    from napari_hqsam.segmentation.plane.decoding import PlaneDecoder


@dataclass(frozen=True, kw_only=True)
class ProposerKind:
    """A row of the table.

    Attributes
    ----------
    description : str
        One line for users who choose.
    needs_instance_decoder : bool
        Whether a model without one is refused.
    make : callable
        Makes a proposer of the decoder of a plane, the level, the region and the
        points per side (None: the model's own).
    rate : callable
        Rates how well a tile suits its level; see `choosing`.
    """

    description: str
    needs_instance_decoder: bool
    make: Callable[[PlaneDecoder, int, Box, int | None], Proposer]
    rate: Callable[[TileView], Rating]

    def rules(self, rules: Rules, model: Model) -> Rules:
        """Return rules with the model's own threshold where None was given."""
        if self.needs_instance_decoder and rules.quality is None:
            rules = replace(rules, quality=model.tuning.prompted_quality)
        return rules.for_model(model.tuning)

    def least_rating(self, model: Model) -> float:
        """Return the least rating at which a plane suffices to choose a level."""
        return 0.3 if self.needs_instance_decoder else model.tuning.quality


def _grid(
    decoder: PlaneDecoder, level: int, region: Box, points: int | None
) -> GridProposer:
    model = decoder.model
    limit = model.input_size // 4
    usual = min(model.tuning.points_per_side, limit)
    return GridProposer(
        decoder.grid, level, region, usual if points is None else points
    )


PROPOSERS: dict[str, ProposerKind] = {
    "apg": ProposerKind(
        description="the instance decoder's points, each segmented by SAM",
        needs_instance_decoder=True,
        make=lambda decoder, level, region, points: PointProposer(
            region, decoder.model.tuning.apg, decoder.model.tuning.boxed_quality
        ),
        rate=rate_by_maps,
    ),
    "ais": ProposerKind(
        description="a watershed on the instance decoder's maps: the fastest",
        needs_instance_decoder=True,
        make=lambda decoder, level, region, points: ObjectProposer(
            region, decoder.model.tuning.ais
        ),
        rate=rate_by_maps,
    ),
    "grid": ProposerKind(
        description="a regular grid of clicks, for any model",
        needs_instance_decoder=False,
        make=_grid,
        rate=rate_by_clicks,
    ),
}
"""Where prompts come from. A new source is a class and a row."""


def find_proposer(
    name: str, model: Model, points_per_side: int | None = None
) -> ProposerKind:
    """Look a proposer up, and check that it fits a model.

    Parameters
    ----------
    name : str
        A key of `PROPOSERS`; "auto": the first that the model can do, or "grid"
        where its points are given.
    model : Model
    points_per_side : int, optional
        Points along the side of a tile, for the proposer "grid".

    Raises
    ------
    PromptError
        It is unknown, the model has no instance decoder, or the points are for
        another proposer or out of range.
    """
    sees = model.network.instance_decoder is not None
    if name == "auto":
        name = "apg" if sees and points_per_side is None else "grid"
    kind = PROPOSERS.get(name)
    if kind is None:
        known = ", ".join(("auto", *PROPOSERS))
        raise PromptError(f"proposer {name!r} is unknown; use one of {known}")
    if kind.needs_instance_decoder and not sees:
        raise PromptError(
            f"model {model.name} has no instance decoder, which proposer {name!r} "
            'needs; use "grid", or give the file of its decoder'
        )
    if points_per_side is not None:
        limit = model.input_size // 4
        if kind.needs_instance_decoder:
            raise PromptError(
                'points per side are for proposer "grid"; leave them out or use that'
            )
        if not 1 <= points_per_side <= limit:
            usual = min(model.tuning.points_per_side, limit)
            raise PromptError(
                f"{points_per_side} points per side must be from 1 to {limit}, such as "
                f"{usual}"
            )
    return kind
