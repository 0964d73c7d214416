"""Format a table as plain text and as markdown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def figure(value: float) -> str:
    """Format a score for tables."""
    return f"{value:.3f}"


@dataclass
class Table:
    """Rows of text under a header.

    Attributes
    ----------
    title : str
        One line.
    header : list of str
        Names of the columns.
    rows : list of list of str
        Each as long as the header.
    """

    title: str
    header: list[str]
    rows: list[list[str]] = field(default_factory=list)

    def add(self, row: Sequence[str]) -> None:
        """Append a row.

        Raises
        ------
        ValueError
            If it is not as long as the header.
        """
        if len(row) != len(self.header):
            raise ValueError(f"{len(row)} cells under {len(self.header)} columns")
        self.rows.append(list(row))

    def text(self) -> str:
        """Format with padded columns: text left-aligned, figures right-aligned."""
        lines = [self.header, *self.rows]
        columns = list(zip(*lines, strict=True))
        widths = [max(map(len, column)) for column in columns]
        left = [all(not _is_figure(cell) for cell in column[1:]) for column in columns]
        padded = [
            "  ".join(
                cell.ljust(width) if to_left else cell.rjust(width)
                for cell, width, to_left in zip(line, widths, left, strict=True)
            ).rstrip()
            for line in lines
        ]
        return "\n".join([self.title, "-" * len(padded[0]), *padded])

    def markdown(self) -> str:
        """Format as a third-level heading and a table."""
        lines = [self.header, ["---"] * len(self.header), *self.rows]
        escaped = [[cell.replace("|", "\\|") for cell in line] for line in lines]
        drawn = "\n".join(f"| {' | '.join(line)} |" for line in escaped)
        return f"### {self.title}\n\n{drawn}\n"


def _is_figure(cell: str) -> bool:
    return cell.lstrip("-").replace(".", "", 1).isdigit()
