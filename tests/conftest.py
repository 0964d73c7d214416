"""Fixtures that several rooms share."""

import sys

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """Keep the embeddings of tests out of the user's cache folder."""
    folder = tmp_path_factory.getbasetemp() / "cache"
    monkeypatch.setenv("NAPARI_HQSAM_CACHE", str(folder))


@pytest.fixture(scope="session")
def micro():
    """The bundled model, in float32 on the CPU so that figures repeat."""
    from napari_hqsam import load_model

    return load_model("micro", device="cpu", precision="float32")


@pytest.fixture(scope="session")
def discs():
    """A (200, 300) uint16 image of bright textured discs, and its labels."""
    yy, xx = np.mgrid[:200, :300]
    labels = np.zeros((200, 300), np.uint16)
    centres = [(50, 60), (60, 160), (140, 80), (150, 200), (60, 250)]
    for i, (y, x) in enumerate(centres, 1):
        labels[np.hypot(yy - y, xx - x) < 24] = i
    rng = np.random.default_rng(0)
    texture = 0.6 + 0.1 * gaussian_filter(rng.normal(0, 10, labels.shape), 2)
    image = 500 + 2500 * (labels > 0) * texture + rng.normal(0, 150, labels.shape)
    image = gaussian_filter(image, 1.5)
    return image.clip(0).astype(np.uint16), labels


@pytest.fixture
def run_command(monkeypatch, capsys):
    """Run the command line in this process: exit code, output, error output."""

    def run(*args):
        from napari_hqsam import cli

        monkeypatch.setattr(sys, "argv", ["napari-hqsam", *map(str, args)])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code or 0
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def trace(tmp_path, monkeypatch):
    """Pickles are read, as before numcodecs 0.16.6; fails if a program was run."""
    from numcodecs import pickles

    monkeypatch.setattr(pickles, "ALLOW_UNSAFE_PICKLE_DECODE", True, raising=False)
    path = tmp_path / "program-was-run"
    yield path
    assert not path.exists()
