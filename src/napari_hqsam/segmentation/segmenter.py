"""Segment objects of an image from prompts: the heart of the package."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, get_args

import numpy as np
import torch

from napari_hqsam.embeddings import TileCache, encode_tile
from napari_hqsam.errors import HqsamWarning, PromptError
from napari_hqsam.images import Image, normalization, open_image
from napari_hqsam.network import Output, combine, upsample_logits
from napari_hqsam.segmentation.cleaning import clean_mask
from napari_hqsam.segmentation.encode_prompts import tokens_on_tile
from napari_hqsam.segmentation.mask import Mask
from napari_hqsam.tiling import fit_plane

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from napari_hqsam.images import Normalization, NormalizationSpec
    from napari_hqsam.models import Model
    from napari_hqsam.network import TileFeatures
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.tiling import Tile

CPU_BATCH, GPU_BATCH = 1, 64
"""Prompts in one decoder batch; on a CPU the maps of one fill the caches."""
STABILITY_OFFSET = 1.0
COARSE = 4
"""Planes shown smaller than one to this lose small objects: worth a warning."""


class Segmenter:
    """Prompts in, masks out, on the planes of one image.

    Parameters
    ----------
    image : Image or array-like
        As `open_image` takes or gives it.
    model : Model
        From `load_model`.
    normalization : {"percentile", "none"} or (low, high) or one pair a channel
        How pixel values become the 8-bit RGB that the network sees; one for all
        planes. See `images.normalization`.
    """

    def __init__(
        self,
        image: Image | object,
        model: Model,
        *,
        normalization: NormalizationSpec = "percentile",
    ) -> None:
        self.image = image if isinstance(image, Image) else open_image(image)
        self.model = model
        self.cache = TileCache()
        self._spec = normalization
        self._normalization: Normalization | None = None

    @property
    def normalization(self) -> Normalization:
        """The one normalisation of the image, computed when first needed."""
        if self._normalization is None:
            self._normalization = normalization(self.image, self._spec)
        return self._normalization

    def segment(
        self,
        prompt: Prompt,
        *,
        plane: int | Sequence[int] | None = None,
        output: Output = "sam+hq",
        clean: bool = True,
    ) -> Mask:
        """Segment one object.

        Parameters
        ----------
        prompt : Prompt
            Points, box, mask, or any mix of them.
        plane : tuple of int, optional
            Index over the leading axes; by default the prompt's own, or () for
            an image of one plane.
        output : {"sam+hq", "sam", "hq"}
            SAM's mask plus the HQ logits (as in the HQ-SAM paper), SAM's mask
            alone, or the HQ mask alone.
        clean : bool
            Drop specks and fill pinholes.

        Raises
        ------
        PromptError
            The prompt does not lie on the plane.
        ImageError
            There is no such plane, or it cannot be read.
        """
        return self.segment_many([prompt], plane=plane, output=output, clean=clean)[0]

    def segment_many(
        self,
        prompts: Sequence[Prompt],
        *,
        plane: int | Sequence[int] | None = None,
        output: Output = "sam+hq",
        clean: bool = True,
    ) -> list[Mask]:
        """Segment one object for each prompt, all on one plane.

        Parameters and errors as in `segment`; nothing is computed if any of the
        prompts is wrong.
        """
        return [m[0] for m in self._masks(prompts, plane, output, [0], clean=clean)]

    def candidates(
        self,
        prompt: Prompt,
        *,
        plane: int | Sequence[int] | None = None,
        output: Output = "sam+hq",
        clean: bool = True,
    ) -> list[Mask]:
        """SAM's three candidates for a prompt, best score first.

        A click is ambiguous (part, object, group); these are SAM's three
        readings, each with the HQ logits added unless `output` is "sam".
        Parameters and errors as in `segment`; "hq" knows only one mask, which
        is returned alone.
        """
        which = [0] if output == "hq" else [1, 2, 3]
        (masks,) = self._masks([prompt], plane, output, which, clean=clean)
        return sorted(masks, key=lambda m: -m.score)

    def prepare(self, plane: Sequence[int] = ()) -> None:
        """Encode a plane now, so that the first prompt on it need not wait."""
        tile = fit_plane(self.image.plane_shape, self.model.input_size)
        self._features(tuple(plane), tile)
        wait_for(self.model.device)

    # --- how -------------------------------------------------------------

    def _masks(
        self,
        prompts: Sequence[Prompt],
        plane: int | Sequence[int] | None,
        output: Output,
        which: list[int],
        *,
        clean: bool,
    ) -> list[list[Mask]]:
        """Masks of the chosen decoder outputs, prompt by prompt."""
        if output not in get_args(Output):
            known = ", ".join(map(repr, get_args(Output)))
            raise PromptError(f"output {output!r} is unknown; use one of {known}")
        if not prompts:
            return []
        index = self._plane(prompts, plane)
        prompts = [p.clip_to(self.image.plane_shape) for p in prompts]
        tile = fit_plane(self.image.plane_shape, self.model.input_size)
        features = self._features(index, tile)
        masks: list[list[Mask]] = []
        for logits, scores in self._decode(features, tile, prompts, output, which):
            prompt = prompts[len(masks)]
            masks.append(
                [
                    finish(x, float(s), tile, prompt, clean=clean)
                    for x, s in zip(logits, scores, strict=True)
                ]
            )
        return masks

    def _plane(
        self, prompts: Sequence[Prompt], plane: int | Sequence[int] | None
    ) -> tuple[int, ...]:
        """Which plane is meant: the one given, or that of the prompts."""
        meant = {p.plane for p in prompts if p.plane is not None}
        if plane is not None:
            meant.add((plane,) if isinstance(plane, int) else tuple(plane))
        if len(meant) > 1:
            raise PromptError(
                f"prompts of {len(meant)} planes ({sorted(meant)[:4]}) in one call; "
                "segment plane by plane"
            )
        return meant.pop() if meant else ()

    def _features(self, index: tuple[int, ...], tile: Tile) -> TileFeatures:
        def make() -> TileFeatures:
            if min(tile.scale) < 1 / COARSE:
                warnings.warn(
                    f"the plane of {tile.shape[0]} x {tile.shape[1]} pixels is seen "
                    f"{1 / min(tile.scale):.0f} times smaller: objects of a few "
                    "pixels are lost; crop the region of interest",
                    HqsamWarning,
                    stacklevel=2,
                )
            pixels = self.image.read_plane(index, tile.region)
            return encode_tile(self.model, self.normalization.to_rgb8(pixels), tile)

        return self.cache.get((index, tile), make)

    @torch.inference_mode()
    def _decode(
        self,
        features: TileFeatures,
        tile: Tile,
        prompts: Sequence[Prompt],
        output: Output,
        which: list[int],
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Low-resolution logits (len(which), S/4, S/4) and scores per prompt."""
        tokens = tokens_on_tile(prompts, tile)
        device = self.model.device
        step = CPU_BATCH if device.type == "cpu" else GPU_BATCH
        for i in range(0, len(prompts), step):
            batch = tokens.select(slice(i, i + step)).to(device)
            decoded = self.model.network.decode(features, batch, hq=output != "sam")
            logits = combine(decoded, output)[:, which].float().cpu()
            yield from zip(logits, decoded.iou[:, which].float().cpu(), strict=True)


def finish(
    logits: Tensor, score: float, tile: Tile, prompt: Prompt, *, clean: bool
) -> Mask:
    """Low-resolution logits (S/4, S/4) of one mask to the mask on the plane."""
    full = upsample_logits(
        logits[None, None], tile.size, tile.resized_shape, tile.shape
    )
    plane = (full[0, 0] > 0).numpy()
    if clean:
        on = [
            p
            for p, label in zip(prompt.points, prompt.point_labels, strict=True)
            if label
        ]
        plane = clean_mask(plane, np.array(on).reshape(-1, 2) - (tile.y0, tile.x0))
    h, w = (-(-side // 4) for side in tile.resized_shape)  # without the padding
    return Mask.from_plane(plane, score, stability_score(logits[:h, :w]))


def wait_for(device: torch.device) -> None:
    """Wait until a GPU has done what it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def stability_score(logits: Tensor) -> float:
    """IoU of the masks above +1 and above -1 (reference file ``utils/amg.py``)."""
    inner = int((logits > STABILITY_OFFSET).sum())
    outer = int((logits > -STABILITY_OFFSET).sum())
    return inner / outer if outer else 1.0
