"""The ledger of a batch: one line per plane, written when its labels are on the disk.

JSON lines. The first identifies the batch. A plane is done again if its line is
incomplete, as after a kill, or if its chunks differ from the checksums in the line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_hqsam.errors import OutputError, reason
from napari_hqsam.jobs.files.json_lines import JsonLines
from napari_hqsam.masks.linking import LinkedObject
from napari_hqsam.sessions.journal.json_values import as_float, as_int, as_list

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_hqsam.geometry import Box
    from napari_hqsam.labels.chunk_files import Written


_CHUNK = re.compile(r"0/c(/[0-9]{1,12}){2,12}")
_MAX_LEVEL = 64


@dataclass(frozen=True)
class PlaneResult:
    """The result of one plane: a line of the ledger.

    Attributes
    ----------
    index : tuple of int
        Position of the plane.
    linked : tuple of LinkedObject
        Its objects; `LinkedObject.plane` is the number of the plane in the batch.
    boxes : tuple of (y0, x0, y1, x1)
        The box of each.
    lost : int
        Number of prompts without pixels of their own.
    level : int or None
        Level of the segmentation, in mode "auto".
    written : mapping, optional
        Sizes and checksums of its chunks, see `ChunkFiles.sync`; None in ledgers of
        versions before 0.2.
    """

    index: tuple[int, ...]
    linked: tuple[LinkedObject, ...]
    boxes: tuple[Box, ...]
    lost: int = 0
    level: int | None = None
    written: Written | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the line of the ledger."""
        objects = [
            [s.object_id, *box, *s.centre, s.area, list(s.parents)]
            for s, box in zip(self.linked, self.boxes, strict=True)
        ]
        return {
            "plane": list(self.index),
            "objects": objects,
            "lost": self.lost,
            "level": self.level,
            **({} if self.written is None else {"chunks": self.written}),
        }

    @classmethod
    def from_json(
        cls, number: int, line: dict[str, Any], shape: tuple[int, ...]
    ) -> PlaneResult:
        """Read the line of a plane by its number in the batch.

        Raises
        ------
        KeyError, TypeError, ValueError
            It is invalid for labels of the shape.
        """
        index = tuple(as_int(i) for i in as_list(line["plane"]))
        height, width = shape[-2:]
        if len(index) != len(shape) - 2 or any(
            i >= n for i, n in zip(index, shape, strict=False)
        ):
            raise ValueError(f"there is no plane {index}")
        linked, boxes = [], []
        for fields in map(as_list, as_list(line["objects"])):
            label_id, y0, x0, y1, x1, y, x, area, parents = fields
            box = (as_int(y0), as_int(x0), as_int(y1, 0, height), as_int(x1, 0, width))
            if box[0] > box[2] or box[1] > box[3]:
                raise ValueError(f"there is no box {box}")
            centre, above = (
                (as_float(y), as_float(x)),
                tuple(map(as_int, as_list(parents))),
            )
            linked.append(
                LinkedObject(as_int(label_id, 1), number, centre, as_int(area), above)
            )
            boxes.append(box)
        level = line["level"]
        return cls(
            index,
            tuple(linked),
            tuple(boxes),
            as_int(line["lost"]),
            None if level is None else as_int(level, -_MAX_LEVEL, _MAX_LEVEL),
            _written(line.get("chunks")),
        )


class Ledger(JsonLines):
    """The file that records the planes of a batch that are done."""

    def is_ledger(self) -> bool:
        """Whether the file is a ledger of this package."""
        header = self.header()
        return header is not None and {"image", "mode", "planes"} <= header.keys()

    def planes(self, shape: tuple[int, ...]) -> Iterator[PlaneResult]:
        """Yield the planes done, in order, up to the first incomplete line.

        Parameters
        ----------
        shape : tuple of int
            Shape of the labels.

        Raises
        ------
        OutputError
            A line is invalid.
        """
        for number, line in enumerate(self.lines(), -1):
            if number < 0:
                continue
            try:
                yield PlaneResult.from_json(number, line, shape)
            except MemoryError:
                raise
            except Exception as error:  # an untrusted line may raise any kind
                missing = " is missing" if isinstance(error, KeyError) else ""
                why = reason(error) + missing
                raise OutputError(
                    f"{self.path}: line {number + 2} makes no sense ({why}): restart"
                ) from error

    def append(self, done: PlaneResult) -> None:
        """Append a plane; its line is on the disk on return.

        Raises
        ------
        OutputError
            It cannot be written to.
        """
        self.append_line(done.to_json())


def _written(record: object) -> Written | None:
    if record is None:
        return None
    if not isinstance(record, dict):
        raise ValueError("its chunks are no object")
    found: dict[str, tuple[int, int] | None] = {}
    for key, content in record.items():
        if not _CHUNK.fullmatch(key):
            raise ValueError(f"{key[:60]!r} is no chunk")
        size, checksum = (
            (None, None) if content is None else map(as_int, as_list(content))
        )
        found[key] = None if size is None or checksum is None else (size, checksum)
    return found
