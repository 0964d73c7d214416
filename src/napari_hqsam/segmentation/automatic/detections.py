"""Detections: masks decoded at low cost on one tile, with their quality."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_hqsam.masks.mask import Mask
from napari_hqsam.prompts import Prompt
from napari_hqsam.segmentation.automatic.stitching import PITCH
from napari_hqsam.segmentation.plane.components import prompted_components
from napari_hqsam.segmentation.plane.logit_canvas import LogitCanvas

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_hqsam.geometry import FloatBox, Point
    from napari_hqsam.models import Tuning
    from napari_hqsam.segmentation.automatic.proposing import Proposal
    from napari_hqsam.segmentation.plane.decoding import TilePrediction
    from napari_hqsam.tiling import Grid, Tile


@dataclass(frozen=True)
class Rules:
    """Thresholds for the masks that are kept.

    The quality of a mask is its score (the IoU that the network predicts) times the
    square root of its stability: on validation images it separates good from bad masks
    better than either, for the bundled model as for SAM's own, whose scores are
    higher. So the thresholds are by default the model's own (None); without a
    model there are none.

    Attributes
    ----------
    quality : float, optional
        Least quality of SAM's single mask of a click.
    candidate_quality : float, optional
        Least quality of its three candidates (part, object, group), which are more
        often stable and wrong.
    sure_quality : float, optional
        Quality from which no further clicks on the mask are decoded.
    iou, inside : float
        IoU of two masks, and share of the smaller one inside the other, from which
        they count as duplicates: the better one is kept (non-maximum suppression).
    share : float
        Largest fraction of a tile that a mask from a point of the grid may cover;
        larger ones are background.
    pixels : int
        Least area in pixels of SAM's low-resolution masks, 4 x 4 network pixels each.
    """

    quality: float | None = None
    candidate_quality: float | None = None
    sure_quality: float | None = None
    iou: float = 0.35
    inside: float = 0.6
    share: float = 0.5
    pixels: int = 6

    def for_model(self, tuning: Tuning) -> Rules:
        """Return rules with the model's own threshold where None was given."""
        single, candidate, sure = (
            self.quality,
            self.candidate_quality,
            self.sure_quality,
        )
        return replace(
            self,
            quality=tuning.quality if single is None else single,
            candidate_quality=tuning.candidate_quality
            if candidate is None
            else candidate,
            sure_quality=tuning.sure_quality if sure is None else sure,
        )


@dataclass(frozen=True, eq=False)
class Detection:
    """A mask decoded at low cost on one tile; a candidate of the suppression.

    Attributes
    ----------
    point : (y, x)
        The click that it was decoded from, plane pixels; lies on the mask.
    mask : Mask
        In canvas pixels of its level (see `LogitCanvas`), not of the plane.
    pitch : float
        Plane pixels per canvas pixel.
    cut : bool
        Whether it touches a side of its tile beyond which the plane continues.
    by_proposer : bool
        Whether the proposer made the mask, so that it is not decoded again.
    """

    point: Point
    mask: Mask
    pitch: float
    cut: bool
    by_proposer: bool = False

    @property
    def quality(self) -> float:
        """See `Rules`."""
        return quality(self.mask)

    @property
    def box(self) -> FloatBox:
        """Bounding box, continuous plane coordinates."""
        y0, x0, y1, x1 = (v * self.pitch - 0.5 for v in self.mask.bbox)
        return y0, x0, y1, x1

    def covers(self, point: Point) -> bool:
        """Whether a point of the plane lies on it."""
        r, c = (int((p + 0.5) // self.pitch) for p in point)
        y0, x0, y1, x1 = self.mask.bbox
        return y0 <= r < y1 and x0 <= c < x1 and bool(self.mask.data[r - y0, c - x0])


def quality(mask: Mask) -> float:
    """Compute the quality of a mask; see `Rules`."""
    return float(max(mask.score, 0.0) * mask.stability**0.5)


def select_detections(
    answer: TilePrediction, proposal: Proposal, grid: Grid, rules: Rules
) -> list[Detection]:
    """Select the masks predicted for a proposal whose quality passes the rules.

    A proposal that is not ambiguous gives SAM's single mask only, of any size.

    Parameters
    ----------
    answer : TilePrediction
        SAM's masks on a tile of the grid.
    proposal : Proposal
        Whose prompt was decoded.
    grid : Grid
        Tile grid of the plane.
    rules : Rules
    """
    point, is_ambiguous = proposal.prompt.points[0], proposal.is_ambiguous
    tile = answer.tile
    rect = LogitCanvas(grid, tile.address.level if tile.address else 0).rect(tile)
    pitch = 4 * 2.0 ** (tile.address.level if tile.address else 0)
    h, w = rect[2] - rect[0], rect[3] - rect[1]
    found = []
    for which, score in enumerate(answer.scores if is_ambiguous else answer.scores[:1]):
        least = (rules.candidate_quality if which else rules.quality) or 0.0
        least = max(least, proposal.least_quality)
        if score < least:  # the stability is 1 at best
            continue
        logits = answer.sam[which, :h, :w].numpy()
        outer = int((logits > -1).sum())
        stability = int((logits > 1).sum()) / outer if outer else 0.0
        if score * stability**0.5 < least:
            continue
        part = prompted_components(logits > 0, Prompt([point]), rect[:2], pitch)
        mask = Mask.from_crop(part, rect[:2], score, stability)
        detection = Detection(point, mask, pitch, _is_cut(part, grid.open_sides(tile)))
        most = min(rules.share * grid.size**2 / 16, 0.95 * grid_area(grid, pitch))
        fits = rules.pixels <= mask.area and (mask.area <= most or not is_ambiguous)
        if fits and detection.covers(point):
            found.append(detection)
    return found


def proposed_detection(proposal: Proposal, grid: Grid, tile: Tile) -> Detection:
    """Make a detection from a proposal that has a mask."""
    assert proposal.mask is not None
    assert tile.address is not None
    pitch = PITCH * 2.0**tile.address.level
    return Detection(
        proposal.prompt.points[0], proposal.mask, pitch, cut=False, by_proposer=True
    )


def magnified(detection: Detection, plane_shape: tuple[int, int]) -> Mask:
    """Upsample a proposer's mask to plane pixels, by its logits, bilinearly."""
    logits = detection.mask.logits
    assert logits is not None
    h, w = plane_shape
    rows, columns = logits.values.shape
    y0, x0 = (max(math.floor(start), 0) for start in logits.offset)
    y1 = min(math.ceil(logits.offset[0] + rows * logits.pitch), h)
    x1 = min(math.ceil(logits.offset[1] + columns * logits.pitch), w)
    crop = logits.on_grid((y0, x0), 1, (y1 - y0, x1 - x0)) > 0
    return Mask.from_crop(
        crop,
        (y0, x0),
        detection.mask.score,
        detection.mask.stability,
        level=detection.mask.level,
        logits=logits,
    )


def grid_area(grid: Grid, pitch: float) -> float:
    """Return the area of the whole plane in canvas pixels."""
    h, w = grid.plane_shape
    return h * w / pitch**2


def _is_cut(part: NDArray[np.bool_], open_sides: tuple[bool, bool, bool, bool]) -> bool:
    """Whether a mask touches a side of its tile beyond which the plane continues."""
    sides = part[0], part[:, 0], part[-1], part[:, -1]
    return any(
        goes_on and bool(line.any())
        for goes_on, line in zip(open_sides, sides, strict=True)
    )
