"""The intermediate results of a plane: files of its cells and tables of its objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.files import replacing
from napari_hqsam.jobs.blocks.cell_files import load_cell

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_hqsam.geometry import Box
    from napari_hqsam.jobs.blocks.cells import Cell
    from napari_hqsam.masks.mask import Mask

EXTENTS, FIRST, IDS, QUALITIES, FINAL = (
    *("extents", "first", "ids", "qualities"),
    "final",
)
"""Tables of a plane. By cell: the box around its masks, and the number of its first
mask; by mask: its object, and that one's quality; by object: its id in the labels."""


@dataclass(frozen=True)
class PlaneFiles:
    """The files of one plane.

    Attributes
    ----------
    folder : Path
    """

    folder: Path

    @classmethod
    def of(cls, work: Path, index: tuple[int, ...]) -> PlaneFiles:
        """Return the files of a plane in the folder of all."""
        return cls(work / ("_".join(map(str, index)) or "plane"))

    def cell(self, cell: Cell) -> Path:
        """Return the file of a cell; some hundred are in a folder."""
        row, column = cell
        return self.folder / "cells" / str(row) / f"{column}.npz"

    def block(self, stage: str, side: int | None, number: int) -> Path:
        """Return the file of the result of a stage for a block of a size, or a unit."""
        name = stage if side is None else f"{stage}-{side}"
        return self.folder / name / f"{number}.npy"

    def save(self, path: Path, table: NDArray[np.generic]) -> None:
        """Write an array, atomically."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as partial, partial.open("wb") as file:
            np.save(file, table)

    def save_table(self, name: str, table: NDArray[np.generic]) -> None:
        """Write a table of the plane, atomically."""
        self.save(self.folder / f"{name}.npy", table)

    def table(self, name: str) -> NDArray[Any]:
        """Map a table of the plane into memory: what is not indexed is not read."""
        found: NDArray[Any] = np.load(
            self.folder / f"{name}.npy", mmap_mode="r", allow_pickle=False
        )
        return found

    def masks(self, cell: Cell) -> list[Mask]:
        """Read the masks of a cell."""
        return load_cell(self.cell(cell))

    def cells_overlapping(self, box: Box) -> list[int]:
        """Return the numbers of the cells with masks whose boxes may overlap a box.

        Parameters
        ----------
        box : (y0, x0, y1, x1)
        """
        extents = self.table(EXTENTS)
        meets = (
            (extents[:, 0] < box[2])
            & (box[0] < extents[:, 2])
            & (extents[:, 1] < box[3])
            & (box[1] < extents[:, 3])
        )
        numbers: list[int] = np.flatnonzero(meets).tolist()
        return numbers
