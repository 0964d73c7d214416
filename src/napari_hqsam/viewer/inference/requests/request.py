"""Requests to the model and their answers, as frozen records.

A request holds all that its answer depends on, so that nothing that happens in the
viewer meanwhile can change it. Must not know napari, Qt or torch.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_hqsam.errors import ImageError
from napari_hqsam.sessions.journal.accept_options import CorrectedPrediction

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy.typing import NDArray

    from napari_hqsam.images import Image
    from napari_hqsam.masks import Mask
    from napari_hqsam.models import Tuning
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.segmentation import SegmentOptions
    from napari_hqsam.sessions.journal.headers import ModelRecord


@dataclass(frozen=True)
class ModelSpec:
    """The model and its device."""

    source: str
    device: str


@dataclass(frozen=True)
class ImageSpec:
    """An image as a layer shows it.

    Attributes
    ----------
    data : object
        What `open_image` takes: an array, or arrays from fine to coarse. Where
        `channel_arrays` are given, only its axes count.
    axes : str
    channels : tuple of int
        Channel mapping; empty for the default.
    normalization : str or tuple of pairs
    key : hashable
        Differs for other data.
    name : str
    channel_arrays : tuple of arrays
        One array per channel of the network's input, where channels are layers.
    """

    data: object = field(compare=False, repr=False)
    axes: str
    channels: tuple[int, ...]
    normalization: str | tuple[tuple[float, float], ...]
    key: Hashable
    name: str = field(default="array", compare=False)
    channel_arrays: tuple[object, ...] = field(default=(), compare=False, repr=False)

    def index_at(self, position: Sequence[int]) -> dict[str, int]:
        """Return a plane index as a mapping; axes of length 1 are left out."""
        data: Any = self.data
        shape = (data[0] if isinstance(data, list) else data).shape
        several = [
            letter
            for letter, size in zip(self.axes, shape, strict=False)
            if letter not in "cyx" and size > 1
        ]
        return dict(zip(several, position, strict=True))

    def open(self) -> Image:
        """Open it; no pixels are read yet."""
        from napari_hqsam.images import open_image

        if self.channel_arrays:
            stack = Channels([self.data, *self.channel_arrays])
            return open_image(stack, axes="c" + self.axes)
        return open_image(self.data, axes=self.axes, channels=self.channels or None)


@dataclass(frozen=True)
class Request:
    """A request to the model: a snapshot of image, model, plane, prompt and options.

    Attributes
    ----------
    what : {"mask", "all"}
        SAM's single mask, or that and its three candidates.
    after : Request, optional
        The request whose answer the prompt corrects, `as_link`: the logits of its
        mask go with the prompt.
    candidate : int
        Which of the masks of `after`.
    """

    image: ImageSpec
    model: ModelSpec
    plane: tuple[int, ...]
    prompt: Prompt
    options: SegmentOptions
    what: Literal["mask", "all"] = "mask"
    after: Request | None = None
    candidate: int = 0

    def as_link(self) -> Request:
        """Return it without the options that SAM's own logits do not depend on.

        They do depend on the output, by which the level is chosen.
        """
        return replace(self, options=replace(self.options, clean=False), what="mask")

    @property
    def corrects(self) -> tuple[CorrectedPrediction, ...]:
        """The answers that it corrects, in order, for the journal."""
        if self.after is None:
            return ()
        last = CorrectedPrediction(
            len(self.after.prompt.points),
            to_candidate(self.candidate),
            self.after.options.output,
        )
        return (*self.after.corrects, last)

    @property
    def arguments(self) -> dict[str, Any]:
        """Keywords of the segmenter's methods."""
        return {
            "plane": self.image.index_at(self.plane),
            **self.options.arguments(),
        }


@dataclass(frozen=True, eq=False)
class Answer:
    """Masks for a request.

    Attributes
    ----------
    setup : ModelRecord
        Model and normalisation, for the journal.
    tuning : Tuning
        Settings of the model.
    seconds : float
        How long they took.
    """

    request: Request
    masks: tuple[Mask, ...]
    setup: ModelRecord
    tuning: Tuning
    seconds: float


def to_candidate(chosen: int) -> int | None:
    """Convert the number of a mask to a candidate; None: SAM's single mask."""
    return chosen - 1 if chosen else None


def from_candidate(candidate: int | None) -> int:
    """Convert a candidate to the number of its mask in an answer."""
    return 0 if candidate is None else candidate + 1


class Channels:
    """Arrays of one shape as the channels of one lazily read array.

    Parameters
    ----------
    arrays : sequence of array-likes

    Raises
    ------
    ImageError
        Their shapes or data types differ.
    """

    def __init__(self, arrays: list[Any]) -> None:
        # Of pyramids the finest level: the others need not agree.
        self.arrays = [a[0] if isinstance(a, (list, tuple)) else a for a in arrays]
        shapes = {tuple(a.shape) for a in self.arrays}
        if len(shapes) > 1:
            raise ImageError(
                "layers taken as channels have shapes "
                f"{', '.join(map(str, sorted(shapes)))}; choose layers of one shape"
            )
        self.shape = (len(self.arrays), *shapes.pop())
        self.dtype = np.result_type(*[np.dtype(a.dtype) for a in self.arrays])
        self.ndim = len(self.shape)

    def __getitem__(self, key: tuple[Any, ...]) -> NDArray[Any]:
        channel, *rest = key
        if isinstance(channel, slice):
            chosen = self.arrays[channel]
            return np.stack([np.asarray(a[tuple(rest)]) for a in chosen])
        return np.asarray(self.arrays[channel][tuple(rest)])
