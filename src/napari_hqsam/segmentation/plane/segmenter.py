"""Segment objects on the planes of an image from prompts."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, get_args

import numpy as np
import torch

from napari_hqsam.embeddings import TileSource
from napari_hqsam.errors import PromptError
from napari_hqsam.images import Image, normalization, open_image
from napari_hqsam.network import Output
from napari_hqsam.segmentation.plane.decoding import PlaneDecoder, decode_by_tile, place
from napari_hqsam.segmentation.plane.levels import (
    Level,
    check_level,
    levels_to_try,
    look_again,
    tile_for,
)
from napari_hqsam.segmentation.plane.whole import whole_mask
from napari_hqsam.tiling import Grid, fit_plane

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence
    from typing import Literal

    from napari_hqsam.images import Normalization, NormalizationSpec
    from napari_hqsam.masks.mask import Mask
    from napari_hqsam.models import Model
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.tiling import Tile

MAX_WHOLE = 2**28
"""Pixels of the largest plane that is shown whole in one tile."""
AT_ONCE = 64
"""Prompts whose answers are held at a time."""


class _Scale(NamedTuple):
    """What tells the level, as in `Segmenter.segment`."""

    level: Level
    typical_size: float | None = None
    view_extent: float | None = None


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
        plane: int | Sequence[int] | None = None,
        level: Level = "auto",
        output: Output = "sam+hq",
        clean: bool = True,
        typical_size: float | None = None,
        view_extent: float | None = None,
    ) -> Mask:
        """Segment one object.

        Parameters
        ----------
        prompt : Prompt
            Points, box, mask, or any mix of them.
        plane : tuple of int, optional
            Index over the leading axes; by default the prompt's own, or () for
            an image of one plane.
        level : {"auto", "whole"} or int
            The scale at which the network looks: a network pixel covers 2^level
            image pixels; a number beyond those that make sense is clipped to them
            (-3 to the level at which the plane fits in one tile). "auto" goes by
            the size of the box or mask, else by `typical_size`, else by what a
            first look at a few levels finds (see `models.Tuning`).
            "whole" shows the whole plane in one tile, as SAM's own predictor.
        output : {"sam+hq", "sam", "hq"}
            SAM's mask plus the HQ logits (as in the HQ-SAM paper), SAM's mask
            alone, or the HQ mask alone.
        clean : bool
            Drop specks and fill pinholes; after clicks alone, also parts that
            none of them is on. What negative clicks lie on is cut out.
        typical_size : float, optional
            Longer side of an object such as this, pixels: of those accepted so far.
        view_extent : float, optional
            Longer side of what the user sees of the plane, pixels. Where nothing else
            tells the size of what is clicked on, sizes that are usual in such a view
            are preferred; see `levels.size_prior`.

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
        (found,) = self.iter_many(
            [prompt],
            plane=plane,
            level=level,
            output=output,
            clean=clean,
            typical_size=typical_size,
            view_extent=view_extent,
        )
        return found[1]

    def segment_many(
        self,
        prompts: Sequence[Prompt],
        *,
        plane: int | Sequence[int] | None = None,
        level: Level = "auto",
        output: Output = "sam+hq",
        clean: bool = True,
        typical_size: float | None = None,
        view_extent: float | None = None,
    ) -> list[Mask]:
        """Segment one object for each prompt, all on one plane.

        Parameters and errors as in `segment`; nothing is computed if any of the
        prompts is wrong.
        """
        found = dict(
            self.iter_many(
                prompts,
                plane=plane,
                level=level,
                output=output,
                clean=clean,
                typical_size=typical_size,
                view_extent=view_extent,
            )
        )
        return [found[i] for i in range(len(prompts))]

    def iter_many(
        self,
        prompts: Sequence[Prompt],
        *,
        plane: int | Sequence[int] | None = None,
        level: Level = "auto",
        output: Output = "sam+hq",
        clean: bool = True,
        typical_size: float | None = None,
        view_extent: float | None = None,
    ) -> Iterator[tuple[int, Mask]]:
        """Yield (number of the prompt, mask), prompts of one tile together.

        As `segment_many`, but only a few masks are held at a time.
        """
        wanted: list[tuple[Output, int]] = [(output, 0)]
        for i, masks in self._each(
            prompts,
            plane,
            _Scale(level, typical_size, view_extent),
            wanted,
            clean=clean,
        ):
            yield i, masks[0]

    def candidates(
        self,
        prompt: Prompt,
        *,
        plane: int | Sequence[int] | None = None,
        level: Level = "auto",
        output: Output = "sam+hq",
        clean: bool = True,
        typical_size: float | None = None,
        view_extent: float | None = None,
    ) -> list[Mask]:
        """SAM's three candidates for a prompt, best score first.

        A click is ambiguous (part, object, group); these are SAM's three
        readings, each with the HQ logits added unless `output` is "sam".
        Parameters and errors as in `segment`; "hq" knows only one mask, which
        is returned alone.
        """
        wanted = [(output, i) for i in ([0] if output == "hq" else [1, 2, 3])]
        ((_, masks),) = self._each(
            [prompt],
            plane,
            _Scale(level, typical_size, view_extent),
            wanted,
            clean=clean,
        )
        return sorted(masks, key=lambda m: -m.score)

    def outputs(
        self,
        prompt: Prompt,
        *,
        plane: int | Sequence[int] | None = None,
        level: Level = "auto",
        clean: bool = True,
        typical_size: float | None = None,
        view_extent: float | None = None,
    ) -> dict[Output, Mask]:
        """Give the masks of all three outputs, from one decoding.

        Parameters and errors as in `segment`. The level is that of "sam+hq".
        """
        names: tuple[Output, ...] = ("sam+hq", "sam", "hq")
        ((_, masks),) = self._each(
            [prompt],
            plane,
            _Scale(level, typical_size, view_extent),
            [(name, 0) for name in names],
            clean=clean,
        )
        return dict(zip(names, masks, strict=True))

    def prepare(
        self,
        prompts: Sequence[Prompt],
        *,
        plane: int | Sequence[int] | None = None,
        level: Level = "auto",
        typical_size: float | None = None,
        view_extent: float | None = None,
    ) -> int:
        """Encode the tiles on which prompts are looked at first.

        So that they need not wait later. Parameters and errors as in `segment`.

        Returns
        -------
        int
            Number of these tiles.
        """
        scale = _Scale(level, typical_size, view_extent)
        index, on_plane = self._checked(prompts, plane, scale)
        tiles = {t for p in on_plane for t in self._looks(p, scale)}
        for tile in sorted(tiles, key=place):
            self.source.features(index, tile)
        wait_for(self.model.device)
        return len(tiles)

    # --- how -------------------------------------------------------------

    def _each(
        self,
        prompts: Sequence[Prompt],
        plane: int | Sequence[int] | None,
        scale: _Scale,
        wanted: Sequence[tuple[Output, int]],
        *,
        clean: bool,
    ) -> Iterator[tuple[int, list[Mask]]]:
        """Yield the number of each prompt and its masks, tile by tile."""
        for output, _ in wanted:
            if output not in get_args(Output):
                known = ", ".join(map(repr, get_args(Output)))
                raise PromptError(f"output {output!r} is unknown; use one of {known}")
        if not prompts:
            return
        index, on_plane = self._checked(prompts, plane, scale)
        decoder = PlaneDecoder(self.source, self.model, self.grid, index)
        looks = {i: self._looks(p, scale) for i, p in enumerate(on_plane)}
        # neighbours one after another: their tiles are still in memory
        order = sorted(looks, key=lambda i: place(looks[i][-1]))
        hq = any(output != "sam" for output, _ in wanted)
        for start in range(0, len(order), AT_ONCE):
            chosen = order[start : start + AT_ONCE]
            here = {i: on_plane[i] for i in chosen}
            answers = decode_by_tile(decoder, here, looks, hq=hq)
            if scale.level == "auto":
                second = look_again(
                    self.grid,
                    here,
                    answers,
                    *wanted[0],
                    self.model.tuning,
                    scale.view_extent,
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
                    whole_mask(decoder, on_plane[i], best, *each, clean=clean)
                    for each in wanted
                ]
                yield i, masks

    def _checked(
        self,
        prompts: Sequence[Prompt],
        plane: int | Sequence[int] | None,
        scale: _Scale,
    ) -> tuple[tuple[int, ...], list[Prompt]]:
        """Plane and clipped prompts; raise unless all that was given is right."""
        check_level(scale.level)
        given = ("typical size", scale.typical_size), ("view extent", scale.view_extent)
        for name, size in given:
            if size is not None and not 0 < size < np.inf:
                raise PromptError(f"{name} {size} is no size; give pixels above 0")
        h, w = self.image.plane_shape
        if scale.level == "whole" and h * w > MAX_WHOLE:
            raise PromptError(
                f'level "whole" would read all of the {h} x {w} pixels at once, more '
                f'than {MAX_WHOLE}; use "auto" or an int'
            )
        return self._plane(prompts, plane), [p.clip_to((h, w)) for p in prompts]

    def _looks(self, prompt: Prompt, scale: _Scale) -> list[Tile]:
        """Tiles on which a prompt is looked at, the finest first."""
        if scale.level == "whole":
            return [fit_plane(self.image.plane_shape, self.model.input_size)]
        levels = (
            levels_to_try(
                prompt,
                self.grid,
                self.model.tuning,
                scale.typical_size,
                scale.view_extent,
            )
            if scale.level == "auto"
            else [self.grid.clip(scale.level)]
        )
        return [tile_for(prompt, self.grid, k) for k in levels]

    def _plane(
        self, prompts: Sequence[Prompt], plane: int | Sequence[int] | None
    ) -> tuple[int, ...]:
        """Which plane is meant: the one given, or that of the prompts."""
        meant = {p.plane for p in prompts if p.plane is not None}
        if plane is not None:
            one = isinstance(plane, (int, np.integer))
            meant.add((int(plane),) if one else tuple(map(int, plane)))  # type: ignore[arg-type]
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
