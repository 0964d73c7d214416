"""``segment``: what it makes of the masks; the network is stood in for."""

from __future__ import annotations

import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image as Pillow

from napari_hqsam import images, read_labels
from napari_hqsam.images import open_image
from napari_hqsam.jobs.files.overlay import OVERLAY_SIDE
from napari_hqsam.masks import Mask

FAILS = (13, 13)
"""Corner of a box at which memory runs out."""


class BoxSegmenter:
    """Its masks are the boxes of the prompts, given from the last to the first."""

    made = None

    def __init__(self, image, model, *, normalization, cache):
        self.image, self.cache = image, cache
        self.normalization = images.normalization(image, normalization)
        self.source = SimpleNamespace(encoded=0)
        self.asked = []
        BoxSegmenter.made = self

    def iter_many(self, prompts, *, plane, level, output, clean):
        self.asked.append(
            {"plane": tuple(plane.values()), "level": level, "output": output}
        )
        for number in reversed(range(len(prompts))):
            self.source.encoded += 1
            y0, x0, y1, x1 = (int(v) for v in prompts[number].box)
            if (y0, x0) == FAILS:
                raise MemoryError("as told")
            inside = np.ones((y1 - y0, x1 - x0), bool)
            yield number, Mask.from_crop(inside, (y0, x0), 1.0, 1.0)


@pytest.fixture
def command(monkeypatch, run_command):
    """Run the command line in this process: exit code, output, error output."""
    model = SimpleNamespace(name="boxes", device="cpu", dtype="float32", input_size=64)
    monkeypatch.setattr("napari_hqsam.models.load_model", lambda *_, **__: model)
    monkeypatch.setattr("napari_hqsam.segmentation.Segmenter", BoxSegmenter)

    return run_command


@pytest.fixture
def small(tmp_path):
    np.save(tmp_path / "small.npy", np.arange(6000, dtype="u2").reshape(60, 100))
    return tmp_path / "small.npy"


BOXES = ("--box", "5,10,25,30", "--box", "15,20,35,40", "--box", "20,0,22,60")


@pytest.mark.parametrize("overlap", ["keep", "overwrite"])
@pytest.mark.parametrize("name", ["a.tif", "a.ome.zarr"])
def test_the_order_of_the_prompts_counts_not_that_of_the_masks(
    command, tmp_path, small, overlap, name
):
    wanted = np.zeros((60, 100), int)
    boxes = [(5, 10, 25, 30), (15, 20, 35, 40), (20, 0, 22, 60)]
    numbered = list(enumerate(boxes, 1))
    for label_id, (y0, x0, y1, x1) in numbered[:: -1 if overlap == "keep" else 1]:
        wanted[y0:y1, x0:x1] = label_id
    out = tmp_path / name
    code, said, err = command("segment", small, *BOXES, "-o", out, "--overlap", overlap)
    assert (code, err) == (0, "")
    assert "3 prompts, 3 tiles encoded" in said
    back = read_labels(out)
    np.testing.assert_array_equal(back, wanted)
    assert back.dtype == np.uint16


def test_prompts_without_a_pixel_of_their_own_are_counted(command, tmp_path, small):
    out = tmp_path / "a.tif"
    hidden = ("--box", "6,11,9,14", "--box", "16,21,18,23")
    code, _, err = command("segment", small, *BOXES, *hidden, "-o", out)
    assert code == 0
    assert "2 of 5 prompts gave no pixels of their own" in err
    code, _, err = command(
        "segment", small, *hidden, *BOXES, "-o", out, "--overlap", "overwrite"
    )
    assert code == 0
    assert "2 of 5 prompts gave no pixels of their own" in err


def test_large_ids_get_a_type_that_holds_them(command, tmp_path, small):
    (tmp_path / "p.csv").write_text("y0,x0,y1,x1,id\n1,2,5,6,70000\n20,20,30,30,5\n")
    prompts = ("--prompts", tmp_path / "p.csv")
    assert command("segment", small, *prompts, "-o", tmp_path / "a.tif")[0] == 0
    back = read_labels(tmp_path / "a.tif")
    assert back.dtype == np.uint32
    assert np.unique(back).tolist() == [0, 5, 70000]


def test_two_prompts_for_one_object_are_refused(command, tmp_path):
    np.save(tmp_path / "stack.npy", np.ones((2, 40, 40), "u1"))
    (tmp_path / "p.json").write_text(
        '{"prompts": [{"box": [1, 2, 5, 6], "id": 3},'
        ' {"box": [1, 2, 5, 6], "id": 3, "plane": [1]}]}'
    )
    common = ("segment", tmp_path / "stack.npy", "--axes", "zyx")
    common += ("--prompts", tmp_path / "p.json", "-o", tmp_path / "a.tif")
    code, _, err = command(*common, "--plane", "1")
    assert code == 2
    assert "2 prompts for object 3 on one plane" in err
    assert not (tmp_path / "a.tif").exists()
    assert command(*common, "--plane", "0")[0] == 0  # one object through the stack
    assert (read_labels(tmp_path / "a.tif")[:, 3, 3] == 3).all()


def test_level_and_cache_reach_the_segmenter(command, tmp_path, small):
    common = ("segment", small, *BOXES, "-o", tmp_path / "a.tif")
    for options, level, cache in [
        ((), "auto", None),
        (("--level", "whole", "--cache", "none"), "whole", False),
        (("--level", "3", "--cache", tmp_path / "new"), 3, tmp_path / "new"),
        (("--level", "-1"), -1, None),
    ]:
        assert command(*common, *options)[0] == 0
        (asked,) = BoxSegmenter.made.asked
        assert (asked["level"], BoxSegmenter.made.cache) == (level, cache)


@pytest.mark.parametrize("option", [("--level", "fine"), ("--level", "1.5")])
def test_a_level_that_is_none(command, tmp_path, small, option):
    out = tmp_path / "a.tif"
    code, said, err = command("segment", small, *BOXES, "-o", out, *option)
    assert (code, said, err.count("\n")) == (2, "", 1)
    assert option[1] in err


def test_a_cache_that_is_a_file(command, tmp_path, small):
    out = tmp_path / "a.tif"
    code, said, err = command("segment", small, *BOXES, "-o", out, "--cache", small)
    assert (code, said, err.count("\n")) == (2, "", 1)
    assert "small.npy is a file" in err


def zarr_space(path):
    """Scale and units that the labels declare."""
    (image,) = zarr.open(str(path), mode="r").attrs["ome"]["multiscales"]
    (level,) = image["datasets"]
    (transform,) = level["coordinateTransformations"]
    return transform["scale"], [axis.get("unit") for axis in image["axes"]]


def test_labels_have_the_pixel_size_of_the_image(command, tmp_path):
    pixels = np.arange(12_000, dtype="u2").reshape(2, 60, 100)
    sizes = {
        f"PhysicalSize{a}": s for a, s in zip("ZYX", (2.0, 0.5, 0.25), strict=True)
    }
    units = {f"PhysicalSize{a}Unit": "nm" for a in "ZYX"}
    tifffile.imwrite(
        tmp_path / "image.ome.tif", pixels, metadata={"axes": "ZYX", **sizes, **units}
    )
    tifffile.imwrite(
        tmp_path / "imagej.tif",
        pixels,
        imagej=True,
        resolution=(4, 2),
        metadata={"axes": "ZYX", "spacing": 2.0, "unit": "nm"},
    )
    for name in ("image.ome.tif", "imagej.tif"):
        out = tmp_path / "a.zarr"
        options = (*BOXES, "--plane", "1", "-o", out)
        code, _, err = command("segment", tmp_path / name, *options)
        assert (code, err) == (0, "")
        assert zarr_space(out) == ([2.0, 0.5, 0.25], ["nanometer"] * 3), name


def test_a_unit_that_nobody_knows_does_not_stop_the_labels(command, tmp_path):
    group = zarr.create_group(str(tmp_path / "image.zarr"))
    group.create_array("0", data=np.arange(6000, dtype="u2").reshape(60, 100))
    axes = [
        {"name": a, "type": "space", "unit": unit}
        for a, unit in (("y", "micron"), ("x", "furlong"))
    ]
    scale = {"type": "scale", "scale": [0.5, 0.25]}
    level = {"path": "0", "coordinateTransformations": [scale]}
    multiscale = {"name": "image", "axes": axes, "datasets": [level]}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [multiscale]}
    source, out = tmp_path / "image.zarr", tmp_path / "a.zarr"
    code, _, err = command("segment", source, *BOXES, "-o", out)
    assert code == 0
    assert "furlong" in err
    assert zarr_space(tmp_path / "a.zarr") == ([0.5, 0.25], ["micrometer", None])


def test_a_failure_on_the_way_leaves_what_was_there(command, tmp_path, small):
    out = tmp_path / "a.ome.zarr"
    assert command("segment", small, *BOXES, "-o", out)[0] == 0
    before = read_labels(out)
    code, said, err = command("segment", small, "--box", "13,13,19,19", "-o", out)
    assert (code, err.count("\n")) == (2, 1)
    assert "write" not in said
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.ome.zarr", "small.npy"]
    np.testing.assert_array_equal(read_labels(out), before)


def test_one_image_of_several_is_chosen_by_its_key(command, tmp_path):
    group = zarr.create_group(str(tmp_path / "two.zarr"))
    for name, side in (("a", 60), ("b", 80)):
        group.create_array(name, data=np.arange(side**2, dtype="u2").reshape(side, -1))
    with tifffile.TiffWriter(tmp_path / "two.tif") as writer:
        for side in (60, 80):
            writer.write(np.arange(side**2, dtype="u2").reshape(side, -1))
    out = tmp_path / "labels.tif"
    common = ("--box", "5,10,25,30", "-o", out)
    code, said, err = command("segment", tmp_path / "two.zarr", *common)
    assert (code, said, err.count("\n")) == (2, "", 1)
    assert "--key" in err
    assert "one of 'a', 'b'" in err
    for name, key in (("two.zarr", "b"), ("two.tif", "1")):
        code, _, err = command("segment", tmp_path / name, "--key", key, *common)
        assert (code, err) == (0, "")
        assert read_labels(out).shape == (80, 80)
    code, _, err = command("segment", tmp_path / "two.tif", "--key", "2", *common)
    assert code == 2
    assert "--key" in err


class ReadingSegmenter(BoxSegmenter):
    """Reads the box of each prompt."""

    def iter_many(self, prompts, **how):
        for number, mask in super().iter_many(prompts, **how):
            images.read_rgb8(self.image, self.normalization, (), mask.bbox, 0)
            yield number, mask


def test_pixels_that_are_nan_are_told_once_a_command(command, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_hqsam.segmentation.Segmenter", ReadingSegmenter)
    pixels = np.arange(6000, dtype="f4").reshape(60, 100)
    pixels[::2, ::3] = np.nan
    np.save(tmp_path / "nan.npy", pixels)
    for _ in range(2):  # a second command in this process tells it as well
        code, _, err = command(
            "segment", tmp_path / "nan.npy", *BOXES, "-o", tmp_path / "a.tif"
        )
        assert (code, err.count("NaN")) == (0, 1)


@pytest.mark.parametrize(
    ("pixels", "options", "words"),
    [
        (np.ones((60, 100), "u1"), ("--normalization", "3,3"), "low < high"),
        (np.full((60, 100), np.nan, "f4"), (), "no finite pixel"),
        (np.ones((60, 100), "u2"), ("--normalization", "none"), "needs uint8"),
    ],
)
def test_what_cannot_be_shown_is_told_before_a_model_is_loaded(
    command, tmp_path, monkeypatch, pixels, options, words
):
    monkeypatch.delattr("napari_hqsam.models.load_model")
    np.save(tmp_path / "a.npy", pixels)
    code, _, err = command(
        "segment", tmp_path / "a.npy", *BOXES, "-o", tmp_path / "a.tif", *options
    )
    assert (code, err.count("\n")) == (2, 1)
    assert words in err


def test_the_image_is_sampled_once(command, tmp_path, small, monkeypatch):
    sampled = []
    sample = images.normalizing.sample_pixels
    monkeypatch.setattr(
        images.normalizing,
        "sample_pixels",
        lambda image: sampled.append(image) or sample(image),
    )
    assert command("segment", small, *BOXES, "-o", tmp_path / "a.tif")[0] == 0
    assert len(sampled) == 1


def test_labels_are_not_put_among_the_arrays_of_an_image(command, tmp_path):
    path = tmp_path / "image.zarr"
    group = zarr.create_group(str(path))
    group.create_array("0", data=np.arange(6000, dtype="u2").reshape(60, 100))
    (path / "labels").mkdir()
    before = sorted(path.rglob("*"))
    for options in (
        ("-o", path / "cells.zarr"),
        ("-o", path / "0" / "cells.tif"),
        ("-o", tmp_path / "a.tif", "--overlay", path / "a.png"),
    ):
        code, said, err = command("segment", path, *BOXES, *options)
        assert (code, said, err.count("\n")) == (2, "", 1)
        assert "lies inside the image" in err
        assert "labels/" in err
    assert sorted(path.rglob("*")) == before
    out = path / "labels" / "cells.zarr"
    assert command("segment", path, "--key", "0", *BOXES, "-o", out)[0] == 0
    assert read_labels(out).max() == 3


def test_prompts_that_are_not_there(command, tmp_path, small):
    missing = tmp_path / "nothere.csv"
    out = tmp_path / "a.tif"
    code, _, err = command("segment", small, "--prompts", missing, "-o", out)
    assert (code, err.count("\n")) == (2, 1)
    assert "nothere.csv: no such file; check the path" in err


def test_a_damaged_chunk_is_named(command, tmp_path):
    path = tmp_path / "image.zarr"
    array = zarr.create_array(str(path), shape=(60, 100), dtype="u2", chunks=(32, 32))
    array[...] = 7
    (path / "c" / "0" / "0").write_bytes(b"spoilt")
    code, _, err = command("segment", path, *BOXES, "-o", tmp_path / "a.tif")
    assert (code, err.count("\n")) == (2, 1)
    assert "its chunk c/0/0: " in err
    assert "copy it again" in err


@pytest.fixture
def slide(tmp_path):
    """A whole slide of 2 x 40,000 x 30,000 pixels, of which one chunk is stored."""
    array = zarr.create_array(
        str(tmp_path / "slide.zarr"),
        shape=(2, 40_000, 30_000),
        dtype="u1",
        chunks=(1, 1024, 1024),
        dimension_names=("z", "y", "x"),
    )
    array[1, 20_480:21_504, 10_240:11_264] = 200
    return tmp_path / "slide.zarr"


@pytest.mark.filterwarnings("ignore:.*chunks.* are missing")
@pytest.mark.parametrize("name", ["a.ome.zarr", "a.tif"])
def test_a_slide_takes_memory_for_masks_only(command, tmp_path, slide, name):
    boxes = ("--box", "20480,10240,21504,11264", "--box", "39000,10,39990,500")
    common = ("segment", slide, *boxes, "--plane", "1", "--normalization", "none")
    tracemalloc.start()
    try:
        code, _, _ = command(*common, "-o", tmp_path / name)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert code == 0
    assert peak < 64 * 2**20, f"{peak / 2**20:.0f} MB"
    labels = open_image(tmp_path / name)
    assert labels.shape == (2, 40_000, 30_000)
    for region, label_id in [
        ((20_480, 10_240, 21_504, 11_264), 1),
        ((39_000, 10, 39_990, 500), 2),
        ((0, 0, 1000, 1000), 0),
    ]:
        assert (labels.read_plane((1,), region) == label_id).all()
        assert not labels.read_plane((0,), region).any()


def test_the_overlay_of_a_slide_is_a_small_picture(command, tmp_path):
    array = zarr.create_array(
        str(tmp_path / "slide.zarr"), shape=(9000, 6000), dtype="u1", chunks=(1024,) * 2
    )
    array[1024:2048, 1024:2048] = 100
    code, _, _ = command(
        "segment",
        tmp_path / "slide.zarr",
        *("--box", "4096,2048,6144,4096", "--normalization", "none"),
        *("-o", tmp_path / "a.zarr", "--overlay", tmp_path / "a.png"),
    )
    assert code == 0
    with Pillow.open(tmp_path / "a.png") as picture:
        assert picture.size == (1500, 2250)
        assert max(picture.size) <= OVERLAY_SIDE
        pixels = np.asarray(picture)
    assert (pixels[256:512, 256:512] == 100).all()
    assert not pixels[512:1000].any()
    assert pixels[1030:1530, 520:1020].any(-1).all()
    assert not pixels[1540:].any()
    assert not pixels[:, 1030:].any()


def test_an_overlay_that_fails_costs_no_labels(command, tmp_path, small, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError("no ink")

    monkeypatch.setattr(Pillow.Image, "save", fail)
    out, picture = tmp_path / "a.tif", tmp_path / "a.png"
    code, _, err = command("segment", small, *BOXES, "-o", out, "--overlay", picture)
    assert code == 2
    assert "a.png was not written: no ink" in err
    assert read_labels(out).max() == 3
    assert not picture.exists()


def test_missing_planes_are_read_as_zeros_if_allowed(command, tmp_path):
    path, out = tmp_path / "one.ome.tif", tmp_path / "out.tif"
    described = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/'
        '2016-06" UUID="urn:uuid:1"><Image ID="Image:0"><Pixels ID="Pixels:0" '
        'DimensionOrder="XYZCT" Type="uint8" SizeX="40" SizeY="30" SizeZ="2" SizeC="1" '
        'SizeT="1"><TiffData FirstZ="0" IFD="0" PlaneCount="1"/>'
        '<TiffData FirstZ="1" IFD="0" PlaneCount="1"><UUID FileName="two.ome.tif">'
        "urn:uuid:2</UUID></TiffData></Pixels></Image></OME>"
    )
    pixels = np.arange(1200, dtype=np.uint8).reshape(30, 40)
    tifffile.imwrite(path, pixels, description=described, metadata=None)
    arguments = "segment", path, "-o", out, "--box", "2,3,9,12", "--plane", "0"
    code, _, err = command(*arguments)
    assert code == 2
    assert "two.ome.tif" in err
    assert "--allow-missing" in err
    assert not out.exists()
    code, _, err = command(*arguments, "--allow-missing")
    assert code == 0
    assert "warning" in err
    assert read_labels(out).max() == 1
