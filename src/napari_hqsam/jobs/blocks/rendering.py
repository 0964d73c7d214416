"""Draw the objects of a plane into a box, from the cells whose masks reach into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_hqsam.geometry.boxes import common, index_in, is_empty, shape_of
from napari_hqsam.jobs.blocks.plane_files import FIRST, IDS, QUALITIES, PlaneFiles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_hqsam.geometry import Box
    from napari_hqsam.jobs.blocks.cells import Cells
    from napari_hqsam.masks.mask import Mask


def render(files: PlaneFiles, cells: Cells, box: Box) -> NDArray[np.int64]:
    """Return the objects of a plane in a box.

    Each pixel depends on the objects there alone, so boxes may be drawn one by one.

    Parameters
    ----------
    files : PlaneFiles
        With the tables of objects.
    cells : Cells
    box : (y0, x0, y1, x1)
        Half-open, plane pixels.

    Returns
    -------
    (h, w) int64 array
        Object of each pixel, as of `PlaneObjects.ids`; 0 for none.
    """
    first, ids, qualities = (files.table(name) for name in (FIRST, IDS, QUALITIES))
    drawn: list[tuple[float, int, Mask]] = []
    for number in files.cells_overlapping(box):
        start = int(first[number])
        for offset, mask in enumerate(files.masks(cells.cell(number)), start):
            label_id = int(ids[offset])
            if label_id and not is_empty(common(mask.bbox, box)):
                drawn.append((float(qualities[offset]), -label_id, mask))
    plane = np.zeros(shape_of(box), np.int64)
    for _, negative, mask in sorted(drawn, key=lambda each: each[:2]):  # best last
        shared = common(mask.bbox, box)
        on = mask.data[index_in(shared, mask.bbox)]
        plane[index_in(shared, box)][on] = -negative
    return plane
