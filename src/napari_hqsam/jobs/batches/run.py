"""Run a batch plane by plane, or resume an interrupted one."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.errors import HqsamError, HqsamWarning
from napari_hqsam.jobs.batches.ledger import PlaneResult
from napari_hqsam.jobs.batches.level import choose_level
from napari_hqsam.jobs.batches.result import BatchResult
from napari_hqsam.jobs.batches.storage import Storage
from napari_hqsam.jobs.files.tracks_file import check_tracks_file, write_tracks
from napari_hqsam.labels import PromptPainter, paint_masks
from napari_hqsam.labels.blocks import clear_plane
from napari_hqsam.masks.linking import LinkedObject, Linker, centre
from napari_hqsam.masks.mask import Mask
from napari_hqsam.masks.tracks import tracks_of
from napari_hqsam.segmentation.automatic import iter_everything, make_disjoint
from napari_hqsam.worker import Cancelled

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from napari_hqsam.jobs.batches.plan import Batch, Index
    from napari_hqsam.segmentation import Segmenter


def run_batch(
    segmenter: Segmenter,
    out: str | os.PathLike[str],
    batch: Batch,
    *,
    tracks: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    restart: bool = False,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> BatchResult:
    """Segment planes, and write the labels when all are done.

    After each plane its labels and a line of the ledger are on the disk, in the
    folder ``OUT.batch``. However a run ends, the same call resumes with the next plane
    and gives the same labels as an uninterrupted run.

    Parameters
    ----------
    segmenter : Segmenter
        Segments planes of the image.
    out : path
        Labels, ``.tif``, ``.ome.tif``, ``.zarr`` or ``.ome.zarr``, with all planes of
        the image; planes not in the batch are background.
    batch : Batch
        From `plan_batch`.
    tracks : path, optional
        Also write the objects' tracks to this ``.csv``, see `write_tracks`.
    overwrite : bool
        Whether existing labels may be replaced.
    restart : bool
        Discard an interrupted batch instead of resuming it.
    progress : callable, optional
        Called with the number of planes done and of all planes, before the first
        and after each.
    cancelled : callable, optional
        Checked before each plane, prompt and tile; if True, the run ends, and a plane
        done in part is done again on resuming.

    Raises
    ------
    OutputError
        The labels or the ledger cannot be written, or the interrupted batch was
        planned differently.

    Warns
    -----
    HqsamWarning
        Prompts have no pixels of their own.
    """
    if tracks is not None:
        check_tracks_file(tracks)
    storage = Storage(Path(out), segmenter.image, overwrite=overwrite)
    with storage.locked():
        try:
            if restart:
                storage.restart()
            labels = storage.open(batch, batch.identity(segmenter))
            run = BatchRunner(segmenter, batch, storage, labels)
            resumed = run.resume()
            if progress is not None:
                progress(resumed, len(batch.planes))
            for number in range(resumed, len(batch.planes)):
                try:
                    run.do(number, cancelled)
                except Cancelled:
                    return run.summary(number, resumed, complete=False)
                if progress is not None:
                    progress(number + 1, len(batch.planes))
            if tracks is not None:
                planes = storage.ledger.planes(storage.shape)
                linked = (s for done in planes for s in done.linked)
                found = tracks_of(linked, lambda number: batch.planes[number])
                write_tracks(tracks, found, segmenter.image.leading_axes)
            storage.place(labels, max(run.ids, default=0))
        except HqsamError:
            raise
        except OSError as error:  # a chunk cannot be written, or the image read
            raise storage.unwritable(error) from error
        return run.summary(len(batch.planes), resumed, complete=True)


class BatchRunner:
    """Runs the planes of a batch, with the state between two planes."""

    def __init__(
        self,
        segmenter: Segmenter,
        batch: Batch,
        storage: Storage,
        labels: Any,  # noqa: ANN401 - zarr
    ) -> None:
        self.segmenter, self.batch, self.labels = segmenter, batch, labels
        self.storage, self.ledger = storage, storage.ledger
        self.ids: set[int] = set()
        self.lost = 0
        self._linker = self._new_linker(1)
        self._level: int | None = None
        self._begun = 0  # planes that may be on the disk, the last one in part

    def resume(self) -> int:
        """Load the results of earlier runs; return their number of planes."""
        shape, planes = self.storage.shape, self.batch.planes
        done = self._trusted()
        for number, plane in enumerate(self.ledger.planes(shape)):
            self._count(plane)
            self._level = plane.level
            if self.batch.mode == "auto":
                self._start_sequence(number)
                near = number >= done - 1 - self.batch.max_gap
                self._linker.add_linked(
                    self._painted(plane) if near else {}, plane.linked
                )
        for index in planes[done : self._begun + 1]:
            clear_plane(self.labels, index)  # it may be half painted
        return done

    def _trusted(self) -> int:
        """Count the planes that are done and intact on the disk; cut the ledger there.

        Warns
        -----
        HqsamWarning
            A plane on the disk differs from what was written.
        """
        done, whole = 0, True
        for number, plane in enumerate(self.ledger.planes(self.storage.shape)):
            if number >= len(self.batch.planes) or (
                plane.index != self.batch.planes[number]
            ):
                break
            fits = plane.written is None or self.storage.fits(plane.written)
            whole = whole and fits
            done += whole
            self._begun = number + 1
        if not whole:
            warnings.warn(
                f"plane {self.batch.planes[done]} of the interrupted batch is not on "
                f"the disk as it was written, as after a power cut; it is done again, "
                f"and the {self._begun - done - 1} after it",
                HqsamWarning,
                stacklevel=4,
            )
        self.ledger.mend(done)
        return done

    def do(self, number: int, cancelled: Callable[[], bool]) -> None:
        """Segment a plane, paint it, and append it to the ledger."""

        def check(*_: int) -> None:
            if cancelled():
                raise Cancelled

        check()
        index = self.batch.planes[number]
        if self.batch.mode == "auto":
            done = self._find(number, index, check)
        else:
            done = self._prompt(number, index, check)
        # labels first: a line of the ledger means that they are on the disk
        done = replace(done, written=self.storage.sync())
        self.ledger.append(done)
        self._count(done)
        if done.lost:
            where = ",".join(map(str, index)) or "0"
            warnings.warn(
                f"{done.lost} prompts of plane {where} gave no pixels of their own: an "
                "empty mask, or all of it taken by other objects",
                HqsamWarning,
                stacklevel=3,
            )

    def summary(self, planes: int, resumed: int, *, complete: bool) -> BatchResult:
        """Return the result of the run."""
        name = self.segmenter.image.name
        return BatchResult(complete, planes, resumed, len(self.ids), self.lost, name)

    def _count(self, plane: PlaneResult) -> None:
        self.ids.update(one.object_id for one in plane.linked)
        self.lost += plane.lost

    # --- prompts ------------------------------------------------------------

    def _prompt(
        self, number: int, index: Index, check: Callable[..., None]
    ) -> PlaneResult:
        prompts = self.batch.prompts_on(index)
        ids = [label_id for label_id, _ in prompts]
        painter = PromptPainter(self.labels, ids, self.batch.overlap, index=index)
        found = self.segmenter.iter_many(
            [prompt for _, prompt in prompts],
            plane=self.segmenter.image.index_at(index),
            **self.batch.options.arguments(),
        )
        seen: dict[int, tuple[LinkedObject, tuple[int, int, int, int]]] = {}
        for i, mask in found:
            check()
            painter.paint(i, mask.bbox, mask.data)
            if mask.area:
                seen[i] = (
                    LinkedObject(ids[i], number, centre(mask), mask.area),
                    mask.bbox,
                )
        kept = [i for i in sorted(seen) if painter.pixels(i)]
        return PlaneResult(
            index,
            tuple(seen[i][0] for i in kept),
            tuple(seen[i][1] for i in kept),
            len(ids) - len(kept),
        )

    # --- without prompts ----------------------------------------------------

    def _find(
        self, number: int, index: Index, check: Callable[..., None]
    ) -> PlaneResult:
        masks = make_disjoint(
            list(
                iter_everything(
                    self.segmenter,
                    plane=self.segmenter.image.index_at(index),
                    proposer=self.batch.proposer,
                    progress=check,
                    **replace(
                        self.batch.options, level=self._found_level()
                    ).arguments(),
                )
            )
        )
        self._start_sequence(number)
        linked = self._linker.add(masks)
        by_id = {linked[i].object_id: mask for i, mask in enumerate(masks, 1)}
        paint_masks(self.labels, by_id, index=index)
        return PlaneResult(
            index,
            tuple(replace(linked[i], plane=number) for i in linked),
            tuple(masks[i - 1].bbox for i in linked),
            level=self._level,
        )

    def _new_linker(self, next_id: int) -> Linker:
        return Linker(self.batch.min_overlap, self.batch.max_gap, next_id)

    def _start_sequence(self, number: int) -> None:
        """Start a new linker if a plane is not linked with the one before."""
        before, now = self.batch.planes[max(number - 1, 0)], self.batch.planes[number]
        if self.batch.sequence(before) != self.batch.sequence(now):
            self._linker = self._new_linker(self._linker.next_id)

    def _painted(self, done: PlaneResult) -> dict[int, Mask]:
        """Read the masks of a plane from the labels on the disk."""
        masks = {}
        for one, (y0, x0, y1, x1) in zip(done.linked, done.boxes, strict=True):
            crop = (*done.index, slice(y0, y1), slice(x0, x1))
            data = np.asarray(self.labels[crop]) == one.object_id
            masks[one.object_id] = Mask((y0, x0, y1, x1), data, 1.0, 1.0)
        return masks

    def _found_level(self) -> int:
        """Return the level of all planes, chosen on first use."""
        if self._level is None:
            self._level = choose_level(self.segmenter, self.batch)
        return self._level
