"""``batch`` over many images: folders, job files, plans, and exit codes."""

import numpy as np
import pytest

from napari_hqsam import read_labels
from tests.helpers.bright_network import load_bright
from tests.jobs.runs.conftest import squares


@pytest.fixture
def command(monkeypatch, run_command):
    """Run the command line with a stand-in for the model."""

    class Choice:
        name = "bright"

    monkeypatch.setattr(
        "napari_hqsam.models.load_model", lambda *_, **__: load_bright(Choice, "cpu")
    )
    return run_command


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    for number in range(3):
        np.save(tmp_path / "in" / f"{number}.npy", squares(4, number))
    return tmp_path


def said(folder, *more):
    common = ("--normalization", "none", "--output", "sam", "--level", "0")
    return ("batch", folder / "in", "-o", folder / "out", *common, *more)


def test_a_folder(command, folder):
    code, out, err = command(*said(folder, "--suffix", ".tif"))
    assert (code, err) == (0, "")
    assert f"12 objects in 3 of 3 images, labels in {folder}/out" in out
    assert read_labels(folder / "out" / "1.tif").max() == 4
    code, out, _ = command(*said(folder, "--suffix", ".tif"))
    assert "3 of them by earlier runs" in out


def test_one_damaged_image_is_told_at_the_end(command, folder):
    (folder / "in" / "1.npy").write_bytes(b"\x93NUMPY")
    code, out, err = command(*said(folder))
    assert code == 1
    assert "8 objects in 2 of 3 images" in out
    assert "1 of the images failed:" in err
    assert "1.npy" in err


def test_a_dry_run_writes_nothing(command, folder):
    code, out, _ = command(*said(folder, "--dry-run"))
    assert code == 0
    for word in ("3 images", "3, 3 at level 0", "s a tile", "MiB a worker", "labels"):
        assert word in out
    assert [path.name for path in folder.iterdir()] == ["in"]


def test_a_job_file(command, folder):
    job = folder / "job.yaml"
    job.write_text(
        "inputs: {paths: in, normalization: none}\n"
        "options: {level: 0, output: sam}\noutputs: out\n"
    )
    code, _, err = command("batch", job, "--level", "1")
    assert (code, "--level is given beside the job" in err) == (2, True)
    code, out, err = command("batch", job, "--workers", "1")
    assert (code, err) == (0, "")
    assert "12 objects in 3 of 3 images" in out
    assert (folder / "out" / "0.ome.zarr").exists()
    job.write_text(job.read_text().replace("level", "lebel"))
    code, _, err = command("batch", job)
    assert code == 2
    assert "options.lebel is unknown: do you mean level?" in err


def test_one_image_in_blocks(command, folder):
    image = folder / "in" / "0.npy"
    one = ("batch", image, *said(folder)[4:], "--workers", "1", "-o", folder / "a.tif")
    code, out, err = command(*one)
    assert (code, err) == (0, "")
    assert "4 objects on 1 planes of 0.npy" in out
    assert read_labels(folder / "a.tif").max() == 4
    code, _, err = command(*one, "--max-gap", "1")
    assert (code, "--max-gap of one image needs one process" in err) == (2, True)
    code, _, err = command("batch", folder / "in" / "0.npy")
    assert (code, "where do the labels go?" in err) == (2, True)
