"""Nothing of the user's is written over unasked, by whatever name it is called."""

import os

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image as Pillow

from napari_hqsam import read_labels, write_labels
from napari_hqsam.errors import OutputError
from napari_hqsam.labels import check_writable
from napari_hqsam.labels.software_tag import is_written_by_us


@pytest.fixture
def image(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "cells.tif"
    tifffile.imwrite(path, rng.integers(0, 255, (40, 50), np.uint8))
    return path


@pytest.fixture
def stack(tmp_path):
    path = tmp_path / "stack.tif"
    data = np.random.default_rng(0).integers(0, 255, (3, 40, 50), np.uint8)
    tifffile.imwrite(path, data, photometric="minisblack", metadata={"axes": "ZYX"})
    (tmp_path / "p.csv").write_text("object,z,y,x\n1,1,5,5\n")
    return path


def refused(said):
    code, _, text = said
    assert (code, len(text.splitlines())) == (2, 1), text
    return text


FOREIGN = ["raw.tif", "raw.ome.tif", "other.zarr", "empty.tif"]


def make(path):
    """Something that is no label image of ours."""
    match path.name:
        case "other.zarr":
            group = zarr.create_group(str(path))
            group.attrs["ome"] = {"version": "0.5", "image-label": {}}
            group.create_array("0", data=np.ones((40, 50), np.uint16))
        case "empty.tif":
            path.write_bytes(b"II*\0" + bytes(20))
        case _:
            tifffile.imwrite(path, np.ones((40, 50), np.uint16), compression="zlib")


def content(path):
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return {file: file.read_bytes() for file in files if file.is_file()}


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("command", ["segment", "propagate", "replay"])
def test_what_is_no_labels_of_ours_needs_a_flag(
    run_command, image, stack, tmp_path, command, name
):
    from tests.helpers.hostile_files import HEADER, accept, sealed

    out = tmp_path / name
    make(out)
    before = content(out)
    journal = tmp_path / "s.tif.journal.jsonl"
    journal.write_bytes(sealed(HEADER, accept()))
    tifffile.imwrite(tmp_path / "small.tif", np.zeros((12, 14), np.uint8))
    given = {
        "segment": [image, "--point=5,5", "--cache=none"],
        "propagate": [stack, tmp_path / "p.csv", "--spacing=1", "--cache=none"],
        "replay": [journal, tmp_path / "small.tif"],
    }[command]
    text = refused(run_command(command, *given, "-o", out))
    assert "--overwrite" in text
    assert content(out) == before
    code, _, text = run_command(command, *given, "-o", out, "--overwrite")
    assert code == 0, text
    assert is_written_by_us(out)
    code, _, text = run_command(command, *given, "-o", out)  # it is ours now
    assert code == 0, text


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif", "a.zarr", "a.ome.zarr"])
def test_labels_of_ours_are_known(tmp_path, name):
    path = tmp_path / name
    write_labels(path, np.ones((2, 30, 40), np.uint16), axes="zyx")
    assert is_written_by_us(path)
    write_labels(path, read_labels(path), overwrite=None)
    check_writable(path, overwrite=None)
    with pytest.raises(OutputError):
        check_writable(path, overwrite=False)


def test_what_cannot_be_read_is_none_of_ours(tmp_path):
    for name, data in (("a.tif", b"x" * 99), ("b.tif", b"II*\0\xff\xff\xff\xff")):
        (tmp_path / name).write_bytes(data)
        assert not is_written_by_us(tmp_path / name)
    assert not is_written_by_us(tmp_path / "missing.tif")
    (tmp_path / "a.zarr").mkdir()
    assert is_written_by_us(tmp_path / "a.zarr")
    (tmp_path / "a.zarr/zarr.json").write_text("[" * 9999)
    assert not is_written_by_us(tmp_path / "a.zarr")


# --- one file by two names ------------------------------------------------------


@pytest.mark.parametrize("kind", ["hard", "symbolic"])
def test_the_image_by_another_name_is_the_image(run_command, image, tmp_path, kind):
    """IMG.tif and img.tif are one file where case does not count: here, a link."""
    other = tmp_path / "CELLS.tif"
    if kind == "hard":
        os.link(image, other)
    else:
        other.symlink_to(image)
    before = image.read_bytes()
    options = ["--point=5,5", "--cache=none", "--overwrite"]
    text = refused(run_command("segment", image, "-o", other, *options))
    assert "is the image" in text
    assert image.read_bytes() == before


def test_outputs_are_no_inputs_by_any_name(run_command, image, stack, tmp_path):
    prompts = tmp_path / "p.csv"
    os.link(prompts, tmp_path / "P.csv")
    labels = tmp_path / "labels.tif"
    write_labels(labels, np.zeros((40, 50), np.uint8))
    for link, target in (("o.png", labels), ("t.csv", prompts), ("P.tif", prompts)):
        os.link(target, tmp_path / link)
    before = {p: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()}
    common = ["--cache=none", "--overwrite"]
    csv = ["--prompts", prompts]
    point = ["--point=5,5"]
    for given in (
        ["segment", image, *point, "-o", labels, "--overlay", tmp_path / "o.png"],
        ["segment", image, *csv, "-o", tmp_path / "P.tif"],
        ["propagate", stack, prompts, "-o", labels, "--confidence", tmp_path / "t.csv"],
        ["batch", stack, prompts, "-o", labels, "--tracks", tmp_path / "t.csv"],
        ["batch", stack, prompts, "-o", tmp_path / "P.tif"],
    ):
        refused(run_command(*given, *common))
        assert {p: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()} == before


# --- what lies beside the labels -------------------------------------------------


def test_an_overlay_needs_a_flag_over_a_picture(run_command, image, tmp_path):
    overlay = tmp_path / "figure-1.png"
    Pillow.fromarray(np.zeros((9, 9), np.uint8)).save(overlay)
    before = overlay.read_bytes()
    given = ["segment", image, "--point=5,5", "--cache=none", "-o", tmp_path / "a.tif"]
    given += ["--overlay", overlay]
    assert "--overwrite" in refused(run_command(*given))
    assert overlay.read_bytes() == before
    assert not (tmp_path / "a.tif").exists()
    assert run_command(*given, "--overwrite")[0] == 0
    assert run_command(*given)[0] == 0  # it is ours now


@pytest.mark.parametrize("command", ["propagate", "batch"])
def test_tables_need_a_flag_over_others(run_command, stack, tmp_path, command):
    table = tmp_path / "results.csv"
    table.write_text("y,x\n1,2\n")
    option = {"propagate": "--confidence", "batch": "--tracks"}[command]
    given = [command, stack, tmp_path / "p.csv", "--cache=none", option, table]
    given += ["-o", tmp_path / "a.tif"]
    given += ["--spacing=1"] if command == "propagate" else ["--mode=each"]
    assert "--overwrite" in refused(run_command(*given))
    assert table.read_text() == "y,x\n1,2\n"
    assert run_command(*given, "--overwrite")[0] == 0
    again = ["--overwrite"] if command == "batch" else []  # its labels are there
    assert run_command(*given, *again)[0] == 0


@pytest.mark.parametrize("option", ["--json", "--markdown"])
def test_figures_need_a_flag_over_others(run_command, tmp_path, option):
    from napari_hqsam.sample import NUCLEI

    folder = tmp_path / "data"
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    picture = np.asarray(Pillow.open(NUCLEI))[:96, :96]
    Pillow.fromarray(picture).save(folder / "images/a.png")
    labels = np.zeros((96, 96), np.uint16)
    labels[20:50, 20:50] = 1
    tifffile.imwrite(folder / "labels/a.tif", labels)
    target = tmp_path / ("a.json" if option == "--json" else "a.md")
    target.write_text("# my notes\n")
    given = ["evaluate", folder, "--prompts=box", "--no-baselines", option, target]
    assert "--overwrite" in refused(run_command(*given))
    assert target.read_text() == "# my notes\n"
    assert run_command(*given, "--overwrite")[0] == 0
    assert run_command(*given)[0] == 0
    other = "--markdown" if option == "--json" else "--json"
    os.link(target, tmp_path / "b")
    assert "one file" in refused(run_command(*given, other, tmp_path / "b"))
