"""Embeddings are float16, and that costs no mask."""

import numpy as np
import pytest
import torch

from napari_hqsam.embeddings import TileSource, decode_ready, encode_pixels, encode_tile
from napari_hqsam.images import normalization, open_image, read_rgb8
from napari_hqsam.network import combine, network_input, pack_tokens, upsample_logits
from napari_hqsam.tiling import Grid, fit_plane
from tests.embeddings.tiny_encoder import (
    TinyNetwork,
    noise,
    same,
    tiles_of,
    tiny_model,
    tiny_source,
)


def pixels(size=64):
    return np.random.default_rng(0).integers(0, 255, (size, size, 3), np.uint8)


def test_an_embedding_is_float16_in_plain_order():
    found = encode_pixels(tiny_model(), pixels(), fit_plane((64, 64), 64))
    assert [x.shape for x in found] == [(256, 4, 4), (4, 4, 8)]
    assert all(x.dtype == np.float16 and x.flags.c_contiguous for x in found)
    assert found.nbytes == 2 * (256 * 16 + 16 * 8)


def test_what_float16_cannot_hold_saturates():
    model = tiny_model(network=TinyNetwork(gain=1e6))
    found = encode_pixels(model, pixels(), fit_plane((64, 64), 64))
    assert np.isfinite(found.features).all()
    assert np.abs(found.features).max() == np.finfo(np.float16).max


def test_what_is_decoded_is_always_rounded():
    model, tile = tiny_model(), fit_plane((64, 64), 64)
    ready = encode_tile(model, pixels(), tile)
    assert same(ready, decode_ready(model, encode_pixels(model, pixels(), tile)))
    assert torch.equal(ready.features, ready.features.half().float())


def test_warm_and_cold_tiles_of_the_bundled_model_are_equal_to_the_bit(
    micro, discs, tmp_path
):
    image = open_image(discs[0])
    limits = normalization(image)
    tile = Grid(image.plane_shape, micro.input_size).tile(0, 0, 0)
    cold, warm, without = (
        TileSource(image, micro, limits, cache=cache)
        for cache in (tmp_path, tmp_path, False)
    )
    first = cold.features((), tile)
    assert same(first, warm.features((), tile))
    assert same(first, without.features((), tile))
    assert (cold.encoded, warm.encoded, without.encoded) == (1, 0, 1)


CLICKS = [(50, 60), (60, 160), (140, 80), (100, 120), (10, 10)]  # discs and none


@torch.inference_mode()
def masks(model, features, tile):
    """All four masks of each click, at the plane's resolution."""
    points = [torch.tensor(tile.to_network([c]).tolist()) for c in CLICKS]
    tokens = pack_tokens(points, [torch.ones(1)] * len(points), [None] * len(points))
    logits = combine(model.network.decode(features, tokens), "sam+hq")
    return upsample_logits(logits, tile.size, tile.resized_shape, tile.shape) > 0


@pytest.mark.parametrize("level", [0, -1])
def test_masks_from_float16_agree_with_float32(micro, discs, level):
    image = open_image(discs[0])
    tile = Grid(image.plane_shape, micro.input_size).tile(level, 0, 0)
    shown = read_rgb8(image, normalization(image), (), tile.region, level)
    with torch.inference_mode():
        x = network_input(torch.from_numpy(shown).permute(2, 0, 1), tile.size)
        fresh = micro.network.prepare(*micro.network.encode(x))
    stored = encode_tile(micro, shown, tile)
    assert not same(fresh, stored)
    one, other = masks(micro, fresh, tile), masks(micro, stored, tile)
    assert one[0, 0, 50, 60]
    assert not one[0, 0, 0, 0]
    # Of the masks' pixels, which is stricter than of all.
    assert (one != other).sum() <= 0.001 * one.sum()


def test_no_tile_depends_on_the_layout_the_encoder_chose():
    plain = TinyNetwork()
    laid_out = TinyNetwork()
    encode = plain.encode
    plain.encode = lambda image: tuple(x.contiguous() for x in encode(image))
    sources = [
        tiny_source(False, noise(), model=tiny_model(network=n))
        for n in (plain, laid_out)
    ]
    (tile, *_) = tiles_of(sources[0])
    one, other = (s.features((), tile) for s in sources)
    assert same(one, other)
    assert [x.stride() for x in one] == [x.stride() for x in other]
