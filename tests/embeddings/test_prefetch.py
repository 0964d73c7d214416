"""The background: tiles in their order, never before the foreground."""

import threading

import pytest

from napari_hqsam.embeddings import Prefetcher
from napari_hqsam.errors import HqsamWarning
from tests.embeddings.kill_processes import finish, start
from tests.embeddings.tiny_encoder import TinyNetwork, tiles_of, tiny_model, tiny_source


class Gated(TinyNetwork):
    """An encoder that stops at a gate."""

    def __init__(self):
        super().__init__()
        self.begun = threading.Event()
        self.gate = threading.Event()

    def encode(self, image):
        self.begun.set()
        assert self.gate.wait(10)
        return super().encode(image)


@pytest.fixture(autouse=True)
def no_thread_is_left():
    before = threading.active_count()
    yield
    left = [t for t in threading.enumerate() if t.name == "hqsam-tiles"]
    assert not left
    # zarr keeps threads of its own, made on first use
    assert threading.active_count() <= before + 40


@pytest.fixture
def gated():
    """A source without a store, its gate, and the order of its encoding."""
    network = Gated()
    source = tiny_source(False, model=tiny_model(network=network))
    order = []
    source._encode = _recording(source._encode, order)
    return source, network, order


def _recording(encode, order):
    def recorded(pixels, tile):
        order.append(tile)
        return encode(pixels, tile)

    return recorded


def test_tiles_are_made_ready(tmp_path):
    source = tiny_source(tmp_path)
    tiles = tiles_of(source)
    with Prefetcher(source) as prefetcher:
        for tile in tiles:
            prefetcher.submit((), tile)
        assert prefetcher.wait(30)
        assert prefetcher.pending == 0
    assert all(source.in_memory((), tile) for tile in tiles)
    assert source.encoded == len(tiles)


def test_tiles_come_in_the_order_they_were_asked_for(gated):
    source, network, order = gated
    first, second, third, fourth, *_ = tiles_of(source)
    with Prefetcher(source) as prefetcher:
        prefetcher.submit((), first)
        network.begun.wait(10)
        for tile in (third, second, fourth, third):  # the last: keeps its place
            prefetcher.submit((), tile)
        assert prefetcher.pending == 3
        network.gate.set()
        assert prefetcher.wait(30)
    assert order == [first, third, second, fourth]


def test_what_was_not_begun_can_be_cancelled(gated):
    source, network, order = gated
    first, second, third, *_ = tiles_of(source)
    with Prefetcher(source) as prefetcher:
        prefetcher.submit((), first)
        network.begun.wait(10)
        prefetcher.submit((), second)
        assert prefetcher.pending == 1
        prefetcher.cancel()
        assert prefetcher.pending == 0
        prefetcher.submit((), third)
        network.gate.set()
        assert prefetcher.wait(30)
        assert order == [first, third]
        network.gate.clear()
        network.begun.clear()
        prefetcher.submit((), second)
        network.begun.wait(10)
        for tile in tiles_of(source)[3:]:
            prefetcher.submit((), tile)
        assert prefetcher.pending > 5
        prefetcher.cancel()
        network.gate.set()
        assert prefetcher.wait(30)
    assert order == [first, third, second]


def test_the_background_begins_nothing_while_the_foreground_works(gated):
    source, network, order = gated
    network.gate.set()
    first, second, third, *_ = tiles_of(source)
    with Prefetcher(source) as prefetcher:
        with source.foreground():
            prefetcher.submit((), first)
            prefetcher.submit((), second)
            assert not prefetcher.wait(0.1)
            source.features((), third)  # of the same foreground
            assert not prefetcher.wait(0.1)
            assert order == [third]
        assert prefetcher.wait(30)
    assert order == [third, first, second]


def test_a_foreground_tile_goes_before_all_that_wait(gated):
    source, network, order = gated
    first, second, click, *_ = tiles_of(source)
    with Prefetcher(source) as prefetcher:
        prefetcher.submit((), first)
        network.begun.wait(10)
        prefetcher.submit((), second)
        clicking = threading.Thread(target=source.features, args=((), click))
        clicking.start()
        while source.wait_until_quiet(0):
            pass
        network.gate.set()
        clicking.join(30)
        assert prefetcher.wait(30)
    assert order == [first, click, second]


def test_the_foreground_shares_the_tile_in_work(gated):
    source, network, order = gated
    tile = tiles_of(source)[0]
    with Prefetcher(source) as prefetcher:
        prefetcher.submit((), tile)
        network.begun.wait(10)
        clicking = threading.Thread(target=source.features, args=((), tile))
        clicking.start()
        while source.wait_until_quiet(0):
            pass
        network.gate.set()
        clicking.join(30)
        assert not clicking.is_alive()
        assert prefetcher.wait(30)
    assert order == [tile]


def test_a_tile_that_fails_does_not_end_the_work(tmp_path):
    source = tiny_source(tmp_path)
    one, two, *_ = tiles_of(source)
    prefetcher = Prefetcher(source)
    prefetcher.submit((7,), one)
    prefetcher.submit((), two)
    assert prefetcher.wait(30)
    assert source.in_memory((), two)
    with pytest.warns(HqsamWarning, match=r"1 tiles .* index"):
        prefetcher.close()


def test_failures_are_told_at_the_end_once(tmp_path):
    source = tiny_source(tmp_path)
    prefetcher = Prefetcher(source)
    for z in (7, 8):
        prefetcher.submit((z,), tiles_of(source)[0])
    assert prefetcher.wait(30)
    with pytest.warns(HqsamWarning, match=r"2 tiles .* index"):
        prefetcher.close()
    prefetcher.close()


def test_closing_ends_with_the_tile_in_work(gated):
    source, network, order = gated
    tiles = tiles_of(source)
    prefetcher = Prefetcher(source)
    for tile in tiles:
        prefetcher.submit((), tile)
    network.begun.wait(10)
    closing = threading.Thread(target=prefetcher.close)
    closing.start()
    while prefetcher.pending:
        pass
    network.gate.set()
    closing.join(30)
    assert order == tiles[:1]
    with pytest.raises(RuntimeError, match="closed"):
        prefetcher.submit((), tiles[0])


def test_it_works_again_after_a_pause(tmp_path):
    source = tiny_source(tmp_path)
    with Prefetcher(source) as prefetcher:
        for tile in tiles_of(source)[:3]:
            prefetcher.submit((), tile)
            assert prefetcher.wait(30)
    assert source.encoded == 3


def leave_in_the_middle(said):
    source = tiny_source(False)
    source._encode = _slowly(source._encode, said)
    prefetcher = Prefetcher(source)
    for tile in tiles_of(source, (-2, -1, 0)):
        prefetcher.submit((), tile)


def _slowly(encode, said):
    def slow(pixels, tile):
        threading.Event().wait(0.05)
        said.send(tile.address)
        return encode(pixels, tile)

    return slow


def test_a_program_that_ends_waits_for_no_more_than_a_tile():
    process, heard = start(leave_in_the_middle)
    assert len(finish(process, heard)) <= 3
    assert process.exitcode == 0
