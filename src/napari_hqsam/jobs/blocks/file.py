"""Segment one image file of any size block by block: the entry point."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from napari_hqsam.errors import HqsamError, JobError
from napari_hqsam.jobs.batches.level import choose_level
from napari_hqsam.jobs.batches.plan import plan_batch
from napari_hqsam.jobs.batches.result import BatchResult
from napari_hqsam.jobs.batches.storage import Storage
from napari_hqsam.jobs.blocks.cells import Cells
from napari_hqsam.jobs.blocks.run import BlockRun
from napari_hqsam.jobs.blocks.stages import BlockContext
from napari_hqsam.jobs.description import ModelChoice, RunOptions
from napari_hqsam.jobs.executors import make_executor
from napari_hqsam.jobs.executors.worker import loaded
from napari_hqsam.jobs.files.outputs import check_labels
from napari_hqsam.jobs.inputs import JobArgs, JobSetup, PathLike
from napari_hqsam.jobs.planes import parse_planes
from napari_hqsam.jobs.runs.work import load_chosen_model
from napari_hqsam.masks.linking import MIN_OVERLAP

if TYPE_CHECKING:
    from napari_hqsam.jobs.runs.work import ModelLoader
    from napari_hqsam.segmentation.options import ProposerName

BLOCK_CELLS = 2
"""Cells along the side of a block."""


def blocks_file(
    image: PathLike,
    out: PathLike,
    *,
    choice: ModelChoice | None = None,
    run: RunOptions | None = None,
    block: int = BLOCK_CELLS,
    planes: str | None = None,
    proposer: ProposerName = "auto",
    min_overlap: float = MIN_OVERLAP,
    linked_axis: str | None = None,
    overwrite: bool = False,
    restart: bool = False,
    load: ModelLoader = load_chosen_model,
    **keywords: Unpack[JobArgs],
) -> BatchResult:
    """Segment all objects of one image of any size, on several workers.

    The labels do not depend on workers, their order, or the size of the blocks. The
    same call goes on after an interruption.

    Parameters
    ----------
    image : path
        As of `open_image`; the workers open it, too.
    out : path
        Labels, ``.tif``, ``.ome.tif``, ``.zarr`` or ``.ome.zarr``.
    choice : ModelChoice, optional
        The model, and where it computes.
    run : RunOptions, optional
        Where the blocks run.
    block : int
        Cells along the side of a block, see `blocks.cells`.
    planes : str, optional
        As of `batch_file`.
    proposer, min_overlap, linked_axis
        As of `plan_batch`.
    overwrite, restart
        As of `run_batch`.
    load : callable
        As of `run_job`.
    **keywords
        Keywords of `JobSetup`, without the model, and of `SegmentOptions`.

    Raises
    ------
    ImageError, PromptError, ModelError
        The input cannot be used.
    OutputError
        The labels cannot, or must not, be written, or a block has failed.
    """
    setup, source, out = JobSetup.from_keywords(keywords), Path(image), Path(out)
    choice, run = choice or ModelChoice(), run or RunOptions()
    for name in ("model", "instance_decoder", "device", "precision", "cache"):
        if name in keywords:
            raise JobError(f"{name} of blocks: give it in `choice`; they keep no cache")
    if block < 1:
        raise JobError(f"a block of {block} cells is too small: give 1 or more")
    check_labels(out, overwrite=True, image=source)
    opened = setup.open_image(source)
    batch = plan_batch(
        opened,
        "auto",
        planes=None if planes is None else parse_planes(planes, opened),
        proposer=proposer,
        min_overlap=min_overlap,
        linked_axis=linked_axis,
        **setup.options,
    )
    storage = Storage(out, opened, overwrite=overwrite)
    context = BlockContext(
        work=str(storage.work.absolute()),
        labels=str(storage.labels_path.absolute()),
        image=str(source.absolute()),
        opening={
            "key": setup.key,
            "axes": setup.axes,
            "channels": setup.channels,
            "allow_missing": setup.allow_missing,
        },
        normalization=setup.normalize(opened),
        model=choice,
        load=load,
        cells=Cells(_grid(opened.plane_shape, choice, load), 0),
        proposer=proposer,
        options=batch.options.arguments(),
    )
    with (
        storage.locked(),
        setup.reporter.on_interrupt(
            f"the blocks done are kept in {storage.folder}: run the same command again "
            "to go on"
        ),
    ):
        try:
            return _run(context, batch, storage, setup, run, block, restart)
        except HqsamError:
            raise
        except OSError as error:
            raise storage.unwritable(error) from error


def _grid(plane_shape: tuple[int, int], choice: ModelChoice, load: ModelLoader) -> Any:  # noqa: ANN401
    from napari_hqsam.tiling import Grid

    device = choice.device[0]
    model = loaded((choice, device), lambda: load(choice, device))
    return Grid(plane_shape, model.input_size)


def _run(
    context: BlockContext,
    batch: Any,  # noqa: ANN401 - Batch
    storage: Storage,
    setup: JobSetup,
    run: RunOptions,
    block: int,
    restart: bool,
) -> BatchResult:
    """Run the stages, and put the labels in place."""
    if restart:
        storage.restart()
    segmenter = context.segmenter()
    labels = storage.open(batch, batch.identity(segmenter) | {"blocks": 1})
    chosen = (each for each in storage.ledger.lines() if each.get("stage") == "level")
    level = next(chosen, {}).get("level")
    if level is None:
        with setup.reporter.step("choose the level") as details:
            level = choose_level(segmenter, batch)
            details.append(f"level {level}")
        storage.ledger.append_line({"stage": "level", "level": level})
    context = replace(
        context,
        cells=replace(context.cells, level=level),
        options=context.options | {"level": level},
    )
    executor = make_executor(run)
    try:
        work = BlockRun(
            context,
            batch,
            storage,
            (int(labels.chunks[-2]), int(labels.chunks[-1])),
            executor,
            setup.reporter,
            block,
        )
        objects = work.run()
    finally:
        executor.close()
    with setup.reporter.step("put the labels in place") as details:
        storage.place(labels, objects)
        details.append(str(storage.out))
    planes = len(batch.planes)
    return BatchResult(True, planes, 0, objects, 0, segmenter.image.name)
