"""``evaluate``: tables on the terminal and in files, one line for what is wrong."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile


@pytest.fixture
def folder(tmp_path, discs):
    """A folder of two data sets, one of them with a train part."""
    for name, part in (("seen", "train"), ("seen", "test"), ("new", "test")):
        for kind, pixels in zip(("images", "labels"), discs, strict=True):
            (tmp_path / "data" / name / part / kind).mkdir(parents=True)
            tifffile.imwrite(tmp_path / "data" / name / part / kind / "a.tif", pixels)
    return tmp_path / "data"


def test_figures_on_the_terminal_and_in_files_agree(run_command, folder, tmp_path):
    code, out, err = run_command(
        "evaluate", folder, "--max-objects", 1, "--prompts", "box", "--prompts",
        "click", "--level", "whole", "--json", tmp_path / "o.json", "--markdown",
        tmp_path / "o.md",
    )  # fmt: skip
    assert (code, err) == (0, "")
    found = json.loads((tmp_path / "o.json").read_text())
    assert found["about"]["max_objects"] == 1
    assert found["about"]["level"] == "whole"
    assert [row["name"] for row in found["rows"]] == [
        "new", "seen", "mean", "mean with a train part", "mean without a train part"
    ]  # fmt: skip
    mean = found["rows"][2]["scores"]
    assert mean["box"]["sam+hq"]["iou"] > 0.7
    assert mean["click"]["Otsu"]["iou"] > 0.7
    markdown = (tmp_path / "o.md").read_text()
    for prompt, method in (("box", "ellipse"), ("click", "watershed"), ("box", "hq")):
        value = f"{mean[prompt][method]['iou']:.3f}"
        assert value in out
        assert f"| {value} |" in markdown
    for words in ("IoU, 1 click", "Boundary IoU, box", "All measures, mean", "beats"):
        assert words in out
        assert words in markdown


def test_the_same_command_gives_the_same_figures(run_command, folder, tmp_path):
    rows = []
    for name in ("a.json", "b.json"):
        args = ("--max-objects", 2, "--prompts", "box", "--no-baselines")
        run_command(
            "evaluate", folder, *args, "--level", "whole", "--json", tmp_path / name
        )
        rows.append(json.loads((tmp_path / name).read_text())["rows"])
    assert rows[0] == rows[1]
    assert set(rows[0][0]["scores"]["box"]) == {"sam", "sam+hq", "hq"}


def bad_arguments(folder):
    """(arguments after the folder, words of the message)."""
    return [
        (("--prompts", "box", "--prompts", "scribble"), "scribble"),
        (("--part", "all"), "'all'"),
        (("--part", "validation"), "validation"),  # too few images for any
        (("--level", "best"), "--level"),
        (("--json", folder), "folder"),
        (("--markdown", folder / "none" / "o.md"), "none"),
        (("--model", "sam9"), "sam9"),
        (("--json", folder / "o.json", "--markdown", folder / "o.json"), "o.json"),
    ]


def test_bad_input_gets_one_line_and_writes_nothing(run_command, folder, tmp_path):
    for args, words in bad_arguments(folder):
        code, out, err = run_command("evaluate", folder, *args)
        assert (code, out) == (2, ""), args
        assert err.count("\n") == 1, err
        assert words in err, args
    empty = tmp_path / "empty"
    for kind in ("images", "labels"):
        (empty / kind).mkdir(parents=True)
    for given, words in ((empty, "no test images"), (tmp_path / "none", "none")):
        code, _, err = run_command("evaluate", given)
        assert (code, err.count("\n")) == (2, 1), err
        assert words in err
    for kind in ("images", "labels"):
        tifffile.imwrite(empty / kind / "a.tif", np.zeros((30, 30), np.uint8))
    code, _, err = run_command("evaluate", empty, "--json", tmp_path / "o.json")
    assert code == 2
    assert "no object" in err
    assert run_command("evaluate", folder, "--max-objects", "0")[0] == 2
    assert not list(tmp_path.glob("*.json"))
    assert not list(folder.glob("*.json"))
