from __future__ import annotations

import dataclasses
import errno
import hashlib
import os
import shutil
import threading
from collections import namedtuple

import pooch.core
import pytest

from napari_hqsam.errors import CheckpointError, FetchError, HqsamWarning, ModelError
from napari_hqsam.models import (
    Checkpoint,
    WeightsFile,
    cache_folder,
    checkpoint_path,
    fetch,
    is_cached,
    models_folder,
    registry,
    verify,
)
from tests.helpers.file_server import DROP_AFTER, serving

CONTENT = bytes(range(256)) * 4096  # 1 MiB


@pytest.fixture
def server():
    with serving(CONTENT) as server:
        yield server


@pytest.fixture
def cache(tmp_path, monkeypatch, server):
    """Know one model, `small`, which the server has; wait for nothing."""
    known = Checkpoint(
        name="small",
        weights=WeightsFile(
            file="small.pth",
            url=f"http://127.0.0.1:{server.server_port}/small.pth",
            bytes=len(CONTENT),
            sha256=hashlib.sha256(CONTENT).hexdigest(),
        ),
        variant="vit_b",
        description="for tests",
    )
    monkeypatch.setattr(registry, "CHECKPOINTS", (known,))
    monkeypatch.setenv("NAPARI_HQSAM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(pooch.core.time, "sleep", lambda _: None)
    return tmp_path / "cache" / "models"


def files(folder):
    return {p.name for p in folder.iterdir() if p.suffix != ".lock"}


def test_fetch_downloads_once_and_then_finds_the_file(cache, server):
    assert not is_cached("small")
    path = fetch("small", progress=False)
    assert path == cache / "small.pth"
    assert path.read_bytes() == CONTENT
    assert is_cached("small")
    assert fetch("small", progress=False) == path
    assert len(server.ranges) == 1
    assert files(cache) == {"small.pth"}


def test_a_broken_download_goes_on_where_it_stopped(cache, server):
    server.plan = ["drop"]
    path = fetch("small", progress=False)
    assert path.read_bytes() == CONTENT
    first, second = server.ranges
    assert first is None
    resumed_at = int(second.removeprefix("bytes=").removesuffix("-"))
    assert 0 < resumed_at <= DROP_AFTER


def test_a_body_without_length_that_ends_early_is_not_taken_for_whole(cache, server):
    server.plan = ["no length"]
    assert fetch("small", progress=False).read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={DROP_AFTER}-"]


def test_the_next_call_resumes_what_all_retries_could_not_finish(cache, server):
    server.plan = ["drop", 503, 503, 503]
    with pytest.raises(FetchError, match="503"):
        fetch("small", progress=False)
    assert files(cache) == {"small.pth.part"}
    assert fetch("small", progress=False).read_bytes() == CONTENT
    assert server.ranges[-1].startswith("bytes=")


def test_a_server_without_ranges_still_gives_the_right_file(cache, server):
    server.plan = ["drop", "ignore range"]
    assert fetch("small", progress=False).read_bytes() == CONTENT
    assert len(server.ranges) == 2


def test_a_complete_part_file_needs_no_connection(cache, server):
    cache.mkdir(parents=True)
    (cache / "small.pth.part").write_bytes(CONTENT)
    assert fetch("small", progress=False).read_bytes() == CONTENT
    assert server.ranges == []


@pytest.mark.parametrize(
    "spoilt", [b"x" * 1000, b"x" * len(CONTENT)], ids=["short", "whole"]
)
def test_a_spoilt_part_file_heals(cache, server, spoilt):
    cache.mkdir(parents=True)
    (cache / "small.pth.part").write_bytes(spoilt)
    assert fetch("small", progress=False).read_bytes() == CONTENT
    assert files(cache) == {"small.pth"}
    assert server.ranges[-1] is None


def test_a_part_file_that_is_too_long_is_begun_again_at_once(cache, server):
    cache.mkdir(parents=True)
    (cache / "small.pth.part").write_bytes(CONTENT + b"x")
    assert fetch("small", progress=False).read_bytes() == CONTENT
    assert server.ranges == [None]


def test_a_range_beyond_the_servers_file_begins_again(cache, server):
    cache.mkdir(parents=True)
    (cache / "small.pth.part").write_bytes(CONTENT[:-1])
    server.plan = [416]
    assert fetch("small", progress=False).read_bytes() == CONTENT
    assert server.ranges[1] is None


@pytest.mark.parametrize(
    "content",
    [b"<html>please log in</html>", CONTENT[::-1], CONTENT * 3],
    ids=["short", "same length", "long"],
)
def test_a_wrong_file_never_stands_under_the_final_name(cache, server, content):
    server.content = content
    with pytest.raises(FetchError) as caught:
        fetch("small", progress=False)
    assert not (cache / "small.pth").exists()
    assert not is_cached("small")
    assert "\n" not in str(caught.value)


def test_a_damaged_file_is_fetched_again(cache, server):
    cache.mkdir(parents=True)
    (cache / "small.pth").write_bytes(CONTENT[::-1])
    with pytest.raises(CheckpointError, match="fetch it again"):
        verify("small")
    assert fetch("small", progress=False).read_bytes() == CONTENT
    assert verify("small").name == "small"


def test_a_file_put_there_by_hand_is_used_even_in_a_read_only_folder(cache, server):
    cache.mkdir(parents=True)
    (cache / "small.pth").write_bytes(CONTENT)
    before = files(cache)
    assert fetch("small", progress=False) == cache / "small.pth"
    assert server.ranges == []
    assert files(cache) == before
    assert not list(cache.glob("*.lock"))


def test_offline_says_which_file_to_put_where(cache, server):
    server.server_close()  # connections are now refused
    with pytest.raises(FetchError) as caught:
        fetch("small", progress=False)
    message = str(caught.value)
    known = registry.find_checkpoint("small").weights
    for part in (known.url, str(known.bytes), known.sha256, str(cache / known.file)):
        assert part in message
    assert "\n" not in message


def test_a_full_disk_is_noticed_before_the_download(cache, server, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(0, 0, 1000))
    with pytest.raises(FetchError, match=r"needs 1048576 bytes.*1000 free.*CACHE"):
        fetch("small", progress=False)
    assert server.ranges == []


def test_progress_counts_every_byte_and_starts_where_it_resumes(cache, server):
    bars = []

    class Bar:
        def __init__(self, *, total, initial, desc, **_):
            self.total, self.n, self.open = total, initial, True
            assert desc == "small.pth"
            bars.append(self)

        def update(self, n):
            self.n += n

        def close(self):
            self.open = False

    server.plan = ["drop"]
    fetch("small", progress=Bar)
    assert [bar.open for bar in bars] == [False, False]
    assert bars[-1].n == bars[-1].total == len(CONTENT)


def test_a_cancelled_download_is_kept_for_the_next_time(cache, server):
    class Cancelled(Exception):
        pass

    class Bar:
        def __init__(self, **_):
            self.n = 0

        def update(self, n):
            self.n += n
            if self.n > 300_000:
                raise Cancelled

        def close(self):
            pass

    with pytest.raises(Cancelled):
        fetch("small", progress=Bar)
    assert files(cache) == {"small.pth.part"}
    assert fetch("small", progress=False).read_bytes() == CONTENT
    assert server.ranges[-1] is not None


@pytest.mark.filterwarnings("ignore:another program fetches")
def test_several_at_once_download_once(cache, server):
    with_paths = []
    threads = [
        threading.Thread(target=lambda: with_paths.append(fetch("small", False)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert with_paths == [cache / "small.pth"] * 4
    assert len(server.ranges) == 1


def test_where_there_are_no_locks_it_is_told_and_fetched(cache, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.warns(HqsamWarning, match="does not support locks") as told:
        assert fetch("small", progress=False).read_bytes() == CONTENT
    assert len(told) == 1
    assert "fetching the same file" in str(told[0].message)
    assert "\n" not in str(told[0].message)


def test_verify_recognises_a_file_by_its_bytes(cache, tmp_path):
    renamed = tmp_path / "from_a_colleague.bin"
    renamed.write_bytes(CONTENT)
    assert verify(renamed).name == "small"
    renamed.write_bytes(CONTENT[:-1])
    with pytest.raises(CheckpointError, match="no checkpoint known here"):
        verify(renamed)
    with pytest.raises(CheckpointError, match="no file"):
        verify(tmp_path / "nowhere.pth")
    with pytest.raises(FetchError, match="not fetched yet"):
        verify("small")


def test_verify_by_name_wants_that_very_model(cache, monkeypatch):
    small = registry.find_checkpoint("small")
    file = dataclasses.replace(small.weights, file="other.pth", sha256="0" * 64)
    other = dataclasses.replace(small, name="other", weights=file)
    monkeypatch.setattr(registry, "CHECKPOINTS", (small, other))
    cache.mkdir(parents=True)
    (cache / "other.pth").write_bytes(CONTENT)
    with pytest.raises(CheckpointError, match="is not other"):
        verify("other")


def test_an_unknown_name_is_a_model_error(cache):
    for ask in (fetch, is_cached):
        with pytest.raises(ModelError, match="no model is called 'large'"):
            ask("large")


def test_the_cache_folder_is_the_platforms_unless_the_environment_says(
    monkeypatch, tmp_path
):
    monkeypatch.delenv("NAPARI_HQSAM_CACHE", raising=False)
    assert "napari-hqsam" in cache_folder().parts
    monkeypatch.setenv("NAPARI_HQSAM_CACHE", str(tmp_path))
    assert models_folder() == tmp_path / "models"


def test_a_package_without_its_weights_says_to_install_again(monkeypatch):
    gone = Checkpoint(
        name="gone",
        weights=WeightsFile(file="gone.bin", bytes=1, sha256="0"),
        variant="vit_b",
        description="",
    )
    monkeypatch.setattr(registry, "CHECKPOINTS", (gone,))
    assert checkpoint_path(gone).parent.name == "weights"
    assert not is_cached("gone")
    with pytest.raises(FetchError, match="install napari-hqsam again"):
        fetch("gone")
