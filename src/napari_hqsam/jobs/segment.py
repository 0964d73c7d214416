"""Segment an image file from prompts, and write the labels."""

from __future__ import annotations

import warnings
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from napari_hqsam.errors import HqsamWarning, PromptError
from napari_hqsam.jobs.files.new_labels import new_labels
from napari_hqsam.jobs.files.outputs import check_outputs
from napari_hqsam.jobs.files.overlay import draw_overlay_file, reduced_labels
from napari_hqsam.jobs.inputs import (
    JobArgs,
    JobSetup,
    PathLike,
    PromptSource,
    check_prompts,
    collect_prompts,
    group_by_plane,
    position_of,
    prompt_files,
)

if TYPE_CHECKING:
    from napari_hqsam.geometry import PlaneIndex
    from napari_hqsam.images import Image
    from napari_hqsam.labels import Overlap, PromptPainter
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.segmentation import Segmenter


def segment_file(
    image: PathLike,
    out: PathLike,
    prompts: PromptSource,
    *,
    plane: str | PlaneIndex | None = None,
    overlap: Overlap = "keep",
    overlay: PathLike | None = None,
    rois: PathLike | None = None,
    overwrite: bool = False,
    **keywords: Unpack[JobArgs],
) -> None:
    """Segment objects of an image file from prompts: `napari-hqsam segment`.

    Parameters
    ----------
    image : path
        As of `open_image`.
    out : path
        Labels, ``.tif``, ``.ome.tif``, ``.zarr`` or ``.ome.zarr``; replaced only
        when the new ones are complete.
    prompts : path, Prompt, or sequence of these
        Each prompt is one object.
    plane : str, mapping of str to int, or tuple of int, optional
        Plane of prompts without one, such as ``"z=12"`` or ``{"z": 12}``.
    overlap : {"keep", "overwrite"}
        Which prompt gets pixels in several masks: the first or the last.
    overlay : path, optional
        Also draw the outlines to this ``.png``.
    rois : path, optional
        Also write the outlines to this ``.zip``, for the ROI Manager of Fiji.
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

    Warns
    -----
    HqsamWarning
        Prompts have no pixels of their own.
    """
    from napari_hqsam.labels import PromptPainter, check_axes_fit, label_ids
    from napari_hqsam.sessions import archiving_session

    setup, source, out = JobSetup.from_keywords(keywords), Path(image), Path(out)
    picture = None if overlay is None else Path(overlay)
    files, reporter = prompt_files(prompts), setup.reporter
    roi_set = None if rois is None else Path(rois)
    beside = {".png": picture, ".zip": roi_set}
    check_outputs(out, beside, source, *files, overwrite=overwrite)
    opened = setup.open_image(source)
    given = collect_prompts(prompts, opened)
    if not given:
        raise PromptError("no prompts: give a file of prompts, points or boxes")
    groups = group_by_plane(given, position_of(plane, opened), opened)
    ids = label_ids(groups)
    if overlap not in ("keep", "overwrite"):
        raise PromptError(
            f"overlap {overlap!r} is unknown: keep or overwrite", parameter="overlap"
        )
    check_axes_fit(out, f"{opened.leading_axes}yx")
    check_prompts(opened, groups)
    drawn = next(iter(groups))
    small = None
    with reporter.on_interrupt(f"{out} is as it was before"):
        segmenter = setup.segmenter(opened)
        with ExitStack() as open_labels:
            open_labels.enter_context(archiving_session(out))
            highest = max(map(max, ids.values()))
            labels = open_labels.enter_context(
                new_labels(opened, out, highest, overwrite=overwrite or None)
            )
            for index, group in groups.items():
                painter = PromptPainter(labels, ids[index], overlap, index=index)
                _segment_plane(segmenter, group, painter, setup)
            if picture is not None:
                small = reduced_labels(labels, drawn)
            with reporter.step("write the labels") as details:
                open_labels.close()
                details.append(str(out))
    if roi_set is not None:
        with reporter.step("write the ROIs") as details:
            details.append(f"{_write_rois(out, roi_set, opened)} in {roi_set}")
    if small is not None and picture is not None:
        with (
            reporter.on_interrupt(f"{out} is complete, {picture} was not written"),
            reporter.step("draw the overlay") as details,
        ):
            draw_overlay_file(segmenter, small, drawn, groups[drawn], picture)
            details.append(str(picture))


def _write_rois(out: Path, roi_set: Path, image: Image) -> int:
    """Write the ROIs of labels that are complete; return how many."""
    from napari_hqsam.images import open_source
    from napari_hqsam.labels import write_fiji_rois

    array = open_source(out).array
    return write_fiji_rois(roi_set, array, axes=f"{image.leading_axes}yx")


def _segment_plane(
    segmenter: Segmenter,
    prompts: list[Prompt],
    painter: PromptPainter,
    setup: JobSetup,
) -> None:
    """Segment the prompts of a plane, and paint each mask at once."""
    index = tuple(painter.index)
    where = f" plane {','.join(map(str, index))}" if index else ""
    encoded = segmenter.source.encoded
    with setup.reporter.step(f"encode, decode{where}") as details:
        masks = segmenter.iter_many(
            prompts, plane=segmenter.image.index_at(index), **setup.options
        )
        for number, mask in setup.reporter.track(masks, "prompt", len(prompts)):
            painter.paint(number, mask.bbox, mask.data)
        details.append(f"{len(prompts)} prompts")
        details.append(f"{segmenter.source.encoded - encoded} tiles encoded")
    lost = sum(not painter.pixels(n) for n in range(len(prompts)))
    if lost:
        warnings.warn(
            f"{lost} of {len(prompts)} prompts{where} gave no pixels of their own: "
            "an empty mask, or all of it taken by other objects",
            HqsamWarning,
            stacklevel=3,
        )
