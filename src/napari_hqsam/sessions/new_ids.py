"""The ids of new objects: ones that no object has had and no pixel has.

Ids are never used again, so that undo, redo and other files stay unambiguous. Pixels
may have ids that the journal does not record: painted in napari or by another plugin.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari_hqsam.geometry import Box, Plane

MAX_SCANNED = 2**26
"""Most pixels that are scanned for ids; about 10 ms for uint32."""


def new_ids(
    highest: int,
    array: Any,  # noqa: ANN401 - as `Target.array`
    plane: Plane | None = None,
    box: Box = (0, 0, 0, 0),
    count: int = 1,
) -> list[int]:
    """Return the lowest unused ids above those of all objects, ascending.

    Parameters
    ----------
    highest : int
        Highest id that an object has had.
    array : array-like
        The labels, ``(..., h, w)``. If they are in memory and have at most
        `MAX_SCANNED` pixels, all are scanned for ids.
    plane, box : Plane, (y0, x0, y1, x1)
        Where others are scanned: where the object will be. None: nowhere.
    count : int
        How many.
    """
    if isinstance(array, np.ndarray) and array.size <= MAX_SCANNED:
        ids = array
    else:
        ids = np.zeros(0, np.int64) if plane is None else plane.read(array, box)
    used: set[int] = set()
    if ids.size and int(ids.max()) > highest:
        used.update(np.unique(ids[ids > highest]).tolist())
    unused = (found for found in itertools.count(highest + 1) if found not in used)
    return list(itertools.islice(unused, count))
