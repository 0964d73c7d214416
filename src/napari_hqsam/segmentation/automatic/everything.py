"""What one asks for: the objects of a plane, one by one or all at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_hqsam.errors import ImageError, PromptError
from napari_hqsam.segmentation.automatic.choosing import choose_level
from napari_hqsam.segmentation.automatic.finds import Rules
from napari_hqsam.segmentation.automatic.instances import InstanceProposer
from napari_hqsam.segmentation.automatic.lattice import GridProposer
from napari_hqsam.segmentation.automatic.running import Area, Everything, Watch
from napari_hqsam.segmentation.options import OptionArgs, SegmentOptions
from napari_hqsam.segmentation.plane.decoding import PlaneDecoder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Literal, TypeAlias, Unpack

    from napari_hqsam.geometry import Box, PlaneIndex
    from napari_hqsam.masks.mask import Mask
    from napari_hqsam.models import Model
    from napari_hqsam.segmentation.automatic.proposing import Proposer
    from napari_hqsam.segmentation.plane.segmenter import PlaneSegmenter

    MakeProposer: TypeAlias = Callable[[PlaneDecoder, int, Box], Proposer]


def iter_everything(
    segmenter: PlaneSegmenter,
    *,
    plane: PlaneIndex = (),
    region: Sequence[int] | None = None,
    taken: Any = None,  # noqa: ANN401 - any array that is read by slices
    proposer: Literal["auto", "grid", "decoder"] = "auto",
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
        Of the image.
    plane : mapping of str to int, or tuple of int
        Such as ``{"z": 12}``; see `geometry.PlaneIndex`.
    region : (y0, x0, y1, x1), optional
        Where to look, half-open plane pixels; objects may reach out of it.
    taken : array-like, optional
        (h, w) labels of the plane; what is not 0 is an object already, and is
        neither looked at nor given again. Read by slices.
    proposer : "auto", "grid" or "decoder"
        Where prompts come from: "decoder", the model's instance decoder, one for each
        object that it sees; "grid", an even lattice of clicks, for any model; "auto",
        the instance decoder where the model has one, unless `points_per_side` asks
        for the lattice.
    points_per_side : int, optional
        Points of the lattice along the side of a tile; by default the model's (see
        `models.Tuning`).
    rules : Rules, optional
        What is kept; what they leave open is the model's.
    progress : callable, optional
        Called with the tiles done and the tiles there are, after each tile; an
        exception that it raises ends the work.
    check : callable
        Called more often than that, between any two steps that take long; an
        exception that it raises ends the work.
    **options
        As of `SegmentOptions`. The level "auto" goes by `typical_size`, else by a
        sample of clicks (see `choose_level`); "whole" needs prompts.

    Raises
    ------
    ImageError
        There is no such plane, the region is not on it, or the labels do not fit.
    PromptError
        Level, size, points, proposer or output cannot be used.
    """
    image, grid, tuning = segmenter.image, segmenter.grid, segmenter.model.tuning
    how = SegmentOptions(**options)
    if how.level == "whole":
        raise PromptError('level "whole" needs prompts; use "auto" or an int')
    index = image.position(plane)
    box = _checked_region(region, grid.plane_shape)
    if taken is not None and tuple(taken.shape) != grid.plane_shape:
        raise ImageError(
            f"labels of shape {tuple(taken.shape)} do not fit the plane of shape "
            f"{grid.plane_shape}; give those of one plane"
        )
    make = proposer_for(proposer, segmenter.model, points_per_side)
    decoder = PlaneDecoder(segmenter.source, segmenter.model, grid, index)
    chosen = (
        choose_level(decoder, box, how.typical_size, check)
        if how.level == "auto"
        else grid.clip(how.level)
    )
    yield from Everything(
        segmenter,
        Area(decoder, chosen, box),
        make(decoder, chosen, box),
        (rules or Rules()).for_model(tuning),
        how,
        taken,
        Watch(progress or (lambda done, total: None), check),
    )


def proposer_for(
    name: str, model: Model, points_per_side: int | None = None
) -> MakeProposer:
    """Check what prompts are to come from; return what makes the proposer.

    Parameters and errors as for `iter_everything`; what is returned takes the decoder
    of the plane, the level and the region.
    """
    if name == "auto":
        sees = model.network.instance_decoder is not None and points_per_side is None
        name = "decoder" if sees else "grid"
    if name not in PROPOSERS:
        known = ", ".join(("auto", *PROPOSERS))
        raise PromptError(f"proposer {name!r} is unknown; use one of {known}")
    return PROPOSERS[name](model, points_per_side)


def _from_decoder(model: Model, points_per_side: int | None) -> MakeProposer:
    if model.network.instance_decoder is None:
        raise PromptError(
            f'model {model.name} has no instance decoder; use proposer "grid"'
        )
    if points_per_side is not None:
        raise PromptError(
            'points per side are for proposer "grid"; leave them out or use that'
        )
    limits = model.tuning.instance_thresholds
    return lambda decoder, _level, region: InstanceProposer(decoder, region, limits)


def _from_grid(model: Model, points_per_side: int | None) -> MakeProposer:
    most = model.input_size // 4
    usual = min(model.tuning.points_per_side, most)
    points = usual if points_per_side is None else points_per_side
    if not 1 <= points <= most:
        raise PromptError(
            f"{points} points per side must be from 1 to {most}, such as {usual}"
        )
    return lambda decoder, level, region: GridProposer(
        decoder.grid, level, region, points
    )


PROPOSERS: dict[str, Callable[[Model, int | None], MakeProposer]] = {
    "grid": _from_grid,
    "decoder": _from_decoder,
}
"""Where prompts come from: what checks it for a model, see `iter_everything`."""


def _checked_region(
    region: Sequence[int] | None, plane_shape: tuple[int, int]
) -> tuple[int, int, int, int]:
    h, w = plane_shape
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
