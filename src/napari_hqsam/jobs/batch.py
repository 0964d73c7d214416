"""Segment many planes of an image file, resuming an interrupted batch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from napari_hqsam.jobs.batches.plan import plan_batch
from napari_hqsam.jobs.batches.run import run_batch
from napari_hqsam.jobs.batches.storage import Storage
from napari_hqsam.jobs.files.outputs import check_file_to_write, check_labels
from napari_hqsam.jobs.inputs import (
    JobArgs,
    JobSetup,
    PathLike,
    PromptSource,
    collect_prompts,
    prompt_files,
)
from napari_hqsam.jobs.planes import parse_planes
from napari_hqsam.masks.linking import MIN_OVERLAP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_hqsam.geometry import PlaneIndex
    from napari_hqsam.jobs.batches.plan import Batch, Mode
    from napari_hqsam.jobs.batches.result import BatchResult
    from napari_hqsam.labels import Overlap
    from napari_hqsam.segmentation import Segmenter
    from napari_hqsam.segmentation.options import ProposerName


def batch_file(
    image: PathLike,
    out: PathLike,
    prompts: PromptSource | None = None,
    *,
    mode: Mode | None = None,
    planes: str | Sequence[PlaneIndex] | None = None,
    overlap: Overlap = "keep",
    min_overlap: float = MIN_OVERLAP,
    max_gap: int = 0,
    linked_axis: str | None = None,
    proposer: ProposerName = "auto",
    tracks: PathLike | None = None,
    overwrite: bool = False,
    restart: bool = False,
    **keywords: Unpack[JobArgs],
) -> BatchResult:
    """Segment many planes of an image file: `napari-hqsam batch`.

    The same call resumes an interrupted batch. `plan_batch` and `run_batch` do the
    same with an opened image and a segmenter.

    Parameters
    ----------
    image : path
        As of `open_image`.
    out : path
        Labels, ``.tif``, ``.ome.tif``, ``.zarr`` or ``.ome.zarr``.
    prompts : path, Prompt, or sequence of these, optional
        None for mode "auto".
    mode : {"same", "each", "auto"}, optional
        As of `plan_batch`; by default "auto" without prompts, else "same".
    planes : str or sequence of mapping of str to int, optional
        Such as ``"t=3,z=0:40"`` (see `parse_planes`); by default all.
    overlap, min_overlap, max_gap, linked_axis, proposer
        As of `plan_batch`.
    tracks, overwrite, restart
        As of `run_batch`.
    **keywords
        Keywords of `JobSetup` and of `SegmentOptions`.

    Raises
    ------
    ImageError, PromptError, ModelError
        The input cannot be used.
    OutputError
        A file cannot, or must not, be written.
    """
    setup, source, out = JobSetup.from_keywords(keywords), Path(image), Path(out)
    table = None if tracks is None else Path(tracks)
    files = [] if prompts is None else prompt_files(prompts)
    # `Storage` refuses existing labels unless overwriting is allowed
    check_labels(out, *files, overwrite=True, image=source)
    check_file_to_write(
        table, out, *files, overwrite=overwrite, suffix=".csv", image=source
    )
    opened = setup.open_image(source)
    batch = plan_batch(
        opened,
        mode or ("auto" if prompts is None else "same"),
        [] if prompts is None else collect_prompts(prompts, opened),
        planes=parse_planes(planes, opened) if isinstance(planes, str) else planes,
        overlap=overlap,
        min_overlap=min_overlap,
        max_gap=max_gap,
        linked_axis=linked_axis,
        proposer=proposer,
        **setup.options,
    )
    Storage(out, opened, overwrite=overwrite)  # before a model is loaded for it
    segmenter = setup.segmenter(opened)
    with setup.reporter.on_interrupt(
        f"the planes done are kept in {out}.batch: run the same batch again to resume"
    ):
        return _run(
            segmenter,
            batch,
            setup,
            out=out,
            tracks=table,
            overwrite=overwrite,
            restart=restart,
        )


def _run(
    segmenter: Segmenter,
    batch: Batch,
    setup: JobSetup,
    **keywords: Any,  # noqa: ANN401 - of run_batch
) -> BatchResult:
    """Run a batch, and report its progress plane by plane."""
    reporter, finished = setup.reporter, 0
    with (
        reporter.step("segment") as details,
        reporter.progress("plane", len(batch.planes)) as advance,
    ):

        def report(planes: int, _: int) -> None:
            nonlocal finished
            advance(planes - finished)
            finished = planes

        done = run_batch(segmenter, batch=batch, progress=report, **keywords)
        details.append(f"{done.planes} planes")
        if done.resumed:
            details.append(f"{done.resumed} of them from an earlier run")
        details.append(f"{segmenter.source.encoded} tiles encoded")
    return done
