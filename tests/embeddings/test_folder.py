"""All stores together: listed, kept to their size, cleared."""

import os
import shutil
import time
from types import SimpleNamespace

import pytest

from napari_hqsam.embeddings import StoreFolder, embeddings_folder, folder
from napari_hqsam.errors import OutputError
from tests.embeddings.tiny_encoder import noise, tiles_of, tiny_model, tiny_source


def age(path, seconds):
    then = time.time() - seconds
    os.utime(path, (then, then))


def records(store):
    return sorted(store.path.glob("level/*/record/c.*"))


def chunks(path):
    return sorted(p.name for p in path.rglob("c.*"))


@pytest.fixture
def one_tile(tmp_path):
    """Bytes of a tile on disk."""
    source = tiny_source(tmp_path / "measure")
    source.embed((), tiles_of(source)[0])
    size = source.store.folder.bytes()
    shutil.rmtree(tmp_path / "measure")
    return size


def test_an_empty_folder_has_nothing(tmp_path):
    for path in (tmp_path, tmp_path / "none"):
        assert StoreFolder(path).summaries() == []
        assert StoreFolder(path).bytes() == 0


def test_stores_are_described_the_last_used_first(tmp_path, one_tile):
    for seed, name in enumerate(("first", "second")):
        model = tiny_model(name=name)
        source = tiny_source(tmp_path, noise(seed=seed), model=model)
        for tile in tiles_of(source)[: seed + 1]:
            source.embed((), tile)
        for record in records(source.store):
            age(record, 100 * seed)
    (tmp_path / "else").mkdir()
    (tmp_path / "notes.txt").write_text("of the user")
    first, second = StoreFolder(tmp_path).summaries()
    assert (first.model, first.tiles, first.bytes) == ("first", 1, one_tile)
    assert (second.model, second.tiles, second.image) == ("second", 2, "array")
    assert 99 < first.last_used - second.last_used < 101
    assert StoreFolder(tmp_path).bytes() == 3 * one_tile


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"attributes": 3}', b"\xff"])
def test_a_store_that_cannot_say_what_it_is_is_listed_all_the_same(tmp_path, content):
    source = tiny_source(tmp_path)
    source.embed((), tiles_of(source)[0])
    (source.store.path / "zarr.json").write_bytes(content)
    (summary,) = StoreFolder(tmp_path).summaries()
    assert (summary.image, summary.model, summary.tiles) == ("?", "?", 1)


def test_clearing_removes_a_store_and_nothing_else(tmp_path):
    for seed in (0, 1):
        source = tiny_source(tmp_path, noise(seed=seed))
        source.embed((), tiles_of(source)[0])
    (tmp_path / "notes.txt").write_text("of the user")
    stores = StoreFolder(tmp_path)
    stores.remove(source.store.path)
    assert len(stores.paths()) == 1
    stores.remove(source.store.path)  # as another process may have done
    stores.remove(stores.paths()[0])
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_clearing_that_fails_is_one_line(tmp_path, monkeypatch):
    source = tiny_source(tmp_path)
    source.embed((), tiles_of(source)[0])

    def refuse(*args, **kwargs):
        raise PermissionError(13, "not yours")

    monkeypatch.setattr(shutil, "rmtree", refuse)
    with pytest.raises(OutputError, match="not yours"):
        StoreFolder(tmp_path).remove(source.store.path)


# --- the budget ----------------------------------------------------------------


def test_the_least_recently_used_tiles_of_all_stores_go_first(tmp_path, one_tile):
    old = tiny_source(tmp_path, noise(seed=1))
    kept, forgotten, *_ = tiles_of(old)
    old.embed((), kept)
    old.embed((), forgotten)
    for record in records(old.store):
        age(record, 1000)
    tiny_source(tmp_path, noise(seed=1)).embed((), kept)  # used again
    budget = int(4.5 * one_tile)
    source = tiny_source(tmp_path, disk_bytes=budget)
    tiles = tiles_of(source)[:3]
    for tile in tiles:
        source.embed((), tile)
    assert source.store.folder.bytes() <= budget
    again = tiny_source(tmp_path)
    assert not any(again.embed((), tile) for tile in tiles)
    before = tiny_source(tmp_path, noise(seed=1))
    assert not before.embed((), kept)
    assert before.embed((), forgotten)


def test_the_stores_never_grow_beyond_their_budget(tmp_path, one_tile):
    budget = 5 * one_tile
    source = tiny_source(tmp_path, disk_bytes=budget)
    for tile in tiles_of(source, (0, 1)):
        source.embed((), tile)
        assert source.store.folder.bytes() <= budget
    assert len(records(source.store)) >= 4
    assert len(chunks(tmp_path)) == 3 * len(records(source.store))


def test_what_was_evicted_is_encoded_again(tmp_path, one_tile):
    source = tiny_source(tmp_path, disk_bytes=one_tile, memory_bytes=1)
    one, two, *_ = tiles_of(source)
    for tile in (one, two, one):
        source.features((), tile)
    assert source.encoded == 3


def test_the_size_is_taken_once_in_a_while(tmp_path, one_tile, monkeypatch):
    taken = []
    size = StoreFolder.bytes
    monkeypatch.setattr(StoreFolder, "bytes", lambda f: taken.append(1) or size(f))
    source = tiny_source(tmp_path, disk_bytes=100 * one_tile)
    tiles = tiles_of(source)
    for tile in tiles:
        source.embed((), tile)
    assert 1 < len(taken) <= 1 + len(tiles) // 5


def test_the_record_goes_before_the_data(tmp_path, monkeypatch):
    source = tiny_source(tmp_path)
    source.embed((), tiles_of(source)[0])
    gone = []
    unlink = folder.Path.unlink
    monkeypatch.setattr(
        folder.Path, "unlink", lambda p, *a: gone.append(p.parent.name) or unlink(p, *a)
    )
    folder.remove_tile(records(source.store)[0])
    assert gone[0] == "record"
    assert sorted(gone) == ["early", "features", "record"]
    assert chunks(tmp_path) == []


def test_what_killed_writers_left_goes_before_any_tile(tmp_path, one_tile):
    source = tiny_source(tmp_path)
    one, two, *_ = tiles_of(source)
    source.embed((), one)
    source.embed((), two)
    level = source.store.path / "level/0"
    orphan, young = level / "features/c.0.3.0.0.0", level / "early/c.1.3.0.0.0"
    partial = level / "features/c.0.3.0.0.d4e5.partial"
    for path in (orphan, partial, young):
        path.write_bytes(b"x" * one_tile)
    for path in (orphan, partial):
        age(path, 4000)
    more = tiny_source(tmp_path, disk_bytes=5 * one_tile)
    more.embed((), tiles_of(source)[2])
    assert not orphan.exists()
    assert not partial.exists()
    assert young.exists()
    assert len(records(source.store)) == 3


def test_a_tile_beyond_the_whole_budget_pushes_nothing_out(tmp_path, one_tile):
    source = tiny_source(tmp_path)
    source.embed((), tiles_of(source)[0])
    kept = chunks(tmp_path)
    small = tiny_source(tmp_path, noise(seed=1), disk_bytes=one_tile // 2)
    with pytest.raises(OutputError, match=r"may take .*NAPARI_HQSAM_EMBEDDINGS_GB"):
        small.embed((), tiles_of(small)[0])
    assert chunks(tmp_path) == kept
    assert StoreFolder(tmp_path).paths() == [source.store.path]


def test_a_store_without_tiles_goes_when_room_is_made(tmp_path, one_tile):
    old = tiny_source(tmp_path, noise(seed=1))
    old.embed((), tiles_of(old)[0])
    for path in tmp_path.rglob("*"):
        age(path, 4000)
    source = tiny_source(tmp_path, disk_bytes=one_tile)
    source.embed((), tiles_of(source)[0])
    assert StoreFolder(tmp_path).paths() == [source.store.path]


def test_the_budget_is_that_of_the_caller_the_user_or_the_disk(tmp_path, monkeypatch):
    monkeypatch.delenv(folder.SIZE_VARIABLE, raising=False)
    monkeypatch.setattr(
        shutil, "disk_usage", lambda path: SimpleNamespace(free=6 * 10**9)
    )
    stores = StoreFolder(tmp_path)
    assert stores.limit(used=2 * 10**9) == 4 * 10**9
    assert stores.limit(used=10**12) == 20 * 10**9
    monkeypatch.setenv(folder.SIZE_VARIABLE, "0.5")
    assert stores.limit(used=10**12) == 5 * 10**8
    assert StoreFolder(tmp_path, 7).limit(used=10**12) == 7


@pytest.mark.parametrize("said", ["much", "-1", "nan", "inf"])
def test_a_budget_that_is_none_is_told(tmp_path, monkeypatch, said):
    monkeypatch.setenv(folder.SIZE_VARIABLE, said)
    with pytest.raises(OutputError, match=folder.SIZE_VARIABLE):
        StoreFolder(tmp_path).limit(0)


def test_the_folder_lies_in_the_cache_of_the_package(tmp_path, monkeypatch):
    monkeypatch.setenv("NAPARI_HQSAM_CACHE", str(tmp_path))
    assert embeddings_folder() == tmp_path / "embeddings"
    assert StoreFolder().path == tmp_path / "embeddings"
