"""Entry point of automatic segmentation: yield the objects of a plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_hqsam.errors import ImageError, PromptError
from napari_hqsam.segmentation.automatic.detections import Rules
from napari_hqsam.segmentation.automatic.level_rating import best_level, rate_levels
from napari_hqsam.segmentation.automatic.proposers import find_proposer
from napari_hqsam.segmentation.automatic.tile_rows import Area, AutomaticRun, Callbacks
from napari_hqsam.segmentation.options import (
    OptionArgs,
    ProposerName,
    SegmentOptions,
)
from napari_hqsam.segmentation.plane.decoding import PlaneDecoder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Unpack

    from napari_hqsam.geometry import Box, PlaneIndex
    from napari_hqsam.masks.mask import Mask
    from napari_hqsam.segmentation.plane.segmenter import PlaneSegmenter


def iter_everything(
    segmenter: PlaneSegmenter,
    *,
    plane: PlaneIndex = (),
    region: Sequence[int] | None = None,
    taken: Any = None,  # noqa: ANN401 - any array that is read by slices
    proposer: ProposerName = "auto",
    points_per_side: int | None = None,
    rules: Rules | None = None,
    progress: Callable[[int, int], None] | None = None,
    check: Callable[[], None] = lambda: None,
    **options: Unpack[OptionArgs],
) -> Iterator[Mask]:
    """Yield the objects of a plane of any size as they are found.

    Parameters
    ----------
    segmenter : PlaneSegmenter
        Segments planes of the image.
    plane : mapping of str to int, or tuple of int
        Such as ``{"z": 12}``; see `geometry.PlaneIndex`.
    region : (y0, x0, y1, x1), optional
        Where to search, half-open plane pixels; objects may extend beyond it.
    taken : array-like, optional
        (h, w) labels of the plane; nonzero pixels belong to existing objects, which are
        not segmented again. Read by slices.
    proposer : {"auto", "apg", "ais", "grid"}
        Where prompts come from. "apg": one point for each object that the model's
        instance decoder sees; "ais": the objects that a watershed finds in its maps,
        which SAM does not segment again; "grid": a regular grid of clicks, for any
        model; "auto": "apg" where the model has an instance decoder, unless
        `points_per_side` is given.
    points_per_side : int, optional
        Points of the grid along the side of a tile; by default the model's (see
        `models.Tuning`).
    rules : Rules, optional
        Thresholds of the masks to keep; None in them is the model's own.
    progress : callable, optional
        Called with the number of tiles done and of all tiles, after each tile; an
        exception that it raises ends the work.
    check : callable
        Called more often than that, between any two steps that take long; an
        exception that it raises ends the work.
    **options
        See `SegmentOptions`. The level "auto" is chosen by `typical_size`, else by a
        tile of each level (see `rate_levels`); "whole" needs prompts.

    Raises
    ------
    ImageError
        There is no such plane, the region is not on it, or the labels do not fit.
    PromptError
        Level, size, points, proposer or output cannot be used.
    """
    image, grid = segmenter.image, segmenter.grid
    how = SegmentOptions(**options).for_model(segmenter.model)
    if how.level == "whole":
        raise PromptError('level "whole" needs prompts; use "auto" or an int')
    index = image.position(plane)
    box = checked_region(region, grid.plane_shape, taken)
    kind = find_proposer(proposer, segmenter.model, points_per_side)
    decoder = PlaneDecoder(segmenter.source, segmenter.model, grid, index)
    chosen = (
        best_level(rate_levels(decoder, box, kind.rate, how.typical_size, check))
        if how.level == "auto"
        else grid.clip(how.level)
    )
    yield from AutomaticRun(
        segmenter,
        Area(decoder, chosen, box),
        kind.make(decoder, chosen, box, points_per_side),
        kind.rules(rules or Rules(), segmenter.model),
        how,
        taken,
        Callbacks(progress or (lambda done, total: None), check),
    )


def checked_region(
    region: Sequence[int] | None,
    plane_shape: tuple[int, int],
    taken: Any = None,  # noqa: ANN401 - any array
) -> Box:
    """Return the region to search, by default the plane.

    Raises
    ------
    ImageError
        It is not on the plane, or labels of existing objects have another shape.
    """
    h, w = plane_shape
    if taken is not None and tuple(taken.shape) != plane_shape:
        raise ImageError(
            f"labels of shape {tuple(taken.shape)} do not fit the plane of shape "
            f"{plane_shape}; give those of one plane"
        )
    if region is None:
        return 0, 0, h, w
    numbers = tuple(map(int, region))
    if len(numbers) == 4:
        y0, x0, y1, x1 = numbers
        if 0 <= y0 < y1 <= h and 0 <= x0 < x1 <= w:
            return y0, x0, y1, x1
    raise ImageError(
        f"region {numbers} must be (y0, x0, y1, x1) on the plane of {h} x {w} pixels, "
        "and not empty"
    )
