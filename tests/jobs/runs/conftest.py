"""Folders of images with bright squares, and jobs for them with a stand-in network."""

import numpy as np
import pytest

from napari_hqsam.jobs.description import Job
from napari_hqsam.jobs.description.schema import build


def squares(count, seed=0, shape=(96, 128)):
    """(h, w) uint8: so many bright squares of 12 pixels, apart from each other."""
    rng = np.random.default_rng(seed)
    places = [(y, x) for y in range(4, shape[0] - 16, 24)
              for x in range(4, shape[1] - 16, 24)]  # fmt: skip
    pixels = np.full(shape, 10, np.uint8)
    for at in rng.permutation(len(places))[:count]:
        y, x = places[at]
        pixels[y : y + 12, x : x + 12] = 200
    return pixels


@pytest.fixture
def folder(tmp_path):
    """Five images, two of them in a subfolder, and something that is no image."""
    images = tmp_path / "images"
    (images / "sub").mkdir(parents=True)
    for number in range(5):
        at = images / "sub" if number > 2 else images
        np.save(at / f"img{number}.npy", squares(3 + number, number))
    (images / "notes.txt").write_text("no image")
    return images


@pytest.fixture
def job(tmp_path, folder):
    """Make a job for the folder; sections are merged into it."""

    def make(**sections):
        plain = {
            "inputs": {"paths": str(folder), "normalization": "none"},
            "outputs": {"folder": str(tmp_path / "labels"), "suffix": ".tif"},
            "options": {"level": 0, "output": "sam"},
            "model": {"name": "bright"},
        }
        for name, more in sections.items():
            plain[name] = plain.get(name, {}) | more
        return build(Job, plain)

    return make


@pytest.fixture
def labels_in():
    """Return all labels in a folder, by their path below it."""
    from napari_hqsam import read_labels

    def read(folder):
        found = sorted(folder.rglob("*.tif"))
        return {str(path.relative_to(folder)): read_labels(path) for path in found}

    return read
