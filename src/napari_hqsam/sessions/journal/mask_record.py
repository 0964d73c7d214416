"""An accepted mask as plain JSON values."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.sessions.journal.json_values import (
    MAX_LEVEL,
    as_bool,
    as_box,
    as_float,
    as_int,
    as_str,
    check_keys,
)
from napari_hqsam.sessions.journal.runs import (
    count_runs,
    decode_runs,
    encode_runs,
    mask_digest,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_hqsam.geometry import Box
    from napari_hqsam.masks import Mask
    from napari_hqsam.sessions.journal.lines import Json


@dataclass(frozen=True)
class MaskRecord:
    """A mask as it was accepted, before overlaps were resolved.

    Attributes
    ----------
    bbox : tuple of int
        ``(y0, x0, y1, x1)``, half-open, plane pixels.
    runs : str
        `encode_runs` of it.
    digest : str
        `mask_digest` of it.
    area : int
        Its number of pixels.
    score, stability, level, complete
        As in `Mask`.
    """

    bbox: Box
    runs: str
    digest: str
    area: int
    score: float
    stability: float
    level: int | None
    complete: bool

    @classmethod
    def of(cls, mask: Mask) -> MaskRecord:
        """Record a mask."""
        y0, x0, y1, x1 = map(int, mask.bbox)
        return cls(
            (y0, x0, y1, x1),
            encode_runs(mask.data),
            mask_digest(mask.bbox, mask.data),
            mask.area,
            float(mask.score),
            float(mask.stability),
            mask.level,
            mask.complete,
        )

    @property
    def data(self) -> NDArray[np.bool_]:
        """The mask: bool, ``(y1 - y0, x1 - x0)``."""
        y0, x0, y1, x1 = self.bbox
        return decode_runs(self.runs, (y1 - y0, x1 - x0), np.bool_)

    def to_json(self) -> Json:
        """Return the record as a dict of plain JSON values."""
        return vars(self) | {"bbox": list(self.bbox)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any], size: tuple[int, int]) -> MaskRecord:
        """Read them back; the size is that of the plane, height and width."""
        check_keys(record, [field.name for field in fields(cls)])
        box = y0, x0, y1, x1 = as_box(record["bbox"], size)
        area = count_runs(record["runs"], (y1 - y0) * (x1 - x0))
        if area.keys() - {1} or area[1] != record["area"]:
            raise ValueError(f"a mask of other pixels than {record['area']!r}")
        return cls(
            box,
            record["runs"],
            as_str(record["digest"]),
            area[1],
            as_float(record["score"], finite=False),
            as_float(record["stability"], finite=False),
            None
            if record["level"] is None
            else as_int(record["level"], -MAX_LEVEL, MAX_LEVEL),
            as_bool(record["complete"]),
        )
