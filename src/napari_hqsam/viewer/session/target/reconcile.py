"""Bring a session up to date with what napari's own undo did to its labels."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_hqsam.geometry import Plane
    from napari_hqsam.sessions.changes.patches import Patch
    from napari_hqsam.sessions.journal.events import Event
    from napari_hqsam.sessions.session import Session
    from napari_hqsam.viewer.session.target.layer_target import LayerTarget


def reconcile(session: Session, target: LayerTarget) -> bool:
    """Record in a session what napari's own undo and redo did to its labels.

    As undo or redo of the session's own steps where the pixels are now as those would
    leave them; else as brush strokes.

    Returns
    -------
    bool
        Whether there was anything.

    Raises
    ------
    OutputError
        The journal cannot be written to.
    """
    strokes = target.history.strokes_since_mark()
    if not strokes:
        return False
    target.history.undone.emit()
    undone = False
    while matches_step(target.array, session.history.to_undo, undone=True):
        session.undo()
        undone = True
    if undone:
        return True
    if matches_step(target.array, session.history.to_redo, undone=False):
        session.redo()
    else:
        session.record_strokes(strokes)
    return True


def matches_step(labels: Any, step: Sequence[Event], *, undone: bool) -> bool:  # noqa: ANN401
    """Whether the pixels that a step changes are as before it, or as after it.

    Where several patches of the step change a pixel, the first one has its value
    before the step, the last one its value after it.

    Parameters
    ----------
    labels : array
        numpy, zarr or another array that is read by regions.
    step : sequence of Event
    undone : bool
        Compare with the labels before the step; else with those after it.
    """
    patches = [patch for event in step for patch in event.patches]
    compared: defaultdict[Plane, list[Patch]] = defaultdict(list)
    for patch in patches if undone else reversed(patches):
        wanted = patch.write(labels.dtype, back=undone)
        counts = wanted.changed.copy()
        for other in compared[patch.plane]:
            _exclude_changed_by(other, counts, patch)
        now = np.asarray(labels[wanted.key])
        if not (now == wanted.values)[counts].all():
            return False
        compared[patch.plane].append(patch)
    return bool(patches)


def _exclude_changed_by(other: Patch, counts: NDArray[np.bool_], patch: Patch) -> None:
    """Clear the pixels of `counts` that another patch on the same plane changes."""
    y0, x0 = np.maximum(patch.bbox[:2], other.bbox[:2])
    y1, x1 = np.minimum(patch.bbox[2:], other.bbox[2:])
    if y0 < y1 and x0 < x1:
        before, after = other.crops(np.int64)
        top, left = other.bbox[:2]
        changed = (before != after)[y0 - top : y1 - top, x0 - left : x1 - left]
        top, left = patch.bbox[:2]
        oriented = patch.plane.oriented(counts)  # a view: (y, x)
        oriented[y0 - top : y1 - top, x0 - left : x1 - left] &= ~changed
