"""OME-Zarr in a bucket: a server of S3 on this machine, by moto.

Needs ``pip install "napari-hqsam[remote]" "moto[server]"``; skipped without.
"""

from __future__ import annotations

import asyncio
import uuid

import numpy as np
import pytest
from zarr.core.sync import _get_loop as zarr_loop

from napari_hqsam import open_image, read_labels
from napari_hqsam.errors import ImageError
from napari_hqsam.geometry import Space
from napari_hqsam.labels import write_labels

s3fs = pytest.importorskip("s3fs")
servers = pytest.importorskip("moto.server")
# botocore and moto warn of their own use of the standard library
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

LABELS = np.random.default_rng(0).integers(0, 300, (3, 40, 50)).astype(np.uint16)
SPACE = Space.of("zyx", scale=(2, 0.5, 0.25), units="um", translate=(1, 2, 3))


@pytest.fixture(scope="module")
def endpoint():
    server = servers.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint, monkeypatch):
    """An empty bucket that anyone may read, and the way to write to it."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr(s3fs.S3FileSystem, "_cache", {})  # of other endpoints
    files = s3fs.S3FileSystem(endpoint_url=endpoint, skip_instance_cache=True)
    name = f"b{uuid.uuid4().hex}"
    files.mkdir(name)
    yield files, name
    # fsspec keeps file systems, and their connections, until the program ends.
    for each in (files, *s3fs.S3FileSystem._cache.values()):
        if each._s3 is not None:
            asyncio.run_coroutine_threadsafe(
                each._s3.close(), each.loop if not each.asynchronous else zarr_loop()
            ).result(10)


def put(files, folder, at):
    """Copy a folder into a bucket."""
    for path in folder.rglob("*"):
        if path.is_file():
            files.pipe(f"{at}/{path.relative_to(folder).as_posix()}", path.read_bytes())


def test_an_ome_zarr_in_a_bucket(bucket, tmp_path):
    files, name = bucket
    write_labels(tmp_path / "a.ome.zarr", LABELS, space=SPACE)
    put(files, tmp_path / "a.ome.zarr", f"{name}/plates/a.ome.zarr")
    address = f"s3://{name}/plates/a.ome.zarr"
    image = open_image(address)
    assert (image.name, image.axes) == ("a.ome.zarr", "zyx")
    assert image.space.agrees(SPACE)
    np.testing.assert_array_equal(image.read_plane({"z": 1})[..., 0], LABELS[1])
    np.testing.assert_array_equal(read_labels(address), LABELS)


def test_what_is_not_in_the_bucket(bucket, tmp_path):
    _, name = bucket
    for address in (f"s3://{name}/missing.zarr", f"s3://{uuid.uuid4().hex}/a.zarr"):
        with pytest.raises(ImageError, match="s3://") as caught:
            open_image(address)
        assert "\n" not in str(caught.value)


def test_the_command_line_reads_a_bucket(bucket, tmp_path, run_command, monkeypatch):
    from tests.helpers.bright_network import bright_model
    from tests.helpers.placed_images import discs

    model = bright_model()
    monkeypatch.setattr("napari_hqsam.models.load_model", lambda *_, **__: model)
    files, name = bucket
    write_labels(tmp_path / "a.ome.zarr", discs("zyx"), space=SPACE)
    put(files, tmp_path / "a.ome.zarr", f"{name}/a.ome.zarr")
    out = tmp_path / "out.ome.zarr"
    given = ("segment", f"s3://{name}/a.ome.zarr", "--plane", "1", "--point", "48,20")
    code, _, err = run_command(*given, "-o", out)
    assert (code, err) == (0, "")
    assert open_image(out).space.agrees(SPACE)
    found = np.argwhere(read_labels(out)).mean(0)
    np.testing.assert_allclose(found, (1, 48, 20), atol=0.5)
