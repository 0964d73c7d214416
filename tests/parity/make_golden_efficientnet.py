"""Make the golden values of EfficientNet-Lite0 from its PyTorch package.

Run once, when the case or the seeded weights change::

    pip install efficientnet-lite-pytorch==0.1.0
    python -m tests.parity.make_golden_efficientnet

It writes ``golden_efficientnet_lite0.npz``: for each side of the input in `SIDES`,
``<side>/<stage>``, a sample of the output of each stage of the trunk, and
``keys_efficientnet_lite0.json``, the reference's keys and shapes, from which the
tests make the same seeded weights.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from efficientnet_lite_pytorch import EfficientNet

from tests.parity.cases import efficientnet_input, sample
from tests.parity.seeded import seeded_state_dict

HERE = Path(__file__).resolve().parent
SIDES = (224, 200)
"""All maps of the first have even sides, some of the second have odd ones."""
LAST_BLOCKS = (0, 2, 4, 7, 10, 14, 15)
"""The last block of each stage."""
STRIDE = 1009


@torch.no_grad()
def stages(network: EfficientNet, image: torch.Tensor) -> list[torch.Tensor]:
    """Run the trunk on grey levels (1, 3, S, S), and keep the stages' outputs."""
    x = network._swish(network._bn0(network._conv_stem((image - 127) / 128)))
    outputs = []
    for i, block in enumerate(network._blocks):
        x = block(x)
        if i in LAST_BLOCKS:
            outputs.append(x)
    return outputs


def main() -> None:
    """Write the golden values and the reference's keys."""
    arrays = {}
    for side in SIDES:
        network = EfficientNet.from_name("efficientnet-lite0", image_size=side).eval()
        shapes = {k: tuple(v.shape) for k, v in network.state_dict().items()}
        network.load_state_dict(seeded_state_dict(shapes))
        for i, output in enumerate(stages(network, efficientnet_input(side))):
            arrays[f"{side}/{i}"] = sample(output, STRIDE)
            arrays[f"{side}/{i}/shape"] = np.array(output.shape)
            print(side, i, tuple(output.shape), float(output.abs().max()))
    np.savez_compressed(HERE / "golden_efficientnet_lite0.npz", **arrays)
    (HERE / "keys_efficientnet_lite0.json").write_text(
        json.dumps(shapes, separators=(",", ":"))
    )


if __name__ == "__main__":
    main()
