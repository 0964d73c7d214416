"""Files of microscopes through bioio; a stand-in takes its place here."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from napari_hqsam.errors import HqsamWarning, ImageError
from napari_hqsam.images import open_image

PIXELS = np.arange(2 * 3 * 20 * 30, dtype=np.uint16).reshape(2, 3, 20, 30)


class StandInImage:
    """What is asked of bioio's BioImage."""

    scenes = ("first", "second")
    physical_pixel_sizes = SimpleNamespace(Z=2.0, Y=0.5, X=-0.25)
    time_interval = timedelta(seconds=3)

    def __init__(self, path, reader):
        assert reader == "reader"
        if b"damaged" in Path(path).read_bytes():
            raise RuntimeError("cannot\nparse")
        self.scene = 0

    def set_scene(self, scene):
        self.scene = self.scenes.index(scene) if scene in self.scenes else scene

    @property
    def reader(self):
        data = PIXELS + 1000 * self.scene
        return SimpleNamespace(
            xarray_dask_data=SimpleNamespace(dims=("T", "Z", "Y", "X"), data=data)
        )


@pytest.fixture
def bioio(monkeypatch):
    """Put the stand-in where bioio and a plugin would be."""
    for name, contents in (
        ("bioio", {"BioImage": StandInImage}),
        ("bioio_czi", {"Reader": "reader"}),
    ):
        module = ModuleType(name)
        vars(module).update(contents)
        monkeypatch.setitem(sys.modules, name, module)


def test_axes_sizes_and_scenes(bioio, tmp_path):
    (tmp_path / "a.CZI").write_bytes(b"ZISRAWFILE")
    with pytest.warns(HqsamWarning, match="2 scenes, of which first is read"):
        image = open_image(tmp_path / "a.CZI")
    assert image.axes == "tzyx"
    assert image.space.scale == (3, 2, 0.5, 0.25)
    assert image.space.units == ("second", *["micrometer"] * 3)
    np.testing.assert_array_equal(
        image.read_plane({"t": 1, "z": 2})[..., 0], PIXELS[1, 2]
    )
    for key in ("second", "1"):
        image = open_image(tmp_path / "a.CZI", key=key)
        assert image.read_plane({"t": 0, "z": 0})[0, 0, 0] == 1000
    with pytest.raises(ImageError, match="its scenes are first, second"):
        open_image(tmp_path / "a.CZI", key="third")


def test_a_damaged_file(bioio, tmp_path):
    (tmp_path / "a.czi").write_bytes(b"damaged")
    with pytest.raises(ImageError, match="cannot be read by bioio-czi") as caught:
        open_image(tmp_path / "a.czi")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "plugin"), [("a.nd2", "bioio-nd2"), ("a.LIF", "bioio-lif")]
)
def test_the_plugin_that_is_missing_is_named(monkeypatch, tmp_path, name, plugin):
    monkeypatch.setitem(sys.modules, plugin.replace("-", "_"), None)
    (tmp_path / name).write_bytes(b"of a microscope")
    with pytest.raises(ImageError, match=f"pip install bioio {plugin}"):
        open_image(tmp_path / name)
