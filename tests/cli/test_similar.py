"""``similar``: objects like those of labels; the network is one of known answers."""

import numpy as np
import pytest

from napari_hqsam import read_labels, similar_file, write_labels
from napari_hqsam.errors import PromptError
from tests.helpers.bright_network import bright_model

LARGE = [(30, 40), (60, 90), (95, 30)]
SMALL = [(20, 90), (100, 100)]


def disc(centre, radius):
    yy, xx = np.mgrid[:128, :128]
    return np.hypot(yy - centre[0], xx - centre[1]) <= radius


def plane():
    """(128, 128) uint8: large and small bright discs."""
    on = np.any([disc(c, 14) for c in LARGE] + [disc(c, 4) for c in SMALL], 0)
    return np.where(on, 220, 20).astype(np.uint8)


@pytest.fixture
def command(monkeypatch, run_command):
    """Run the command line in this process: exit code, output, error output."""
    model = bright_model(128)
    monkeypatch.setattr("napari_hqsam.models.load_model", lambda *_, **__: model)
    return run_command


@pytest.fixture
def files(tmp_path):
    """An image, and labels of one of its large discs."""
    np.save(tmp_path / "plane.npy", plane())
    labels = np.zeros((128, 128), np.uint16)
    labels[disc(LARGE[0], 14)] = 7
    write_labels(tmp_path / "one.tif", labels)
    return tmp_path / "plane.npy", tmp_path / "one.tif"


def options(out):
    return "-o", out, "--level", "0", "--normalization", "none", "--cache", "none"


@pytest.mark.parametrize("name", ["a.tif", "a.ome.zarr"])
def test_the_example_keeps_its_id_and_those_like_it_follow(
    command, tmp_path, files, name
):
    out, picture = tmp_path / name, tmp_path / "a.png"
    code, said, err = command("similar", *files, *options(out), "--overlay", picture)
    assert code == 0, err
    assert "2 objects like the examples of plane.npy" in said
    labels = read_labels(out)
    assert np.unique(labels).tolist() == [0, 7, 8, 9]
    assert np.array_equal(labels == 7, read_labels(files[1]) == 7)
    assert {labels[c] for c in LARGE} == {7, 8, 9}
    assert not any(labels[c] for c in SMALL)
    assert picture.exists()


def test_an_example_of_another_plane(command, tmp_path, files):
    np.save(tmp_path / "stack.npy", np.stack([plane(), plane()]))
    labels = np.zeros((2, 128, 128), np.uint16)
    labels[0] = read_labels(files[1])
    write_labels(tmp_path / "examples.tif", labels, axes="zyx")
    out = tmp_path / "a.tif"
    stack, examples = tmp_path / "stack.npy", tmp_path / "examples.tif"
    code, said, err = command(
        "similar", stack, examples, *options(out), "--planes", "z=1", "--axes", "zyx"
    )
    assert code == 0, err
    found = read_labels(out)
    assert np.array_equal(found[0], labels[0])  # as given: it was not searched
    assert np.unique(found[1]).tolist() == [0, 8, 9, 10]
    code, said, err = command(
        "similar", stack, examples, *options(tmp_path / "b.tif"), "--axes", "zyx"
    )
    assert "5 objects like the examples on 2 planes" in said
    both = read_labels(tmp_path / "b.tif")
    assert len(np.unique(both)) == 1 + 6  # no id twice


def test_what_cannot_be_used_is_refused_in_one_line(command, tmp_path, files):
    image, examples = files
    out = tmp_path / "a.tif"
    write_labels(tmp_path / "none.tif", np.zeros((128, 128), np.uint8))
    code, _, err = command("similar", image, tmp_path / "none.tif", *options(out))
    assert code == 2
    assert "none.tif holds no object: give at least one" in err
    write_labels(tmp_path / "small.tif", np.ones((64, 128), np.uint8))
    code, _, err = command("similar", image, tmp_path / "small.tif", *options(out))
    assert code == 2
    assert "(64, 128)" in err
    code, _, err = command("similar", image, examples, *options(examples))
    assert code == 2
    assert read_labels(examples).max() == 7
    assert not out.exists()
    np.save(tmp_path / "stack.npy", np.stack([plane(), plane()]))
    write_labels(
        tmp_path / "two.tif", np.stack([read_labels(examples)] * 2), axes="zyx"
    )
    with pytest.raises(PromptError, match="an overlay is of one plane"):
        similar_file(
            tmp_path / "stack.npy",
            tmp_path / "two.tif",
            out,
            axes="zyx",
            overlay=tmp_path / "a.png",
        )
