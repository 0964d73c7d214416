"""Find all objects without prompts, of each slice or of the plane shown."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

from napari_hqsam.geometry.boxes import shape_of, without
from napari_hqsam.viewer.canvas.prompts.reader import plane_size
from napari_hqsam.viewer.planes import layer_shape
from napari_hqsam.viewer.stack.plan import OtherLabels
from napari_hqsam.viewer.stack.slices.slice_axis import SinglePlane
from napari_hqsam.viewer.stack.slices.slice_results import ObjectOnSlice, SliceResult
from napari_hqsam.viewer.stack.tasks.task import StackTask, objects_text
from napari_hqsam.worker import Cancelled

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterator

    from napari_hqsam.geometry import Box
    from napari_hqsam.masks import Mask
    from napari_hqsam.segmentation.options import Level
    from napari_hqsam.sessions.session import Session
    from napari_hqsam.viewer.session.target.layer_target import LayerTarget
    from napari_hqsam.viewer.stack.plan import SliceJob
    from napari_hqsam.viewer.stack.result_placer import ResultPlacer
    from napari_hqsam.viewer.stack.slices.slice_axis import SliceAxis

PREVIEWED = 0.5
"""Share of the plane in view up to which that part comes first: beyond, the rest would
be over as soon."""


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
    """Finds all objects of the plane shown, of a stack or of a single plane.

    On a plane much larger than what the canvas shows, the part in view comes first:
    its objects appear as a preview after a few tiles, at the level that suits the
    zoom. The rest follows without asking; a user who dislikes the preview cancels.
    """

    on_one_plane = True

    def _slices(self) -> tuple[SliceAxis, tuple[int, int]]:
        scene = self.inputs.scene
        view, image = scene.view(), scene.image
        assert image is not None
        return SinglePlane.of(view, layer_shape(image)), (0, 1)

    def prepare(self) -> None:
        """Divide the plane into the part in view and the rest."""
        scene, view = self.inputs.scene, self.plan.stack.view
        size = plane_size(scene.image, view)
        plane = 0, 0, *size
        seen = scene.viewport.part(scene.image, view, size)
        preview = _area(seen) <= PREVIEWED * _area(plane)
        self._parts = [seen, *without(plane, seen)] if preview else [plane]
        self._part = 0

    def results(self, job: SliceJob) -> Iterator[SliceResult]:
        """Yield objects one by one, as they are found."""
        level: Level | None = None
        keys = count()
        for which, part in enumerate(self._parts):
            self._part, self.progress.tiles = which, (0, 0)
            # Objects of the parts before are left as they are, like accepted ones.
            earlier = frozenset(job.own_ids())
            for mask in self.masks(job, part, earlier, level):
                level = mask.level if level is None else level
                yield SliceResult(0, (_object(next(keys), mask),), partial=True)
            # The main thread has counted all tiles of this part before the next step.
            yield SliceResult(0, partial=True)
        yield SliceResult(0)

    def place(self, result: SliceResult, placer: ResultPlacer) -> Iterator[None]:
        """Write a result to the target, or propose it."""
        if self.plan.proposals is None:
            yield from super().place(result, placer)
            return
        for found in result.objects:
            assert found.mask is not None
            self.progress.proposed += self.inputs.proposals.add(
                self.plan.proposals, found.mask, found.confidence
            )
            yield

    def masks(
        self,
        job: SliceJob,
        region: Box,
        earlier: Collection[int],
        level: Level | None,
    ) -> Iterator[Mask]:
        """Yield the masks of new objects in a region; see `_find_all`."""
        yield from _find_all(job, 0, region, earlier, level)

    @property
    def share(self) -> float:
        """Share of the plane's area that is done, 0..1."""
        if self.progress.done:
            return 1.0
        tile, tiles = self.progress.tiles
        areas = [_area(part) for part in self._parts]
        here = areas[self._part] * tile / tiles if tiles else 0.0
        return (sum(areas[: self._part]) + here) / sum(areas)

    def begin(self, target: LayerTarget, session: Session | None) -> None:
        """Read the labels, and the proposals if what is found is proposed."""
        super().begin(target, session)
        if self.inputs.state.propose:
            view, request = self.plan.stack.view, self.plan.request
            proposals = self.inputs.proposals.on(view, request)
            self.plan = replace(self.plan, proposals=proposals)

    def counts(self) -> list[str]:
        """Return the counts of tiles and objects: there is one slice."""
        (tile, tiles), ids = self.progress.tiles, self.progress.ids
        proposed = self.plan.proposals is not None
        found = self.progress.proposed if proposed else len(ids)
        if len(self._parts) == 1:
            text = f"{tile} of {tiles} tiles" if tiles else "choosing the scale"
        elif self._part == 0:
            text = (
                f"in view: {tile} of {tiles} tiles" if tiles else "choosing the scale"
            )
        else:
            text = f"beyond the view: {self.share:.0%} of the plane"
        what = "proposals" if proposed else "objects"
        return [text, f"{found} {what}"] if found else [text]

    def summary(self) -> str:
        """Return how many objects were found."""
        if self.plan.proposals is not None:
            count = self.progress.proposed
            more = "No new proposal: nothing else was found"
            return f"{count} proposal{'s' * (count > 1)}" if count else more
        ids = list(self.progress.ids.values())
        return f"{objects_text(ids)} found" if ids else "Nothing was found"


def _area(box: Box) -> int:
    height, width = shape_of(box)
    return height * width


def _find_all(
    job: SliceJob,
    z: int,
    region: Box | None = None,
    earlier: Collection[int] = (),
    level: Level | None = None,
) -> Iterator[Mask]:
    """Yield the masks of all objects of a slice that are not accepted yet.

    Parameters
    ----------
    job : SliceJob
    z : int
    region : (y0, x0, y1, x1), optional
        Where to look, plane pixels; by default everywhere.
    earlier : collection of int
        Ids of objects of the run that are left as they are.
    level : int, optional
        In place of that of the request.
    """
    from napari_hqsam.segmentation.automatic import iter_everything

    request = job.plan.request
    yield from iter_everything(
        job.engine.segmenter(request.image, request.model),
        region=region,
        proposer=job.plan.proposer,
        **slice_options(job, z, earlier, level),
    )


def slice_options(
    job: SliceJob, z: int, earlier: Collection[int], level: Level | None
) -> dict[str, Any]:
    """Return the keywords of a search on a slice, besides what it searches for.

    Parameters as for `_find_all`.
    """

    def check() -> None:
        if job.checkpoint():
            raise Cancelled

    check()
    request, stack = job.plan.request, job.plan.stack
    options = request.options
    if level is not None:
        options = replace(options, level=level)
    elif options.level == "whole":
        options = replace(options, level="auto")
    return {
        "plane": request.image.index_at(stack.index(z)),
        **options.arguments(),
        "taken": OtherLabels(job, z, earlier),
        "progress": job.report_tiles,
        "check": check,
    }


def _object(key: Hashable, mask: Mask) -> ObjectOnSlice:
    from napari_hqsam.segmentation.automatic import quality

    return ObjectOnSlice(key, mask, confidence=min(quality(mask), 1.0))
