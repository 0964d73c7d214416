"""Real faults: killed processes, two writers, full and read-only disks."""

import os
import shutil
import subprocess
import warnings

import pytest

from napari_hqsam.embeddings import StoreFolder
from napari_hqsam.errors import HqsamWarning
from tests.embeddings.kill_processes import (
    LEVELS,
    READY,
    big_source,
    embed_all,
    finish,
    kill_many,
    start,
)
from tests.embeddings.tiny_encoder import noise, same, tiles_of, tiny_source

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="POSIX processes and disks"),
]


def test_killed_at_any_moment_a_store_heals():
    kills = kill_many(8)
    assert len({*kills}) > 1, "all were killed at the same place"


def test_two_writers_on_one_store(tmp_path):
    running = [start(embed_all, tmp_path) for _ in range(2)]
    for process, heard in running:
        assert READY in finish(process, heard)
        assert process.exitcode == 0
    warm, wanted = big_source(tmp_path), big_source(False)
    for tile in tiles_of(warm, LEVELS):
        assert same(warm.features((), tile), wanted.features((), tile))
    assert warm.encoded == 0
    assert not [*tmp_path.rglob("*.partial")]


def embed_within(cache, budget, said):
    """Embed into stores that may not hold all of it."""
    source = big_source(cache, disk_bytes=budget, memory_bytes=1)
    wanted = big_source(False)
    for tile in tiles_of(source, LEVELS) * 2:
        assert same(source.features((), tile), wanted.features((), tile))
    said.send(source.writes_to_disk)


def test_two_writers_that_evict_from_each_other(tmp_path):
    budget = 10**6  # less than four tiles
    running = [start(embed_within, tmp_path, budget) for _ in range(2)]
    for process, heard in running:
        assert finish(process, heard) == [True]
        assert process.exitcode == 0
    # Each may have written a tile that the other had not seen.
    assert 0 < StoreFolder(tmp_path).bytes() < 1.5 * budget
    last = big_source(tmp_path, disk_bytes=budget)
    kept = sum(not last.embed((), t) for t in tiles_of(last, LEVELS)[::-1])
    assert kept >= 2


def embed_lookalike(cache, seed, said):
    """Embed an image that has its fingerprint from another."""
    from napari_hqsam.embeddings import store

    store.fingerprint = lambda image: "the same"
    source = tiny_source(cache, noise(seed=seed))
    for tile in tiles_of(source) * 3:
        source.embed((), tile)
        said.send(tile.address)


def test_two_writers_of_different_pixels_never_mix(tmp_path, monkeypatch):
    from napari_hqsam.embeddings import store

    running = [start(embed_lookalike, tmp_path, seed) for seed in (0, 1)]
    for process, heard in running:
        finish(process, heard)
        assert process.exitcode == 0
    monkeypatch.setattr(store, "fingerprint", lambda image: "the same")
    for seed in (0, 1):
        source = tiny_source(tmp_path, noise(seed=seed))
        wanted = tiny_source(False, noise(seed=seed))
        for tile in tiles_of(source):
            assert same(source.features((), tile), wanted.features((), tile))
    assert len([*tmp_path.glob("*.zarr")]) == 1


# --- disks -------------------------------------------------------------------


def use(cache, **options):
    """Features of all tiles, what was warned of, and the source."""
    source = big_source(cache, **options)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = [source.features((), tile) for tile in tiles_of(source, LEVELS)]
    return found, [str(w.message) for w in told if w.category is HqsamWarning], source


def use_small_files(cache, said):
    """Use a store where no file may be larger than half an array of a tile."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, 2**16))
    found, told, source = use(cache)
    said.send(([[t.numpy() for t in f] for f in found], told, source.encoded))


def test_a_limit_on_the_size_of_files(tmp_path):
    process, heard = start(use_small_files, tmp_path)
    ((found, told, encoded),) = finish(process, heard)
    wanted, _, _ = use(False)
    assert all(
        (a == b.numpy()).all()
        for f, w in zip(found, wanted, strict=True)
        for a, b in zip(f, w, strict=True)
    )
    assert encoded == len(wanted)
    assert len(told) == 1
    assert "too large" in told[0]
    assert not [*tmp_path.rglob("c.*")]
    _, told, source = use(tmp_path)
    assert (told, source.encoded) == ([], len(wanted))


@pytest.fixture
def small_disk(tmp_path):
    """A function that makes (or changes) a file system of a size at a folder."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not shutil.which("mount"):
        pytest.skip("no mount")

    def mount(options):
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder],
            capture_output=True,
            check=False,
        )
        if done.returncode:
            pytest.skip("mounting is not permitted")
        return folder

    yield mount
    subprocess.run(["umount", folder], capture_output=True, check=False)


def test_a_full_disk(small_disk):
    folder = small_disk("size=1m")
    # By default the stores would leave half of it free.
    found, told, source = use(folder, disk_bytes=10**9)
    wanted, _, _ = use(False)
    assert all(map(same, found, wanted))
    assert len(told) == 1
    assert "No space left" in told[0]
    kept = len([*folder.rglob("record/c.*")])
    assert 0 < kept < len(found)
    assert not [*folder.rglob("*.partial")]
    assert len([*folder.rglob("c.*")]) == 3 * kept, "half a tile is left"
    small_disk("remount,size=50m")
    found, told, source = use(folder)
    assert all(map(same, found, wanted))
    assert (told, source.encoded) == ([], len(found) - kept)


def test_a_small_disk_is_never_filled(small_disk):
    folder = small_disk("size=2m")
    _, told, source = use(folder)
    assert told == []
    assert 0 < source.store.folder.bytes() <= 2**20


def test_a_read_only_store_is_read(small_disk):
    folder = small_disk("size=50m")
    writer = big_source(folder)
    tiles = tiles_of(writer, LEVELS)
    for tile in tiles[:5]:
        writer.embed((), tile)
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*")}
    small_disk("remount,ro")
    found, told, source = use(folder)
    wanted, _, _ = use(False)
    assert all(map(same, found, wanted))
    assert source.encoded == len(tiles) - 5
    assert len(told) == 1
    assert "Read-only" in told[0]
    assert {p: p.stat().st_mtime_ns for p in folder.rglob("*")} == before
