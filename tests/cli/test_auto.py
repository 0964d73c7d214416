"""``auto``: all objects of a file; the network is one whose answers are known."""

import numpy as np
import pytest
from PIL import Image as Pillow

from napari_hqsam import read_labels
from napari_hqsam.errors import PromptError
from napari_hqsam.jobs import auto_file
from napari_hqsam.masks.metrics import iou
from tests.helpers.bright_network import bright_model

CENTRES = [(30, 40), (60, 90), (95, 30)]
RADIUS = 14


@pytest.fixture
def command(monkeypatch, run_command):
    """Run the command line in this process: exit code, output, error output."""
    model = bright_model(128)
    monkeypatch.setattr("napari_hqsam.models.load_model", lambda *_, **__: model)
    return run_command


@pytest.fixture
def plane(tmp_path):
    np.save(tmp_path / "plane.npy", discs())
    return tmp_path / "plane.npy"


@pytest.fixture
def stack(tmp_path):
    np.save(tmp_path / "stack.npy", np.stack([discs(shift) for shift in (0, 3, 6)]))
    return tmp_path / "stack.npy"


def discs(shift=0):
    yy, xx = np.mgrid[:128, :128]
    near = np.min([np.hypot(yy - y, xx - x - shift) for y, x in CENTRES], 0)
    return np.where(near <= RADIUS, 220, 20).astype(np.uint8)


def options(out):
    return "-o", out, "--level", "0", "--normalization", "none", "--cache", "none"


@pytest.mark.parametrize("name", ["a.tif", "a.ome.zarr"])
def test_each_object_of_a_plane_has_a_label(command, tmp_path, plane, name):
    out, picture = tmp_path / name, tmp_path / "a.png"
    code, said, err = command("auto", plane, *options(out), "--overlay", picture)
    assert (code, err) == (0, "")
    assert f"3 objects of plane.npy in {out}" in said
    labels = read_labels(out)
    assert sorted(np.unique(labels)) == [0, 1, 2, 3]
    assert iou(labels > 0, discs() > 100) > 0.9
    with Pillow.open(picture) as drawn:  # small planes are drawn larger
        assert drawn.width == drawn.height >= 128


def test_python_writes_the_same(command, tmp_path, plane):
    command("auto", plane, *options(tmp_path / "a.tif"))
    done = auto_file(
        plane, tmp_path / "b.tif", level=0, normalization="none", cache=False
    )
    assert (done.objects, done.planes) == (3, 1)
    assert (read_labels(tmp_path / "a.tif") == read_labels(tmp_path / "b.tif")).all()


def test_a_stack_is_done_slice_by_slice_and_linked(command, tmp_path, stack):
    out = tmp_path / "a.tif"
    code, said, err = command("auto", stack, *options(out), "--axes", "zyx")
    assert (code, err) == (0, "")
    assert "3 objects on 3 planes of stack.npy" in said
    auto = read_labels(out)
    for y, x in CENTRES:
        assert auto[0, y, x] == auto[1, y, x + 3] == auto[2, y, x + 6] > 0
    code, *_ = command("batch", stack, *options(tmp_path / "b.tif"), "--axes", "zyx")
    assert code == 0
    assert (read_labels(tmp_path / "b.tif") == auto).all()


def test_one_plane_of_a_stack(command, tmp_path, stack):
    out = tmp_path / "a.tif"
    said = ("--axes", "zyx", "--plane", "z=1")
    code, _, err = command("auto", stack, *options(out), *said)
    assert (code, err) == (0, "")
    assert read_labels(out).reshape(3, -1).max(1).tolist() == [0, 3, 0]


@pytest.mark.parametrize(
    ("said", "means"),
    [
        (("--proposer", "apg"), "has no instance decoder"),
        (("--proposer", "lattice"), "auto, apg, ais, grid"),
        (("--points-per-side", "99"), "from 1 to 32"),
        (("--level", "whole"), "needs prompts"),
        (("--typical-size", "0"), "typical size"),
    ],
)
def test_bad_options_are_one_line_and_leave_nothing(
    command, tmp_path, plane, said, means
):
    out = tmp_path / "a.tif"
    code, _, err = command("auto", plane, *options(out), *said)
    assert code == 2
    assert means in err
    assert len(err.splitlines()) == 1
    assert not out.exists()


def test_an_overlay_of_a_whole_stack_is_refused(command, tmp_path, stack):
    said = ("--axes", "zyx", "--overlay", tmp_path / "a.png")
    code, _, err = command("auto", stack, *options(tmp_path / "a.tif"), *said)
    assert code == 2
    assert "name a plane" in err


def test_an_empty_plane_gives_labels_without_objects(command, tmp_path):
    np.save(tmp_path / "e.npy", np.full((64, 64), 9, np.uint8))
    code, said, err = command("auto", tmp_path / "e.npy", *options(tmp_path / "a.tif"))
    assert (code, err) == (0, "")
    assert "0 objects of e.npy" in said
    assert not read_labels(tmp_path / "a.tif").any()


def test_labels_of_others_are_not_replaced(command, tmp_path, plane):
    out = tmp_path / "a.tif"
    out.write_bytes(b"not ours")
    code, _, err = command("auto", plane, *options(out))
    assert code == 2
    assert "--overwrite" in err
    assert out.read_bytes() == b"not ours"
    with pytest.raises(PromptError):
        auto_file(plane, tmp_path / "b.tif", proposer="lattice")
