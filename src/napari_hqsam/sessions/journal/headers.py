"""What a journal says at its head, as objects: the image, the labels, the model.

Every record is written as plain JSON values and read back equal. What is read
may be wrong in any way: then the reading raises KeyError, TypeError or
ValueError, and who knows the file and the line says so.
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
from napari_hqsam.sessions.journal.paths import BASE_SUFFIX
from napari_hqsam.sessions.journal.plain import HIGHEST, items, real, text, whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from napari_hqsam.images import Image
    from napari_hqsam.models import Model
    from napari_hqsam.segmentation import Segmenter
    from napari_hqsam.sessions.journal.lines import Json


_MAX_AXES = 16


def check_keys(said: object, known: Iterable[str]) -> None:
    """Raise ValueError if something says more than is known, or is no object."""
    if not isinstance(said, dict):
        raise ValueError(f"{shown(said)} is no object")
    if strange := sorted(said.keys() - {*known}):
        raise ValueError(f"{shown(strange[0])} is unknown")


def _shape(said: object) -> tuple[int, ...]:
    """Read the shape of an array whose pixels can be counted."""
    shape = tuple(whole(length, 1) for length in items(said))
    if len(shape) > _MAX_AXES or math.prod(shape) > HIGHEST:
        raise ValueError(f"no array has the shape {shown(shape)}")
    return shape


def _space(axes: str, said: Mapping[str, Any]) -> Space:
    """Read where labels lie; sizes that make no sense count as none."""
    plain = {
        name: None if values is None else items(values)
        for name in ("scale", "units", "translation", "linear")
        for values in [said.get(name)]
    }
    try:
        return Space.from_dict(parse_axes(axes, (1,) * len(axes)), plain)
    except ImageError as error:
        raise ValueError(str(error)) from error


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
        return cls(image.name, image.axes, image.shape, fingerprint(image))

    def to_json(self) -> Json:
        """Return plain values."""
        return vars(self) | {"shape": list(self.shape)}

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> ImageRecord:
        """Read them back."""
        axes, shape = text(said["axes"]), _shape(said["shape"])
        if len(axes) != len(shape):
            raise ValueError(f"an image of shape {shape} with the axes {axes!r}")
        return cls(text(said["name"]), axes, shape, text(said["fingerprint"]))


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
    def of(cls, segmenter: Segmenter) -> Setup:
        """Record the setup of a segmenter, whose normalisation is computed for it."""
        scaling = segmenter.normalization
        return cls(
            segmenter.model.name,
            segmenter.model.digest,
            segmenter.image.channels,
            tuple(zip(scaling.lows, scaling.highs, strict=True)),
            segmenter.model.decoder_digest,
        )

    def made_with(self, model: Model) -> bool:
        """Whether these are the weights of a model, as far as they are recorded."""
        known = self.decoder_digest or model.decoder_digest
        return (self.digest, known) == (model.digest, model.decoder_digest)

    def to_json(self) -> Json:
        """Return plain values."""
        return {
            "model": self.model,
            "digest": self.digest,
            "decoder_digest": self.decoder_digest,
            "channels": list(self.channels),
            "limits": [list(pair) for pair in self.limits],
        }

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Setup:
        """Read them back."""
        red, green, blue = (whole(number) for number in items(said["channels"]))
        pairs = (items(pair) for pair in items(said["limits"]))
        limits = tuple((real(low), real(high)) for low, high in pairs)
        return cls(
            text(said["model"]),
            text(said["digest"]),
            (red, green, blue),
            limits,
            text(said.get("decoder_digest", "")),
        )


@dataclass(frozen=True)
class LabelsRecord:
    """The labels that a session changes.

    Attributes
    ----------
    shape : tuple of int
        ``(..., h, w)``.
    space : Space
        Axes, and where the pixels are.
    base : str, optional
        Name of the file, beside the journal, with the labels that the session
        started from; None where it started from nothing.
    highest : int
        Highest id of these, 0 where there are none.
    """

    shape: tuple[int, ...]
    space: Space
    base: str | None = None
    highest: int = 0

    def to_json(self) -> Json:
        """Return plain values."""
        return {
            "shape": list(self.shape),
            "axes": self.space.axes,
            **self.space.to_dict(),
            "base": self.base,
            "highest": self.highest,
        }

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> LabelsRecord:
        """Read them back."""
        base = said["base"]
        if base is not None and (
            Path(text(base)).name != base or not base.endswith(BASE_SUFFIX)
        ):
            raise ValueError(f"{base!r} is not the name of labels beside a journal")
        axes, shape = text(said["axes"]), _shape(said["shape"])
        if len(shape) < 2 or len(axes) != len(shape):
            raise ValueError(f"labels of shape {shape} with the axes {axes!r}")
        return cls(
            shape,
            _space(axes, said),
            base,
            whole(said["highest"], 0, MAX_ID),
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
