"""Linked labels as a Tracks layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.viewer.canvas import placing

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_hqsam.masks import Tracks
    from napari_hqsam.viewer.stack.run import Run


def add_tracks(viewer: Viewer, run: Run, tracks: Tracks) -> str:
    """Add the tracks of a target's labels to the viewer; say what they are."""
    if run.target is None or not len(tracks.table):
        return "There are no labels on these slices"
    own = run.walk.own(0)
    rows = np.column_stack([tracks.table[:, 0], own.to_data(tracks.table[:, 2:])])
    rows[:, 1 + run.walk.own_axis] = tracks.table[:, 1]
    active = viewer.layers.selection.active
    place: dict[str, Any] = placing.placement(run.target.layer)
    viewer.add_tracks(
        rows,
        graph=tracks.graph,
        features={"label": tracks.objects},
        name=f"{run.target.layer.name} tracks",
        **place,
    )
    viewer.layers.selection.active = active
    count = len(np.unique(tracks.table[:, 0]))
    return f"{count} tracks of {len(np.unique(tracks.objects))} objects"
