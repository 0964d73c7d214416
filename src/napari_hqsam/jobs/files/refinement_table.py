"""What became of each object of a refinement as a table: one row per object."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from napari_hqsam.segmentation.refinement import RefinedObject

COLUMNS = ("iou", "score", "stability", "distance", "core", "consistency", "gain")


def write_refinement(path: Path, objects: Iterable[RefinedObject], axes: str) -> None:
    """Write the table as CSV, atomically.

    Columns ``object``, one for each of the leading axes, ``result`` ("refined" or
    "kept"), ``reason`` (the rule that the new shape breaks), those of `COLUMNS`,
    ``pixels`` and ``pixels_before``; see `RefinedObject`.

    Parameters
    ----------
    path : Path
    objects : iterable of RefinedObject
    axes : str
        Letters of the leading axes.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    from napari_hqsam.files import replacing

    with replacing(path) as partial, partial.open("w", newline="") as file:
        rows = csv.writer(file)
        names = "result", "reason", *COLUMNS, "pixels", "pixels_before"
        rows.writerow(["object", *axes, *names])
        for each in objects:
            where = (each.plane[letter] for letter in axes)
            result = "kept" if each.kept else "refined"
            figures = (f"{getattr(each, name):.3f}" for name in COLUMNS)
            areas = each.pixels, each.old_pixels
            rows.writerow([each.label_id, *where, result, each.kept, *figures, *areas])
