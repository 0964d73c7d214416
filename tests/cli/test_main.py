"""The command line: the main job, and one line for everything that is wrong."""

import json
import os
import pickle
import re
import subprocess
import sys
import time

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

from napari_hqsam import read_labels
from napari_hqsam.sample import NUCLEI, PROMPTS


@pytest.fixture
def image(tmp_path, discs):
    path = tmp_path / "discs.tif"
    tifffile.imwrite(path, discs[0])
    return path


def test_the_demo_writes_labels_and_a_picture(run_command, tmp_path):
    code, out, err = run_command("demo", "-o", tmp_path / "demo")
    assert (code, err) == (0, "")
    for step in ("open", "load", "encode", "decode", "write", "draw"):
        assert step in out
    labels = read_labels(tmp_path / "demo" / "nuclei_labels.tif")
    wanted = [p["id"] for p in json.loads(PROMPTS.read_text())["prompts"]]
    assert labels.shape == (360, 360)
    assert sorted(np.unique(labels)) == [0, *wanted]
    with Pillow.open(tmp_path / "demo" / "nuclei_overlay.png") as picture:
        assert min(picture.size) >= 720


def test_segmenting_clicks_and_boxes_of_the_command_line(run_command, tmp_path, image):
    out = tmp_path / "labels.ome.zarr"
    code, _, _ = run_command(
        "segment", image, "--point", "60,160", "--box", "26,36,74,84", "-o", out
    )
    labels = read_labels(out)
    assert code == 0
    assert labels[60, 160] == 1
    assert labels[50, 60] == 2


def test_a_plane_of_a_stack(run_command, tmp_path, discs):
    path = tmp_path / "stack.npy"
    np.save(path, np.stack([discs[0]] * 3))
    common = ("segment", path, "--axes", "zyx", "-o", tmp_path / "out.tif")
    code, _, err = run_command(*common, "--point", "60,160")
    assert code == 2
    assert "--plane" in err
    assert run_command(*common, "--point", "60,160", "--plane", "1")[0] == 0
    labels = read_labels(tmp_path / "out.tif")
    assert labels.shape == (3, 200, 300)
    assert labels[1, 60, 160] == 1
    assert not labels[[0, 2]].any()


def bad_inputs(folder, discs):
    """(what is wrong, arguments after `segment`, words of the message)."""
    good = folder / "good.tif"
    tifffile.imwrite(good, discs[0])
    (folder / "text.tif").write_text("not a picture")
    whole = good.read_bytes()
    (folder / "cut.tif").write_bytes(whole[: len(whole) // 2])
    np.save(folder / "empty.npy", np.zeros((0, 20), np.uint8))
    np.save(folder / "complex.npy", np.zeros((20, 20), complex))
    np.save(folder / "object.npy", np.array([[None, 1]], object), allow_pickle=True)
    (folder / "no_prompts.csv").write_text("")
    (folder / "cut.pth").write_bytes(b"PK\x03\x04 and no more")
    (folder / "words.safetensors").write_text("<html>not found</html>")
    click = ("--point", "60,160")
    Pillow.fromarray(discs[0].astype(np.uint8)).save(folder / "p.png")
    return [
        ("missing file", (folder / "none.tif", *click), "none.tif"),
        ("folder", (folder, *click), "zarr"),
        ("text", (folder / "text.tif", *click), "text.tif"),
        ("truncated", (folder / "cut.tif", *click), "cut.tif"),
        ("empty array", (folder / "empty.npy", *click), "empty"),
        ("complex", (folder / "complex.npy", *click), "complex"),
        ("object", (folder / "object.npy", *click), "object"),
        ("outside", (good, "--point", "60,1600"), "outside"),
        ("no area", (good, "--box", "5,5,5,9"), "area"),
        ("not numbers", (good, "--point", "here"), "--point"),
        ("no prompts", (good,), "no prompts"),
        ("missing prompts", (good, "--prompts", folder / "x.csv"), "x.csv"),
        ("empty prompts", (good, "--prompts", folder / "no_prompts.csv"), "no_prompts"),
        ("model", (good, *click, "-m", "sam9"), "sam9"),
        ("damaged model", (good, *click, "-m", folder / "cut.pth"), "cut.pth"),
        ("web page", (good, *click, "-m", folder / "words.safetensors"), "words"),
        ("device", (good, *click, "--device", "abacus"), "abacus"),
        ("precision", (good, *click, "--precision", "float16"), "float16"),
        ("output kind", (good, *click, "--output", "best"), "best"),
        ("axes", (good, *click, "--axes", "zyx"), "axes"),
        ("channels", (good, *click, "--channels", "4"), "channel"),
        ("plane", (good, *click, "--plane", "3"), "plane"),
        ("limits", (good, *click, "--normalization", "9,9"), "9"),
        ("suffix", (good, *click, "-o", folder / "labels.jpg"), ".jpg"),
        ("no folder", (good, *click, "-o", folder / "no" / "labels.tif"), "no"),
        ("over the image", (good, *click, "-o", good), "good.tif"),
        (
            "overlay over it",
            (folder / "p.png", *click, "--overlay", folder / "p.png"),
            "p.png",
        ),
        (
            "overlay folder",
            (good, *click, "--overlay", folder / "folder.png"),
            "folder.png",
        ),
        ("overlap", (good, *click, "--overlap", "mix"), "--overlap"),
        ("overlay", (good, *click, "--overlay", folder / "o.bmp"), "o.bmp"),
    ]


def test_bad_input_gets_one_line_and_writes_nothing(run_command, tmp_path, discs):
    cases = bad_inputs(tmp_path, discs)
    (tmp_path / "folder.png").mkdir()

    def state():
        return {p: p.is_file() and p.read_bytes() for p in tmp_path.rglob("*")}

    before = state()
    for what, args, words in cases:
        out = () if "-o" in args else ("-o", tmp_path / "out.tif")
        code, out_, err = run_command("segment", *args, *out)
        assert code == 2, f"{what}: exit code {code}, {err}"
        lines = [x for x in err.splitlines() if "warning:" not in x]
        assert len(lines) == 1, f"{what}: {err}"
        assert lines[0].startswith("napari-hqsam: "), what
        assert words in lines[0], f"{what}: {err}"
        assert state() == before, what
        assert "encode" not in out_, f"{what}: noticed too late"


def test_a_pickle_that_runs_code_is_not_run(run_command, tmp_path, image):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "trapped"),)

    path = tmp_path / "trap.pth"
    path.write_bytes(pickle.dumps(Trap()))
    code, _, err = run_command(
        "segment", image, "--point", "60,160", "-m", path, "-o", tmp_path / "o.tif"
    )
    assert code == 2
    assert err.count("\n") == 1
    assert not (tmp_path / "trapped").exists()


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_an_output_folder_that_cannot_be_written(run_command, tmp_path, image):
    folder = tmp_path / "file"
    folder.write_text("in the way")
    for args in (("demo", "-o", folder), ("demo", "-o", folder / "below")):
        code, _, err = run_command(*args)
        assert code == 2
        assert err.count("\n") == 1
    assert folder.read_text() == "in the way"
    code, _, _ = run_command("demo", "-o", tmp_path / "new" / "er", "-m", "none")
    assert code == 2
    assert not (tmp_path / "new").exists()


def test_nan_pixels_are_filled_with_a_warning(run_command, tmp_path, discs):
    pixels = discs[0].astype(np.float32)
    pixels[:5] = np.nan
    pixels[199, 299] = np.inf
    path = tmp_path / "nan.tif"
    tifffile.imwrite(path, pixels)
    code, _, err = run_command(
        "segment", path, "--point", "60,160", "-o", tmp_path / "labels.tif"
    )
    assert code == 0
    assert "NaN or infinite" in err
    assert read_labels(tmp_path / "labels.tif")[60, 160] == 1


def test_models_are_listed_and_verified(run_command):
    code, out, _ = run_command("models")
    assert code == 0
    for name in ("micro", "vit_tiny", "vit_b", "vit_l", "vit_h"):
        assert name in out
    (row,) = (line for line in out.splitlines() if line.startswith("vit_b_lm "))
    assert re.search(r"\b413 MB +CC-BY-4.0 .*cells and nuclei in light microscopy", row)
    code, out, _ = run_command("models", "verify", "micro")
    assert code == 0
    assert re.search("sha256 [0-9a-f]{64}", out)
    assert run_command("models", "verify", "nothing")[0] == 2


def test_doctor_reports_device_and_time(run_command):
    code, out, _ = run_command("doctor")
    assert code == 0
    for row in (
        "torch",
        "device",
        "precision",
        "model micro",
        "time per tile",
        "instance decoder",
    ):
        assert row in out


def test_help_and_import_do_not_import_torch():
    code = (
        "import sys, napari_hqsam.cli as c\n"
        "import napari_hqsam\n"
        "sys.argv = ['napari-hqsam', '--help']\n"
        "try: c.main()\n"
        "except SystemExit: pass\n"
        "bad = {'torch', 'napari', 'qtpy', 'skimage', 'zarr'} & set(sys.modules)\n"
        "sys.exit(f'imported {bad}' if bad else 0)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_the_installed_command_answers():
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "napari_hqsam.cli", "--help"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert "segment" in done.stdout
    assert time.perf_counter() - start < 30  # hangs, not speed; see benchmarks/


def test_the_sample_is_what_it_says():
    with Pillow.open(NUCLEI) as picture:
        assert picture.size == (360, 360)
