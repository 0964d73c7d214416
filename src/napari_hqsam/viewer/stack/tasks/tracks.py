"""The labels of a target as a Tracks layer: an id is one object on all slices."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.errors import PromptError
from napari_hqsam.viewer.canvas.layer_placing import placement
from napari_hqsam.viewer.stack.slices.slice_results import SliceResult
from napari_hqsam.viewer.stack.tasks.task import StackTask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_hqsam.masks import Mask, Tracks
    from napari_hqsam.viewer.stack.plan import SliceJob
    from napari_hqsam.viewer.stack.result_placer import ResultPlacer


class MakeTracks(StackTask):
    """Makes tracks of the target's labels along time."""

    writes = False

    def prepare(self) -> None:
        """Check that there are labels, and that their first axis is shown as time."""
        if self.inputs.target is None:
            raise PromptError("there are no labels yet; accept objects first")
        if self.plan.stack.labels_axis:
            raise PromptError(
                "tracks run along the first axis of the labels (time); show slices "
                "across it, and choose it under 'along'"
            )
        self._summary = ""

    def results(self, job: SliceJob) -> Iterator[SliceResult]:
        """Link the labels of slice after slice; the tracks come last."""
        from napari_hqsam.masks import LinkedObject, link_planes, tracks_of
        from napari_hqsam.masks.linking import centre, masks_of

        plan = job.plan
        linked: list[LinkedObject] = []
        before: dict[int, Mask] = {}
        seen: set[int] = set()
        for z in range(*plan.span):
            if job.checkpoint():
                return
            plane = plan.stack.plane(z)
            labels = plane.read(plan.labels, (0, 0, *plane.size(plan.labels.shape)))
            now = masks_of(labels)
            links = link_planes(before, now)
            for i, mask in now.items():
                ended = [p for p in links.merges.get(i, []) if p not in now]
                parents = ended if i in seen else [*links.splits.get(i, []), *ended]
                one = LinkedObject(i, z, centre(mask), mask.area)
                linked.append(replace(one, parents=tuple(parents)))
            seen |= now.keys()
            before = now
            yield SliceResult(z)
        yield SliceResult(plan.span[1] - 1, tracks=tracks_of(linked))

    def place(self, result: SliceResult, placer: ResultPlacer) -> Iterator[None]:
        """Add the layer."""
        if result.tracks is not None:
            self._summary = self._add_layer(result.tracks)
        yield

    def _add_layer(self, tracks: Tracks) -> str:
        """Add the tracks to the viewer; say what they are."""
        target, stack = self.plan.target, self.plan.stack
        assert target is not None
        if not len(tracks.table):
            return "There are no labels on these slices"
        viewer = self.inputs.scene.viewer
        layer_view = stack.layer_view_of(0)
        rows = np.column_stack(
            [tracks.table[:, 0], layer_view.to_data(tracks.table[:, 2:])]
        )
        rows[:, 1 + stack.layer_axis] = tracks.table[:, 1]
        active = viewer.layers.selection.active
        place: dict[str, Any] = placement(target.layer)
        viewer.add_tracks(
            rows,
            graph=tracks.graph,
            features={"label": tracks.objects},
            name=f"{target.layer.name} tracks",
            **place,
        )
        viewer.layers.selection.active = active
        count = len(np.unique(tracks.table[:, 0]))
        return f"{count} tracks of {len(np.unique(tracks.objects))} objects"

    def summary(self) -> str:
        """Return the number of tracks, as text."""
        return self._summary
