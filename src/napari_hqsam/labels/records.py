"""What a journal says, as objects: the image, the labels, and each thing done.

Every record is written as plain JSON values and read back equal. What is read
may be wrong in any way: then the reading raises KeyError, TypeError or
ValueError, and who knows the file and the line says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from napari_hqsam.labels.painting import Overlap
from napari_hqsam.labels.patches import Box, Patch, Plane
from napari_hqsam.labels.prompt_records import prompt_from_json, prompt_to_json
from napari_hqsam.labels.runs import decode_runs, encode_runs, mask_digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_hqsam.images import Image
    from napari_hqsam.labels.journal import Json
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.segmentation import Mask, Segmenter

EditKind = Literal["delete", "merge", "split", "reshape", "brush", "derive"]


@dataclass(frozen=True)
class ImageRecord:
    """Which image was segmented.

    Attributes
    ----------
    name : str
        Name of the file or layer.
    axes : str
        One letter per dimension of the image, see `open_image`.
    shape : tuple of int
        Its shape.
    fingerprint : str
        `Image.fingerprint`, with the channels of the session's first setup.
    """

    name: str
    axes: str
    shape: tuple[int, ...]
    fingerprint: str

    @classmethod
    def of(cls, image: Image) -> ImageRecord:
        """Record an image; a few windows of it are read for the fingerprint."""
        return cls(image.name, image.axes, image.shape, image.fingerprint())

    def to_json(self) -> Json:
        """Return plain values."""
        return vars(self) | {"shape": list(self.shape)}

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> ImageRecord:
        """Read them back."""
        shape = tuple(map(int, said["shape"]))
        return cls(said["name"], said["axes"], shape, said["fingerprint"])


@dataclass(frozen=True)
class Setup:
    """The model, and how the image was shown to it.

    Attributes
    ----------
    model : str
        Name of the model.
    digest : str
        `Model.digest`.
    channels : tuple of int
        The channels shown as red, green and blue.
    limits : tuple of (low, high)
        The numbers that became black and white, for each distinct channel.
    """

    model: str
    digest: str
    channels: tuple[int, int, int]
    limits: tuple[tuple[float, float], ...]

    @classmethod
    def of(cls, segmenter: Segmenter) -> Setup:
        """Record the setup of a segmenter, whose normalisation is computed for it."""
        scaling = segmenter.normalization
        return cls(
            segmenter.model.name,
            segmenter.model.digest,
            segmenter.image.channels,
            tuple(zip(scaling.lows, scaling.highs, strict=True)),
        )

    def to_json(self) -> Json:
        """Return plain values."""
        return {
            "model": self.model,
            "digest": self.digest,
            "channels": list(self.channels),
            "limits": [list(pair) for pair in self.limits],
        }

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Setup:
        """Read them back."""
        red, green, blue = map(int, said["channels"])
        limits = tuple((float(low), float(high)) for low, high in said["limits"])
        return cls(said["model"], said["digest"], (red, green, blue), limits)


@dataclass(frozen=True)
class LabelsRecord:
    """The labels that a session changes.

    Attributes
    ----------
    shape : tuple of int
        ``(..., h, w)``.
    axes : str
        One letter per dimension.
    scale : tuple of float, optional
        Size of a pixel along each dimension.
    units : tuple of (str or None)
        Its unit, by OME-Zarr's name.
    base : str, optional
        Name of the file, beside the journal, with the labels that the session
        started from; None where it started from nothing.
    highest : int
        Highest id of these, 0 where there are none.
    """

    shape: tuple[int, ...]
    axes: str
    scale: tuple[float, ...] | None = None
    units: tuple[str | None, ...] | None = None
    base: str | None = None
    highest: int = 0

    def to_json(self) -> Json:
        """Return plain values."""
        return {
            "shape": list(self.shape),
            "axes": self.axes,
            "scale": None if self.scale is None else list(self.scale),
            "units": None if self.units is None else list(self.units),
            "base": self.base,
            "highest": self.highest,
        }

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> LabelsRecord:
        """Read them back."""
        scale, units, base = said["scale"], said["units"], said["base"]
        if base is not None and Path(base).name != base:
            raise ValueError(f"{base!r} is not the name of a file")
        return cls(
            tuple(map(int, said["shape"])),
            said["axes"],
            None if scale is None else tuple(map(float, scale)),
            None if units is None else tuple(units),
            base,
            int(said["highest"]),
        )


@dataclass(frozen=True)
class Header:
    """What a whole session has in common: the first line of a journal.

    Attributes
    ----------
    image : ImageRecord
        Which image.
    labels : LabelsRecord
        Which labels.
    setup : Setup
        What the first of the objects were made with.
    """

    image: ImageRecord
    labels: LabelsRecord
    setup: Setup

    def to_json(self) -> Json:
        """Return plain values."""
        return {
            "image": self.image.to_json(),
            "labels": self.labels.to_json(),
            "setup": self.setup.to_json(),
        }

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Header:
        """Read them back."""
        return cls(
            ImageRecord.from_json(said["image"]),
            LabelsRecord.from_json(said["labels"]),
            Setup.from_json(said["setup"]),
        )


@dataclass(frozen=True)
class Corrected:
    """An answer that further clicks corrected: its logits went with them.

    Attributes
    ----------
    points : int
        How many of the prompt's points it was the answer to; the first ones.
    candidate : int, optional
        Which mask of it, as in `Settings`.
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
        if said["points"] < 0:
            raise ValueError(f"{said['points']} points are none")
        return cls(**said)


@dataclass(frozen=True)
class Settings:
    """How a mask was asked for, and how it was painted.

    Attributes
    ----------
    output : {"sam+hq", "sam", "hq"}
        As in `Segmenter.segment`.
    candidate : int, optional
        Which of `Segmenter.candidates`, counted from 0, the best; None: the
        mask of `Segmenter.segment`.
    level : {"auto", "whole"} or int
        As in `Segmenter.segment`.
    typical_size : float, optional
        As in `Segmenter.segment`.
    clean : bool
        As in `Segmenter.segment`.
    overlap : {"keep", "overwrite", "empty"}
        As in `paint`.
    corrects : tuple of Corrected
        The answers that the prompt's points corrected one after another, the
        first one first; empty where all were given at once.
    """

    output: str = "sam+hq"
    candidate: int | None = None
    level: str | int = "auto"
    typical_size: float | None = None
    clean: bool = True
    overlap: Overlap = "keep"
    corrects: tuple[Corrected, ...] = ()

    def to_json(self) -> Json:
        """Return plain values."""
        said = dict(vars(self))
        del said["corrects"]
        if self.corrects:
            said["corrects"] = [answer.to_json() for answer in self.corrects]
        return said

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Settings:
        """Read them back."""
        if said["overlap"] not in get_args(Overlap):
            raise ValueError(f"overlap {said['overlap']!r} is unknown")
        answers = said.get("corrects", ())
        corrects = tuple(Corrected.from_json(answer) for answer in answers)
        return cls(**{**said, "corrects": corrects})


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
    def from_json(cls, said: Mapping[str, Any]) -> MaskRecord:
        """Read them back."""
        return cls(**{**said, "bbox": _box(said["bbox"])})


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
    settings : Settings
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
    settings: Settings
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
            "settings": self.settings.to_json(),
            "setup": self.setup.to_json(),
            "mask": self.mask.to_json(),
            "replaces": self.replaces,
            "patches": _patches_to_json(self.patches),
        }

    @classmethod
    def from_json(cls, said: Mapping[str, Any], shape: tuple[int, ...]) -> Accept:
        """Read them back; the shape is that of the labels."""
        return cls(
            int(said["id"]),
            _plane_from_json(said, shape),
            prompt_from_json(said["prompt"]),
            Settings.from_json(said["settings"]),
            Setup.from_json(said["setup"]),
            MaskRecord.from_json(said["mask"]),
            bool(said["replaces"]),
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
        if said["event"] not in get_args(EditKind):
            raise ValueError(f"event {said['event']!r} is unknown")
        return cls(
            said["event"],
            tuple(map(int, said["ids"])),
            _plane_from_json(said, shape) if "plane" in said else None,
            _patches_from_json(said["patches"], shape),
            float(said["confidence"]) if "confidence" in said else None,
        )


Event = Accept | Edit


def _plane_to_json(plane: Plane) -> Json:
    turned = {"axes": list(plane.axes)} if plane.turned else {}
    return {"plane": list(plane.index), **turned}


def _plane_from_json(said: Mapping[str, Any], shape: tuple[int, ...]) -> Plane:
    index = tuple(map(int, said["plane"]))
    if "axes" not in said:
        return Plane.of(shape, index)
    y, x = map(int, said["axes"])
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
    said: list[Mapping[str, Any]], shape: tuple[int, ...]
) -> tuple[Patch, ...]:
    return tuple(
        Patch(
            _plane_from_json(patch, shape),
            _box(patch["bbox"]),
            patch["before"],
            patch["after"],
        )
        for patch in said
    )


def _box(said: list[Any]) -> Box:
    y0, x0, y1, x1 = map(int, said)
    return y0, x0, y1, x1
