"""Make the golden values of micro-sam's instance decoder from torch-em.

Run once, when the case or the seeded weights change::

    pip install --no-deps torch-em==0.10.9
    python -m tests.parity.make_golden_unetr

It writes ``golden_unetr.npz``: for both kinds of upsampling a sample of the three maps
(after the sigmoid) of a small embedding, and ``keys_unetr.json``, the keys and shapes
of both. The modules are called in the order of micro-sam's `DecoderAdapter`.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import torch

from tests.parity.cases import sam_features, sample
from tests.parity.seeded import seeded_state_dict

HERE = Path(__file__).resolve().parent
KINDS = {"bilinear": False, "transposed": True}
SIDE = 12
"""Of the embedding: the decoder is fully convolutional."""
STRIDE = 53


class Encoder(torch.nn.Module):
    """What the reference asks of an encoder before it makes a decoder."""

    img_size, embed_dim, in_chans = 1024, 256, 3


def load_reference() -> ModuleType:
    """Import torch-em's networks alone: the whole package needs much more."""
    spec = importlib.util.find_spec("torch_em")
    assert spec is not None
    assert spec.submodule_search_locations
    for name, folder in (("torch_em", ""), ("torch_em.model", "model")):
        module = ModuleType(name)
        module.__path__ = [str(Path(spec.submodule_search_locations[0]) / folder)]
        sys.modules[name] = module
    return importlib.import_module("torch_em.model.unetr")


@torch.inference_mode()
def main() -> None:
    """Write the golden values and the keys."""
    reference = load_reference()
    features = sam_features()[..., :SIDE, :SIDE].contiguous()
    arrays, keys = {}, {}
    for kind, transposed in KINDS.items():
        unetr = reference.UNETR(
            backbone="sam",
            encoder=Encoder(),
            out_channels=3,
            use_sam_stats=True,
            final_activation="Sigmoid",
            use_skip_connection=False,
            resize_input=True,
            use_conv_transpose=transposed,
        )
        shapes = {k: tuple(v.shape) for k, v in unetr.state_dict().items()}
        keys[kind] = shapes
        unetr.load_state_dict(seeded_state_dict(shapes))
        unetr.eval()
        deep = []
        x = features
        for step in (unetr.deconv1, unetr.deconv2, unetr.deconv3, unetr.deconv4):
            x = step(x)
            deep.append(x)
        y = unetr.decoder(unetr.base(features), encoder_inputs=deep[:3])
        y = torch.cat([unetr.deconv_out(y), deep[3]], 1)
        maps = unetr.out_conv(unetr.decoder_head(y)).sigmoid()
        arrays[kind] = sample(maps, STRIDE)
        print(kind, len(shapes), tuple(maps.shape), maps.std(dim=(0, 2, 3)))
    np.savez_compressed(HERE / "golden_unetr.npz", side=SIDE, stride=STRIDE, **arrays)
    text = json.dumps(keys, separators=(",", ":"))
    (HERE / "keys_unetr.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
