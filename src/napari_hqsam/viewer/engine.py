"""What the inference worker does: load models, keep segmenters, answer requests.

Runs on the worker's thread alone, and imports torch only there. Knows frozen
requests; must not know napari, Qt or layers.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_hqsam.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from numpy.typing import NDArray

    from napari_hqsam.images import Image, NormalizationSpec
    from napari_hqsam.labels.records import ImageRecord, Setup
    from napari_hqsam.models import Model
    from napari_hqsam.models.download import ProgressFactory
    from napari_hqsam.network import Output
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.segmentation import Mask, Segmenter
    from napari_hqsam.tiling import Tile

KEPT_SEGMENTERS = 3
"""Images, views or normalisations whose tiles stay in memory together."""


@dataclass(frozen=True)
class ModelSpec:
    """Which model, and where it computes."""

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

    def open(self) -> Image:
        """Open it; no pixels are read yet."""
        from napari_hqsam.images import open_image

        if self.channel_arrays:
            stack = Channels([self.data, *self.channel_arrays])
            return open_image(stack, axes="c" + self.axes)
        return open_image(self.data, axes=self.axes, channels=self.channels or None)


@dataclass(frozen=True)
class Request:
    """A question to the model; a snapshot that nothing changes any more.

    Attributes
    ----------
    what : {"mask", "all"}
        SAM's one mask, or that and its three candidates.
    """

    image: ImageSpec
    model: ModelSpec
    plane: tuple[int, ...]
    prompt: Prompt
    level: Literal["auto", "whole"] | int
    output: Output
    clean: bool
    typical_size: float | None
    what: Literal["mask", "all"] = "mask"


@dataclass(frozen=True, eq=False)
class Answer:
    """Masks for a request.

    Attributes
    ----------
    setup : Setup
        Model and normalisation, for the journal.
    seconds : float
        How long it took to find them.
    """

    request: Request
    masks: tuple[Mask, ...]
    setup: Setup
    seconds: float


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


class Engine:
    """Answers requests; keeps one model and the last few segmenters.

    Parameters
    ----------
    cache : path, None or False
        As for `Segmenter`.
    """

    def __init__(self, cache: str | Literal[False] | None = None) -> None:
        self._cache = cache
        self._model: tuple[ModelSpec, Model] | None = None
        self._segmenters: OrderedDict[tuple[ImageSpec, ModelSpec], Segmenter] = (
            OrderedDict()
        )

    def model(self, spec: ModelSpec, progress: ProgressFactory | None = None) -> Model:
        """Load a model, unless it is loaded; another one makes room first.

        Raises
        ------
        ModelError
            It cannot be loaded, or is not on this machine and `progress` was not
            given: nothing large is downloaded unless it was asked for.
        """
        if self._model is None or self._model[0] != spec:
            from napari_hqsam.models import load_model

            loaded = load_model(
                spec.source,
                device=spec.device,
                download=progress is not None or spec.source == "micro",
                progress=progress or False,
            )
            self.clear()
            self._model = spec, loaded
        return self._model[1]

    def segmenter(self, image: ImageSpec, model: ModelSpec) -> Segmenter:
        """Return the segmenter of an image, made on first use.

        Raises
        ------
        ImageError, ModelError
            As `open_image` and `load_model`.
        """
        key = image, model
        found = self._segmenters.get(key)
        if found is None:
            from napari_hqsam.segmentation import Segmenter

            spec: NormalizationSpec = image.normalization  # type: ignore[assignment]
            found = Segmenter(
                image.open(),
                self.model(model),
                normalization=spec,
                cache=self._cache,
            )
            self._segmenters[key] = found
            while len(self._segmenters) > KEPT_SEGMENTERS:
                _, old = self._segmenters.popitem(last=False)
                old.source.close()
        self._segmenters.move_to_end(key)
        return found

    def clear(self) -> None:
        """Drop model and segmenters, and give their memory back."""
        self._segmenters.clear()
        self._model = None

    def answer(self, request: Request) -> Answer:
        """Find the masks of a prompt.

        Raises
        ------
        HqsamError
            Whatever is wrong with image, model or prompt.
        """
        segmenter = self.segmenter(request.image, request.model)
        start = time.perf_counter()
        how: dict[str, Any] = {
            "plane": request.plane,
            "level": request.level,
            "output": request.output,
            "clean": request.clean,
            "typical_size": request.typical_size,
        }
        masks = [segmenter.segment(request.prompt, **how)]
        if request.what == "all":
            masks += segmenter.candidates(request.prompt, **how)
        seconds = time.perf_counter() - start
        return Answer(request, tuple(masks), self.setup(request), seconds)

    def setup(self, request: Request) -> Setup:
        """Model and normalisation of a request, for the journal."""
        from napari_hqsam.labels.records import Setup

        return Setup.of(self.segmenter(request.image, request.model))

    def image_record(self, request: Request) -> ImageRecord:
        """Name and fingerprint of the image of a request, for the journal."""
        from napari_hqsam.labels.records import ImageRecord

        record = ImageRecord.of(self.segmenter(request.image, request.model).image)
        return replace(record, name=request.image.name)

    def answer_if_quick(self, request: Request) -> Answer | None:
        """Answer a request if no tile must be encoded for it, else None."""
        segmenter = self.segmenter(request.image, request.model)
        tiles = self.tiles(request)
        if all(segmenter.source.in_memory(request.plane, tile) for tile in tiles):
            return self.answer(request)
        return None

    def answer_many(
        self, request: Request, prompts: list[Prompt]
    ) -> Iterator[tuple[int, Mask]]:
        """Yield (number of the prompt, mask) for many prompts of a plane."""
        segmenter = self.segmenter(request.image, request.model)
        return segmenter.iter_many(
            prompts,
            plane=request.plane,
            level=request.level,
            output=request.output,
            clean=request.clean,
            typical_size=request.typical_size,
        )

    def tiles(self, request: Request) -> list[Tile]:
        """Tiles on which a request is looked at first."""
        from napari_hqsam.segmentation.levels import levels_to_try, tile_for
        from napari_hqsam.tiling import fit_plane

        segmenter = self.segmenter(request.image, request.model)
        grid = segmenter.grid
        if request.level == "whole":
            return [fit_plane(grid.plane_shape, grid.size)]
        levels = (
            levels_to_try(request.prompt, grid, request.typical_size)
            if request.level == "auto"
            else [grid.clip(request.level)]
        )
        return [tile_for(request.prompt, grid, level) for level in levels]

    def around(self, request: Request) -> list[tuple[tuple[int, ...], Tile]]:
        """List tiles likely to be wanted next: its own, then those beside it.

        Then the same place on the next and the last slice.
        """
        segmenter = self.segmenter(request.image, request.model)
        tiles = self.tiles(request)
        wanted = [(request.plane, tile) for tile in tiles]
        for tile in tiles:
            if tile.address is None:
                continue
            for down, right in _RING:
                beside = segmenter.grid.neighbour(tile, down, right)
                if beside is not None:
                    wanted.append((request.plane, beside))
        if request.plane:
            *outer, z = request.plane
            for other in (z + 1, z - 1):
                if 0 <= other < segmenter.image.leading_shape[-1]:
                    wanted += [((*outer, other), tile) for tile in tiles]
        return wanted

    def warm_up(self, request: Request) -> None:
        """Load the model and encode the tiles of a request."""
        for tile in self.tiles(request):
            self.prepare(request, request.plane, tile)

    def prepare(self, request: Request, plane: tuple[int, ...], tile: Tile) -> None:
        """Encode a tile, so that clicks on it need not wait."""
        self.segmenter(request.image, request.model).source.features(plane, tile)

    def view(
        self, request: Request, region: tuple[int, int, int, int]
    ) -> NDArray[np.uint8]:
        """Show a plane box as the model sees it: (h, w, 3), at most 512 a side."""
        from napari_hqsam.images import read_rgb8

        segmenter = self.segmenter(request.image, request.model)
        y0, x0, y1, x1 = region
        level = max(math.ceil(math.log2(max(y1 - y0, x1 - x0, 1) / 512)), 0)
        step = 1 << level  # regions begin and end at whole network pixels
        snapped = (
            *(v // step * step for v in (y0, x0)),
            *(-(-v // step) * step for v in (y1, x1)),
        )
        return read_rgb8(
            segmenter.image, segmenter.normalization, request.plane, snapped, level
        )


_RING = ((0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))
