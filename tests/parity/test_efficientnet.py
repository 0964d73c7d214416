"""EfficientNet-Lite0's trunk gives the values of its PyTorch package, in float32.

Golden values: `make_golden_efficientnet.py`, seeded weights.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_hqsam.network import build_network, expected_shapes, find_variant
from napari_hqsam.network.encoders.efficientnet_lite import (
    EfficientNetLite,
    from_imagenet,
)
from napari_hqsam.network.transforms import PIXEL_MEAN, PIXEL_STD
from tests.parity.cases import efficientnet_input, sample
from tests.parity.seeded import seeded_state_dict

HERE = Path(__file__).parent
SIDES, STRIDE, STAGES = (224, 200), 1009, 7


def sam_normalised(levels: torch.Tensor) -> torch.Tensor:
    mean, std = (torch.tensor(v)[:, None, None] for v in (PIXEL_MEAN, PIXEL_STD))
    return (levels - mean) / std


@pytest.fixture(scope="module")
def reference_state():
    keys = json.loads((HERE / "keys_efficientnet_lite0.json").read_text())
    return seeded_state_dict({k: tuple(v) for k, v in keys.items()})


@pytest.fixture(scope="module")
def encoder(reference_state):
    encoder = EfficientNetLite().eval()
    fit = encoder.load_state_dict(from_imagenet(reference_state), strict=False)
    assert not fit.unexpected_keys
    missing = {k for k in fit.missing_keys if "num_batches" not in k}
    assert all(k.startswith(("lateral", "neck")) for k in missing)
    return encoder


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("side", SIDES)
def test_every_stage_is_the_references(encoder, side, fused):
    golden = np.load(HERE / "golden_efficientnet_lite0.npz")
    if fused:
        other = EfficientNetLite()
        other.load_state_dict(encoder.state_dict())
        other.optimize(torch.float32)
        encoder = other.eval()
    with torch.inference_mode():
        outputs = encoder.trunk(sam_normalised(efficientnet_input(side)))
    assert len(outputs) == STAGES
    for i, output in enumerate(outputs):
        assert tuple(output.shape) == tuple(golden[f"{side}/{i}/shape"])
        np.testing.assert_allclose(
            sample(output, STRIDE), golden[f"{side}/{i}"], rtol=0, atol=1e-4
        )


def test_a_missing_weight_is_named(reference_state):
    state = dict(reference_state)
    del state["_blocks.3._bn1.running_var"]
    with pytest.raises(KeyError, match=r"_blocks\.3\._bn1\.running_var"):
        from_imagenet(state)


def test_features_and_early_have_the_shapes_of_an_image_encoder():
    shapes = expected_shapes("efficientnet_lite0")
    assert find_variant(shapes) == "efficientnet_lite0"
    network = build_network("efficientnet_lite0", input_size=128)
    network.load(seeded_state_dict(shapes))
    image = sam_normalised(efficientnet_input(128))
    with torch.inference_mode():
        features, early = network.eval().encode(image)
        assert features.shape == (1, 256, 8, 8)
        assert early.shape == (1, 8, 8, 384)
        again = network.optimize(torch.float32).encode(image)
    torch.testing.assert_close(again[0], features, rtol=0, atol=1e-4)
    torch.testing.assert_close(again[1], early, rtol=0, atol=1e-4)


def test_early_holds_the_stride_4_map_pixel_by_pixel():
    """Cell (0, 0) of the stride 16 grid holds the 4 x 4 block of the stride 4 map."""
    encoder = EfficientNetLite().eval()
    image = sam_normalised(efficientnet_input(64))
    with torch.inference_mode():
        fine = encoder.trunk(image)[1]
        early = encoder(image)[1]
    block = early[0, 0, 1].reshape(24, 4, 4)
    torch.testing.assert_close(block, fine[0, :, :4, 4:8])
