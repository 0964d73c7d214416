"""PNG, JPEG, BMP and the like, and .npy files."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image as Pillow

from napari_hqsam.errors import HqsamWarning, ImageError
from napari_hqsam.images import open_image, open_source

GREY = np.random.default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8)
COLOUR = np.random.default_rng(1).integers(0, 256, (20, 30, 3), dtype=np.uint8)


def read(path):
    image = open_image(path)
    return image, image.read_plane()


def png16(pixels):
    """A PNG of 16 bits per sample, which Pillow cannot write in colour."""

    def chunk(kind, data):
        length, crc = struct.pack(">I", len(data)), zlib.crc32(kind + data)
        return length + kind + data + struct.pack(">I", crc)

    height, width, samples = pixels.shape
    colour_type = {2: 4, 3: 2}[samples]
    head = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".pgm", ".tga", ".gif"])
def test_grey(tmp_path, suffix):
    path = tmp_path / f"grey{suffix}"
    Pillow.fromarray(GREY).save(path)
    image, plane = read(path)
    np.testing.assert_array_equal(plane[..., 0], GREY)
    assert (image.name, image.dtype) == (path.name, np.uint8)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".ppm"])
def test_colour(tmp_path, suffix):
    Pillow.fromarray(COLOUR).save(tmp_path / f"colour{suffix}")
    image, plane = read(tmp_path / f"colour{suffix}")
    assert (image.axes, image.is_rgb) == ("yxc", True)
    np.testing.assert_array_equal(plane, COLOUR)


def test_jpeg(tmp_path):
    smooth = np.linspace(0, 255, 600).reshape(20, 30).astype(np.uint8)
    Pillow.fromarray(smooth).save(tmp_path / "a.jpg", quality=95)
    _, plane = read(tmp_path / "a.jpg")
    assert np.abs(plane[..., 0].astype(int) - smooth).max() < 8


@pytest.mark.parametrize(
    ("array", "name"),
    [
        (GREY > 99, "a.png"),
        (GREY.astype("u2") * 200, "a.png"),
        (GREY.astype("i4") * 200, "a.pgm"),
    ],
)
def test_depths_of_grey(tmp_path, array, name):
    Pillow.fromarray(array).save(tmp_path / name)
    image, plane = read(tmp_path / name)
    assert image.dtype == array.dtype
    np.testing.assert_array_equal(plane[..., 0], array)


def test_a_palette_becomes_its_colours_or_stays_indices(tmp_path):
    indexed = Pillow.fromarray(COLOUR).quantize(16)
    indexed.save(tmp_path / "a.png")
    _, plane = read(tmp_path / "a.png")
    np.testing.assert_array_equal(plane, np.asarray(indexed.convert("RGB")))
    source = open_source(tmp_path / "a.png", keep_indices=True)
    np.testing.assert_array_equal(source.array, np.asarray(indexed))


def test_alpha_is_dropped_and_colours_stay_as_stored(tmp_path):
    alpha = GREY[..., None]
    Pillow.fromarray(np.concatenate([COLOUR, alpha], -1)).save(tmp_path / "rgba.png")
    image, plane = read(tmp_path / "rgba.png")
    assert image.n_channels == 3
    np.testing.assert_array_equal(plane, COLOUR)
    Pillow.fromarray(COLOUR[..., :2]).save(tmp_path / "la.png")
    image, plane = read(tmp_path / "la.png")
    assert image.axes == "yx"
    np.testing.assert_array_equal(plane[..., 0], COLOUR[..., 0])


@pytest.mark.parametrize("samples", [2, 3])
def test_sixteen_bits_per_colour_are_told_to_be_cut_to_eight(tmp_path, samples):
    pixels = COLOUR[..., :samples].astype("u2") * 257
    (tmp_path / "a.png").write_bytes(png16(pixels))
    with pytest.warns(HqsamWarning, match="16 bits per colour"):
        _, plane = read(tmp_path / "a.png")
    np.testing.assert_array_equal(plane[..., 0], COLOUR[..., 0])


def test_the_first_frame_of_an_animation(tmp_path):
    frames = [Pillow.fromarray(GREY), Pillow.fromarray(255 - GREY)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    with pytest.warns(HqsamWarning, match="2 frames"):
        _, plane = read(tmp_path / "a.gif")
    np.testing.assert_array_equal(plane[..., 0], GREY)


def test_a_camera_orientation_is_not_applied(tmp_path):
    exif = Pillow.Exif()
    exif[274] = 6  # rotate by 90 degrees
    Pillow.fromarray(GREY).save(tmp_path / "a.png", exif=exif)
    with pytest.warns(HqsamWarning, match="Orientation: 6"):
        assert read(tmp_path / "a.png")[0].plane_shape == GREY.shape


def test_pictures_above_the_limit_of_web_servers(tmp_path, monkeypatch):
    monkeypatch.setattr(Pillow, "MAX_IMAGE_PIXELS", 100)
    Pillow.fromarray(GREY).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read(tmp_path / "a.png")[1][..., 0], GREY)
    assert Pillow.MAX_IMAGE_PIXELS == 100


def test_pictures_too_large_for_memory(tmp_path, monkeypatch):
    monkeypatch.setenv("NAPARI_HQSAM_DECODE_GB", "599e-9")
    Pillow.fromarray(GREY).save(tmp_path / "a.png")
    with pytest.raises(ImageError, match=r"a\.png takes .* NAPARI_HQSAM_DECODE_GB"):
        open_image(tmp_path / "a.png")
    monkeypatch.setenv("NAPARI_HQSAM_DECODE_GB", "601e-9")
    open_image(tmp_path / "a.png")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".npy"])
def test_a_file_cut_short(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    if suffix == ".npy":
        np.save(path, GREY)
    else:
        Pillow.fromarray(COLOUR).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(ImageError, match=path.name) as caught:
        open_image(path)
    assert "\n" not in str(caught.value)


def test_npy_is_mapped(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(60.0).reshape(3, 4, 5))
    image = open_image(tmp_path / "a.npy", axes="zyx")
    assert isinstance(image.array, np.memmap)
    assert image.read_plane((2,))[3, 4, 0] == 59


def test_npy_of_objects_is_not_unpickled(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[{}]]), allow_pickle=True)
    with pytest.raises(ImageError, match="not pickled"):
        open_image(tmp_path / "a.npy")


def test_npy_of_length_zero(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((0, 5)))
    with pytest.raises(ImageError, match="empty"):
        open_image(tmp_path / "a.npy")


def test_one_pixel(tmp_path):
    Pillow.fromarray(GREY[:1, :1]).save(tmp_path / "a.png")
    assert read(tmp_path / "a.png")[1].tolist() == [[[GREY[0, 0]]]]


def test_missing_and_unreadable_files(tmp_path, monkeypatch):
    with pytest.raises(ImageError, match="no such file"):
        open_image(tmp_path / "missing.png")
    path = tmp_path / "secret.png"
    path.write_bytes(b"x")

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "open", refuse)
    with pytest.raises(ImageError, match=r"secret.png cannot be read: Permission"):
        open_image(path)


def test_a_picture_has_no_key(tmp_path):
    Pillow.fromarray(GREY).save(tmp_path / "a.png")
    with pytest.raises(ImageError, match="single image"):
        open_image(tmp_path / "a.png", key="0")
