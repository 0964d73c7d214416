"""TIFF in its dialects: right planes, only those pages, no cut file unnoticed."""

from __future__ import annotations

import hashlib
import importlib.util
import logging
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

from napari_hqsam.errors import HqsamWarning, ImageError
from napari_hqsam.images import fingerprint, normalization, open_image, read_rgb8

RNG = np.random.default_rng(0)
STACK = RNG.integers(0, 4000, (6, 150, 200), dtype=np.uint16)
ZLIB = {"compression": "zlib"}
ZLIB_CODE = 8
TILED = ZLIB | {"tile": (64, 64)}
WRITERS = {
    "shaped": {},
    "shaped-zlib": ZLIB,
    "tiled": TILED,
    "predictor": ZLIB | {"predictor": True},
    "big-endian": {"byteorder": ">"},
    "big-endian-zlib": ZLIB | {"byteorder": ">"},
    "bigtiff": {"bigtiff": True},
    "plain": {"metadata": None},
    "plain-zlib": ZLIB | {"metadata": None},
    "strips": ZLIB | {"rowsperstrip": 16},
    "ome": {"ome": True, "metadata": {"axes": "ZYX"}},
    "ome-tiled": TILED | {"ome": True, "metadata": {"axes": "TYX"}},
    "imagej": {"imagej": True, "metadata": {"axes": "ZYX"}},
}


@pytest.fixture(params=WRITERS)
def stack_path(request, tmp_path):
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, STACK, photometric="minisblack", **WRITERS[request.param])
    return path


def test_planes_of_every_dialect(stack_path):
    image = open_image(stack_path)
    assert image.leading_axes in ("z", "t")
    assert (image.leading_shape, image.plane_shape) == ((6,), (150, 200))
    assert image.dtype == np.uint16
    for z in (0, 5, 3):
        plane = image.read_plane((z,))
        assert plane.dtype.isnative
        np.testing.assert_array_equal(plane[..., 0], STACK[z])
    region = image.read_plane((2,), (10, 60, 100, 199))
    np.testing.assert_array_equal(region[..., 0], STACK[2, 10:100, 60:199])


def test_the_file_is_not_changed(stack_path):
    before = hashlib.sha256(stack_path.read_bytes()).digest()
    image = open_image(stack_path)
    normalization(image).to_rgb8(image.read_plane((1,)))
    assert hashlib.sha256(stack_path.read_bytes()).digest() == before


@pytest.mark.parametrize("share", [0.97, 0.6, 0.3, 0.05, 0.0005])
def test_a_file_cut_short_is_refused(stack_path, share, capfd):
    whole = stack_path.read_bytes()
    stack_path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ImageError, match=r"cut short|cannot be read|damaged") as caught:
        open_image(stack_path)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("whole", [True, False])
def test_only_the_pages_of_the_plane_are_decoded(tmp_path, whole):
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, STACK, photometric="minisblack", **TILED)
    with tifffile.TiffFile(path) as tif:
        page = tif.series[0].pages[2]
        first, last = page.dataoffsets[0], page.dataoffsets[-1]
    # Spoil all of plane 2 but its last tile.
    with path.open("r+b") as file:
        file.seek(first)
        file.write(b"\xff" * (last - first))
    image = open_image(path)
    for z in (0, 1, 3, 4, 5):
        np.testing.assert_array_equal(image.read_plane((z,))[..., 0], STACK[z])
    if whole:
        with pytest.raises(ImageError, match=r"stack.tif: the pixels at \[2, 0:150"):
            image.read_plane((2,))
    else:
        corner = image.read_plane((2,), (128, 192, 150, 200))
        np.testing.assert_array_equal(corner[..., 0], STACK[2, 128:, 192:])


@pytest.fixture
def decoded(monkeypatch):
    """Bytes of each piece that was decompressed, in order."""
    pieces = []
    inflate = tifffile.TIFF.DECOMPRESSORS[ZLIB_CODE]

    def counted(data, **options):
        piece = inflate(data, **options)
        pieces.append(len(piece))
        return piece

    monkeypatch.setitem(tifffile.TIFF.DECOMPRESSORS._codecs, ZLIB_CODE, counted)
    return pieces


LARGE = RNG.integers(0, 250, (3000, 2500), dtype=np.uint8)  # sampled in windows


def click(image, row, col, side=200):
    """What a click reads of a tile, after the normalisation of the image."""
    how = normalization(image)
    box = row, col, row + side, col + side
    rgb = read_rgb8(image, how, (), box, 0)
    pixels = LARGE[row : row + side, col : col + side]
    np.testing.assert_array_equal(rgb, how.to_rgb8(pixels))


@pytest.mark.parametrize("rows", [3000, 1])
def test_a_page_that_is_read_in_windows_is_decoded_once(tmp_path, decoded, rows):
    path = tmp_path / "one.tif"
    tifffile.imwrite(path, LARGE, **ZLIB, rowsperstrip=rows)
    image = open_image(path)
    click(image, 1400, 1000)
    fingerprint(image)
    assert sum(decoded) == LARGE.nbytes
    image.read_plane()
    assert sum(decoded) == LARGE.nbytes


def test_of_a_large_page_only_the_strips_of_a_region_are_decoded(tmp_path, decoded):
    path = tmp_path / "strips.tif"
    tifffile.imwrite(path, np.tile(LARGE, (2, 1)), **ZLIB, rowsperstrip=50)
    image = open_image(path)
    image.read_plane((), (1400, 1000, 1600, 1200))
    assert sum(decoded) == 200 * LARGE.shape[1]
    click(image, 1400, 1000)
    assert sum(decoded) <= 2 * LARGE.nbytes, "a strip was decoded twice"


def test_what_is_kept_of_decoded_pages_is_bounded(tmp_path, decoded, monkeypatch):
    monkeypatch.setattr(
        "napari_hqsam.images.formats.tiff.opening._KEPT_BYTES", 2 * STACK[0].nbytes
    )
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, STACK, photometric="minisblack", **ZLIB)
    image = open_image(path)
    counts = []
    for z in (0, 1, 0, 1, 2, 1, 0):
        np.testing.assert_array_equal(image.read_plane((z,))[..., 0], STACK[z])
        counts.append(len(decoded))
    assert counts == [1, 2, 2, 2, 3, 3, 4]


def test_a_page_beyond_what_is_kept_is_kept_alone(tmp_path, decoded, monkeypatch):
    monkeypatch.setattr("napari_hqsam.images.formats.tiff.opening._KEPT_BYTES", 1)
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, STACK, photometric="minisblack", **ZLIB)
    image = open_image(path)
    for z in (0, 0, 1, 1, 0):
        image.read_plane((z,), (0, 0, 10, 10))
    assert len(decoded) == 3


def test_uncompressed_pixels_are_mapped_and_not_loaded(tmp_path):
    path = tmp_path / "sparse.tif"
    tifffile.imwrite(path, shape=(40, 4096, 4096), dtype="u1", bigtiff=True)
    image = open_image(path, axes="zyx")
    assert isinstance(image.array, np.memmap)
    assert image.read_plane((39,), (4090, 0, 4096, 10)).sum() == 0


@pytest.mark.parametrize(
    ("axes", "shape"), [("TZCYX", (2, 3, 2, 20, 30)), ("CYX", (2, 20, 30))]
)
@pytest.mark.parametrize("kind", ["ome", "imagej"])
def test_axes_come_from_the_metadata(tmp_path, axes, shape, kind):
    array = RNG.integers(0, 99, shape, dtype=np.uint16)
    path = tmp_path / "image.tif"
    tifffile.imwrite(
        path, array, photometric="minisblack", metadata={"axes": axes}, **{kind: True}
    )
    image = open_image(path)
    assert image.axes == axes.lower()
    assert image.channels == (0, 1, 1)
    leading = [axis for axis in image.axes if axis not in "cyx"]
    last = {a: n - 1 for a, n in zip(leading, image.leading_shape, strict=True)}
    expected = np.moveaxis(array[(-1,) * len(leading)], 0, -1)
    np.testing.assert_array_equal(image.read_plane(last), expected)


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_colour(tmp_path, planar):
    shape = (20, 30, 3) if planar == "contig" else (3, 20, 30)
    array = RNG.integers(0, 255, shape, dtype=np.uint8)
    path = tmp_path / "rgb.tif"
    tifffile.imwrite(path, array, photometric="rgb", planarconfig=planar)
    image = open_image(path)
    assert image.is_rgb
    expected = array if planar == "contig" else array.transpose(1, 2, 0)
    np.testing.assert_array_equal(image.read_plane(), expected)


def test_three_stains_side_by_side_are_no_colour_picture(tmp_path):
    path = tmp_path / "stains.tif"
    tifffile.imwrite(
        path,
        RNG.integers(0, 255, (20, 30, 3), dtype=np.uint8),
        photometric="minisblack",
        planarconfig="contig",
    )
    image = open_image(path)
    assert (image.axes, image.n_channels, image.is_rgb) == ("yxc", 3, False)


def test_alpha_is_not_shown(tmp_path):
    array = RNG.integers(0, 255, (20, 30, 4), dtype=np.uint8)
    tifffile.imwrite(
        tmp_path / "a.tif", array, photometric="rgb", extrasamples=["unassalpha"]
    )
    image = open_image(tmp_path / "a.tif")
    assert (image.is_rgb, image.channels) == (True, (0, 1, 2))
    tifffile.imwrite(
        tmp_path / "b.tif",
        array[..., :2],
        photometric="minisblack",
        planarconfig="contig",
        extrasamples=["unassalpha"],
    )
    image = open_image(tmp_path / "b.tif")
    assert (image.is_rgb, image.channels) == (False, (0, 0, 0))


def test_a_pyramid_is_read_at_full_resolution(tmp_path):
    path = tmp_path / "pyramid.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as writer:
        writer.write(STACK[0], subifds=1, tile=(64, 64))
        writer.write(STACK[0, ::2, ::2], subfiletype=1, tile=(64, 64))
    image = open_image(path)
    np.testing.assert_array_equal(image.read_plane()[..., 0], STACK[0])


def test_series_are_chosen_by_number(tmp_path):
    path = tmp_path / "two.tif"
    with tifffile.TiffWriter(path) as writer:
        writer.write(STACK[0])
        writer.write(STACK[1, :50])
    with pytest.warns(HqsamWarning, match="holds 2 images") as told:
        assert open_image(path).plane_shape == (150, 200)
    assert told[0].message.parameter == "key"
    assert open_image(path, key="1").plane_shape == (50, 200)
    for key in ("2", "-1", "x"):
        with pytest.raises(ImageError, match="number from 0 to 1"):
            open_image(path, key=key)


def test_one_bit_pixels(tmp_path):
    path = tmp_path / "mask.tif"
    array = STACK[0] > 2000
    Pillow.fromarray(array).save(path)
    image = open_image(path)
    assert image.dtype == np.bool_
    np.testing.assert_array_equal(image.read_plane()[..., 0], array)


def test_a_colour_table_is_told(tmp_path):
    path = tmp_path / "palette.tif"
    Pillow.fromarray(STACK[0].astype(np.uint8)).convert("P").save(path)
    with pytest.warns(HqsamWarning, match="colour table"):
        image = open_image(path)
    assert image.axes == "yx"


def test_an_unknown_compression_is_refused_at_once(tmp_path):
    path = tmp_path / "odd.tif"
    tifffile.imwrite(path, STACK[0], **ZLIB)
    with tifffile.TiffFile(path, mode="r+") as tif:
        tif.pages[0].tags["Compression"].overwrite(34887)  # LERC: never built in
    if importlib.util.find_spec("imagecodecs"):
        pytest.skip("imagecodecs decodes it")
    with pytest.raises(ImageError, match=r"LERC.*pip install imagecodecs"):
        open_image(path)


def test_a_tiff_under_any_name_and_any_file_named_tiff(tmp_path):
    tifffile.imwrite(tmp_path / "slide.scn", STACK[0])
    assert open_image(tmp_path / "slide.scn").plane_shape == (150, 200)
    Pillow.fromarray(STACK[0]).save(tmp_path / "png.tif", format="PNG")
    assert open_image(tmp_path / "png.tif").plane_shape == (150, 200)
    (tmp_path / "text.tif").write_text("not a picture\n")
    (tmp_path / "empty.tif").write_text("")
    (tmp_path / "header.tif").write_bytes(b"II*\0")
    for name in ("text.tif", "empty.tif", "header.tif"):
        with pytest.raises(ImageError, match=name):
            open_image(tmp_path / name)


def test_complaints_of_tifffile_become_one_warning(tmp_path, capfd):
    path = tmp_path / "odd.tif"
    tifffile.imwrite(path, STACK[0], description="x" * 40, metadata=None)
    with tifffile.TiffFile(path) as tif:
        tag = tif.pages[0].tags["ImageDescription"]
    with path.open("r+b") as file:  # let its value lie beyond the end of the file
        file.seek(tag.offset + 8)
        file.write((2**31).to_bytes(4, "little"))
    with pytest.warns(HqsamWarning, match=r"odd.tif: .*invalid value offset"):
        image = open_image(path)
    np.testing.assert_array_equal(image.read_plane()[..., 0], STACK[0])
    assert capfd.readouterr().err == ""
    assert not logging.getLogger("tifffile").filters


def test_threads_may_read_one_image(tmp_path):
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, STACK, photometric="minisblack", **TILED)
    image = open_image(path)
    with ThreadPoolExecutor(4) as pool:
        planes = list(pool.map(lambda i: image.read_plane((i % 6,)), range(24)))
    for i, plane in enumerate(planes):
        np.testing.assert_array_equal(plane[..., 0], STACK[i % 6])


def test_the_file_is_closed_with_the_image(tmp_path):
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, STACK, photometric="minisblack", **ZLIB)
    image = open_image(path)
    store = image.array.store._store
    handle = store._data[0].keyframe.parent.filehandle
    assert not handle.closed
    del image
    assert handle.closed


def test_a_file_that_is_cut_short_is_read_with_zeros_if_allowed(tmp_path):
    stack = np.arange(1, 1 + 4 * 64 * 80, dtype=np.uint16).reshape(4, 64, 80)
    kinds = {
        "mapped.tif": {},
        "one-table.tif": {"imagej": True},
        "tiles.tif": {"tile": (32, 32), "compression": "zlib"},
    }
    for name, options in kinds.items():
        path = tmp_path / name
        tifffile.imwrite(path, stack, photometric="minisblack", **options)
        with tifffile.TiffFile(path) as tif:  # the tables lie before the pixels?
            end = max(
                at + count
                for page in tif.pages
                for at, count in zip(page.dataoffsets, page.databytecounts, strict=True)
            )
        if end < path.stat().st_size:
            continue
        with path.open("r+b") as file:
            file.truncate(end - 100)
        with pytest.raises(ImageError, match="cut short"):
            open_image(path, axes="zyx")
        with pytest.warns(HqsamWarning, match="read as 0"):
            image = open_image(path, axes="zyx", allow_missing=True)
        pixels = np.asarray(image.array[...])
        np.testing.assert_array_equal(pixels[:3], stack[:3])
        assert pixels[3, -1, -1] == 0
        assert pixels[3, 0, 0] == stack[3, 0, 0]


def test_imagej_metadata_that_name_more_planes_than_there_are(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path,
        np.ones((30, 40), np.uint16),
        description="ImageJ=1.53t\nimages=4\nslices=4\n",
        metadata=None,
    )
    with pytest.raises(ImageError, match="name 4 planes"):
        open_image(path)
    with pytest.warns(HqsamWarning, match="name 4 planes"):
        assert open_image(path, allow_missing=True).shape == (30, 40)
