"""Labels larger than memory are made on the disk, region by region."""

from __future__ import annotations

import tracemalloc
from contextlib import contextmanager, nullcontext

import numpy as np
import pytest
import tifffile
import zarr

from napari_hqsam.errors import HqsamWarning, ImageError, OutputError
from napari_hqsam.geometry import Space
from napari_hqsam.images import open_image
from napari_hqsam.labels import (
    PromptPainter,
    id_dtype,
    labels_on_disk,
    paint,
    read_labels,
    write_labels,
)

NAMES = ["a.tif", "a.ome.tif", "a.ome.zarr"]
HUGE = (60_000, 60_000)


@contextmanager
def at_most(megabytes):
    """Fail if the block allocates more than this at any time."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        yield
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert peak < megabytes * 2**20, f"{peak / 2**20:.0f} MB"


@pytest.mark.parametrize("name", ["a.tif", "a.ome.zarr"])
def test_a_huge_plane_takes_no_memory_and_little_disk(tmp_path, name):
    disc = np.hypot(*np.mgrid[-99:100, -99:100]) < 99
    places = [(0, 0), (30_000, 5_000), (59_801, 59_801)]
    with (
        at_most(32),
        pytest.warns(HqsamWarning, match="Bio-Formats")
        if name == "a.tif"
        else nullcontext(),
        labels_on_disk(tmp_path / name, HUGE, dtype="uint16") as labels,
    ):
        painter = PromptPainter(labels, [7, 8, 9])
        for number, (y, x) in enumerate(places):
            painter.paint(number, (y, x, y + 199, x + 199), disc)
    image = open_image(tmp_path / name)
    assert (image.plane_shape, image.dtype) == (HUGE, np.uint16)
    for label_id, (y, x) in zip([7, 8, 9], places, strict=True):
        back = image.read_plane(region=(y, x, y + 199, x + 199))[..., 0]
        np.testing.assert_array_equal(back, disc * label_id)
    files = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert sum(p.stat().st_size for p in files) < 20e6  # of 7.2 GB


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_mask_larger_than_a_chunk_is_painted_chunk_by_chunk(tmp_path, zarr_format):
    labels = zarr.create_array(
        str(tmp_path / "a.zarr"),
        shape=HUGE,
        dtype="u4",
        chunks=(1024, 1024),
        zarr_format=zarr_format,
        fill_value=0,
    )
    everywhere = np.broadcast_to(np.True_, (20_000, 3_000))
    with at_most(32):
        assert paint(labels, (700, 300, 20_700, 3_300), everywhere, 3) == 6 * 10**7
    assert labels[700, 300] == labels[20_699, 3_299] == 3
    assert labels[699, 300] == labels[20_699, 3_300] == 0


@pytest.mark.parametrize("name", NAMES)
def test_whole_arrays_are_written_in_pieces(tmp_path, name):
    labels = np.zeros((2, 4000, 4000), np.uint16)
    labels[1, 1000:3000, 500:3500] = 5
    with at_most(16):
        write_labels(tmp_path / name, labels)
    np.testing.assert_array_equal(read_labels(tmp_path / name), labels)


@pytest.mark.parametrize("dtype", ["u2", "u4"])
@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((700, 1100), "yx"),
        ((2, 520, 512), "zyx"),
        ((2, 3, 40, 7), "tzyx"),
    ],
)
def test_a_tiff_made_of_tiles_is_the_one_written_whole(tmp_path, dtype, shape, axes):
    name = "a.ome.tif"
    labels = np.random.default_rng(0).integers(0, 60_000, shape).astype(dtype)
    scale, units = [{"z": 2.0, "y": 0.5, "x": 0.25}.get(a, 1.0) for a in axes], "um"
    with labels_on_disk(
        tmp_path / name,
        shape,
        dtype=dtype,
        space=Space.of(axes, scale=scale, units=units),
    ) as made:
        made[...] = labels
    sizes = {"PhysicalSizeX": 0.25, "PhysicalSizeXUnit": "µm"}
    tifffile.imwrite(
        tmp_path / f"whole-{name}",
        labels,
        ome=True,
        tile=(512, 512),
        compression="zlib",
        photometric="minisblack",
        metadata={"axes": axes.upper()} | sizes,
        resolution=(40_000, 20_000),
        resolutionunit="CENTIMETER",
    )
    tags = []
    for path in (tmp_path / name, tmp_path / f"whole-{name}"):
        with tifffile.TiffFile(path) as tif:
            (series,) = tif.series
            np.testing.assert_array_equal(series.asarray(), labels)
            assert series.axes == axes.upper()
            page = tif.pages[0]
            layout = [page.shape, page.dtype, page.axes, page.samplesperpixel]
            coding = [page.compression, page.predictor, page.photometric]
            space = [page.planarconfig, page.resolution, page.resolutionunit]
            tags.append([tif.is_bigtiff, len(tif.pages), layout, coding, space])
    assert tags[0] == tags[1]
    np.testing.assert_array_equal(read_labels(tmp_path / name), labels)


@pytest.mark.parametrize("dtype", ["u2", "u4"])
@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((700, 1100), "yx"),  # strips within tiles, the last one short
        ((2, 520, 512), "zyx"),
        ((2, 3, 40, 7), "tzyx"),
        ((2, 5, 70_000), "zyx"),  # rows longer than a strip is to be
    ],
)
def test_strips_are_made_of_tiles(tmp_path, dtype, shape, axes):
    labels = np.zeros(shape, dtype)
    labels[..., 5:, 3:] = np.random.default_rng(0).integers(0, 60_000, shape[-1] - 3)
    labels[0] = 0  # no tile of it is stored
    with labels_on_disk(
        tmp_path / "a.tif", shape, dtype=dtype, space=Space.pixels(axes)
    ) as made:
        made[...] = labels
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        (series,) = tif.series
        assert (series.axes, series.dtype) == (axes.upper(), dtype)
        np.testing.assert_array_equal(series.asarray(), labels)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.tif"), labels)


@pytest.mark.filterwarnings("ignore:.*Bio-Formats")
def test_bigtiff_only_where_a_classic_one_may_not_hold_it(tmp_path):
    for shape, is_big in [((40_000, 40_000), False), ((60_000, 60_000), True)]:
        with labels_on_disk(tmp_path / "a.tif", shape, dtype="uint16"):
            pass
        with tifffile.TiffFile(tmp_path / "a.tif") as tif:
            assert tif.is_bigtiff == is_big
        assert not open_image(tmp_path / "a.tif").read_plane(region=(0, 0, 9, 9)).any()


def test_untouched_chunks_are_not_stored(tmp_path):
    with labels_on_disk(tmp_path / "a.zarr", (3, 4000, 4000)) as labels:
        labels[1, 1500:1600, 2500] = 3
        labels[2, 0, 0] = 0
    chunks = [p for p in (tmp_path / "a.zarr" / "0" / "c").rglob("*") if p.is_file()]
    assert [p.parts[-3:] for p in chunks] == [("1", "1", "2")]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_there_before_the_end(tmp_path, name):
    with labels_on_disk(tmp_path / name, (2, 50, 60)) as labels:
        assert not (tmp_path / name).exists()
        labels[1, 3, 4] = 70_000
    assert [p.name for p in tmp_path.iterdir()] == [name]
    back = read_labels(tmp_path / name)
    assert back.dtype == np.uint32
    assert (back[1, 3, 4], np.count_nonzero(back)) == (70_000, 1)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_what_fails_on_the_way_leaves_all_as_it_was(tmp_path, name, error):
    write_labels(tmp_path / name, np.full((9, 9), 4))

    def work():
        with labels_on_disk(tmp_path / name, (9, 9)) as labels:
            labels[...] = 5
            raise error

    with pytest.raises(error):
        work()
    assert [p.name for p in tmp_path.iterdir()] == [name]
    assert (read_labels(tmp_path / name) == 4).all()


@pytest.mark.parametrize(
    ("shape", "given", "message"),
    [
        ((5,), {}, "2 dimensions or more"),
        ((0, 5), {}, "2 dimensions or more"),
        ((4, 5), {"dtype": "uint8"}, "use uint32"),
        ((4, 5), {"dtype": "float32"}, "use uint32"),
        ((4, 5), {"space": Space.pixels("zyx")}, "3 dimensions"),
    ],
)
def test_what_does_not_fit_is_refused_at_once(tmp_path, shape, given, message):
    with (
        pytest.raises(ImageError, match=message),
        labels_on_disk(tmp_path / "a.tif", shape, **given),
    ):
        pytest.fail("too late")
    assert list(tmp_path.iterdir()) == []


def test_existing_labels_are_kept_if_told_so(tmp_path):
    write_labels(tmp_path / "a.tif", np.full((9, 9), 4))
    with (
        pytest.raises(OutputError, match="exists"),
        labels_on_disk(tmp_path / "a.tif", (9, 9), overwrite=False),
    ):
        pytest.fail("too late")
    assert (read_labels(tmp_path / "a.tif") == 4).all()


def test_the_smallest_type_for_ids():
    assert id_dtype(0) == id_dtype(65_535) == np.uint16
    assert id_dtype(65_536) == id_dtype(2**32 - 1) == np.uint32
    with pytest.raises(ImageError, match="4294967296"):
        id_dtype(2**32)


def test_internal_files_are_in_tiles_and_hold_any_place(tmp_path):
    """Not compressed a second time for ImageJ, which cannot turn an image either."""
    turned = Space.of("yx", scale=(2, 3), units="µm", rotate=30)
    labels = np.arange(12, dtype="uint16").reshape(3, 4)
    with labels_on_disk(
        tmp_path / "a.tif", labels.shape, dtype="uint16", space=turned, internal=True
    ) as stored:
        stored[:] = labels
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.pages.first.is_tiled
    np.testing.assert_array_equal(read_labels(tmp_path / "a.tif"), labels)
    assert open_image(tmp_path / "a.tif").space.distance(turned) < 1e-6
