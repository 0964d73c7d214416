"""The memory cache keeps to its budget and forgets the least recently used."""

import pytest
import torch

from napari_hqsam.embeddings import TileCache, tile_bytes
from napari_hqsam.network import TileFeatures


def tile(kilobytes=1):
    return TileFeatures(torch.zeros(kilobytes * 256), torch.zeros(0), torch.zeros(0))


def fail():
    pytest.fail("made again")


def test_a_kept_tile_is_not_made_again():
    cache = TileCache()
    first = cache.get("a", tile)
    assert cache.get("a", fail) is first


def test_the_least_recently_used_goes_first():
    cache = TileCache(max_bytes=3 * tile_bytes(tile()))
    for key in "abc":
        cache.get(key, tile)
    cache.get("a", fail)
    cache.get("d", tile)
    assert len(cache) == 3
    assert cache.bytes <= cache.max_bytes
    cache.get("a", fail)
    with pytest.raises(pytest.fail.Exception):
        cache.get("b", fail)


def test_a_tile_over_the_budget_still_serves():
    cache = TileCache(max_bytes=10)
    big = cache.get("big", lambda: tile(100))
    assert cache.get("big", fail) is big
    cache.clear()
    assert cache.bytes == 0
