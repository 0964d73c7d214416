"""Confidences of a propagation as a table: one row per object and slice."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_hqsam.segmentation.propagation import StackSlice

COLUMNS = (
    *("object", "slice", "confidence", "stability", "overlap", "contrast"),
    *("agreement", "origin", "pixels", "ended"),
)


class ConfidenceTable:
    """Collects the confidence of each object and slice, and writes them as CSV.

    Parameters
    ----------
    path : Path, optional
        The file; None: none is written.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._rows: list[tuple[Any, ...]] = []

    def add(self, found: StackSlice, ids: Sequence[int]) -> None:
        """Add the rows of a slice; `ids` are the ids of its objects by number."""
        for i, each in found.objects.items():
            confidence = each.confidence
            parts = (
                confidence.combined,
                confidence.stability,
                confidence.overlap,
                confidence.contrast,
                confidence.agreement,
            )
            shown = ("" if part is None else f"{part:.3f}" for part in parts)
            area = each.mask.area
            self._rows.append((ids[i], found.z, *shown, each.origin, area, ""))
        for i, reason in found.ended.items():
            self._rows.append((ids[i], found.z, *[""] * 6, 0, reason))

    def write(self) -> None:
        """Write the table, sorted by object and slice, atomically."""
        if self.path is None:
            return
        from napari_hqsam.files import replacing

        rows = sorted(self._rows, key=lambda row: row[:2])
        with (
            replacing(self.path) as partial,
            partial.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows(rows)
