"""Properties of the network that hold for any weights."""

import pytest
import torch

from napari_hqsam.errors import CheckpointError
from napari_hqsam.network import (
    build_network,
    combine,
    expected_shapes,
    find_variant,
    pack_tokens,
    upsample_logits,
)

SIZE = 128


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    net = build_network("vit_tiny", input_size=SIZE).eval()
    for module in net.modules():  # batch norms that do something
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    return net


@pytest.fixture(scope="module")
def tile(network):
    torch.manual_seed(1)
    with torch.inference_mode():
        return network.prepare(*network.encode(torch.randn(1, 3, SIZE, SIZE)))


def mixed_prompts():
    torch.manual_seed(2)
    points = [torch.rand(n, 2) * SIZE for n in (1, 4, 0, 2, 0)]
    labels = [torch.randint(0, 2, (len(p),)) for p in points]
    box = torch.tensor([10.0, 20.0, 70.0, 90.0])
    boxes = [None, None, box, box + 5, None]
    mask = torch.randn(SIZE // 4, SIZE // 4)
    return points, labels, boxes, [None, mask, None, None, mask]


def test_a_batch_of_unequal_prompts_equals_one_at_a_time(network, tile):
    parts = mixed_prompts()
    with torch.inference_mode():
        batch = network.decode(tile, pack_tokens(*parts))
        for i in range(5):
            alone = network.decode(tile, pack_tokens(*([p[i]] for p in parts)))
            for a, b in zip(batch, alone, strict=True):
                torch.testing.assert_close(a[i : i + 1], b, atol=1e-4, rtol=1e-4)


def test_one_tile_per_prompt_equals_one_tile_for_all(network, tile):
    tokens = pack_tokens(*mixed_prompts())
    repeated = type(tile)(*(t.repeat_interleave(5, 0) for t in tile))
    with torch.inference_mode():
        shared, own = network.decode(tile, tokens), network.decode(repeated, tokens)
    torch.testing.assert_close(shared.hq, own.hq, atol=1e-4, rtol=1e-4)


def test_selecting_rows_drops_only_filling(network, tile):
    tokens = pack_tokens(*mixed_prompts())
    with torch.inference_mode():
        whole = network.decode(tile, tokens)
        part = network.decode(tile, tokens.select(slice(2, 4)))
    assert tokens.select(slice(2, 3)).labels.shape[1] == 2 < tokens.labels.shape[1]
    torch.testing.assert_close(whole.sam[2:4], part.sam, atol=1e-4, rtol=1e-4)


def test_the_inference_form_gives_the_same_values(network):
    torch.manual_seed(3)
    x = torch.randn(2, 3, SIZE, SIZE)
    fast = build_network("vit_tiny", input_size=SIZE)
    fast.load(network.state_dict())
    with torch.inference_mode():
        for a, b in zip(network.encode(x), fast.optimize().encode(x), strict=True):
            torch.testing.assert_close(a, b, atol=2e-5, rtol=1e-4)


def test_the_inference_form_moves_to_another_device(network):
    """All of it: what stayed behind would fail on every GPU."""
    fast = build_network("vit_tiny", input_size=448)
    fast.load(network.state_dict())
    fast.optimize().to("meta")
    features, early = fast.encode(torch.zeros(1, 3, 448, 448, device="meta"))
    assert features.device.type == early.device.type == "meta"


@pytest.mark.parametrize("size", [512, 1024])
def test_tiny_vit_takes_any_input_size(network, size):
    with torch.inference_mode():
        features, early = network.encode(torch.zeros(1, 3, size, size))
    assert features.shape == (1, 256, size // 16, size // 16)
    assert early.shape == (1, size // 16, size // 16, 160)


def test_vit_position_tables_are_interpolated():
    torch.manual_seed(0)
    with torch.device("meta"):
        small = build_network("vit_b", input_size=512)
    encoder = small.image_encoder.to_empty(device="cpu").eval()
    for p in encoder.parameters():
        torch.nn.init.normal_(p, std=0.02)
    ramp = torch.linspace(0, 1, 64).reshape(1, 1, 64, 1).expand_as(encoder.pos_embed)
    encoder.pos_embed.data = ramp.contiguous()
    with torch.inference_mode():
        table = encoder._positions(32, 32)
        features, _ = encoder(torch.zeros(1, 3, 512, 512))
    # the middle of every pair of the 64 columns, as a linear ramp must give
    pairs = ramp[0, 0, :, 0].reshape(32, 2).mean(1)
    torch.testing.assert_close(table[0, 5, 2:-2, 0], pairs[2:-2], atol=1e-4, rtol=0)
    assert features.shape == (1, 256, 32, 32)


@pytest.mark.parametrize("size", [0, 100, 1000])
def test_an_input_size_that_does_not_fit_is_refused(size):
    with pytest.raises(ValueError, match="multiple of 64"):
        build_network("vit_tiny", input_size=size)


def test_combining_outputs(network, tile):
    with torch.inference_mode():
        out = network.decode(tile, pack_tokens(*mixed_prompts()))
        plain = network.decode(tile, pack_tokens(*mixed_prompts()), hq=False)
    assert plain.hq is None
    torch.testing.assert_close(combine(out, "sam"), combine(plain, "sam"))
    torch.testing.assert_close(combine(out, "sam+hq"), out.sam + out.hq)
    torch.testing.assert_close(combine(out, "hq")[:, 3:], out.hq)
    with pytest.raises(ValueError, match="hq=True"):
        combine(plain, "hq")


def test_wrong_keys_are_refused_by_name(network):
    state = network.state_dict()
    state.pop("mask_decoder.hf_token.weight")
    state["mask_decoder.extra"] = torch.zeros(1)
    state["mask_decoder.iou_token.weight"] = torch.zeros(2, 256)
    with pytest.raises(CheckpointError) as caught:
        build_network("vit_tiny").load(state)
    text = str(caught.value)
    assert "1 missing (mask_decoder.hf_token.weight)" in text
    assert "1 surplus (mask_decoder.extra)" in text
    assert "mask_decoder.iou_token.weight (2, 256) instead of (1, 256)" in text


def test_the_variant_is_found_from_the_shapes():
    for variant in ("vit_tiny", "vit_b", "vit_l", "vit_h"):
        assert find_variant(expected_shapes(variant)) == variant
    with pytest.raises(CheckpointError, match="no known image encoder"):
        find_variant({"backbone.weight": (3, 3)})


def test_rendering_draws_where_the_prompt_is():
    net = build_network("vit_tiny", input_size=SIZE, render_prompts=True)
    from napari_hqsam.network.prompt_encoder import render

    tokens = pack_tokens(
        [torch.tensor([[40.0, 80.0], [90.0, 20.0]]), torch.zeros(0, 2)],
        [torch.tensor([1, 0]), torch.zeros(0)],
        [None, torch.tensor([16.0, 32.0, 64.0, 96.0])],
    )
    drawn = render(tokens, SIZE // 4)[:, 0]
    assert drawn[0, 20, 10] > 3 > 0.1 > abs(drawn[0, 2, 2])
    assert drawn[0, 5, 22] < -3
    inside = drawn[1] > 2
    assert inside[9:23, 5:15].all()
    assert inside.sum() <= 17 * 13
    empty = pack_tokens([torch.zeros(0, 2)], [torch.zeros(0)], [None])
    assert net.prompt_encoder.dense(empty, SIZE // 16).shape == (1, 1, 1, 256)


def test_upsampling_keeps_places():
    """A block of the low-resolution map comes out where it belongs, at any scale."""
    logits = torch.full((1, 1, 32, 32), -5.0)
    logits[..., 8:16, 4:12] = 5.0
    mask = upsample_logits(logits, 128, (128, 64), (256, 128))[0, 0] > 0
    rows, cols = mask.any(1).nonzero()[:, 0], mask.any(0).nonzero()[:, 0]
    assert (rows[0], rows[-1]) == (64, 127)
    assert (cols[0], cols[-1]) == (32, 95)
