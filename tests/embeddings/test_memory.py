"""The memory cache keeps to its budget and forgets the least recently used."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from napari_hqsam.embeddings import TileCache, tile_bytes
from napari_hqsam.embeddings.memory import SingleFlight
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


def at_once(count, work):
    """Results of so many threads that begin together."""
    barrier = threading.Barrier(count)

    def run(i):
        barrier.wait()
        return work(i)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def test_threads_that_want_one_tile_share_the_making_of_it():
    cache = TileCache()
    begun, go_on = [], threading.Event()

    def make():
        begun.append(1)
        go_on.wait(5)
        return tile()

    def work(i):
        if i == 0:
            time.sleep(0.05)
            go_on.set()
        return cache.get("a", make)

    tiles = at_once(4, work)
    assert len(begun) == 1
    assert all(t is tiles[0] for t in tiles)


def test_two_tiles_are_made_side_by_side():
    flights = SingleFlight()
    both = threading.Barrier(2, timeout=5)  # breaks if one waits for the other
    assert at_once(2, lambda i: flights.do(i, lambda: both.wait() >= 0)) == [True] * 2


def test_who_waited_for_a_maker_that_failed_makes_it_himself():
    flights = SingleFlight()
    begun, fail = threading.Event(), threading.Event()

    def make_badly():
        begun.set()
        fail.wait(5)
        raise OSError("the first fails")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(flights.do, "a", make_badly)
        begun.wait(5)
        second = pool.submit(flights.do, "a", lambda: "made")
        time.sleep(0.05)  # for the second to wait; the outcome is the same if not
        fail.set()
        assert second.result(5) == "made"
        with pytest.raises(OSError, match="the first"):
            first.result(5)
    assert flights.do("a", lambda: "again") == "again"
