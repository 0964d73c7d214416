"""Find all objects without prompts, of each slice or of the plane shown."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_hqsam.viewer.planes import layer_shape
from napari_hqsam.viewer.stack.plan import OtherLabels
from napari_hqsam.viewer.stack.slices.slice_axis import SinglePlane
from napari_hqsam.viewer.stack.slices.slice_results import ObjectOnSlice, SliceResult
from napari_hqsam.viewer.stack.tasks.task import StackTask, objects_text
from napari_hqsam.worker import Cancelled

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from napari_hqsam.masks import Mask
    from napari_hqsam.viewer.stack.plan import SliceJob
    from napari_hqsam.viewer.stack.slices.slice_axis import SliceAxis


class FindAllOnSlices(StackTask):
    """Finds all objects of each slice; those that overlap are one object."""

    name = "auto"
    title = "find all, slice by slice"
    tip = "No prompts; what overlaps is one object"

    def results(self, job: SliceJob) -> Iterator[SliceResult]:
        """Find the objects of slice after slice, and link them."""
        from napari_hqsam.masks import Linker

        linker = Linker()
        for z in range(*job.plan.span):
            masks = dict(enumerate(_find_all(job, z)))
            linked = linker.add(masks)
            yield SliceResult(
                z,
                tuple(
                    _object(linked[i].object_id, mask)
                    for i, mask in masks.items()
                    if i in linked
                ),
            )


class FindAllOnPlane(StackTask):
    """Finds all objects of the plane shown, of a stack or of a single plane."""

    on_one_plane = True

    def _slices(self) -> tuple[SliceAxis, tuple[int, int]]:
        scene = self.inputs.scene
        view, image = scene.view(), scene.image
        assert image is not None
        return SinglePlane.of(view, layer_shape(image)), (0, 1)

    def results(self, job: SliceJob) -> Iterator[SliceResult]:
        """Yield objects one by one, as they are found."""
        for i, mask in enumerate(_find_all(job, 0)):
            yield SliceResult(0, (_object(i, mask),), partial=True)
        yield SliceResult(0)

    def counts(self) -> list[str]:
        """Return the counts of tiles and objects: there is one slice."""
        (tile, tiles), found = self.progress.tiles, len(self.progress.ids)
        parts = [f"{tile} of {tiles} tiles" if tiles else "choosing the scale"]
        return [*parts, f"{found} objects"] if found else parts

    def summary(self) -> str:
        """Return how many objects were found."""
        ids = list(self.progress.ids.values())
        return f"{objects_text(ids)} found" if ids else "Nothing was found"


def _find_all(job: SliceJob, z: int) -> Iterator[Mask]:
    """Yield the masks of all objects of a slice that are not accepted yet."""
    from napari_hqsam.segmentation.automatic import iter_everything

    def check() -> None:
        if job.checkpoint():
            raise Cancelled

    check()
    request, stack = job.plan.request, job.plan.stack
    options = request.options
    if options.level == "whole":
        options = replace(options, level="auto")
    yield from iter_everything(
        job.engine.segmenter(request.image, request.model),
        plane=request.image.index_at(stack.index(z)),
        **options.arguments(),
        taken=OtherLabels(job, z),
        progress=job.report_tiles,
        check=check,
    )


def _object(key: Hashable, mask: Mask) -> ObjectOnSlice:
    from napari_hqsam.segmentation.automatic import quality

    return ObjectOnSlice(key, mask, confidence=min(quality(mask), 1.0))
