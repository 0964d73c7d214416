"""The objects accepted last in a session, and their sizes.

Read from its history each time, so they are right after undo, redo, deletions and
merges, and after the session was opened again.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from napari_hqsam.geometry.boxes import around
from napari_hqsam.sessions.journal.events import Accept

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_hqsam.geometry import Plane
    from napari_hqsam.sessions.history import History


def recent_sizes(history: History, axes: tuple[int, int], count: int) -> list[int]:
    """Return the longer sides of the objects accepted last, the last one first.

    Parameters
    ----------
    history : History
        History of the session.
    axes : (int, int)
        Only objects on planes of this orientation: pixels may have another size
        along other axes.
    count : int
        Most sizes to return.

    Returns
    -------
    list of int
        Plane pixels; one per object and plane. An object made of several masks
        counts as a whole. Without objects segmented at a level that the user chose:
        that level limits their size.
    """
    sizes: list[int] = []
    for last, masks in _accepted(history, axes):
        if len(sizes) == count:
            break
        if last.options.segmentation.level == "auto":
            box = (0, 0, 0, 0)
            for accepted in masks:
                box = around(box, accepted.mask.bbox)
            sizes.append(max(box[2] - box[0], box[3] - box[1]))
    return sizes


def recent_objects(
    history: History, axes: tuple[int, int], count: int
) -> list[tuple[int, Plane]]:
    """Return the objects accepted last, as label id and plane, the last one first.

    Parameters as for `recent_sizes`. An object on two planes is listed twice.
    """
    accepted = islice(_accepted(history, axes), count)
    return [(last.label_id, last.plane) for last, _ in accepted]


def _accepted(
    history: History, axes: tuple[int, int]
) -> Iterator[tuple[Accept, tuple[Accept, ...]]]:
    """Yield the last mask of each object and plane, and all masks that make it up."""
    seen = set()
    for event in history.latest:
        if not isinstance(event, Accept) or event.plane.axes != axes:
            continue
        place = event.label_id, event.plane
        masks = history.table.made.get(event.label_id, {}).get(event.plane, ())
        if place in seen or event not in masks:
            continue  # its mask was replaced, deleted, or merged with others
        seen.add(place)
        yield event, masks
