"""Segment objects on the planes of an image from prompts."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import torch

from napari_hqsam.embeddings import TileSource
from napari_hqsam.errors import PromptError
from napari_hqsam.images import Image, normalization, open_image
from napari_hqsam.segmentation.options import SegmentOptions
from napari_hqsam.segmentation.plane.decoding import (
    PlaneDecoder,
    decode_by_tile,
    tile_order,
)
from napari_hqsam.segmentation.plane.level_search import LevelSearch
from napari_hqsam.segmentation.plane.levels import (
    is_searched,
    levels_to_try,
    tile_for,
)
from napari_hqsam.segmentation.plane.object_mask import object_mask
from napari_hqsam.tiling import Grid, fit_plane

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Literal, Unpack

    from napari_hqsam.geometry import PlaneIndex
    from napari_hqsam.images import Normalization, NormalizationSpec
    from napari_hqsam.masks.mask import Mask
    from napari_hqsam.models import Model
    from napari_hqsam.network import Output
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.segmentation.options import OptionArgs
    from napari_hqsam.segmentation.plane.decoding import TilePrediction
    from napari_hqsam.tiling import Tile

MAX_WHOLE = 2**28
"""Most pixels of a plane for level "whole", which reads it at once."""
AT_ONCE = 64
"""Most prompts whose predictions are in memory at a time."""


class PlaneSegmenter:
    """Segments prompted objects on the planes of one image of any size.

    Parameters
    ----------
    image : Image or array-like
        An `Image`, or what `open_image` accepts.
    model : Model
        From `load_model`.
    normalization : {"percentile", "none"} or (low, high) or one pair per channel
        How pixel values are mapped to the network's 8-bit RGB, the same for all
        planes. See `images.normalization`.
    cache : path, False or None
        Folder for the embeddings of tiles; None: the user's cache folder; False:
        memory only.
    """

    def __init__(
        self,
        image: Image | object,
        model: Model,
        *,
        normalization: NormalizationSpec = "percentile",
        cache: str | os.PathLike[str] | Literal[False] | None = None,
    ) -> None:
        self.image = image if isinstance(image, Image) else open_image(image)
        self.model = model
        self._spec = normalization
        self._cache = cache

    @cached_property
    def normalization(self) -> Normalization:
        """The normalisation of the whole image, computed when first needed."""
        return normalization(self.image, self._spec)

    @cached_property
    def source(self) -> TileSource:
        """Source of tile embeddings: memory, disk, or the encoder."""
        return TileSource(self.image, self.model, self.normalization, cache=self._cache)

    @cached_property
    def grid(self) -> Grid:
        """Tiles of a plane."""
        return Grid(self.image.plane_shape, self.model.input_size)

    def segment(
        self,
        prompt: Prompt,
        *,
        plane: PlaneIndex | None = None,
        **options: Unpack[OptionArgs],
    ) -> Mask:
        """Segment one object.

        Parameters
        ----------
        prompt : Prompt
            Points, box, mask, or any mix of them.
        plane : mapping of str to int, or tuple of int, optional
            Index of the plane, such as ``{"z": 12}``. An int or tuple is accepted
            where the image has exactly one axis besides y, x and channels. By
            default the prompt's own plane.
        **options
            Fields of `SegmentOptions`: ``level``, ``output``, ``clean``,
            ``typical_size``, ``view_extent``.

        Returns
        -------
        Mask
            Bounding box and bool crop in plane pixels, with its scores.

        Raises
        ------
        PromptError
            The prompt does not lie on the plane; level or output is unknown.
        ImageError
            There is no such plane, or it cannot be read; or the mask's box has more
            than 2^31 pixels.

        Warns
        -----
        HqsamWarning
            The object continues beyond `tracing.MAX_TILES` tiles; the mask ends
            there. Or its boundary was not refined on as many tiles.
        """
        (result,) = self.iter_many([prompt], plane=plane, **options)
        return result[1]

    def segment_many(
        self,
        prompts: Sequence[Prompt],
        *,
        plane: PlaneIndex | None = None,
        **options: Unpack[OptionArgs],
    ) -> list[Mask]:
        """Segment one object for each prompt, all on one plane.

        Prompts of one tile are decoded in one batch. Parameters and errors as for
        `segment`; nothing is computed if any of the prompts is invalid.

        Returns
        -------
        list of Mask
            In the order of the prompts.
        """
        found = dict(self.iter_many(prompts, plane=plane, **options))
        return [found[i] for i in range(len(prompts))]

    def iter_many(
        self,
        prompts: Sequence[Prompt],
        *,
        plane: PlaneIndex | None = None,
        **options: Unpack[OptionArgs],
    ) -> Iterator[tuple[int, Mask]]:
        """Yield (index of the prompt, mask), grouped by tile.

        As `segment_many`, in constant memory: the predictions of at most `AT_ONCE`
        prompts are held.
        """
        chosen = SegmentOptions(**options).for_model(self.model)
        for i, masks in self._segment(prompts, plane, chosen, [(chosen.output, 0)]):
            yield i, masks[0]

    def candidates(
        self,
        prompt: Prompt,
        *,
        plane: PlaneIndex | None = None,
        **options: Unpack[OptionArgs],
    ) -> list[Mask]:
        """Return SAM's three candidates for a prompt, best score first.

        A click is ambiguous (part, object, group): SAM proposes a mask for each
        (Kirillov et al. 2023, section 3). The HQ logits are added to each unless
        `output` is "sam"; "hq" has a single mask. Parameters and errors as for
        `segment`.
        """
        chosen = SegmentOptions(**options).for_model(self.model)
        numbers = [0] if chosen.output == "hq" else [1, 2, 3]
        wanted = [(chosen.output, i) for i in numbers]
        ((_, masks),) = self._segment([prompt], plane, chosen, wanted)
        return sorted(masks, key=lambda m: -m.score)

    def outputs(
        self,
        prompt: Prompt,
        *,
        plane: PlaneIndex | None = None,
        **options: Unpack[OptionArgs],
    ) -> dict[Output, Mask]:
        """Return the masks of all outputs of the model, from one run of the decoder.

        Parameters and errors as for `segment`. The level is chosen for the first of
        them, "sam+hq" where there is HQ.
        """
        names = self.model.network.outputs
        chosen, wanted = SegmentOptions(**options), [(name, 0) for name in names]
        ((_, masks),) = self._segment([prompt], plane, chosen, wanted)
        return dict(zip(names, masks, strict=True))

    def prepare(
        self,
        prompts: Sequence[Prompt],
        *,
        plane: PlaneIndex | None = None,
        **options: Unpack[OptionArgs],
    ) -> int:
        """Encode the tiles on which prompts will be decoded first.

        A later `segment` of them runs the decoder only, unless an object needs
        further tiles, or its size is unknown and another level is better. Parameters
        and errors as for `segment`.

        Returns
        -------
        int
            Number of these tiles.
        """
        chosen = SegmentOptions(**options)
        index, on_plane = self._validated(prompts, plane, chosen)
        tiles = {t for p in on_plane for t in self.first_tiles(p, chosen)}
        for tile in sorted(tiles, key=tile_order):
            self.source.features(index, tile)
        synchronize(self.model.device)
        return len(tiles)

    def first_tiles(self, prompt: Prompt, options: SegmentOptions) -> list[Tile]:
        """Return the tiles on which a prompt is decoded first, the finest first."""
        if options.level == "whole":
            return [fit_plane(self.image.plane_shape, self.model.input_size)]
        if options.level != "auto":
            return [tile_for(prompt, self.grid, self.grid.clip(options.level))]
        levels = levels_to_try(
            prompt,
            self.grid,
            self.model.tuning,
            options.typical_size,
            options.view_extent,
        )
        return [tile_for(prompt, self.grid, k) for k in levels]

    def _segment(
        self,
        prompts: Sequence[Prompt],
        plane: PlaneIndex | None,
        options: SegmentOptions,
        wanted: Sequence[tuple[Output, int]],
    ) -> Iterator[tuple[int, list[Mask]]]:
        """Yield the index of each prompt and its masks, one for each of `wanted`."""
        if not prompts:
            return
        index, on_plane = self._validated(prompts, plane, options)
        decoder = PlaneDecoder(self.source, self.model, self.grid, index)
        tiles = {i: self.first_tiles(p, options) for i, p in enumerate(on_plane)}
        # neighbours one after another: their embeddings are still in memory
        order = sorted(tiles, key=lambda i: tile_order(tiles[i][-1]))
        hq = any(output != "sam" for output, _ in wanted)
        for start in range(0, len(order), AT_ONCE):
            chosen = order[start : start + AT_ONCE]
            here = {i: on_plane[i] for i in chosen}
            found = decode_by_tile(decoder, here, tiles, hq=hq)
            best = self._at_best_level(decoder, here, found, wanted[0], options, hq=hq)
            for i in chosen:
                masks = [
                    object_mask(
                        decoder, on_plane[i], best[i], *each, clean=options.clean
                    )
                    for each in wanted
                ]
                yield i, masks

    def _at_best_level(
        self,
        decoder: PlaneDecoder,
        prompts: Mapping[int, Prompt],
        found: dict[int, list[TilePrediction]],
        wanted: tuple[Output, int],
        options: SegmentOptions,
        *,
        hq: bool,
    ) -> dict[int, TilePrediction]:
        """Return the best prediction; where the size is unknown, at more levels."""
        tuning, size = self.model.tuning, options.typical_size
        search = LevelSearch(decoder, *wanted, tuning, options.view_extent)
        if options.level == "auto":
            open_ = {i: p for i, p in prompts.items() if is_searched(p, tuning, size)}
            while tiles := search.further_tiles(open_, found):
                more = decode_by_tile(decoder, prompts, tiles, hq=hq)
                found = {i: [*found[i], *more[i]] for i in found}
        return {i: search.best(prompts[i], each) for i, each in found.items()}

    def _validated(
        self,
        prompts: Sequence[Prompt],
        plane: PlaneIndex | None,
        options: SegmentOptions,
    ) -> tuple[tuple[int, ...], list[Prompt]]:
        """Return the plane's position and the prompts, clipped to the plane."""
        h, w = self.image.plane_shape
        if options.level == "whole" and h * w > MAX_WHOLE:
            raise PromptError(
                f'level "whole" would read all of the {h} x {w} pixels at once, more '
                f'than {MAX_WHOLE}; use "auto" or an int'
            )
        return self._position(prompts, plane), [p.clip_to((h, w)) for p in prompts]

    def _position(
        self, prompts: Sequence[Prompt], plane: PlaneIndex | None
    ) -> tuple[int, ...]:
        """Return the position of the given plane, or else of the prompts' own."""
        meant = {self.image.position(p.plane) for p in prompts if p.plane is not None}
        if plane is not None:
            meant.add(self.image.position(plane))
        if len(meant) > 1:
            raise PromptError(
                f"prompts of {len(meant)} planes ({sorted(meant)[:4]}) in one call; "
                "segment plane by plane"
            )
        return meant.pop() if meant else ()


def synchronize(device: torch.device) -> None:
    """Wait until a GPU has finished its queued work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
