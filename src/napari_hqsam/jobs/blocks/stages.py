"""The tasks of the stages; each runs in a worker and gives the same result again."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.errors import HqsamWarning
from napari_hqsam.jobs.blocks.cell_files import save_cell
from napari_hqsam.jobs.blocks.matching import match_masks
from napari_hqsam.jobs.blocks.plane_files import FINAL, FIRST, PlaneFiles
from napari_hqsam.jobs.blocks.rendering import render
from napari_hqsam.jobs.executors.worker import loaded, worker_number

if TYPE_CHECKING:
    from napari_hqsam.geometry import Box
    from napari_hqsam.images import Normalization
    from napari_hqsam.jobs.blocks.cells import Cell, Cells
    from napari_hqsam.jobs.description import ModelChoice
    from napari_hqsam.jobs.runs.work import ModelLoader
    from napari_hqsam.labels.chunk_files import Written
    from napari_hqsam.segmentation import Segmenter
    from napari_hqsam.segmentation.options import OptionArgs, ProposerName

Index = tuple[int, ...]


@dataclass(frozen=True)
class BlockContext:
    """What every task needs to know; can be pickled.

    Attributes
    ----------
    work : str
        Folder of the intermediate results.
    labels : str
        Folder of the zarr that the labels are written to.
    image : str
        Path of the image.
    opening : tuple of (str, value)
        Keywords of `open_image`.
    normalization : Normalization
        Normalisation of the whole image.
    model : ModelChoice
    load : callable
        Loads the model.
    cells : Cells
        Cells of every plane.
    proposer : str
    options : dict
        Keywords of `SegmentOptions`; the level is a number.
    """

    work: str
    labels: str
    image: str
    opening: dict[str, Any]
    normalization: Normalization
    model: ModelChoice
    load: ModelLoader
    cells: Cells
    proposer: ProposerName
    options: OptionArgs

    def files(self, index: Index) -> PlaneFiles:
        """Return the files of a plane."""
        return PlaneFiles.of(Path(self.work), index)

    def segmenter(self) -> Segmenter:
        """Return the segmenter of this process, made on first use."""
        devices = self.model.device
        device = devices[worker_number() % len(devices)]

        def make() -> Segmenter:
            from napari_hqsam.images import open_image
            from napari_hqsam.segmentation import Segmenter

            model = loaded((self.model, device), lambda: self.load(self.model, device))
            image = open_image(self.image, **self.opening)
            return Segmenter(
                image, model, normalization=self.normalization, cache=False
            )

        key = self.image, repr(self.opening), self.model, repr(self.normalization)
        return loaded((*key, device), make, "segmenter")


@dataclass(frozen=True)
class CellsTask:
    """A block of cells of a plane: its number, and the cells along its side."""

    index: Index
    number: int
    side: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class UnitTask:
    """A square of whole chunks of a plane, and the plane that is linked with it."""

    index: Index
    number: int
    box: Box
    following: Index | None = None
    side: None = None


@dataclass(frozen=True)
class CellResult:
    """What the ledger keeps of a cell: the box around its masks, and their number."""

    cell: Cell
    extent: Box
    count: int


def segment_cells(context: BlockContext, task: CellsTask) -> list[CellResult]:
    """Segment the objects whose prompts lie in the cells of a block."""
    from napari_hqsam.segmentation.automatic import iter_everything, make_disjoint

    segmenter, files = context.segmenter(), context.files(task.index)
    done = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HqsamWarning)  # the same for every cell
        for cell in task.cells:
            masks = make_disjoint(
                list(
                    iter_everything(
                        segmenter,
                        plane=segmenter.image.index_at(task.index),
                        region=context.cells.box(cell),
                        proposer=context.proposer,
                        **context.options,
                    )
                )
            )
            path = files.cell(cell)
            path.parent.mkdir(parents=True, exist_ok=True)
            save_cell(path, masks)
            boxes = np.array([mask.bbox for mask in masks] or [(0, 0, 0, 0)])
            low, high = boxes[:, :2].min(0), boxes[:, 2:].max(0)
            extent = (int(low[0]), int(low[1]), int(high[0]), int(high[1]))
            done.append(CellResult(cell, extent, len(masks)))
    return done


def match_cells(context: BlockContext, task: CellsTask) -> int:
    """Match the masks of a block's cells with those of all later cells they meet."""
    files, cells = context.files(task.index), context.cells
    first = files.table(FIRST)
    extents = files.table("extents")
    found = [np.zeros((0, 3), np.int64)]
    for cell in task.cells:
        number = cells.number(cell)
        own = files.masks(cell)
        if not own:
            continue
        for other in files.cells_overlapping(tuple(extents[number].tolist())):
            if other <= number:
                continue
            pairs = match_masks(own, files.masks(cells.cell(other)))
            pairs[:, 0] += int(first[number])
            pairs[:, 1] += int(first[other])
            found.append(pairs)
    table = np.concatenate(found)
    files.save(files.block("match", task.side, task.number), table)
    return len(table)


def count_unit(context: BlockContext, task: UnitTask) -> int:
    """Count the pixels of each object in a unit, and those shared with the next plane.

    The rows of the table are (object, 0, pixels) and (object, object of the next plane,
    pixels in common).
    """
    files = context.files(task.index)
    here = render(files, context.cells, task.box)
    ids, counts = np.unique(here[here > 0], return_counts=True)
    rows = [np.stack([ids, np.zeros_like(ids), counts], 1)]
    if task.following is not None and len(ids):
        there = render(context.files(task.following), context.cells, task.box)
        both = (here > 0) & (there > 0)
        pairs, shared = np.unique(
            np.stack([here[both], there[both]], 1), axis=0, return_counts=True
        )
        rows.append(np.concatenate([pairs, shared[:, None]], 1))
    table = np.concatenate(rows).astype(np.int64)
    files.save(files.block("count", None, task.number), table)
    return len(table)


def write_unit(context: BlockContext, task: UnitTask) -> Written:
    """Write the labels of a unit: whole chunks, which no other task touches."""
    import zarr

    from napari_hqsam.labels.chunk_files import ChunkFiles

    files = context.files(task.index)
    drawn = render(files, context.cells, task.box)
    final = files.table(FINAL)
    store = ChunkFiles(Path(context.labels))
    labels: Any = zarr.open_group(store, mode="r+")["0"]
    store.note_changes()
    y0, x0, y1, x1 = task.box
    key = (*task.index, slice(y0, y1), slice(x0, x1))
    labels[key] = np.asarray(final)[drawn].astype(labels.dtype)
    return store.sync()
