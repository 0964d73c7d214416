"""Tiles of TIFFs that are pictures, and say that they are larger than their tile."""

from contextlib import suppress

import imagecodecs
import numpy as np
import pytest
import tifffile

from napari_hqsam import open_image
from napari_hqsam.errors import ImageError
from napari_hqsam.images.formats.picture_headers import (
    UnknownPictureError,
    picture_size,
)

TILE = 64
LARGE = 9000
GREY = np.zeros((LARGE, LARGE), np.uint8)
PICTURES = {
    "jpeg": (7, imagecodecs.jpeg_encode),
    "jpeg2000": (
        34712,
        lambda data: imagecodecs.jpeg2k_encode(data, codecformat="j2k"),
    ),
    "jp2": (34712, lambda data: imagecodecs.jpeg2k_encode(data, codecformat="jp2")),
    "jpegxl": (50002, lambda data: imagecodecs.jpegxl_encode(data, effort=1)),
    "jpegxl in a box": (
        50002,
        lambda data: imagecodecs.jpegxl_encode(data, effort=1, usecontainer=True),
    ),
    "jpegxr": (34934, imagecodecs.jpegxr_encode),
    "lerc": (34887, imagecodecs.lerc_encode),
    "png": (34933, imagecodecs.png_encode),
    "webp": (
        50001,
        lambda data: imagecodecs.webp_encode(np.dstack([data] * 3), level=-1),
    ),
    "webp with loss": (
        50001,
        lambda data: imagecodecs.webp_encode(np.dstack([data] * 3), lossless=False),
    ),
}


def tiled(path, compression, picture, samples=1):
    """A TIFF of one tile, which is a picture."""
    with tifffile.TiffWriter(path) as tif:
        tif.write(
            iter([picture]),
            shape=(TILE, TILE) if samples == 1 else (TILE, TILE, samples),
            dtype=np.uint8,
            tile=(TILE, TILE),
            photometric="minisblack" if samples == 1 else "rgb",
            compression=compression,
        )
    return path


@pytest.mark.parametrize("kind", PICTURES)
@pytest.mark.parametrize(
    "shape", [(64, 64), (300, 41), (17, 1003), (264, 256)], ids=str
)
def test_headers_tell_the_size(kind, shape):
    compression, encode = PICTURES[kind]
    noise = np.random.default_rng(1).integers(0, 255, shape, dtype=np.uint8)
    assert picture_size(compression, encode(noise))[:2] == shape


@pytest.mark.parametrize("kind", PICTURES)
def test_tile_of_its_size_is_read(tmp_path, kind):
    compression, encode = PICTURES[kind]
    samples = 3 if kind.startswith("webp") else 1
    data = np.full((TILE, TILE), 100, np.uint8)
    path = tiled(tmp_path / "a.tif", compression, encode(data), samples)
    assert abs(open_image(path).read_plane().astype(int) - 100).max() < 5


@pytest.mark.parametrize("kind", PICTURES)
def test_tile_that_is_larger_than_it_says(tmp_path, kind):
    compression, encode = PICTURES[kind]
    samples = 3 if kind.startswith("webp") else 1
    path = tiled(tmp_path / "a.tif", compression, encode(GREY), samples)
    image = open_image(path)
    with pytest.raises(ImageError, match=f"has {LARGE} x {LARGE} pixels .* 64 x 64"):
        image.read_plane()


@pytest.mark.parametrize(
    ("compression", "picture"),
    [
        (50002, imagecodecs.jpegxl_encode(np.zeros((99, 64, 64), np.uint8))),
        (50002, imagecodecs.jpegxl_encode(np.zeros((64, 64, 99), np.uint8))),
        (34712, imagecodecs.jpeg2k_encode(np.zeros((64, 64, 99), np.uint8))),
        (34887, imagecodecs.lerc_encode(np.zeros((64, 64), np.uint8)) * 99),
        (50001, b"RIFF\0\0\0\0WEBPVP8X\0\0\0\0\x02" + bytes(20)),
        *((code, bytes(99)) for code in (7, 34712, 50002, 34934, 34887, 34933, 50001)),
    ],
)
def test_many_pictures_in_a_tile_and_none(tmp_path, compression, picture):
    image = open_image(tiled(tmp_path / "a.tif", compression, picture, 3))
    with pytest.raises(ImageError, match="is damaged: one of its") as told:
        image.read_plane()
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("kind", PICTURES)
def test_headers_that_are_cut_short_or_changed(kind):
    compression, encode = PICTURES[kind]
    picture = encode(np.zeros((64, 64), np.uint8))
    random = np.random.default_rng(1)
    for _ in range(2000):
        changed = bytearray(picture[: random.integers(len(picture))])
        for at in random.integers(0, max(len(changed), 1), 3):
            changed[at : at + 1] = random.bytes(1)
        with suppress(UnknownPictureError):
            picture_size(compression, bytes(changed))


def test_headers_that_decoders_do_not_pass_over():
    """What follows a marker without length, or a box of a part, is decoded."""
    small, large = (
        imagecodecs.jpeg_encode(np.zeros((side, side), np.uint8)) for side in (8, 900)
    )
    skipped = int.from_bytes(large[2:4], "big")
    hidden = large[:2] + b"\xff\xd0" + large[2:].ljust(skipped, b"\0")[:skipped]
    with pytest.raises(UnknownPictureError):
        picture_size(7, hidden + small[2:])
    small, large = (
        imagecodecs.jpegxl_encode(np.zeros((side, side), np.uint8)) for side in (8, 900)
    )
    start = b"\0\0\0\x0cJXL \r\n\x87\n"
    part = (len(large) + 12).to_bytes(4, "big") + b"jxlp" + bytes(4) + large
    whole = (len(small) + 8).to_bytes(4, "big") + b"jxlc" + small
    with pytest.raises(UnknownPictureError):
        picture_size(50002, start + part + whole)


def test_box_that_is_larger_than_any_file():
    box = b"\0\0\0\x01free" + b"\xff" * 8
    with pytest.raises(UnknownPictureError):
        picture_size(34712, b"\0\0\0\x0cjP  \r\n\x87\n" + box)
