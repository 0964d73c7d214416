"""``propagate``: a stack from prompts in a file; the network is stood in for."""

from __future__ import annotations

import csv
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile

from napari_hqsam import read_labels, write_labels
from napari_hqsam.masks import Mask
from napari_hqsam.segmentation.propagation import Confidence, SliceMask, StackSlice

RUNS = {}


def box_slices(segmenter, objects, **options):
    """Each object is the box of its first prompt, on all slices; forward then back."""
    RUNS.update(options, objects=objects, image=segmenter.image)
    RUNS["done"] = 0
    start, stop = options["z_range"] or (0, segmenter.image.leading_shape[-1])
    for z in range(start, stop):
        if RUNS.get("interrupt") == z:
            raise KeyboardInterrupt
        found = {}
        for i, fixed in enumerate(objects):
            y0, x0, y1, x1 = (int(v) for v in next(iter(fixed.values())).box)
            crop = np.ones((y1 - y0, x1 - x0), bool)
            if options["taken"] is not None:
                crop &= options["taken"]((*options["index"], z), (y0, x0, y1, x1)) == 0
            mask = Mask.from_crop(crop, (y0, x0), 0.9, 0.8)
            origin = "prompted" if z in fixed else "followed"
            sure = Confidence(0.8, None if z in fixed else 0.5)
            found[i] = SliceMask(mask, origin, sure)
        ended = {} if z else {0: "empty"}
        yield StackSlice(z, (*options["index"], z), found, ended)


@pytest.fixture
def command(monkeypatch, run_command):
    """Run the command line in this process: exit code, output, error output."""
    model = SimpleNamespace(name="boxes", device="cpu", dtype="float32", input_size=64)
    monkeypatch.setattr("napari_hqsam.models.load_model", lambda *_, **__: model)
    monkeypatch.setattr(
        "napari_hqsam.segmentation.Segmenter",
        lambda image, *_, **__: SimpleNamespace(
            image=image, source=SimpleNamespace(encoded=3)
        ),
    )
    monkeypatch.setattr(
        "napari_hqsam.segmentation.propagation.iter_propagate", box_slices
    )
    RUNS.clear()

    return run_command


@pytest.fixture
def stack(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (6, 40, 50), "u1")
    np.save(tmp_path / "stack.npy", pixels)
    (tmp_path / "p.csv").write_text(
        "object,z,y0,x0,y1,x1\n3,2,5,10,15,20\n3,4,5,10,15,20\n8,2,20,30,30,40\n"
    )
    return ("propagate", tmp_path / "stack.npy", tmp_path / "p.csv", "--axes", "zyx")


@pytest.mark.parametrize("name", ["a.tif", "a.ome.zarr"])
def test_slices_become_labels_and_a_table(command, tmp_path, stack, name):
    out, table = tmp_path / name, tmp_path / "sure.csv"
    code, said, err = command(
        *stack, "-o", out, "--range", "1,5", "--confidence", table, "--spacing", "2.5"
    )
    assert (code, err) == (0, "")
    assert "2 objects, 4 slices, 3 tiles encoded" in said
    labels = read_labels(out)
    assert labels.shape == (6, 40, 50)
    assert not labels[[0, 5]].any()
    assert (labels[1:5, 5:15, 10:20] == 3).all()
    assert (labels[1:5, 20:30, 30:40] == 8).all()
    assert np.count_nonzero(labels) == 4 * 200
    assert RUNS["spacing"] == 2.5
    assert [sorted(o) for o in RUNS["objects"]] == [[2, 4], [2]]
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert [(r["object"], r["slice"]) for r in rows[:4]] == [
        ("3", str(z)) for z in range(1, 5)
    ]
    assert rows[1]["confidence"] == "1.000"
    assert float(rows[0]["confidence"]) == pytest.approx(0.4**0.5, abs=1e-3)
    assert rows[0]["pixels"] == "100"


@pytest.mark.parametrize("across", ["x", "y"])
def test_slices_across_another_axis(command, tmp_path, stack, across):
    (tmp_path / "p.csv").write_text("object,z,y0,x0,y1,x1\n3,7,1,10,4,20\n")
    out = tmp_path / "a.tif"
    code, _, err = command(*stack, "-o", out, "--across", across, "--spacing", "1")
    assert (code, err) == (0, "")
    labels = read_labels(out)
    assert labels.shape == (6, 40, 50)
    wanted = np.zeros_like(labels)
    if across == "x":
        wanted[1:4, 10:20] = 3
        assert RUNS["image"].plane_shape == (6, 40)
    else:
        wanted[1:4, :, 10:20] = 3
        assert RUNS["image"].plane_shape == (6, 50)
    np.testing.assert_array_equal(labels, wanted)


def test_accepted_labels_are_kept(command, tmp_path, stack):
    kept = np.zeros((6, 40, 50), np.uint16)
    kept[:, 10:25, 12:35] = 1
    write_labels(tmp_path / "kept.tif", kept)
    out = tmp_path / "a.tif"
    options = ("--keep", tmp_path / "kept.tif", "--spacing", "1")
    assert command(*stack, "-o", out, *options)[0] == 0
    labels = read_labels(out)
    np.testing.assert_array_equal(labels == 1, kept == 1)
    assert (labels[:, 5:10, 10:20] == 3).all()
    kept[kept > 0] = 8
    write_labels(tmp_path / "kept.tif", kept)
    code, _, err = command(*stack, "-o", tmp_path / "b.tif", *options)
    assert (code, err.count("\n")) == (2, 1)
    assert "object 8 is in" in err
    write_labels(tmp_path / "kept.tif", kept[1:])
    code, _, err = command(*stack, "-o", tmp_path / "b.tif", *options)
    assert (code, err.count("\n")) == (2, 1)
    assert not (tmp_path / "b.tif").exists()


@pytest.mark.parametrize("axes", ["YXZ", "XYZ"])
def test_labels_to_keep_whose_axes_lie_in_another_order(command, tmp_path, axes):
    """Of a cube the shape does not tell."""
    cube = np.zeros((20, 20, 20), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", cube, metadata={"axes": "ZYX"})
    tifffile.imwrite(tmp_path / "kept.tif", cube, metadata={"axes": axes})
    (tmp_path / "p.csv").write_text("z,y0,x0,y1,x1\n4,5,5,9,9\n")
    given = ("propagate", tmp_path / "a.tif", tmp_path / "p.csv")
    out, kept = tmp_path / "out.tif", tmp_path / "kept.tif"
    code, _, err = command(*given, "-o", out, "--keep", kept)
    assert code == 2
    assert f"has the axes {axes.lower()}, its image zyx" in err.splitlines()[-1]
    assert not out.exists()


def test_labels_to_keep_with_negative_ids(command, tmp_path, stack):
    """As unsigned integers they would be other ids."""
    kept = np.zeros((6, 40, 50), np.int32)
    kept[5, 0, 0] = -1
    np.save(tmp_path / "kept.npy", kept)
    out = tmp_path / "out.tif"
    code, _, err = command(*stack, "-o", out, "--keep", tmp_path / "kept.npy")
    assert code == 2
    assert "has the id -1" in err.splitlines()[-1]
    assert not out.exists()


@pytest.mark.parametrize(
    ("dtype", "wrong", "told"),
    [
        (np.int16, -1, "has the id -1"),
        (np.float32, -1, "has the id -1"),
        (np.float32, 1.5, "holds 1.5; labels must be whole numbers"),
        (np.float32, np.nan, "holds nan; labels must be whole numbers"),
        (np.int64, 2**32, "has the id 4294967296"),
    ],
)
def test_labels_to_keep_whose_values_are_no_ids(
    command, tmp_path, stack, dtype, wrong, told
):
    kept = np.zeros((6, 40, 50), dtype)
    kept[2, 0, 0] = wrong
    np.save(tmp_path / "kept.npy", kept)
    out = tmp_path / "out.tif"
    code, _, err = command(*stack, "-o", out, "--keep", tmp_path / "kept.npy")
    assert (code, told in err.splitlines()[-1]) == (2, True)
    assert not out.exists()


@pytest.mark.parametrize(("offset", "told"), [(0.0, ""), (4.0, "up to 8.0 pixels")])
def test_labels_to_keep_that_lie_elsewhere_are_told(
    command, tmp_path, stack, offset, told
):
    place = {"axes": "zyx", "scale": (2, 0.5, 0.5), "units": "um"}
    pixels = np.random.default_rng(0).integers(0, 255, (6, 40, 50))
    write_labels(tmp_path / "image.tif", pixels, **place)
    kept = tmp_path / "kept.ome.tif"
    labels = np.zeros((6, 40, 50), int)
    labels[0, 0, 0] = 1
    write_labels(kept, labels, **place, translate=(0, offset, 0))
    given = ("propagate", tmp_path / "image.tif", *stack[2:])
    code, _, err = command(*given, "-o", tmp_path / "a.tif", "--keep", kept)
    assert (code, told in err) == (0, True), err
    assert bool(err) == bool(told), err


@pytest.mark.parametrize("dtype", [np.float32, np.uint32, np.int64])
def test_labels_to_keep_of_any_type_keep_their_ids(command, tmp_path, stack, dtype):
    kept = np.zeros((6, 40, 50), dtype)
    kept[:, 10:25, 12:35] = 70_000
    np.save(tmp_path / "kept.npy", kept)
    out = tmp_path / "a.tif"
    options = ("--keep", tmp_path / "kept.npy", "--spacing", "1")
    assert command(*stack, "-o", out, *options)[0] == 0
    labels = read_labels(out)
    np.testing.assert_array_equal(labels == 70_000, kept == 70_000)
    assert (labels[:, 5:10, 10:20] == 3).all()


def test_labels_to_keep_with_a_dimension_of_length_1(command, tmp_path, stack):
    kept = np.zeros((1, 6, 1, 40, 50), np.uint16)
    kept[..., 30:, 40:] = 1
    np.save(tmp_path / "kept.npy", kept)
    out = tmp_path / "a.tif"
    options = ("--keep", tmp_path / "kept.npy", "--spacing", "1")
    assert command(*stack, "-o", out, *options)[0] == 0
    np.testing.assert_array_equal(read_labels(out) == 1, kept[0, :, 0] == 1)


def test_an_interrupt_leaves_what_was_there(command, tmp_path, stack):
    out, table = tmp_path / "a.ome.zarr", tmp_path / "t.csv"
    options = ("-o", out, "--confidence", table, "--spacing", "1")
    assert command(*stack, *options, "--range", "1,5")[0] == 0
    before, said = read_labels(out), table.read_text()
    RUNS["interrupt"] = 3
    code, _, _ = command(*stack, *options)
    assert code != 0
    np.testing.assert_array_equal(read_labels(out), before)
    assert table.read_text() == said
    assert not list(tmp_path.glob(".*"))


def test_a_stack_that_does_not_tell_its_spacing(command, tmp_path, stack):
    code, _, err = command(*stack, "-o", tmp_path / "a.tif")
    assert code == 0
    assert "have no spacing of slices" in err
    assert RUNS["spacing"] == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--range", "1"), "two whole numbers"),
        (("--across", "q"), "no axis 'q'"),
        (("--spacing", "far"), "--spacing"),
        (("--overlap", "2"), "stop rule overlap"),
        (("--confidence", "sure.txt"), "no .csv"),
        (("--range", "3,9"), "range 3 to 9 is empty or outside"),
        (("--range", "0,3"), "prompt is on slice 4, outside the range"),
        (("--direction", "up"), "direction 'up'"),
        (("--spacing", "0"), "spacing 0"),
    ],
)
def test_wrong_options_are_told_before_a_model_is_loaded(
    command, monkeypatch, tmp_path, stack, options, message
):
    monkeypatch.delattr("napari_hqsam.models.load_model")
    code, _, err = command(*stack, "-o", tmp_path / "a.tif", *options)
    assert code == 2
    assert message in err.splitlines()[-1]
    assert not (tmp_path / "a.tif").exists()


def test_a_single_plane_is_no_stack(command, tmp_path):
    np.save(tmp_path / "one.npy", np.ones((20, 20), "u1"))
    (tmp_path / "p.csv").write_text("y,x\n3,4\n")
    code, _, err = command(
        "propagate", tmp_path / "one.npy", tmp_path / "p.csv", "-o", tmp_path / "a.tif"
    )
    assert (code, err.count("\n")) == (2, 1)
    assert "one plane" in err
