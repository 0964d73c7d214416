"""Make the golden values of plain SAM's mask decoder from its PyPI package.

Run once, when the cases or the seeded weights change::

    pip install --no-deps segment-anything==1.0
    python -m tests.parity.make_golden_sam

It writes ``golden_sam.npz``: for each kind of prompt, a sample of the four masks of
the decoder, SAM's single mask first, and their predicted IoU. Encoders are those of
`make_golden`; the decoder's input is drawn here. Keys and shapes of the whole network
(ViT-B) must be those of HQ-SAM less its HQ modules.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from tests.parity import reference_standins
from tests.parity.cases import prompts, sam_features, sample
from tests.parity.seeded import seeded_state_dict

HERE = Path(__file__).resolve().parent
STRIDE = 499


@torch.inference_mode()
def main() -> None:
    """Write the golden values."""
    reference_standins.install()
    from segment_anything import sam_model_registry

    from napari_hqsam.network import HQ_MODULES

    network = sam_model_registry["vit_b"]()
    shapes = {k: tuple(v.shape) for k, v in network.state_dict().items()}
    hq = tuple(f"mask_decoder.{module}." for module in HQ_MODULES)
    both = json.loads((HERE / "keys.json").read_text())["vit_b"]
    assert shapes == {k: tuple(v) for k, v in both.items() if not k.startswith(hq)}
    network.load_state_dict(seeded_state_dict(shapes))
    encoder, arrays = network.prompt_encoder.eval(), {}
    for kind, asked in prompts().items():
        points = None if asked.points is None else (asked.points, asked.labels)
        sparse, dense = encoder(points, asked.boxes, asked.masks)
        masks, iou = network.mask_decoder.eval().predict_masks(
            image_embeddings=sam_features(),
            image_pe=encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
        )
        arrays[f"{kind}/masks"] = sample(masks, STRIDE)
        arrays[f"{kind}/iou"] = iou.numpy()
        print(kind, tuple(masks.shape), float(masks.abs().max()))
    np.savez_compressed(HERE / "golden_sam.npz", stride=STRIDE, **arrays)


if __name__ == "__main__":
    main()
