"""micro-sam's instance decoder: keys and values of torch-em."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_hqsam.network.unetr import UnetrDecoder, is_transposed
from tests.parity.cases import sam_features, sample
from tests.parity.seeded import seeded_state_dict

HERE = Path(__file__).parent
KEYS = json.loads((HERE / "keys_unetr.json").read_text())
GOLDEN = np.load(HERE / "golden_unetr.npz")


@pytest.fixture(params=KEYS)
def kind(request):
    return request.param


@pytest.fixture
def decoder(kind):
    return UnetrDecoder(transposed=kind == "transposed").eval()


def maps(decoder):
    side = int(GOLDEN["side"])
    with torch.inference_mode():
        return decoder(sam_features()[..., :side, :side].contiguous()).sigmoid()


def test_keys_and_shapes(decoder, kind):
    own = {k: list(v.shape) for k, v in decoder.state_dict().items()}
    assert own == KEYS[kind]
    assert len(own) == 66
    assert is_transposed(own) == (kind == "transposed")


def test_maps(decoder, kind):
    decoder.load_state_dict(seeded_state_dict(KEYS[kind]))
    found = maps(decoder)
    side = 16 * int(GOLDEN["side"])
    assert found.shape == (1, 3, side, side)
    values = sample(found, int(GOLDEN["stride"]))
    np.testing.assert_allclose(values, GOLDEN[kind], rtol=0, atol=1e-4)


def test_the_golden_values_notice_a_change(decoder, kind):
    decoder.load_state_dict(seeded_state_dict(KEYS[kind]))
    decoder.get_submodule("decoder.blocks.2").get_submodule("block.4").bias.data += 0.1
    values = sample(maps(decoder), int(GOLDEN["stride"]))
    assert np.abs(values - GOLDEN[kind]).max() > 1e-3
