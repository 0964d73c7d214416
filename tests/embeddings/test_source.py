"""Memory before disk before the encoder, and no tile twice."""

import errno
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import zarr.storage

from napari_hqsam.embeddings import StoreFolder
from napari_hqsam.errors import HqsamWarning, ImageError, OutputError
from napari_hqsam.tiling import fit_plane
from tests.embeddings.tiny_encoder import (
    TinyNetwork,
    noise,
    same,
    tiles_of,
    tiny_model,
    tiny_source,
)


def test_memory_then_disk_then_the_encoder(tmp_path, monkeypatch):
    source = tiny_source(tmp_path)
    tiles = [*tiles_of(source, (0, 1))[::4], *tiles_of(source, (-1,))[:2]]
    wanted = [source.features((), tile) for tile in tiles]
    assert source.encoded == len(tiles)
    assert source.in_memory((), tiles[0])
    monkeypatch.setattr(source.store, "read", lambda *_: pytest.fail("disk, not RAM"))
    assert source.features((), tiles[0]) is wanted[0]
    warm = tiny_source(tmp_path)
    assert not warm.in_memory((), tiles[0])
    assert all(
        same(warm.features((), t), w) for t, w in zip(tiles, wanted, strict=True)
    )
    assert warm.encoded == 0
    fresh = tiny_source(False)
    assert all(
        same(fresh.features((), t), w) for t, w in zip(tiles, wanted, strict=True)
    )


def test_a_whole_plane_in_one_tile_stays_in_memory(tmp_path):
    source = tiny_source(tmp_path)
    tile = fit_plane(source.image.plane_shape, 64)
    first = source.features((), tile)
    assert source.features((), tile) is first
    assert source.encoded == 1
    assert not any(tmp_path.iterdir())
    with pytest.raises(ValueError, match="grid"):
        source.embed((), tile)


def test_without_a_store_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setenv("NAPARI_HQSAM_CACHE", str(tmp_path))
    source = tiny_source(False)
    source.features((), tiles_of(source)[0])
    assert source.store is None
    assert not source.writes_to_disk
    assert not any(tmp_path.iterdir())


def test_the_store_of_the_user_is_found_by_itself(tmp_path, monkeypatch):
    monkeypatch.setenv("NAPARI_HQSAM_CACHE", str(tmp_path))
    source = tiny_source(None)
    source.features((), tiles_of(source)[0])
    (summary,) = StoreFolder().summaries()
    assert summary.path.parent == tmp_path / "embeddings"


def test_making_a_source_reads_nothing(tmp_path):
    class Unread:
        shape, dtype, ndim = (150, 170), np.dtype(np.uint16), 2

        def __getitem__(self, key):
            pytest.fail("read")

    assert tiny_source(tmp_path / "none", Unread()).encoded == 0
    assert not any(tmp_path.iterdir())


def test_a_small_memory_gives_way_to_the_disk(tmp_path):
    source = tiny_source(tmp_path, memory_bytes=1)
    one, two, *_ = tiles_of(source)
    first = source.features((), one)
    source.features((), two)
    assert not source.in_memory((), one)
    assert same(source.features((), one), first)
    assert source.encoded == 2


def test_embedding_leaves_the_memory_as_it_is(tmp_path):
    source = tiny_source(tmp_path)
    tile = tiles_of(source)[0]
    assert source.embed((), tile)
    assert not source.embed((), tile)
    assert not source.in_memory((), tile)
    assert source.encoded == 1


def test_closing_gives_the_memory_back(tmp_path):
    with tiny_source(tmp_path) as source:
        tile = tiles_of(source)[0]
        source.features((), tile)
    assert not source.in_memory((), tile)


def test_an_image_that_changes_under_its_store_is_encoded_anew(tmp_path, monkeypatch):
    from napari_hqsam.embeddings import store

    monkeypatch.setattr(store, "fingerprint", lambda image: "the same")
    before = noise()
    after = before.copy()
    after[100:110, 100:110] = 4000
    source = tiny_source(tmp_path, before)
    tiles = tiles_of(source)
    for tile in tiles:
        source.features((), tile)
    changed = tiny_source(tmp_path, after)
    wanted = tiny_source(False, after)
    touched = [
        t
        for t in tiles
        if t.y0 < 110 and t.x0 < 110 and t.region[2] > 100 and t.region[3] > 100
    ]
    assert 0 < len(touched) < len(tiles)
    for tile in tiles:
        assert same(changed.features((), tile), wanted.features((), tile))
    assert changed.encoded == len(touched)
    assert changed.store.path == source.store.path


@pytest.mark.parametrize("index", [(), (5,), (0, 0)])
def test_a_plane_that_is_not_there_is_refused(tmp_path, index):
    source = tiny_source(tmp_path, noise((2, 150, 170)), axes="zyx")
    with pytest.raises(ImageError, match="index"):
        source.features(index, tiles_of(source)[0])


# --- threads -----------------------------------------------------------------


def test_threads_that_want_one_tile_encode_it_once(tmp_path):
    source = tiny_source(tmp_path)
    tile = tiles_of(source)[0]
    barrier = threading.Barrier(6)

    def work(i):
        barrier.wait()
        return source.features((), tile) if i % 2 else source.embed((), tile) and None

    with ThreadPoolExecutor(6) as pool:
        found = [f for f in pool.map(work, range(6)) if f is not None]
    assert source.encoded == 1
    assert all(f is found[0] for f in found)


def test_threads_on_many_tiles_get_what_one_thread_gets(tmp_path):
    source, alone = tiny_source(tmp_path, memory_bytes=1), tiny_source(False)
    tiles = tiles_of(source, (0, 1)) * 2
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda t: source.features((), t), tiles))
    assert all(
        same(f, alone.features((), t)) for f, t in zip(found, tiles, strict=True)
    )
    assert source.encoded == len(tiles) // 2


def test_the_encoder_is_never_run_twice_at_once(tmp_path):
    network, running = TinyNetwork(), []
    encode = network.encode

    def watched(image):
        running.append(1)
        time.sleep(0.01)  # for the others to come in, if they may
        assert len(running) == 1
        result = encode(image)
        running.pop()
        return result

    network.encode = watched
    source = tiny_source(tmp_path, model=tiny_model(network=network))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda t: source.features((), t), tiles_of(source)[:6]))


# --- a disk that refuses ------------------------------------------------------


@pytest.mark.parametrize("code", ["ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EACCES"])
@pytest.mark.parametrize("allowed", [0, 1, 2])
def test_a_disk_that_refuses_gives_one_warning_and_the_same_features(
    tmp_path, monkeypatch, code, allowed
):
    source, wanted = tiny_source(tmp_path), tiny_source(False)
    tiles = tiles_of(source)[:4]
    writes = []
    put = zarr.storage.LocalStore.set

    async def refuse(store, key, value):
        if len(writes) == allowed:
            raise OSError(getattr(errno, code), "no, said the disk")
        writes.append(key)
        await put(store, key, value)

    with monkeypatch.context() as patched, warnings.catch_warnings(record=True) as told:
        patched.setattr(zarr.storage.LocalStore, "set", refuse)
        warnings.simplefilter("always")
        found = [source.features((), tile) for tile in tiles]
    (warning,) = told
    assert issubclass(warning.category, HqsamWarning)
    assert "no, said the disk" in str(warning.message)
    assert str(tmp_path) in str(warning.message)
    assert warning.filename == __file__
    assert not source.writes_to_disk
    assert len(writes) == allowed
    assert not [*tmp_path.rglob("c.*")], "half a tile is left"
    for tile, features in zip(tiles, found, strict=True):
        assert same(features, wanted.features((), tile))
    later = tiny_source(tmp_path)
    assert all(later.embed((), tile) for tile in tiles)
    assert not any(later.embed((), tile) for tile in tiles)


def test_what_was_kept_before_a_disk_refused_is_still_read(tmp_path, monkeypatch):
    source = tiny_source(tmp_path, memory_bytes=1)
    one, two, three, *_ = tiles_of(source)
    source.features((), one)

    async def refuse(store, key, value):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(zarr.storage.LocalStore, "set", refuse)
    with pytest.warns(HqsamWarning, match="full"):
        source.features((), two)
    source.features((), three)
    source.features((), one)
    assert source.encoded == 3


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("in the way")
    source = tiny_source(tmp_path / "file" / "below")
    one, two, *_ = tiles_of(source)
    with pytest.warns(HqsamWarning, match="cannot be stored"):
        source.features((), one)
    source.features((), two)  # warnings are errors


def test_embedding_to_a_disk_that_refuses_is_an_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    source = tiny_source(tmp_path / "file" / "below")
    with pytest.raises(OutputError, match="cannot be stored"):
        source.embed((), tiles_of(source)[0])
    with pytest.raises(ValueError, match="store"):
        tiny_source(False).embed((), tiles_of(source)[0])
