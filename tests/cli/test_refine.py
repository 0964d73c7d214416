"""``refine``: labels in a file through a network of known answers, to a file."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import tifffile
from PIL import Image as Picture

from napari_hqsam import HqsamError, open_image, read_labels, refine_file, write_labels
from tests.helpers.bright_network import bright_model

WANTED = np.zeros((2, 96, 128), np.uint16)
WANTED[0, 16:56, 16:56] = 3
WANTED[0, 16:56, 72:112] = 4464
WANTED[1, 30:70, 40:80] = 3


@pytest.fixture
def model(monkeypatch):
    model = bright_model()
    monkeypatch.setattr("napari_hqsam.models.load_model", lambda *_, **__: model)
    return model


@pytest.fixture
def damaged():
    """The squares on both planes, eroded by 3 pixels."""
    labels = np.zeros_like(WANTED)
    for z, y, x in ((0, 16, 16), (0, 16, 72), (1, 30, 40)):
        labels[z, y + 3 : y + 37, x + 3 : x + 37] = WANTED[z, y, x]
    return labels


@pytest.fixture
def stack(tmp_path, model):
    """A stack of bright squares in micrometers."""
    pixels = np.where(WANTED, 255, 0).astype(np.uint8)
    path = tmp_path / "stack.tif"
    resolution = (4, 4)
    tifffile.imwrite(
        path,
        pixels,
        imagej=True,
        resolution=resolution,
        metadata={"axes": "ZYX", "unit": "um", "spacing": 0.5},
    )
    return path


def differ(a, b):
    return int(np.count_nonzero(a != b))


@pytest.mark.parametrize("name", ["new.tif", "new.ome.zarr"])
def test_all_planes_of_a_stack_and_a_table(run_command, tmp_path, stack, damaged, name):
    write_labels(tmp_path / "old.tif", damaged)
    out, table = tmp_path / name, tmp_path / "t.csv"
    options = ("--normalization", "none", "--cache", "none", "--table", table)
    code, said, err = run_command(
        *("refine", stack, tmp_path / "old.tif", "-o", out), *options
    )
    assert (code, err) == (0, "")
    assert f"3 of 3 objects on 2 planes refined, labels in {out}" in said
    refined = read_labels(out)
    assert differ(refined, WANTED) < 30 < differ(damaged, WANTED)
    assert open_image(out).scale == open_image(stack).scale
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert [(r["object"], r["z"]) for r in rows] == [
        ("3", "0"),
        (str(WANTED.max()), "0"),
        ("3", "1"),
    ]
    assert {r["result"] for r in rows} == {"refined"}
    assert {r["reason"] for r in rows} == {""}
    for row in rows:
        assert 0.6 < float(row["iou"]) < 0.8
        assert 2 < float(row["distance"]) < 4
        assert int(row["pixels_before"]) == 34 * 34
        assert int(row["pixels"]) == pytest.approx(1600, abs=20)
    again = run_command(*("refine", stack, tmp_path / "old.tif", "-o", out), *options)
    assert again[0] == 0  # what this program has written may be replaced


def test_planes_that_are_not_named_are_copied(run_command, tmp_path, stack, damaged):
    np.save(tmp_path / "old.npy", damaged.astype(float))
    out = tmp_path / "new.tif"
    options = ("--normalization", "none", "--cache", "none", "--planes", "1")
    code, said, err = run_command(
        *("refine", stack, tmp_path / "old.npy", "-o", out), *options
    )
    assert (code, err) == (0, "")
    assert "1 of 1 objects refined" in said
    refined = read_labels(out)
    assert differ(refined[0], damaged[0]) == 0
    assert differ(refined[1], WANTED[1]) < 20


def test_rules_of_the_command_line(run_command, tmp_path, stack, damaged):
    write_labels(tmp_path / "old.tif", damaged)
    out, table = tmp_path / "new.tif", tmp_path / "t.csv"
    options = ("--cache", "none", "--overlap", "0.95", "--table", table)
    code, said, _ = run_command(
        *("refine", stack, tmp_path / "old.tif", "-o", out), *options
    )
    assert code == 0
    assert "0 of 3 objects on 2 planes refined" in said
    np.testing.assert_array_equal(read_labels(out), damaged)
    with table.open() as file:
        assert {r["reason"] for r in csv.DictReader(file)} == {"overlap"}


def test_a_picture_with_a_palette_and_background_alone(tmp_path, model):
    Picture.fromarray(np.where(WANTED[0], 255, 0).astype("u1")).save(
        tmp_path / "image.png"
    )
    ids = np.zeros((96, 128), np.uint8)
    indices = Picture.fromarray(ids, "P")
    indices.putpalette([0, 0, 0, 255, 0, 0])
    indices.save(tmp_path / "labels.png")
    out = tmp_path / "new.tif"
    done = refine_file(
        tmp_path / "image.png", tmp_path / "labels.png", out, cache=False
    )
    assert done.objects == ()
    assert not read_labels(out).any()
    assert model.network.encoded == 0


def test_ids_of_32_bits_in_a_dimension_of_length_1(tmp_path, model):
    np.save(tmp_path / "image.npy", np.where(WANTED[0], 255, 0).astype("u1"))
    old = np.zeros((1, 96, 128), np.uint64)
    old[0, 19:53, 19:53] = 2**32 - 1
    np.save(tmp_path / "old.npy", old)
    out = tmp_path / "new.tif"
    refine_file(tmp_path / "image.npy", tmp_path / "old.npy", out, cache=False)
    refined = read_labels(out)
    assert np.unique(refined).tolist() == [0, 2**32 - 1]
    assert abs(np.count_nonzero(refined) - 1600) < 20


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.zeros((2, 96, 127), np.uint8), "has the shape (2, 96, 127)"),
        (np.zeros((96, 128), np.uint8), "must have zyx (2, 96, 128)"),
        (np.full((2, 96, 128), -1), "has the id -1"),
        (np.full((2, 96, 128), 2**32), "has the id 4294967296"),
        (np.full((2, 96, 128), 0.5), "holds 0.5"),
        (np.full((2, 96, 128), np.nan), "holds nan"),
    ],
)
def test_labels_that_do_not_fit_are_told_in_a_line(
    run_command, tmp_path, stack, model, labels, words
):
    np.save(tmp_path / "old.npy", labels)
    out = tmp_path / "new.tif"
    code, _, err = run_command("refine", stack, tmp_path / "old.npy", "-o", out)
    assert code == 2
    assert words in err
    assert err.count("\n") == 1
    assert model.network.encoded == 0
    assert not out.exists()


def test_files_that_are_not_there_or_in_use(run_command, tmp_path, stack, damaged):
    old, out = tmp_path / "old.tif", tmp_path / "new.tif"
    for args, words in (
        ((tmp_path / "none.tif", "-o", out), "no such file"),
        ((old, "-o", old), "old.tif"),
        ((old, "-o", tmp_path / "new.jpg"), "new.jpg"),
        ((old, "-o", out, "--table", tmp_path / "t.txt"), "t.txt is no .csv"),
        ((old, "-o", out, "--planes", "7"), "7"),
        ((old, "-o", out, "--gain", "nan"), "gain"),
        ((stack, "-o", stack), "stack.tif"),
    ):
        write_labels(old, damaged)
        code, _, err = run_command("refine", stack, *args)
        assert (code, err.count("\n")) == (2, 1), err
        assert words in err
        assert not out.exists()
        np.testing.assert_array_equal(read_labels(old), damaged)


def test_an_interruption_leaves_the_labels_before(
    run_command, tmp_path, stack, damaged, model, monkeypatch
):
    write_labels(tmp_path / "old.tif", damaged)
    out = tmp_path / "new.tif"
    write_labels(out, damaged)
    decode, calls = model.network.decode, []

    def interrupted(*args, **named):
        calls.append(1)
        if len(calls) > 4:
            raise KeyboardInterrupt
        return decode(*args, **named)

    monkeypatch.setattr(model.network, "decode", interrupted)
    code, _, err = run_command(
        *("refine", stack, tmp_path / "old.tif", "-o", out, "--cache", "none")
    )
    assert code == 130
    assert "is as it was before" in err
    np.testing.assert_array_equal(read_labels(out), damaged)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"stack.tif", "old.tif", "new.tif"}


def test_the_error_of_python_is_the_same(tmp_path, stack, damaged):
    np.save(tmp_path / "old.npy", damaged[:1])
    with pytest.raises(HqsamError, match="has the shape"):
        refine_file(stack, tmp_path / "old.npy", tmp_path / "new.tif")
