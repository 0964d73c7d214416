"""What a journal says, as objects: each thing done. Its head: see `headers`.

Every record is written as plain JSON values and read back equal. What is read
may be wrong in any way: then the reading raises KeyError, TypeError or
ValueError, and who knows the file and the line says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

import numpy as np

from napari_hqsam.errors import shown
from napari_hqsam.geometry import Plane
from napari_hqsam.labels.painting import Overlap
from napari_hqsam.network.outputs import OUTPUTS, Output
from napari_hqsam.segmentation.options import OptionArgs, SegmentOptions
from napari_hqsam.sessions.journal.headers import Setup, check_keys
from napari_hqsam.sessions.journal.lines import SAVE
from napari_hqsam.sessions.journal.plain import HIGHEST, flag, items, real, text, whole
from napari_hqsam.sessions.journal.prompt_records import (
    prompt_from_json,
    prompt_to_json,
)
from napari_hqsam.sessions.journal.runs import (
    count_runs,
    decode_runs,
    encode_runs,
    mask_digest,
)
from napari_hqsam.sessions.patches import MAX_PATCH_PIXELS, Patch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from napari_hqsam.geometry import Box
    from napari_hqsam.masks import Mask
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
"""How few and how many objects each kind of edit is done to."""
_MAX_LEVEL = 64

T = TypeVar("T")


@dataclass(frozen=True)
class Corrected:
    """An answer that further clicks corrected: its logits went with them.

    Attributes
    ----------
    points : int
        How many of the prompt's points it was the answer to; the first ones.
    candidate : int, optional
        Which mask of it, as in `AcceptOptions`.
    output : {"sam+hq", "sam", "hq"}
        As in `Segmenter.segment`.
    """

    points: int
    candidate: int | None = None
    output: str = "sam+hq"

    def to_json(self) -> Json:
        """Return plain values."""
        return dict(vars(self))

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Corrected:
        """Read them back."""
        check_keys(said, ("points", "candidate", "output"))
        return cls(
            whole(said["points"]),
            _maybe(whole, said.get("candidate")),
            _one_of(OUTPUTS, said.get("output", "sam+hq")),
        )


@dataclass(frozen=True, kw_only=True)
class AcceptOptions:
    """How an accepted mask was made, and how it was painted.

    Attributes
    ----------
    segmentation : SegmentOptions
    candidate : int, optional
        Which of `Segmenter.candidates`, counted from 0, the best; None: the
        mask of `Segmenter.segment`.
    overlap : {"keep", "overwrite", "empty"}
        As in `paint`.
    corrects : tuple of Corrected
        The answers that the prompt's points corrected one after another, the
        first one first; empty where all were given at once.
    """

    segmentation: SegmentOptions = field(default_factory=SegmentOptions)
    candidate: int | None = None
    overlap: Overlap = "keep"
    corrects: tuple[Corrected, ...] = ()

    @property
    def output(self) -> Output:
        """Which output was chosen; as `Corrected` tells it of earlier answers."""
        return self.segmentation.output

    def to_json(self) -> Json:
        """Return plain values."""
        plain: Json = {**self.segmentation.arguments(), "candidate": self.candidate}
        plain["overlap"] = self.overlap
        if plain["view_extent"] is None:
            del plain["view_extent"]
        if self.corrects:
            plain["corrects"] = [answer.to_json() for answer in self.corrects]
        return plain

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> AcceptOptions:
        """Read them back."""
        own = "candidate", "overlap", "corrects"
        check_keys(plain, (*OptionArgs.__annotations__, *own))
        overlap: Any = _one_of(get_args(Overlap), plain["overlap"])
        answers: list[Any] = items(plain.get("corrects", []))
        segmentation = SegmentOptions(
            level=_level(plain.get("level", "auto")),
            output=plain.get("output", "sam+hq"),
            clean=flag(plain.get("clean", True)),
            typical_size=_maybe(real, plain.get("typical_size")),
            view_extent=_maybe(real, plain.get("view_extent")),
        )
        return cls(
            segmentation=segmentation,
            candidate=_maybe(whole, plain.get("candidate")),
            overlap=overlap,
            corrects=tuple(Corrected.from_json(answer) for answer in answers),
        )


def _level(value: object) -> Any:  # noqa: ANN401 - checked by SegmentOptions
    if isinstance(value, str):
        return value
    return whole(value, -_MAX_LEVEL, _MAX_LEVEL)


@dataclass(frozen=True)
class MaskRecord:
    """A mask as it was accepted, whatever became of its pixels.

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
        """Return plain values."""
        return vars(self) | {"bbox": list(self.bbox)}

    @classmethod
    def from_json(cls, said: Mapping[str, Any], size: tuple[int, int]) -> MaskRecord:
        """Read them back; the size is that of the plane, height and width."""
        check_keys(said, [field.name for field in fields(cls)])
        box = y0, x0, y1, x1 = _box(said["bbox"], size)
        area = count_runs(said["runs"], (y1 - y0) * (x1 - x0))
        if area.keys() - {1} or area[1] != said["area"]:
            raise ValueError(f"a mask of other pixels than {said['area']!r}")
        return cls(
            box,
            said["runs"],
            text(said["digest"]),
            area[1],
            real(said["score"], finite=False),
            real(said["stability"], finite=False),
            None
            if said["level"] is None
            else whole(said["level"], -_MAX_LEVEL, _MAX_LEVEL),
            flag(said["complete"]),
        )


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
        What it was made from.
    options : AcceptOptions
        How.
    setup : Setup
        With which model.
    mask : MaskRecord
        What was accepted.
    replaces : bool
        Whether it was put in the place of what the object had on the plane.
    patches : tuple of Patch
        What that changed.
    """

    label_id: int
    plane: Plane
    prompt: Prompt
    options: AcceptOptions
    setup: Setup
    mask: MaskRecord
    replaces: bool
    patches: tuple[Patch, ...]

    def to_json(self) -> Json:
        """Return plain values."""
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
    def from_json(cls, said: Mapping[str, Any], shape: tuple[int, ...]) -> Accept:
        """Read them back; the shape is that of the labels."""
        plane = _plane_from_json(said, shape)
        return cls(
            whole(said["id"], 1),
            plane,
            prompt_from_json(said["prompt"]),
            AcceptOptions.from_json(said["settings"]),
            Setup.from_json(said["setup"]),
            MaskRecord.from_json(said["mask"], plane.size(shape)),
            flag(said["replaces"]),
            _patches_from_json(said["patches"], shape),
        )


@dataclass(frozen=True, eq=False)
class Edit:
    """Labels were changed by other means than a network.

    Attributes
    ----------
    kind : {"delete", "merge", "split", "reshape", "brush", "derive"}
        What was done.
    ids : tuple of int
        To which objects: the deleted one; those merged, the first of which is
        left; the one that was split, and the new one; the reshaped one, such as
        by cleaning; the one that was derived: found without a prompt of its own
        on this plane. None for "brush": its patches say it.
    plane : Plane, optional
        On which plane alone; None: wherever the object is.
    patches : tuple of Patch
        What that changed.
    confidence : float, optional
        Of what was derived, 0..1; None: it was not found on this plane.
    """

    kind: EditKind
    ids: tuple[int, ...]
    plane: Plane | None
    patches: tuple[Patch, ...]
    confidence: float | None = None

    def to_json(self) -> Json:
        """Return plain values."""
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
    def from_json(cls, said: Mapping[str, Any], shape: tuple[int, ...]) -> Edit:
        """Read them back; the shape is that of the labels."""
        kind: Any = _one_of(get_args(EditKind), said["event"])
        ids = tuple(whole(label_id, 1) for label_id in items(said["ids"]))
        least, most = _IDS[kind]
        if not least <= len(ids) <= most:
            raise ValueError(f"event {kind!r} of {len(ids)} objects")
        return cls(
            kind,
            ids,
            _plane_from_json(said, shape) if "plane" in said else None,
            _patches_from_json(said["patches"], shape),
            real(said["confidence"], finite=False) if "confidence" in said else None,
        )


@dataclass(frozen=True)
class Save:
    """The labels are about to be saved: nothing changes.

    Written before the file is, so that no kill can come between: a file is known by
    one of the digests in its journal, or it is another program's.

    Attributes
    ----------
    digest : str
        `labels_digest` of what is saved.
    lines : int
        How many lines of the journal it has, as `Journal.lines` counts them.
    """

    digest: str
    lines: int

    def to_json(self) -> Json:
        """Return plain values."""
        return {"event": SAVE, "digest": self.digest, "lines": self.lines}

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Save:
        """Read them back."""
        return cls(text(said["digest"]), whole(said["lines"]))


Event = Accept | Edit


def _plane_to_json(plane: Plane) -> Json:
    turned = {"axes": list(plane.axes)} if plane.turned else {}
    return {"plane": list(plane.index), **turned}


def _plane_from_json(said: Mapping[str, Any], shape: tuple[int, ...]) -> Plane:
    index = tuple(whole(number) for number in items(said["plane"]))
    if "axes" not in said:
        return Plane.of(shape, index)
    y, x = (whole(axis) for axis in items(said["axes"]))
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
    said: Any,  # noqa: ANN401
    shape: tuple[int, ...],
) -> tuple[Patch, ...]:
    return tuple(_patch_from_json(patch, shape) for patch in items(said))


def _patch_from_json(said: Any, shape: tuple[int, ...]) -> Patch:  # noqa: ANN401
    """Read a patch; its runs are looked at when their pixels are counted."""
    plane = _plane_from_json(said, shape)
    box = y0, x0, y1, x1 = _box(said["bbox"], plane.size(shape))
    if not 0 < (y1 - y0) * (x1 - x0) <= MAX_PATCH_PIXELS:
        raise ValueError(f"a patch with the box {box}")
    return Patch(plane, box, text(said["before"]), text(said["after"]))


def _box(said: Any, size: tuple[int, int]) -> Box:  # noqa: ANN401
    """Read a box that lies within a plane of a height and width."""
    y0, x0, y1, x1 = (whole(number) for number in items(said))
    if not (y0 <= y1 <= size[0] and x0 <= x1 <= size[1]):
        raise ValueError(f"the box {(y0, x0, y1, x1)} on a plane of {size} pixels")
    return y0, x0, y1, x1


def _one_of(known: Sequence[str], value: object) -> str:
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{shown(value)} is none of {', '.join(known)}")
    return value


def _maybe(read: Callable[[object], T], value: object) -> T | None:
    return None if value is None else read(value)
