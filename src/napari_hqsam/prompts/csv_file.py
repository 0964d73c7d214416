"""Tables of points or boxes, and the tables napari saves of its layers.

Columns are found by their names in the first line, upper or lower case, and
separated by comma, semicolon or tab; others are ignored.

==================  ======================================================
column              meaning
==================  ======================================================
y, x                a point, in pixels, pixel centres at integers
label               of the point: 1, positive or true (default); 0, negative or
                    false
y0, x0, y1, x1      a box
object (or id)      rows with the same one are one object: its label id, or a
                    text, which is numbered
t, z, ...           plane index by axis letter, whole numbers from 0; other names
                    ("slice", "frame") are an error, since some count from 1
axis-0, axis-1 ...  napari points: the last two are y, x, the others planes
shape-type          napari shapes: with index and axis-*, a vertex per row
==================  ======================================================
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from napari_hqsam.errors import PromptError
from napari_hqsam.prompts.parts import (
    Part,
    PromptMemory,
    assemble,
    naming,
    object_number,
    point_label,
    whole_number,
)
from napari_hqsam.prompts.shapes import from_shape
from napari_hqsam.prompts.wording import shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_hqsam.prompts.prompt import Prompt

BOX_COLUMNS = ("y0", "x0", "y1", "x1")
_OTHER_NAMES = {
    "t": ("frame", "time", "timepoint", "time_point", "position_t"),
    "z": ("slice", "plane", "section", "depth", "position_z"),
}
"""What other programs call t and z: some count from 1, some in units of the image."""


@dataclass(frozen=True)
class CsvRow:
    """One line of a table: its number in the file, its cells by column name."""

    line: int
    cells: dict[str, str]

    def has(self, *columns: str) -> bool:
        """Whether any of the columns is filled in."""
        return any(self.cells.get(column) for column in columns)

    def number(self, column: str) -> float:
        """Return a cell as a float."""
        try:
            return float(self.cells[column])
        except ValueError:
            raise PromptError(
                f"column {column}: {shown(self.cells[column])} is not a number"
            ) from None

    def whole(self, column: str, minimum: int) -> int:
        """Return a cell as an int from `minimum` on."""
        return whole_number(self.cells[column], f"column {column}:", minimum)


@dataclass(frozen=True)
class Columns:
    """Which columns hold the coordinates of a table."""

    point: tuple[str, ...]
    box: tuple[str, ...]
    plane: tuple[str, ...]
    object_id: str | None


def read_csv(
    path: Path,
    text: str,
    plane_shape: tuple[int, int] | None = None,
    axes: str = "",
) -> list[Prompt]:
    """Read prompts from the text of a CSV file.

    Parameters
    ----------
    path : Path
        For messages only.
    text : str
        Its content.
    plane_shape : (h, w), optional
            Size of the planes, if known: shapes are rasterised within it only.
    axes : str
        Letters of the image's axes, whose columns are read besides t and z.

    Returns
    -------
    list of Prompt

    Raises
    ------
    PromptError
        There is no header, a cell cannot be read, or an object is not a valid
        prompt; names the file and the line.
    """
    names, rows = _table(path, text)
    columns = _columns(path, names, axes)
    if "shape-type" in names:
        return _shapes(path, rows, columns, plane_shape)
    return assemble(path, (_part(path, row, columns) for row in rows))


def _table(path: Path, text: str) -> tuple[list[str], Iterator[CsvRow]]:
    header = text.lstrip().partition("\n")[0]
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=max(",;\t", key=header.count)
    )

    def lines() -> Iterator[list[str]]:
        try:
            for cells in reader:
                stripped = [cell.strip() for cell in cells]
                if any(stripped):
                    yield stripped
        except csv.Error as error:
            raise PromptError(f"{path}, line {reader.line_num}: {error}") from None

    filled = lines()
    names = [name.lower() for name in next(filled, [])]
    twice = {name for name in names if name and names.count(name) > 1}
    if twice:
        raise PromptError(
            f"{path}: column {shown(min(twice))} appears twice; rename one"
        )

    def rows() -> Iterator[CsvRow]:
        for cells in filled:
            if len(cells) != len(names):
                raise PromptError(
                    f"{path}, line {reader.line_num}: {len(cells)} cells under "
                    f"{len(names)} column names"
                )
            yield CsvRow(reader.line_num, dict(zip(names, cells, strict=True)))

    return names, rows()


def _columns(path: Path, names: list[str], axes: str) -> Columns:
    object_id = next((name for name in ("object", "id") if name in names), None)
    numbered = sorted(
        (name for name in names if re.fullmatch(r"axis-[0-9]{1,3}", name)),
        key=lambda name: int(name.removeprefix("axis-")),
    )
    if len(numbered) >= 2:
        return Columns(tuple(numbered[-2:]), (), tuple(numbered[:-2]), object_id)
    if "shape-type" in names:
        raise PromptError(f"{path}: a table of shapes needs columns axis-0 and axis-1")
    point = tuple(name for name in ("y", "x") if name in names)
    box = tuple(name for name in BOX_COLUMNS if name in names)
    letters = dict.fromkeys(a for a in f"tz{axes}" if a not in "yxc")
    plane = tuple(letter for letter in letters if letter in names)
    for letter, others in _OTHER_NAMES.items():
        found = [name for name in others if name in names and letter not in plane]
        if found:
            raise PromptError(
                f"{path}: column {found[0]} is not read: call it {letter}, in planes "
                f"counted from 0 (ImageJ counts from 1), or remove it"
            )
    if len(point) == 1 or len(box) in (1, 2, 3) or not (point or box):
        raise PromptError(
            f"{path}: the first line names the columns {shown(', '.join(names))}; "
            "it must name y and x, or y0, x0, y1 and x1"
        )
    return Columns(point, box, plane, object_id)


def _part(path: Path, row: CsvRow, columns: Columns) -> Part:
    where = f"line {row.line}"
    with naming(path, where):
        has_point, has_box = row.has(*columns.point), row.has(*columns.box)
        if not (has_point or has_box):
            raise PromptError("neither a point nor a box; fill in its coordinates")
        label = point_label(row.cells.get("label"), "column label:")
        if label == 0 and not has_point:
            raise PromptError("label 0 on a box; only points can be negative")
        object_id: int | str | None = None
        if columns.object_id is not None and row.has(columns.object_id):
            object_id = object_number(
                row.cells[columns.object_id], f"column {columns.object_id}:"
            )
        return Part(
            where,
            points=[[row.number(name) for name in columns.point]] if has_point else (),
            point_labels=[label] if has_point else (),
            box=[row.number(name) for name in columns.box] if has_box else None,
            object_id=object_id,
            plane=_plane(row, columns),
        )


def _plane(row: CsvRow, columns: Columns) -> dict[str, int] | None:
    return {name: row.whole(name, minimum=0) for name in columns.plane} or None


def _shapes(
    path: Path,
    rows: Iterator[CsvRow],
    columns: Columns,
    plane_shape: tuple[int, int] | None,
) -> list[Prompt]:
    """Read a napari Shapes table, where each run of one index is one shape."""
    prompts, memory = [], PromptMemory(path)
    for _, group in groupby(rows, lambda row: row.cells.get("index", "")):
        vertices = list(group)
        with naming(path, f"shape at line {vertices[0].line}"):
            kinds = {row.cells["shape-type"].lower() for row in vertices}
            plane = _plane(vertices[0], columns)
            same = all(_plane(row, columns) == plane for row in vertices)
            if len(kinds) > 1 or not same:
                raise PromptError("its vertices differ in shape-type or plane")
            prompts.append(
                from_shape(
                    kinds.pop(),
                    [[row.number(name) for name in columns.point] for row in vertices],
                    plane=plane,
                    plane_shape=plane_shape,
                )
            )
        memory.add(prompts[-1].mask)
    if not prompts:
        raise PromptError(f"{path} holds no prompts; give at least one")
    return prompts
