"""The events of a journal as objects. Its first line: see `headers`.

Every event is written as plain JSON values and read back equal. Invalid values raise
KeyError, TypeError or ValueError; the caller, who knows file and line, reports them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from napari_hqsam.geometry import Plane
from napari_hqsam.sessions.changes.patches import MAX_PATCH_PIXELS, Patch
from napari_hqsam.sessions.journal.accept_options import AcceptOptions
from napari_hqsam.sessions.journal.headers import ModelRecord
from napari_hqsam.sessions.journal.json_values import (
    HIGHEST,
    as_bool,
    as_box,
    as_float,
    as_int,
    as_list,
    as_str,
    one_of,
)
from napari_hqsam.sessions.journal.lines import SAVE
from napari_hqsam.sessions.journal.mask_record import MaskRecord
from napari_hqsam.sessions.journal.prompt_records import (
    prompt_from_json,
    prompt_to_json,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_hqsam.prompts import Prompt
    from napari_hqsam.sessions.journal.lines import Json

EditKind = Literal["delete", "merge", "split", "reshape", "brush", "derive"]
_IDS = {
    "delete": (1, 1),
    "merge": (2, HIGHEST),
    "split": (2, 2),
    "reshape": (1, 1),
    "brush": (0, 0),
    "derive": (1, 1),
}
"""Least and most objects of each kind of edit."""


@dataclass(frozen=True, eq=False)
class Accept:
    """A mask was accepted as an object, or as a part of one.

    Attributes
    ----------
    label_id : int
        The object.
    plane : Plane
        Where.
    prompt : Prompt
        The prompt that it was segmented from.
    options : AcceptOptions
        How it was segmented and painted.
    setup : ModelRecord
        The model.
    mask : MaskRecord
        The mask.
    replaces : bool
        Whether it replaced the object's pixels on the plane.
    patches : tuple of Patch
        The resulting changes of the labels.
    """

    label_id: int
    plane: Plane
    prompt: Prompt
    options: AcceptOptions
    setup: ModelRecord
    mask: MaskRecord
    replaces: bool
    patches: tuple[Patch, ...]

    def to_json(self) -> Json:
        """Return the record as a dict of plain JSON values."""
        return {
            "event": "accept",
            "id": self.label_id,
            **_plane_to_json(self.plane),
            "prompt": prompt_to_json(self.prompt),
            "settings": self.options.to_json(),
            "setup": self.setup.to_json(),
            "mask": self.mask.to_json(),
            "replaces": self.replaces,
            "patches": _patches_to_json(self.patches),
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any], shape: tuple[int, ...]) -> Accept:
        """Make the event from its JSON record; `shape` is that of the labels."""
        plane = _plane_from_json(record, shape)
        return cls(
            as_int(record["id"], 1),
            plane,
            prompt_from_json(record["prompt"]),
            AcceptOptions.from_json(record["settings"]),
            ModelRecord.from_json(record["setup"]),
            MaskRecord.from_json(record["mask"], plane.size(shape)),
            as_bool(record["replaces"]),
            _patches_from_json(record["patches"], shape),
        )


@dataclass(frozen=True, eq=False)
class Edit:
    """Labels were changed other than by accepting a mask.

    Attributes
    ----------
    kind : {"delete", "merge", "split", "reshape", "brush", "derive"}
        The kind of edit.
    ids : tuple of int
        The objects: the deleted one; the merged ones, of which the first remains;
        the split one, and the new one; the reshaped one, such as by cleaning; the
        derived one, found without a prompt of its own on this plane. Empty for
        "brush".
    plane : Plane, optional
        The only plane; None: all planes of the object.
    patches : tuple of Patch
        The resulting changes of the labels.
    confidence : float, optional
        Confidence in a derived mask, 0..1; None: it was not found on this plane.
    """

    kind: EditKind
    ids: tuple[int, ...]
    plane: Plane | None
    patches: tuple[Patch, ...]
    confidence: float | None = None

    def to_json(self) -> Json:
        """Return the record as a dict of plain JSON values."""
        where = {} if self.plane is None else _plane_to_json(self.plane)
        known = self.confidence is not None
        return {
            "event": self.kind,
            "ids": list(self.ids),
            **where,
            **({"confidence": self.confidence} if known else {}),
            "patches": _patches_to_json(self.patches),
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any], shape: tuple[int, ...]) -> Edit:
        """Make the event from its JSON record; `shape` is that of the labels."""
        kind: Any = one_of(get_args(EditKind), record["event"])
        ids = tuple(as_int(label_id, 1) for label_id in as_list(record["ids"]))
        least, most = _IDS[kind]
        if not least <= len(ids) <= most:
            raise ValueError(f"event {kind!r} of {len(ids)} objects")
        return cls(
            kind,
            ids,
            _plane_from_json(record, shape) if "plane" in record else None,
            _patches_from_json(record["patches"], shape),
            as_float(record["confidence"], finite=False)
            if "confidence" in record
            else None,
        )


@dataclass(frozen=True)
class Save:
    """The labels are about to be saved; they do not change.

    Recorded before the file is written, so that a kill in between does no harm: a file
    without a matching digest in its journal was written by another program.

    Attributes
    ----------
    digest : str
        `labels_digest` of the labels.
    lines : int
        Number of journal lines that they contain, as `Journal.lines` counts them.
    """

    digest: str
    lines: int

    def to_json(self) -> Json:
        """Return the record as a dict of plain JSON values."""
        return {"event": SAVE, "digest": self.digest, "lines": self.lines}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Save:
        """Make the record from what `to_json` returned; errors as of `json_values`."""
        return cls(as_str(record["digest"]), as_int(record["lines"]))


Event = Accept | Edit


def _plane_to_json(plane: Plane) -> Json:
    axes = {"axes": list(plane.axes)} if plane.is_resliced else {}
    return {"plane": list(plane.index), **axes}


def _plane_from_json(record: Mapping[str, Any], shape: tuple[int, ...]) -> Plane:
    index = tuple(as_int(number) for number in as_list(record["plane"]))
    if "axes" not in record:
        return Plane.of(shape, index)
    y, x = (as_int(axis) for axis in as_list(record["axes"]))
    return Plane.of(shape, Plane(index, (y, x)))


def _patches_to_json(patches: tuple[Patch, ...]) -> list[Json]:
    return [
        {
            **_plane_to_json(patch.plane),
            "bbox": list(patch.bbox),
            "before": patch.before,
            "after": patch.after,
        }
        for patch in patches
    ]


def _patches_from_json(
    record: Any,  # noqa: ANN401
    shape: tuple[int, ...],
) -> tuple[Patch, ...]:
    return tuple(_patch_from_json(patch, shape) for patch in as_list(record))


def _patch_from_json(record: Any, shape: tuple[int, ...]) -> Patch:  # noqa: ANN401
    """Read a patch; its runs are validated when their pixels are counted."""
    plane = _plane_from_json(record, shape)
    box = y0, x0, y1, x1 = as_box(record["bbox"], plane.size(shape))
    if not 0 < (y1 - y0) * (x1 - x0) <= MAX_PATCH_PIXELS:
        raise ValueError(f"a patch with the box {box}")
    return Patch(plane, box, as_str(record["before"]), as_str(record["after"]))
