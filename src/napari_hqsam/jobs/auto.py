"""Segment all objects of an image file without prompts, and write the labels."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from napari_hqsam.jobs.batch import batch_file
from napari_hqsam.jobs.batches.plan import plan_batch
from napari_hqsam.jobs.batches.result import BatchResult
from napari_hqsam.jobs.files.new_labels import new_labels
from napari_hqsam.jobs.files.outputs import check_outputs
from napari_hqsam.jobs.files.overlay import draw_overlay_file, reduced_labels
from napari_hqsam.jobs.inputs import JobArgs, JobSetup, PathLike, position_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_hqsam.geometry import PlaneIndex
    from napari_hqsam.jobs.batches.plan import Batch
    from napari_hqsam.masks.mask import Mask
    from napari_hqsam.segmentation import Segmenter
    from napari_hqsam.segmentation.options import ProposerName


def auto_file(
    image: PathLike,
    out: PathLike,
    *,
    proposer: ProposerName = "auto",
    points_per_side: int | None = None,
    plane: str | PlaneIndex | None = None,
    overlay: PathLike | None = None,
    overwrite: bool = False,
    **keywords: Unpack[JobArgs],
) -> BatchResult:
    """Segment all objects of an image file: the command `napari-hqsam auto`.

    In a stack without `plane`, all planes are segmented and objects linked from plane
    to plane by `batch_file` in mode "auto", which can be interrupted and resumed.

    Parameters
    ----------
    image : path
        As of `open_image`.
    out : path
        Labels, ``.tif``, ``.ome.tif``, ``.zarr`` or ``.ome.zarr``.
    proposer, points_per_side
        Where the prompts come from; as of `segmentation.iter_everything`.
    plane : str, mapping of str to int, or tuple of int, optional
        Plane of a stack, such as ``"z=12"`` or ``{"z": 12}``.
    overlay : path, optional
        Also draw the outlines to this ``.png``; only for a single plane.
    overwrite : bool
        Also replace files that this package did not write.
    **keywords
        Keywords of `JobSetup` (``model``, ``axes``, ``cache``, ...) and of
        `SegmentOptions`.

    Raises
    ------
    ImageError, PromptError, ModelError
        The input cannot be used.
    OutputError
        A file cannot, or must not, be written.
    """
    from napari_hqsam.labels import check_axes_fit

    setup, source, out = JobSetup.from_keywords(keywords), Path(image), Path(out)
    picture = None if overlay is None else Path(overlay)
    check_outputs(out, {".png": picture}, source, overwrite=overwrite)
    opened = setup.open_image(source)
    index = position_of(plane, opened)
    if index is None and opened.leading_axes:
        _refuse_for_stacks(picture, points_per_side)
        return batch_file(
            image, out, mode="auto", proposer=proposer, overwrite=overwrite, **keywords
        )
    planes = [opened.index_at(index or ())]
    batch = plan_batch(
        opened, "auto", planes=planes, proposer=proposer, **setup.options
    )
    check_axes_fit(out, f"{opened.leading_axes}yx")
    with setup.reporter.on_interrupt(f"{out} is as it was before"):
        segmenter = setup.segmenter(opened)
        masks = _find(segmenter, batch, points_per_side, setup)
        small = _write(segmenter, batch, masks, out, overwrite, picture, setup)
    if picture is not None:
        with setup.reporter.step("draw the overlay") as details:
            draw_overlay_file(segmenter, small, batch.planes[0], [], picture)
            details.append(str(picture))
    return BatchResult(True, 1, 0, len(masks), 0, opened.name)


def _refuse_for_stacks(picture: Path | None, points_per_side: int | None) -> None:
    from napari_hqsam.errors import PromptError

    for option, given in (
        ("an overlay is", picture),
        ("points per side are", points_per_side),
    ):
        if given is not None:
            raise PromptError(
                f"{option} for one plane, and the image is a stack: name a plane, "
                "such as z=12",
                parameter="plane",
            )


def _find(
    segmenter: Segmenter, batch: Batch, points_per_side: int | None, setup: JobSetup
) -> list[Mask]:
    """Find the objects of the only plane of a batch; report tile by tile."""
    encoded, done = segmenter.source.encoded, 0
    reporter = setup.reporter
    with reporter.step("find all objects") as details, ExitStack() as bar:
        advance: Callable[[int], object] | None = None

        def report(tiles: int, total: int) -> None:
            nonlocal done, advance
            if advance is None:  # the level tells how many tiles there are
                advance = bar.enter_context(reporter.progress("tile", total))
            advance(tiles - done)
            done = tiles

        masks = segmenter.segment_everything(
            plane=segmenter.image.index_at(batch.planes[0]),
            proposer=batch.proposer,
            points_per_side=points_per_side,
            progress=report,
            **setup.options,
        )
        details.append(f"{len(masks)} objects")
        if masks and masks[0].level is not None:
            details.append(f"level {masks[0].level}")
        details.append(f"{segmenter.source.encoded - encoded} tiles encoded")
    return masks


def _write(
    segmenter: Segmenter,
    batch: Batch,
    masks: list[Mask],
    out: Path,
    overwrite: bool,
    picture: Path | None,
    setup: JobSetup,
) -> Any:  # noqa: ANN401 - zarr
    """Write the labels; return those of the overlay, if one is wanted."""
    from napari_hqsam.labels import paint_masks
    from napari_hqsam.sessions import archiving_session

    index = batch.planes[0]
    small = None
    with (
        setup.reporter.step("write the labels") as details,
        archiving_session(out),
        new_labels(
            segmenter.image, out, max(len(masks), 1), overwrite=overwrite or None
        ) as labels,
    ):
        paint_masks(labels, dict(enumerate(masks, 1)), index=index)
        if picture is not None:
            small = reduced_labels(labels, index)
        details.append(str(out))
    return small
