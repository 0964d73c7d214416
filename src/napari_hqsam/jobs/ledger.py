"""The ledger of a batch: one line a plane, written when the plane is on the disk.

JSON lines. The first says what the batch is; a line that a kill tore is no line, and
its plane is done again.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_hqsam.files import replacing
from napari_hqsam.masks.linking import Sight

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from napari_hqsam.geometry import Box


@dataclass(frozen=True)
class PlaneDone:
    """What a plane gave.

    Attributes
    ----------
    index : tuple of int
        Which plane.
    sights : tuple of Sight
        Its objects; `Sight.plane` is the number of the plane in the batch.
    boxes : tuple of (y0, x0, y1, x1)
        Where each of them lies.
    lost : int
        Prompts that gave no pixels of their own.
    level : int or None
        At which it was looked for objects, in mode "auto".
    """

    index: tuple[int, ...]
    sights: tuple[Sight, ...]
    boxes: tuple[Box, ...]
    lost: int = 0
    level: int | None = None

    def to_json(self) -> dict[str, Any]:
        """As a line of the ledger."""
        objects = [
            [s.object_id, *box, *s.centre, s.area, list(s.parents)]
            for s, box in zip(self.sights, self.boxes, strict=True)
        ]
        return {
            "plane": list(self.index),
            "objects": objects,
            "lost": self.lost,
            "level": self.level,
        }

    @classmethod
    def from_json(cls, number: int, line: dict[str, Any]) -> PlaneDone:
        """Read a line of the ledger, that of the plane of a number."""
        objects = line["objects"]
        sights = tuple(
            Sight(i, number, (y, x), area, tuple(parents))
            for i, _, _, _, _, y, x, area, parents in objects
        )
        boxes = tuple((o[1], o[2], o[3], o[4]) for o in objects)
        return cls(tuple(line["plane"]), sights, boxes, line["lost"], line["level"])


class Ledger:
    """What of a batch is done.

    Parameters
    ----------
    path : Path
        The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, header: dict[str, Any]) -> None:
        """Write the first line; the file appears with it or not at all."""
        with replacing(self.path) as partial:
            partial.write_bytes(_line(header))

    def header(self) -> dict[str, Any] | None:
        """Read what the batch is; None if it was never begun."""
        return next(self._lines(), None)

    def planes(self) -> Iterator[PlaneDone]:
        """Yield what is done, in order; a torn line ends it."""
        for number, line in enumerate(self._lines(), -1):
            if number >= 0:
                yield PlaneDone.from_json(number, line)

    def mend(self) -> None:
        """Cut off what a kill left of a line, so that the next begins a line."""
        if self.path.exists():
            whole = sum(len(line) for line in self._whole_lines())
            os.truncate(self.path, whole)

    def append(self, done: PlaneDone) -> None:
        """Add a plane; it is on the disk on return."""
        with self.path.open("ab") as file:
            file.write(_line(done.to_json()))
            file.flush()
            os.fsync(file.fileno())

    def _lines(self) -> Iterator[dict[str, Any]]:
        for line in self._whole_lines():
            yield json.loads(line)

    def _whole_lines(self) -> Iterator[bytes]:
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n") or not _is_json(line):
                    return
                yield line


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def _is_json(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def differing(a: dict[str, Any], b: dict[str, Any]) -> Sequence[str]:
    """Names of what differs in two headers."""
    return [key for key in {**a, **b} if a.get(key) != b.get(key)]
