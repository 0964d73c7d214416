"""Refine the outlines of all objects of the plane shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_hqsam.errors import PromptError
from napari_hqsam.viewer.planes import layer_shape
from napari_hqsam.viewer.stack.slices.slice_axis import SinglePlane
from napari_hqsam.viewer.stack.slices.slice_results import ObjectOnSlice, SliceResult
from napari_hqsam.viewer.stack.tasks.task import BOX, StackTask
from napari_hqsam.worker import Cancelled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_hqsam.viewer.stack.plan import SliceJob
    from napari_hqsam.viewer.stack.result_placer import ResultPlacer
    from napari_hqsam.viewer.stack.slices.slice_axis import SliceAxis


class RefineOnPlane(StackTask):
    """Refines the outlines of all objects of the plane shown, whoever made them.

    The objects are those of the target; all of them appear when the last one is done,
    since they contest pixels.
    """

    on_one_plane = True
    level_prompt = BOX

    def _slices(self) -> tuple[SliceAxis, tuple[int, int]]:
        scene = self.inputs.scene
        view, image = scene.view(), scene.image
        assert image is not None
        return SinglePlane.of(view, layer_shape(image)), (0, 1)

    def prepare(self) -> None:
        """Check that there are labels."""
        if self.inputs.target is None:
            raise PromptError(
                "there are no labels to refine: choose a Labels layer as target, or "
                "accept objects first"
            )
        self._objects = 0

    def results(self, job: SliceJob) -> Iterator[SliceResult]:
        """Refine the objects together, and yield those with a new outline."""
        from napari_hqsam.masks.linking import masks_of

        request, stack = job.plan.request, job.plan.stack
        plane, labels = stack.plane(0), job.plan.labels
        old = plane.read(labels, (0, 0, *plane.size(labels.shape)))

        def report(done: int, total: int) -> None:
            if job.checkpoint():
                raise Cancelled
            job.report_tiles(done, total)

        segmenter = job.engine.segmenter(request.image, request.model)
        (refined,) = segmenter.iter_refine(
            old,
            plane=request.image.index_at(stack.index(0)),
            progress=report,
            **request.options.arguments(),
        )
        self._objects = len(refined.objects)
        masks = masks_of(refined.labels)
        found = tuple(
            ObjectOnSlice(each.label_id, masks[each.label_id])
            for each in refined.objects
            if not each.kept
        )
        boxes = {i: mask.bbox for i, mask in masks_of(old).items()}
        yield SliceResult(0, found, boxes=boxes)

    def place(self, result: SliceResult, placer: ResultPlacer) -> Iterator[None]:
        """Replace the outlines, one object for each item."""
        for found in result.objects:
            placer.reshape(self.plan, self.progress, result.z, found)
            yield

    def counts(self) -> list[str]:
        """Return how far the decodings are: there is one slice."""
        done, total = self.progress.tiles
        return [f"{done} of {total} decodings"] if total else ["reading the labels"]

    def summary(self) -> str:
        """Return how many objects have a new outline."""
        refined, count = len(self.progress.ids), self._objects
        if not count:
            return "There are no objects here to refine"
        return f"{refined} of {count} objects refined; the others keep their shape"
