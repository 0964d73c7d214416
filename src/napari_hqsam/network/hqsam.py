"""The whole HQ-SAM network: encoder, prompt encoder, decoder, loading of weights.

Tensors in, tensors out; knows nothing of images or files. Key names are those
of the official checkpoints, and a state dict must have exactly these keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_hqsam.errors import CheckpointError
from napari_hqsam.network.encoders import ENCODERS
from napari_hqsam.network.instance_decoder import InstanceDecoder
from napari_hqsam.network.mask_decoder import Decoded, MaskDecoder
from napari_hqsam.network.prompt_encoder import PAD, PromptEncoder, PromptTokens
from napari_hqsam.network.unetr import UnetrDecoder, is_transposed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_hqsam.network.outputs import Output

VARIANTS: tuple[str, ...] = tuple(ENCODERS)
"""Names of the image encoders."""

InstanceKind = Literal["shuffle", "unetr", "unetr_transposed"]
"""Kind of instance decoder: `InstanceDecoder`, or a variant of `UnetrDecoder`."""

MAX_INPUT_SIZE = 4096
"""Largest input side: a larger tile takes gigabytes, and a file may claim any."""

HQ_MODULES = (
    "hf_token",
    "hf_mlp",
    "compress_vit_feat",
    "embedding_encoder",
    "embedding_maskfeature",
)
"""Modules that HQ-SAM adds to SAM's mask decoder."""


INSTANCE = "instance_decoder."
"""Prefix of the keys of an instance decoder."""
NOTHING = torch.empty(0)


class TileFeatures(NamedTuple):
    """Decoder inputs of a tile, computed once for all its prompts.

    Attributes
    ----------
    features : Tensor
        (B, g, g, 256), g = input size / 16.
    hq_features : Tensor
        (B, 4g, 4g, 32); empty without HQ modules.
    image_pe : Tensor
        (1 or B, g, g, 256).
    early : Tensor
        (B, g, g, `early_dim`) if the network has an `InstanceDecoder`, which needs it;
        else empty.
    """

    features: Tensor
    hq_features: Tensor
    image_pe: Tensor
    early: Tensor = NOTHING


class HQSAM(nn.Module):
    """Segment Anything in High Quality.

    Parameters
    ----------
    variant : str
        Image encoder, a key of `ENCODERS`.
    input_size : int
        Side S of the square input, pixels; 64 must divide it.
    render_prompts : bool
        See `PromptEncoder`.
    instance_decoder : {"shuffle", "unetr", "unetr_transposed"}, optional
        Instance decoder to add; official checkpoints have none.
    hq : bool
        Add the HQ modules. Without: plain SAM, whose only output is "sam".
    """

    def __init__(
        self,
        variant: str,
        input_size: int = 1024,
        *,
        render_prompts: bool = False,
        instance_decoder: InstanceKind | None = None,
        hq: bool = True,
    ) -> None:
        super().__init__()
        if not 64 <= input_size <= MAX_INPUT_SIZE or input_size % 64:
            raise ValueError(
                f"input size {input_size} does not fit: give a multiple of 64, up "
                f"to {MAX_INPUT_SIZE}"
            )
        self.variant = variant
        self.image_encoder = ENCODERS[variant].build()
        self.prompt_encoder = PromptEncoder(input_size, render_prompts=render_prompts)
        self.mask_decoder = MaskDecoder(self.image_encoder.early_dim, hq=hq)
        self.instance_decoder: InstanceDecoder | UnetrDecoder | None = None
        if instance_decoder == "shuffle":
            self.instance_decoder = InstanceDecoder(self.image_encoder.early_dim)
        elif instance_decoder is not None:
            transposed = instance_decoder == "unetr_transposed"
            self.instance_decoder = UnetrDecoder(transposed=transposed)

    @property
    def input_size(self) -> int:
        """Side of the square input, pixels."""
        return self.prompt_encoder.input_size

    @property
    def outputs(self) -> tuple[Output, ...]:
        """Available outputs, see `combine`; the first is the default."""
        return ("sam+hq", "sam", "hq") if self.mask_decoder.hq else ("sam",)

    @property
    def dtype(self) -> torch.dtype:
        """Dtype of the weights."""
        return self.mask_decoder.iou_token.weight.dtype

    def encode(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Encode normalised images (B, 3, S, S); see `ImageEncoder.forward`."""
        features, early = self.image_encoder(image.to(self.dtype))
        return features, early

    def prepare(
        self, features: Tensor, early: Tensor, offset: Tensor | None = None
    ) -> TileFeatures:
        """Compute the decoder inputs that all prompts of a tile share.

        Parameters
        ----------
        features, early : Tensor
            From `encode`.
        offset : Tensor, optional
            See `PromptEncoder.dense_positions`.
        """
        features, early = features.to(self.dtype), early.to(self.dtype)
        pe = self.prompt_encoder.dense_positions(features.shape[-1], offset)
        hq = NOTHING
        if self.mask_decoder.hq:
            hq = self.mask_decoder.hq_features(features, early)
        image = features.permute(0, 2, 3, 1).contiguous()
        if not isinstance(self.instance_decoder, InstanceDecoder):
            early = NOTHING
        return TileFeatures(image, hq, pe.to(self.dtype), early)

    def instance_maps(self, tile: TileFeatures) -> Tensor | None:
        """Compute foreground and distances of a tile, in 0..1.

        Returns
        -------
        Tensor or None
            (B, 3, S/4, S/4), see `InstanceDecoder.forward`; None without an instance
            decoder. Full-size maps of a `UnetrDecoder` are downsampled by averaging.
        """
        if self.instance_decoder is None:
            return None
        features = tile.features.permute(0, 3, 1, 2)
        dtype = next(self.instance_decoder.parameters()).dtype
        maps: Tensor = self.instance_decoder(features.to(dtype), tile.early).sigmoid()
        return F.avg_pool2d(maps, maps.shape[-1] // (4 * features.shape[-1]))

    def decode(
        self,
        tile: TileFeatures,
        prompts: PromptTokens,
        *,
        hq: bool = True,
        offset: Tensor | None = None,
    ) -> Decoded:
        """Decode a batch of prompts, all on one tile or each on its own tile.

        Parameters
        ----------
        tile : TileFeatures
            Batch 1 (all prompts on one tile) or the number of prompts.
        prompts : PromptTokens
            On the network's device.
        hq : bool
            Also compute the HQ mask, if the network has HQ modules.
        offset : Tensor, optional
            See `PromptEncoder.dense_positions`.
        """
        encoder = self.prompt_encoder
        return self.mask_decoder(  # type: ignore[no-any-return]
            tile.features,
            tile.image_pe,
            encoder.tokens(prompts, offset),
            prompts.labels == PAD,
            encoder.dense(prompts, tile.features.shape[1]),
            tile.hq_features if hq else None,
        )

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Load weights; every key and shape must fit.

        The official loader ignores what does not fit, which lets a plain SAM
        file load with random HQ modules.

        Raises
        ------
        CheckpointError
            Keys are missing, surplus or of the wrong shape; the message names them.
        """
        check_keys(shapes_of(state), shapes_of(self.state_dict()), self.variant)
        self.load_state_dict(dict(state), strict=True)

    def optimize(self, dtype: torch.dtype = torch.float32) -> HQSAM:
        """Optimise in place for fast inference. Irreversible: no training afterwards.

        Folds batch norms into their convolutions, gathers position biases, lays
        convolutions out channels-last and casts weights to `dtype`, except those of a
        `UnetrDecoder`, which stay in float32: in bfloat16, one value in a hundred
        changed sides of 0.5 (seeded weights), and a CPU saves only a seventh of the
        time.
        """
        self.eval().requires_grad_(False)
        self.image_encoder.optimize(dtype)
        self.prompt_encoder.mask_downscaling.to(dtype)
        self.prompt_encoder.no_mask_embed.to(dtype)
        for decoder in (self.mask_decoder, self.instance_decoder):
            if decoder is not None:
                own = torch.float32 if isinstance(decoder, UnetrDecoder) else dtype
                decoder.to(own, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return self


def combine(decoded: Decoded, output: Output) -> Tensor:
    """Compute logits (B, 4, S/4, S/4) of the single mask and the three candidates.

    ``sam``: SAM's masks; ``sam+hq``: the HQ logits added to each (the paper's
    default); ``hq``: the HQ mask alone, the same for all four.

    Raises
    ------
    ValueError
        The output needs the HQ mask, and it was not decoded.
    """
    if output == "sam":
        return decoded.sam
    if decoded.hq is None:
        raise ValueError(f"output {output!r} needs the HQ mask: decode with hq=True")
    return (
        decoded.sam + decoded.hq
        if output == "sam+hq"
        else decoded.hq.expand(-1, decoded.sam.shape[1], -1, -1)
    )


def build_network(
    variant: str,
    *,
    input_size: int = 1024,
    render_prompts: bool = False,
    instance_decoder: InstanceKind | None = None,
    hq: bool = True,
) -> HQSAM:
    """Build a network with random weights."""
    return HQSAM(
        variant,
        input_size,
        render_prompts=render_prompts,
        instance_decoder=instance_decoder,
        hq=hq,
    )


def find_instance_decoder(state: Mapping[str, object]) -> InstanceKind | None:
    """Infer the kind of instance decoder, if any, from the keys of a state dict."""
    if f"{INSTANCE}out_conv.weight" in state:
        return "unetr_transposed" if is_transposed(state, INSTANCE) else "unetr"
    return "shuffle" if any(key.startswith(INSTANCE) for key in state) else None


def has_hq(state: Mapping[str, object]) -> bool:
    """Whether a state dict holds weights of HQ modules; plain SAM has none."""
    modules = tuple(f"mask_decoder.{module}." for module in HQ_MODULES)
    return any(key.startswith(modules) for key in state)


def expected_shapes(variant: str, *, hq: bool = True) -> dict[str, tuple[int, ...]]:
    """Return keys and shapes of a variant's official checkpoint (HQ-SAM or SAM)."""
    with torch.device("meta"):
        network = HQSAM(variant, hq=hq)
    return shapes_of(network.state_dict())


def shapes_of(state: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """Return keys and shapes of a state dict."""
    return {k: tuple(v.shape) for k, v in state.items()}


def find_variant(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """Infer the variant from the keys and shapes of a state dict.

    Raises
    ------
    CheckpointError
        It holds no HQ-SAM or SAM encoder.
    """
    for variant, encoder in ENCODERS.items():
        if encoder.key in shapes:
            width = (0, *shapes[encoder.key])[-1]
            if encoder.width in (0, width):
                return variant
    raise CheckpointError(
        f"the weights hold no known image encoder ({', '.join(ENCODERS)}): "
        "give a file of HQ-SAM or SAM, or one made by this package"
    )


def check_keys(
    shapes: Mapping[str, tuple[int, ...]],
    expected: Mapping[str, tuple[int, ...]],
    variant: str,
) -> None:
    """Raise CheckpointError unless keys and shapes are exactly those of a variant.

    Raises
    ------
    CheckpointError
        Names the keys that are missing, surplus or of the wrong shape.
    """
    wrong = {
        "missing": sorted(expected.keys() - shapes.keys()),
        "surplus": sorted(shapes.keys() - expected.keys()),
        "misshaped": [
            f"{k} {shapes[k]} instead of {expected[k]}"
            for k in sorted(expected.keys() & shapes.keys())
            if shapes[k] != expected[k]
        ],
    }
    found = [f"{len(v)} {kind} ({_listed(v)})" for kind, v in wrong.items() if v]
    if found:
        raise CheckpointError(
            f"the weights do not fit {variant}: {'; '.join(found)}; "
            "get the file again or give the one that fits"
        )


def _listed(names: list[str], limit: int = 30) -> str:
    more = f", and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
