"""The engine of the inference worker: loads models, answers requests.

Runs on the worker's thread alone, and imports torch only there. Knows frozen
requests; must not know napari, Qt or layers.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, NamedTuple

from napari_hqsam.viewer.inference.load_libraries import load_libraries
from napari_hqsam.viewer.inference.requests.request import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_hqsam.embeddings import Prefetcher
    from napari_hqsam.images import NormalizationSpec
    from napari_hqsam.masks import Logits, Mask
    from napari_hqsam.models import Model
    from napari_hqsam.models.download import ProgressFactory
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.segmentation import Segmenter
    from napari_hqsam.sessions.journal.headers import ImageRecord, ModelRecord
    from napari_hqsam.tiling import Tile
    from napari_hqsam.viewer.inference.requests.request import (
        ImageSpec,
        ModelSpec,
        Request,
    )

KEPT_SEGMENTERS = 3
"""Segmenters (of one image and normalisation each) whose tiles stay in memory."""
KEPT_LOGITS = 64
"""Answers whose logits are kept, as input for the clicks that correct them."""
VIEW_PIXELS = 512
"""Longer side of the picture of what the model sees."""


class CachedSegmenter(NamedTuple):
    """A segmenter, and the prefetcher that encodes its tiles in the background."""

    segmenter: Segmenter
    prefetcher: Prefetcher


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
        self._kept: OrderedDict[tuple[ImageSpec, ModelSpec], CachedSegmenter] = (
            OrderedDict()
        )
        self._logits: OrderedDict[Request, tuple[Logits | None, ...]] = OrderedDict()

    # --- models and images -------------------------------------------------

    def model(self, spec: ModelSpec, progress: ProgressFactory | None = None) -> Model:
        """Load a model, unless it is loaded; the memory of another one is freed first.

        Raises
        ------
        ModelError
            It cannot be loaded, or is not on this machine and `progress` was not
            given: nothing large is downloaded without the user's request.
        """
        if self._model is None or self._model[0] != spec:
            load_libraries()
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
        return self._cached(image, model).segmenter

    def _cached(self, image: ImageSpec, model: ModelSpec) -> CachedSegmenter:
        key = image, model
        found = self._kept.get(key)
        if found is None:
            load_libraries()
            from napari_hqsam.embeddings import Prefetcher
            from napari_hqsam.segmentation import Segmenter

            spec: NormalizationSpec = image.normalization  # type: ignore[assignment]
            made = Segmenter(
                image.open(),
                self.model(model),
                normalization=spec,
                cache=self._cache,
            )
            found = self._kept[key] = CachedSegmenter(made, Prefetcher(made.source))
            while len(self._kept) > KEPT_SEGMENTERS:
                _, old = self._kept.popitem(last=False)
                old.prefetcher.cancel()
                old.segmenter.source.close()
        self._kept.move_to_end(key)
        return found

    def clear(self) -> None:
        """Drop model and segmenters, to free their memory."""
        self.cancel_prefetch()
        self._kept.clear()
        self._model = None

    # --- answers -----------------------------------------------------------

    def answer(self, request: Request) -> Answer:
        """Find the masks of a prompt.

        Raises
        ------
        HqsamError
            The image, model or prompt is not valid.
        """
        segmenter = self.segmenter(request.image, request.model)
        start = time.perf_counter()
        prompt = self._with_logits(request)
        masks = [segmenter.segment(prompt, **request.arguments)]
        if request.what == "all":
            masks += segmenter.candidates(prompt, **request.arguments)
        self._remember(request, masks)
        seconds = time.perf_counter() - start
        tuning = segmenter.model.tuning
        return Answer(request, tuple(masks), self.setup(request), tuning, seconds)

    def _with_logits(self, request: Request) -> Prompt:
        """Return the prompt, with the logits of the answer that it corrects."""
        before, number = request.after, request.candidate
        if before is None:
            return request.prompt
        if len(self._logits.get(before, ())) <= number:
            self.answer(replace(before, what="all" if number else "mask"))
        kept = self._logits[before]
        return replace(request.prompt, logits=kept[min(number, len(kept) - 1)])

    def _remember(self, request: Request, masks: list[Mask]) -> None:
        key = request.as_link()
        if len(masks) > len(self._logits.get(key, ())):
            self._logits[key] = tuple(mask.logits for mask in masks)
        while len(self._logits) > KEPT_LOGITS:
            self._logits.popitem(last=False)

    def answer_if_quick(self, request: Request) -> Answer | None:
        """Answer a request if no tile must be encoded for it, else None."""
        source = self.segmenter(request.image, request.model).source
        tiles = self.tiles(request)
        if all(source.in_memory(request.plane, tile) for tile in tiles):
            return self.answer(request)
        return None

    def answer_many(
        self, request: Request, prompts: list[Prompt]
    ) -> Iterator[tuple[int, Mask]]:
        """Yield (number of the prompt, mask) for many prompts of a plane."""
        segmenter = self.segmenter(request.image, request.model)
        return segmenter.iter_many(prompts, **request.arguments)

    def setup(self, request: Request) -> ModelRecord:
        """Return model and normalisation of a request, for the journal."""
        from napari_hqsam.sessions.journal.headers import ModelRecord

        return ModelRecord.of(self.segmenter(request.image, request.model))

    def image_record(self, request: Request) -> ImageRecord:
        """Return name and fingerprint of the image of a request, for the journal."""
        from napari_hqsam.sessions.journal.headers import ImageRecord

        record = ImageRecord.of(self.segmenter(request.image, request.model).image)
        return replace(record, name=request.image.name)

    def view(
        self, request: Request, region: tuple[int, int, int, int]
    ) -> NDArray[np.uint8]:
        """Return a box of a plane as the model sees it: (h, w, 3)."""
        from napari_hqsam.images import read_rgb8

        segmenter = self.segmenter(request.image, request.model)
        y0, x0, y1, x1 = region
        side = max(y1 - y0, x1 - x0, 1)
        level = max(math.ceil(math.log2(side / VIEW_PIXELS)), 0)
        step = 1 << level  # regions begin and end at whole network pixels
        snapped = (
            *(v // step * step for v in (y0, x0)),
            *(-(-v // step) * step for v in (y1, x1)),
        )
        return read_rgb8(
            segmenter.image, segmenter.normalization, request.plane, snapped, level
        )

    # --- encoding ahead -----------------------------------------------------

    def tiles(self, request: Request) -> list[Tile]:
        """Return the tiles that a request is decoded on first."""
        segmenter = self.segmenter(request.image, request.model)
        return segmenter.first_tiles(request.prompt, request.options)

    def warm_up(self, request: Request, check: Callable[[], None]) -> None:
        """Load the model, and encode the tiles of a request in the background.

        Parameters
        ----------
        request : Request
        check : callable
            Raises if the work was cancelled.
        """
        wanted = [(request.plane, tile) for tile in self.tiles(request)]
        check()
        self._encode_soon(request, wanted)

    def encode_around(
        self,
        request: Request,
        check: Callable[[], None],
        slices: Sequence[tuple[int, ...]] = (),
    ) -> None:
        """Encode the tiles in the background that are likely to be needed next.

        Those of the request itself, then the same place on the slices that are
        likely to be next, then the neighbouring tiles.

        Parameters
        ----------
        request, check
            As for `warm_up`.
        slices : sequence of tuple of int
            Planes, the likeliest first.
        """
        segmenter = self.segmenter(request.image, request.model)
        tiles = self.tiles(request)
        wanted = [(p, tile) for p in (request.plane, *slices) for tile in tiles]
        for tile in tiles:
            if tile.address is None:
                continue
            for down, right in _RING:
                beside = segmenter.grid.neighbour(tile, down, right)
                if beside is not None:
                    wanted.append((request.plane, beside))
        check()
        self._encode_soon(request, wanted)

    def _encode_soon(
        self, request: Request, wanted: list[tuple[tuple[int, ...], Tile]]
    ) -> None:
        prefetcher = self._cached(request.image, request.model).prefetcher
        for plane, tile in wanted:
            prefetcher.submit(plane, tile)

    def cancel_prefetch(self) -> None:
        """Cancel the tiles waiting in the background; from any thread."""
        for kept in [*self._kept.values()]:
            kept.prefetcher.cancel()


_RING = ((0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))
