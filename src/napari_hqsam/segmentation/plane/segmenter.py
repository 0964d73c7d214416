"""Segment objects on the planes of an image from prompts."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import torch

from napari_hqsam.embeddings import TileSource
from napari_hqsam.errors import PromptError
from napari_hqsam.images import Image, normalization, open_image
from napari_hqsam.segmentation.options import SegmentOptions
from napari_hqsam.segmentation.plane.decoding import PlaneDecoder, decode_by_tile, place
from napari_hqsam.segmentation.plane.levels import (
    levels_to_try,
    look_again,
    tile_for,
)
from napari_hqsam.segmentation.plane.whole import whole_mask
from napari_hqsam.tiling import Grid, fit_plane

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence
    from typing import Literal, Unpack

    from napari_hqsam.geometry import PlaneIndex
    from napari_hqsam.images import Normalization, NormalizationSpec
    from napari_hqsam.masks.mask import Mask
    from napari_hqsam.models import Model
    from napari_hqsam.network import Output
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.segmentation.options import OptionArgs
    from napari_hqsam.tiling import Tile

MAX_WHOLE = 2**28
"""Pixels of the largest plane that is shown whole in one tile."""
AT_ONCE = 64
"""Prompts whose answers are held at a time."""


class PlaneSegmenter:
    """Prompts in, masks out, on the planes of one image of any size.

    Parameters
    ----------
    image : Image or array-like
        As `open_image` takes or gives it.
    model : Model
        From `load_model`.
    normalization : {"percentile", "none"} or (low, high) or one pair a channel
        How pixel values become the 8-bit RGB that the network sees; one for all
        planes. See `images.normalization`.
    cache : path, False or None
        Folder for the embeddings of tiles; None: the user's cache folder. False:
        in memory alone.
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
        """The one normalisation of the image, computed when first needed."""
        return normalization(self.image, self._spec)

    @cached_property
    def source(self) -> TileSource:
        """Gives the features of tiles: from memory, disk, or the encoder."""
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
            Index of the plane, such as ``{"z": 12}``. Where the image has exactly
            one axis beside y, x and channels, an int or tuple will do. By default the
            prompt's own.
        **options
            As of `SegmentOptions`: ``level``, ``output``, ``clean``,
            ``typical_size``, ``view_extent``.

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
            The object was followed through `following.MAX_TILES` tiles and still
            goes on; the mask is what was found.
        """
        (found,) = self.iter_many([prompt], plane=plane, **options)
        return found[1]

    def segment_many(
        self,
        prompts: Sequence[Prompt],
        *,
        plane: PlaneIndex | None = None,
        **options: Unpack[OptionArgs],
    ) -> list[Mask]:
        """Segment one object for each prompt, all on one plane.

        Parameters and errors as in `segment`; nothing is computed if any of the
        prompts is wrong.
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
        """Yield (number of the prompt, mask), prompts of one tile together.

        As `segment_many`, but only a few masks are held at a time.
        """
        how = SegmentOptions(**options)
        for i, masks in self._each(prompts, plane, how, [(how.output, 0)]):
            yield i, masks[0]

    def candidates(
        self,
        prompt: Prompt,
        *,
        plane: PlaneIndex | None = None,
        **options: Unpack[OptionArgs],
    ) -> list[Mask]:
        """SAM's three candidates for a prompt, best score first.

        A click is ambiguous (part, object, group); these are SAM's three
        readings, each with the HQ logits added unless `output` is "sam".
        Parameters and errors as in `segment`; "hq" knows only one mask, which
        is returned alone.
        """
        how = SegmentOptions(**options)
        numbers = [0] if how.output == "hq" else [1, 2, 3]
        wanted = [(how.output, i) for i in numbers]
        ((_, masks),) = self._each([prompt], plane, how, wanted)
        return sorted(masks, key=lambda m: -m.score)

    def outputs(
        self,
        prompt: Prompt,
        *,
        plane: PlaneIndex | None = None,
        **options: Unpack[OptionArgs],
    ) -> dict[Output, Mask]:
        """Give the masks of all three outputs, from one decoding.

        Parameters and errors as in `segment`. The level is that of "sam+hq".
        """
        names: tuple[Output, ...] = ("sam+hq", "sam", "hq")
        how, wanted = SegmentOptions(**options), [(name, 0) for name in names]
        ((_, masks),) = self._each([prompt], plane, how, wanted)
        return dict(zip(names, masks, strict=True))

    def prepare(
        self,
        prompts: Sequence[Prompt],
        *,
        plane: PlaneIndex | None = None,
        **options: Unpack[OptionArgs],
    ) -> int:
        """Encode the tiles on which prompts are looked at first.

        So that they need not wait later. Parameters and errors as in `segment`.

        Returns
        -------
        int
            Number of these tiles.
        """
        how = SegmentOptions(**options)
        index, on_plane = self._checked(prompts, plane, how)
        tiles = {t for p in on_plane for t in self.first_tiles(p, how)}
        for tile in sorted(tiles, key=place):
            self.source.features(index, tile)
        wait_for(self.model.device)
        return len(tiles)

    # --- how -------------------------------------------------------------

    def _each(
        self,
        prompts: Sequence[Prompt],
        plane: PlaneIndex | None,
        how: SegmentOptions,
        wanted: Sequence[tuple[Output, int]],
    ) -> Iterator[tuple[int, list[Mask]]]:
        """Yield the number of each prompt and the masks wanted of it, tile by tile."""
        if not prompts:
            return
        index, on_plane = self._checked(prompts, plane, how)
        decoder = PlaneDecoder(self.source, self.model, self.grid, index)
        looks = {i: self.first_tiles(p, how) for i, p in enumerate(on_plane)}
        # neighbours one after another: their tiles are still in memory
        order = sorted(looks, key=lambda i: place(looks[i][-1]))
        hq = any(output != "sam" for output, _ in wanted)
        for start in range(0, len(order), AT_ONCE):
            chosen = order[start : start + AT_ONCE]
            here = {i: on_plane[i] for i in chosen}
            answers = decode_by_tile(decoder, here, looks, hq=hq)
            if how.level == "auto":
                second = look_again(
                    self.grid,
                    here,
                    answers,
                    *wanted[0],
                    self.model.tuning,
                    how.view_extent,
                )
                unseen = {
                    i: [tile]
                    for i, tile in second.items()
                    if all(tile != answer.tile for answer in answers[i])
                }
                more = decode_by_tile(decoder, here, unseen, hq=hq)
                for i, tile in second.items():
                    answers[i] = [a for a in answers[i] + more[i] if a.tile == tile]
            for i in chosen:
                best = max(answers[i], key=lambda a: a.scores[wanted[0][1]])
                masks = [
                    whole_mask(decoder, on_plane[i], best, *each, clean=how.clean)
                    for each in wanted
                ]
                yield i, masks

    def _checked(
        self,
        prompts: Sequence[Prompt],
        plane: PlaneIndex | None,
        how: SegmentOptions,
    ) -> tuple[tuple[int, ...], list[Prompt]]:
        """Plane and clipped prompts; raise unless all that was given is right."""
        h, w = self.image.plane_shape
        if how.level == "whole" and h * w > MAX_WHOLE:
            raise PromptError(
                f'level "whole" would read all of the {h} x {w} pixels at once, more '
                f'than {MAX_WHOLE}; use "auto" or an int'
            )
        return self._plane(prompts, plane), [p.clip_to((h, w)) for p in prompts]

    def first_tiles(self, prompt: Prompt, how: SegmentOptions) -> list[Tile]:
        """Return the tiles on which a prompt is looked at first, the finest first."""
        if how.level == "whole":
            return [fit_plane(self.image.plane_shape, self.model.input_size)]
        levels = (
            levels_to_try(
                prompt, self.grid, self.model.tuning, how.typical_size, how.view_extent
            )
            if how.level == "auto"
            else [self.grid.clip(how.level)]
        )
        return [tile_for(prompt, self.grid, k) for k in levels]

    def _plane(
        self, prompts: Sequence[Prompt], plane: PlaneIndex | None
    ) -> tuple[int, ...]:
        """Which plane is meant: the one given, or that of the prompts."""
        meant = {self.image.position(p.plane) for p in prompts if p.plane is not None}
        if plane is not None:
            meant.add(self.image.position(plane))
        if len(meant) > 1:
            raise PromptError(
                f"prompts of {len(meant)} planes ({sorted(meant)[:4]}) in one call; "
                "segment plane by plane"
            )
        return meant.pop() if meant else ()


def wait_for(device: torch.device) -> None:
    """Wait until a GPU has done what it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
