"""A fingerprint names the pixels, not the file, and reads next to nothing."""

from __future__ import annotations

import shutil
import subprocess
import sys

import numpy as np
import pytest
import tifffile
import zarr

from napari_hqsam import images
from napari_hqsam.images import open_image
from napari_hqsam.images.fingerprinting import MAX_WINDOWS
from napari_hqsam.images.sampling import WINDOW

STACK = np.random.default_rng(0).integers(0, 4000, (3, 2, 90, 80), dtype=np.uint16)


def fingerprint(array=STACK, axes="zcyx", **kwargs):
    return images.fingerprint(open_image(array, axes=axes, **kwargs))


def test_it_is_known():
    # Kept results are found again only if it never changes.
    array = np.arange(20, dtype=np.uint16).reshape(4, 5)
    assert fingerprint(array, "yx").startswith("dcfddf95a602367acb79b48ed4365a6b")


def test_it_does_not_depend_on_the_path_or_the_kind_of_file(tmp_path):
    tifffile.imwrite(tmp_path / "a.ome.tif", STACK, metadata={"axes": "ZCYX"})
    shutil.copy(tmp_path / "a.ome.tif", tmp_path / "b.ome.tif")
    big_endian = STACK.astype(">u2")
    stored = zarr.create_array(
        str(tmp_path / "c.zarr"), shape=STACK.shape, dtype="u2", chunks=(1, 1, 32, 32)
    )
    stored[...] = STACK
    sources = [STACK, big_endian, stored]
    sources += [tmp_path / n for n in ("a.ome.tif", "b.ome.tif", "c.zarr")]
    found = {fingerprint(source) for source in sources}
    assert len(found) == 1
    assert len(bytes.fromhex(found.pop())) == 32


def test_it_is_the_same_in_another_process(tmp_path):
    np.save(tmp_path / "a.npy", STACK)
    code = (
        "import sys; from napari_hqsam.images import fingerprint, open_image;"
        "print(fingerprint(open_image(sys.argv[1], axes='zcyx')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "a.npy"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == fingerprint()


def test_other_pixels_or_facts_give_another(tmp_path):
    changed = STACK.copy()
    changed[-1, 0, 50, 40] += 1
    others = [
        fingerprint(),
        fingerprint(changed),
        fingerprint(axes="tcyx"),
        fingerprint(STACK.astype(np.int32)),
        fingerprint(STACK.astype(np.int16)),
        fingerprint(channels=1),
        fingerprint(channels=(1, 0)),
        fingerprint(STACK[:2]),
        fingerprint(STACK.reshape(3, 2, 80, 90)),
    ]
    assert len(set(others)) == len(others)


class Counter:
    """A huge array that counts what is read of it."""

    def __init__(self, *shape):
        self.shape, self.dtype = shape, np.dtype("u2")
        self.reads = self.pixels = 0

    def __getitem__(self, key):
        block = np.broadcast_to(np.uint16(0), self.shape)[key]
        self.reads += 1
        self.pixels += block.size
        return block


@pytest.mark.parametrize("lead", [(), (2,), (3,), (1000,), (50, 40)])
def test_a_few_windows_are_read(lead):
    source = Counter(*lead, 10**5, 10**5)
    images.fingerprint(open_image(source, axes="tzyx"[-2 - len(lead) :]))
    assert 1 <= source.reads <= MAX_WINDOWS
    assert source.pixels <= MAX_WINDOWS * WINDOW**2


def test_of_a_pyramid_the_coarsest_level_that_fills_a_window_is_read():
    arrays = [Counter(10**5 >> k, 10**5 >> k) for k in range(17)]
    images.fingerprint(open_image(arrays))
    assert [k for k, array in enumerate(arrays) if array.reads] == [8]
    assert arrays[8].pixels <= MAX_WINDOWS * WINDOW**2
