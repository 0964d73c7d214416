"""Zarr from afar: over HTTP, and from any file system of fsspec."""

from __future__ import annotations

import functools
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import zarr

from napari_hqsam.errors import ImageError
from napari_hqsam.geometry import Space
from napari_hqsam.images import open_image
from napari_hqsam.images.formats.zarr import remote
from napari_hqsam.images.formats.zarr.remote import address_of
from napari_hqsam.labels import read_labels, write_labels

fsspec = pytest.importorskip("fsspec")
LABELS = np.random.default_rng(0).integers(0, 300, (3, 40, 50)).astype(np.uint16)
SPACE = Space.of("zyx", scale=(2, 0.5, 0.25), units="um", translate=(1, 2, 3))


@pytest.fixture
def server(tmp_path):
    """Serve a folder over HTTP; return its address and the paths asked for."""
    asked = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            asked.append(self.path)

    handler = functools.partial(Handler, directory=str(tmp_path))
    running = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}", asked
    running.shutdown()
    thread.join()
    running.server_close()


def test_over_http(server, tmp_path):
    pytest.importorskip("aiohttp")
    address, asked = server
    write_labels(tmp_path / "a.zarr", LABELS, space=SPACE)
    for source in (f"{address}/a.zarr", Path(f"{address}/a.zarr")):
        image = open_image(source)
        assert (image.name, image.axes) == ("a.zarr", "zyx")
        assert image.space.agrees(SPACE)
        asked.clear()
        np.testing.assert_array_equal(image.read_plane({"z": 1})[..., 0], LABELS[1])
        chunks = {path for path in asked if "/c/" in path}
        assert chunks == {"/a.zarr/0/c/1/0/0"}
    np.testing.assert_array_equal(read_labels(f"{address}/a.zarr"), LABELS)
    with pytest.raises(ImageError, match="holds no zarr") as caught:
        open_image(f"{address}/missing.zarr")
    assert "\n" not in str(caught.value)


def test_nobody_answers():
    pytest.importorskip("aiohttp")
    with pytest.raises(ImageError, match=r"http://127\.0\.0\.1:9/a\.zarr"):
        open_image("http://127.0.0.1:9/a.zarr")


def test_any_file_system_of_fsspec(tmp_path):
    write_labels(tmp_path / "a.zarr", LABELS, space=SPACE)
    memory = fsspec.filesystem("memory")
    for file in (tmp_path / "a.zarr").rglob("*"):
        if file.is_file():
            name = file.relative_to(tmp_path).as_posix()
            memory.pipe(f"/bucket/{name}", file.read_bytes())
    image = open_image("memory://bucket/a.zarr")
    np.testing.assert_array_equal(image.read_plane({"z": 2})[..., 0], LABELS[2])
    assert open_image("memory://bucket/a.zarr", key="0").shape == LABELS.shape


def test_buckets_are_asked_without_a_name_first(monkeypatch):
    tried = []

    def refuse(address, *, mode, storage_options):
        tried.append((address, storage_options))
        raise PermissionError("forbidden")

    monkeypatch.setattr(zarr, "open", refuse)
    with pytest.raises(ImageError, match="forbidden"):
        open_image("s3://bucket/a.zarr")
    assert tried == [
        ("s3://bucket/a.zarr", {"anon": True}),
        ("s3://bucket/a.zarr", None),
    ]

    def missing(*_, **__):
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(zarr, "open", missing)
    with pytest.raises(ImageError, match=r"napari-hqsam\[remote\]"):
        open_image("s3://bucket/a.zarr")


def test_addresses_and_paths():
    for source, address in {
        "https://host/a.zarr": "https://host/a.zarr",
        Path("https://host/a.zarr"): "https://host/a.zarr",
        Path("s3://bucket/a.zarr") / "A/1": "s3://bucket/a.zarr/A/1",
        "C:/images/a.zarr": None,
        "a.zarr": None,
        Path("/data/https:/a"): None,
        3: None,
    }.items():
        assert address_of(source) == address
    assert remote.address_of("file:///data/a.zarr") is None
