"""The header of a journal as objects: the image, the labels, the model.

Every record is written as plain JSON values and read back equal. Invalid values raise
KeyError, TypeError or ValueError; the caller, who knows file and line, reports them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_hqsam.errors import ImageError, shown
from napari_hqsam.geometry import Space
from napari_hqsam.geometry.axes import parse_axes
from napari_hqsam.images import fingerprint
from napari_hqsam.labels.writing import MAX_ID
from napari_hqsam.sessions.journal.json_values import (
    HIGHEST,
    as_float,
    as_int,
    as_list,
    as_str,
)
from napari_hqsam.sessions.journal.paths import BASE_SUFFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_hqsam.images import Image
    from napari_hqsam.models import Model
    from napari_hqsam.segmentation import Segmenter
    from napari_hqsam.sessions.journal.lines import Json


_MAX_AXES = 16


def _shape(record: object) -> tuple[int, ...]:
    """Read the shape of an array whose size fits an int64."""
    shape = tuple(as_int(length, 1) for length in as_list(record))
    if len(shape) > _MAX_AXES or math.prod(shape) > HIGHEST:
        raise ValueError(f"no array has the shape {shown(shape)}")
    return shape


def _space(axes: str, record: Mapping[str, Any]) -> Space:
    """Read the space of labels; invalid sizes count as unknown."""
    plain = {
        name: None if values is None else as_list(values)
        for name in ("scale", "units", "translation", "linear")
        for values in [record.get(name)]
    }
    try:
        return Space.from_dict(parse_axes(axes, (1,) * len(axes)), plain)
    except ImageError as error:
        raise ValueError(str(error)) from error


@dataclass(frozen=True)
class ImageRecord:
    """The image of a session.

    Attributes
    ----------
    name : str
        Name of the file or layer.
    axes : str
        One letter per dimension of the image, see `open_image`.
    shape : tuple of int
        Its shape.
    fingerprint : str
        `images.fingerprint` of it, with the channels of the session's first model
        record.
    """

    name: str
    axes: str
    shape: tuple[int, ...]
    fingerprint: str

    @classmethod
    def of(cls, image: Image) -> ImageRecord:
        """Make the record of an image; reads a few windows for the fingerprint."""
        return cls(image.name, image.axes, image.shape, fingerprint(image))

    def to_json(self) -> Json:
        """Return the record as a dict of plain JSON values."""
        return vars(self) | {"shape": list(self.shape)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> ImageRecord:
        """Make the record from what `to_json` returned; errors as of `json_values`."""
        axes, shape = as_str(record["axes"]), _shape(record["shape"])
        if len(axes) != len(shape):
            raise ValueError(f"an image of shape {shape} with the axes {axes!r}")
        return cls(as_str(record["name"]), axes, shape, as_str(record["fingerprint"]))


@dataclass(frozen=True)
class ModelRecord:
    """The model, with the channels and contrast limits that it saw.

    Attributes
    ----------
    model : str
        Name of the model.
    digest : str
        `Model.digest`.
    channels : tuple of int
        The channels mapped to red, green and blue.
    limits : tuple of (low, high)
        Pixel values mapped to 0 and 255, for each distinct channel.
    decoder_digest : str
        `Model.decoder_digest`; empty in journals of versions before 0.2, which did
        not record it.
    """

    model: str
    digest: str
    channels: tuple[int, int, int]
    limits: tuple[tuple[float, float], ...]
    decoder_digest: str = ""

    @classmethod
    def of(cls, segmenter: Segmenter) -> ModelRecord:
        """Make the record of a segmenter; computes its normalisation."""
        scaling = segmenter.normalization
        return cls(
            segmenter.model.name,
            segmenter.model.digest,
            segmenter.image.channels,
            tuple(zip(scaling.lows, scaling.highs, strict=True)),
            segmenter.model.decoder_digest,
        )

    def made_with(self, model: Model) -> bool:
        """Whether a model has the recorded weights, as far as they are known."""
        known = self.decoder_digest or model.decoder_digest
        return (self.digest, known) == (model.digest, model.decoder_digest)

    def to_json(self) -> Json:
        """Return the record as a dict of plain JSON values."""
        return {
            "model": self.model,
            "digest": self.digest,
            "decoder_digest": self.decoder_digest,
            "channels": list(self.channels),
            "limits": [list(pair) for pair in self.limits],
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> ModelRecord:
        """Make the record from what `to_json` returned; errors as of `json_values`."""
        red, green, blue = (as_int(number) for number in as_list(record["channels"]))
        pairs = (as_list(pair) for pair in as_list(record["limits"]))
        limits = tuple((as_float(low), as_float(high)) for low, high in pairs)
        return cls(
            as_str(record["model"]),
            as_str(record["digest"]),
            (red, green, blue),
            limits,
            as_str(record.get("decoder_digest", "")),
        )


@dataclass(frozen=True)
class LabelsRecord:
    """The labels that a session changes.

    Attributes
    ----------
    shape : tuple of int
        ``(..., h, w)``.
    space : Space
        Axes, units and the affine to world coordinates.
    base : str, optional
        Name of the file, beside the journal, with the labels that the session
        began with; None if they were empty.
    highest : int
        Highest id in them, 0 if they were empty.
    """

    shape: tuple[int, ...]
    space: Space
    base: str | None = None
    highest: int = 0

    def to_json(self) -> Json:
        """Return the record as a dict of plain JSON values."""
        return {
            "shape": list(self.shape),
            "axes": self.space.axes,
            **self.space.to_dict(),
            "base": self.base,
            "highest": self.highest,
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> LabelsRecord:
        """Make the record from what `to_json` returned; errors as of `json_values`."""
        base = record["base"]
        if base is not None and (
            Path(as_str(base)).name != base or not base.endswith(BASE_SUFFIX)
        ):
            raise ValueError(f"{base!r} is not the name of labels beside a journal")
        axes, shape = as_str(record["axes"]), _shape(record["shape"])
        if len(shape) < 2 or len(axes) != len(shape):
            raise ValueError(f"labels of shape {shape} with the axes {axes!r}")
        return cls(
            shape,
            _space(axes, record),
            base,
            as_int(record["highest"], 0, MAX_ID),
        )


@dataclass(frozen=True)
class Header:
    """The first line of a journal.

    Attributes
    ----------
    image : ImageRecord
        The image.
    labels : LabelsRecord
        The labels.
    setup : ModelRecord
        The model at the beginning; events name others.
    """

    image: ImageRecord
    labels: LabelsRecord
    setup: ModelRecord

    def to_json(self) -> Json:
        """Return the record as a dict of plain JSON values."""
        return {
            "image": self.image.to_json(),
            "labels": self.labels.to_json(),
            "setup": self.setup.to_json(),
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Header:
        """Make the record from what `to_json` returned; errors as of `json_values`."""
        return cls(
            ImageRecord.from_json(record["image"]),
            LabelsRecord.from_json(record["labels"]),
            ModelRecord.from_json(record["setup"]),
        )
