"""Run the stages of one image on an executor, going on where an earlier run ended."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise, product
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from napari_hqsam.errors import OutputError
from napari_hqsam.jobs.blocks import stages
from napari_hqsam.jobs.blocks.plane_files import (
    EXTENTS,
    FINAL,
    FIRST,
    IDS,
    QUALITIES,
)
from napari_hqsam.jobs.blocks.resolving import link_objects, resolve_plane

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from napari_hqsam.geometry import Box
    from napari_hqsam.jobs.batches.plan import Batch
    from napari_hqsam.jobs.batches.storage import Storage
    from napari_hqsam.jobs.blocks.stages import BlockContext, CellResult, Index
    from napari_hqsam.jobs.executors import Executor
    from napari_hqsam.jobs.reporter import Reporter

T = TypeVar("T")
R = TypeVar("R")

UNIT_CHUNKS = 2
"""Chunks along the side of what one task writes."""


@dataclass(eq=False)
class BlockRun:
    """Runs the stages of one image.

    Parameters
    ----------
    context : BlockContext
    batch : Batch
        Planes, and how they are linked.
    storage : Storage
        Locked, and its labels opened.
    chunk : (h, w)
        Size of a chunk of the labels, pixels.
    executor : Executor
    reporter : Reporter
        Receives progress, stage by stage.
    side : int
        Cells along the side of a block.
    """

    context: BlockContext
    batch: Batch
    storage: Storage
    chunk: tuple[int, int]
    executor: Executor
    reporter: Reporter
    side: int = 2
    _cells: dict[Index, dict[int, CellResult]] = field(default_factory=dict)
    _done: set[tuple[str, Index, int]] = field(default_factory=set)

    def run(self) -> int:
        """Run all stages; return the number of objects."""
        self._read_ledger()
        self._stage("segment", stages.segment_cells, self._unsegmented)
        for index in self.batch.planes:
            self._save_cell_tables(index)
        self._stage("match", stages.match_cells, partial(self._blocks, "match"))
        for index in self.batch.planes:
            self._resolve(index)
        self._stage("count", stages.count_unit, partial(self._units, "count"))
        objects = self._number_objects()
        self._stage("write", stages.write_unit, partial(self._units, "write"))
        return objects

    # --- stages -------------------------------------------------------------

    def _stage(
        self,
        name: str,
        work: Callable[[BlockContext, Any], Any],
        tasks: Callable[[], Iterator[Any]],
    ) -> None:
        """Run the tasks of a stage that are left, and record each."""
        with self.reporter.step(name) as details:
            count = 0
            left = sum(1 for _ in tasks())
            with self.reporter.progress("block", left) as advance:
                for outcome in self.executor.map(partial(work, self.context), tasks()):
                    if outcome.error:
                        raise OutputError(
                            f"{name}, plane {outcome.task.index}, block "
                            f"{outcome.task.number}: {outcome.error}; run the same "
                            "command again to go on"
                        )
                    self._record(name, outcome.task, outcome.result)
                    count += 1
                    advance(1)
            details.append(f"{count} blocks")

    def _record(self, stage: str, task: Any, result: Any) -> None:  # noqa: ANN401
        line: dict[str, Any] = {"stage": stage, "plane": list(task.index)}
        if stage == "segment":
            line["cells"] = [[*r.cell, *r.extent, r.count] for r in result]
            self._keep(task.index, result)
        else:
            line["block"], line["side"] = task.number, task.side
        if stage == "write":
            line["chunks"] = result
        self.storage.ledger.append_line(line)

    def _keep(self, index: Index, results: Iterable[CellResult]) -> None:
        kept = self._cells.setdefault(index, {})
        for each in results:
            kept[self.context.cells.number(each.cell)] = each

    def _read_ledger(self) -> None:
        """Read what earlier runs have done."""
        for line in self.storage.ledger.lines():
            stage = line.get("stage")
            if stage not in ("segment", "match", "count", "write"):
                continue
            index = tuple(line["plane"])
            if stage == "segment":
                found = [
                    stages.CellResult((c[0], c[1]), (c[2], c[3], c[4], c[5]), c[6])
                    for c in line["cells"]
                ]
                files = self.context.files(index)
                self._keep(index, (r for r in found if files.cell(r.cell).exists()))
            elif stage == "write":
                if self.storage.fits(line["chunks"]):
                    self._done.add((stage, index, line["block"]))
            elif line["side"] in (self.side, None):
                path = self.context.files(index).block(
                    stage, line["side"], line["block"]
                )
                if path.exists():
                    self._done.add((stage, index, line["block"]))

    # --- tasks, lazily ------------------------------------------------------

    def _unsegmented(self) -> Iterator[stages.CellsTask]:
        for task in self._blocks("segment"):
            done = self._cells.get(task.index, {})
            left = tuple(
                c for c in task.cells if self.context.cells.number(c) not in done
            )
            if left:
                yield replace(task, cells=left)

    def _blocks(self, stage: str) -> Iterator[stages.CellsTask]:
        for index in self.batch.planes:
            for number, cells in enumerate(self.context.cells.blocks(self.side)):
                if (stage, index, number) not in self._done:
                    yield stages.CellsTask(index, number, self.side, tuple(cells))

    def _units(self, stage: str) -> Iterator[stages.UnitTask]:
        for index in self.batch.planes:
            following = self._following.get(index)
            for number, box in enumerate(self._unit_boxes()):
                if (stage, index, number) not in self._done:
                    yield stages.UnitTask(index, number, box, following)

    def _unit_boxes(self) -> Iterator[Box]:
        h, w = self.context.cells.grid.plane_shape
        dy, dx = (UNIT_CHUNKS * side for side in self.chunk)
        for y, x in product(range(0, h, dy), range(0, w, dx)):
            yield y, x, min(y + dy, h), min(x + dx, w)

    @property
    def _following(self) -> dict[Index, Index]:
        """The plane that each plane is linked with."""
        return {
            a: b
            for a, b in pairwise(self.batch.planes)
            if self.batch.sequence(a) == self.batch.sequence(b)
        }

    # --- relabel ------------------------------------------------------------

    def _save_cell_tables(self, index: Index) -> None:
        """Save by cell the box around its masks, and the number of its first mask."""
        rows, columns = self.context.cells.shape
        extents = np.zeros((rows * columns, 4), np.int64)
        counts = np.zeros(rows * columns + 1, np.int64)
        for number, each in self._cells.get(index, {}).items():
            extents[number] = each.extent
            counts[number + 1] = each.count
        files = self.context.files(index)
        files.save_table(EXTENTS, extents)
        files.save_table(FIRST, np.cumsum(counts))

    def _resolve(self, index: Index) -> None:
        """Merge the masks of a plane into objects."""
        from napari_hqsam.segmentation.automatic import quality

        files, cells = self.context.files(index), self.context.cells
        first = np.asarray(files.table(FIRST))
        qualities = np.zeros(int(first[-1]))
        for number, each in self._cells.get(index, {}).items():
            if each.count:
                start = int(first[number])
                masks = files.masks(cells.cell(number))
                qualities[start : start + each.count] = [quality(m) for m in masks]
        found = resolve_plane(qualities, self._tables(index, "match"))
        files.save_table(IDS, found.ids)
        files.save_table(QUALITIES, found.qualities)

    def _tables(self, index: Index, stage: str) -> NDArray[np.int64]:
        """Return the rows of the tables of all blocks of a plane."""
        files = self.context.files(index)
        blocks: Iterable[Any] = self._unit_boxes()
        side = None
        if stage == "match":
            blocks, side = self.context.cells.blocks(self.side), self.side
        tables = [np.zeros((0, 3), np.int64)]
        for number, _ in enumerate(blocks):
            path = files.block(stage, side, number)
            tables.append(np.load(path, allow_pickle=False))
        return np.concatenate(tables)

    def _number_objects(self) -> int:
        """Give the objects of all planes their final ids; return the number of ids."""
        next_id, following = 1, self._following
        linked: dict[Index, tuple[Any, Any, Any]] = {}
        for index in self.batch.planes:
            files = self.context.files(index)
            rows = self._tables(index, "count")
            highest = int(np.max(files.table(IDS), initial=0))
            areas = np.zeros(highest + 1, np.int64)
            alone = rows[:, 1] == 0
            np.add.at(areas, rows[alone, 0], rows[alone, 2])
            before = linked.pop(index, (np.zeros(1, np.int64), np.zeros(1), _NONE))
            ids, next_id = link_objects(
                before[0], before[1], areas, before[2], next_id, self.batch.min_overlap
            )
            files.save_table(FINAL, ids)
            if index in following:
                linked[following[index]] = ids, areas, _summed(rows[~alone])
        return next_id - 1


_NONE = np.zeros((0, 3), np.int64)


def _summed(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sum the pixels of equal pairs of objects."""
    pairs, where = np.unique(rows[:, :2], axis=0, return_inverse=True)
    pixels = np.zeros(len(pairs), np.int64)
    np.add.at(pixels, where.reshape(-1), rows[:, 2])
    return np.concatenate([pairs, pixels[:, None]], 1)
