"""The worked examples of docs/contributing.md do what the page says.

They are put in a copy of the package, and used as a user would: from the command line,
from Python, in a viewer (tests/viewer/test_worked_tool.py).
"""

import os
import subprocess
import sys

import numpy as np
import pytest

from tests.docs.worked_examples import PAGE, copy_package, read_blocks

pytestmark = pytest.mark.slow

PYTHON = [sys.executable, "-W", "error"]


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return copy_package(tmp_path_factory.mktemp("package"))


@pytest.fixture
def run(package, tmp_path):
    """Run Python with the copy; returns what it prints."""

    def run(*arguments, code=0):
        ran = subprocess.run(
            [*PYTHON, *map(str, arguments)],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(package)},
            capture_output=True,
            text=True,
        )
        assert ran.returncode == code, ran.stderr
        return ran.stdout

    return run


def test_each_is_one_file_of_less_than_40_lines_and_a_table():
    blocks = read_blocks(PAGE.read_text())
    files = [block for block in blocks if block.language == "python"]
    assert len(files) * 2 == len(blocks)
    for block in files:
        lines = [line for line in block.text.splitlines() if line.strip()]
        assert len(lines) < 40, block.path


def test_all_pass_the_checks_of_style(package):
    pytest.importorskip("ruff")
    for block in read_blocks(PAGE.read_text()):
        path = package / block.path
        for command in (["check", "-q"], ["format", "--check", "-q"]):
            options = ["--config", str(PAGE.parents[1] / "pyproject.toml")]
            ran = subprocess.run(
                [sys.executable, "-m", "ruff", *command, *options, str(path)],
                capture_output=True,
                text=True,
            )
            assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_command_is_one_of_the_program(run, tmp_path):
    np.save(tmp_path / "stack.npy", np.zeros((3, 40, 50), np.uint16))
    said = run("-m", "napari_hqsam.cli", "info", "stack.npy", "--axes", "zyx")
    assert said == "zyx: 3 x 40 x 50, uint16\n"
    assert "Show the axes of an image" in run("-m", "napari_hqsam.cli", "--help")
    assert run("-m", "napari_hqsam.cli", "info", "none.npy", code=2) == ""


def test_the_format_is_written_and_read_back(run):
    said = run(
        "-W",
        "always",
        "-c",
        """
import warnings
import numpy as np
from napari_hqsam import read_labels, write_labels

labels = np.arange(3 * 40 * 50).reshape(3, 40, 50)
with warnings.catch_warnings(record=True) as told:
    write_labels("labels.npy", labels, axes="zyx", scale=(2, 1, 1))
print(*(each.message for each in told))
for back in np.load("labels.npy"), read_labels("labels.npy"):
    print((back == labels).all())
""",
    )
    assert said == (
        "labels.npy: NumPy has no place for the size of a pixel along z\nTrue\nTrue\n"
    )


def test_the_encoder_is_built_saved_found_and_segments(run):
    said = run(
        "-c",
        """
import numpy as np
import torch
from napari_hqsam import Prompt, Segmenter, load_model
from napari_hqsam.network import build_network

torch.manual_seed(0)
network = build_network("plain_conv", input_size=128)
features, early = network.eval().encode(torch.zeros(1, 3, 128, 128))
print(tuple(features.shape), tuple(early.shape))
torch.save(network.state_dict(), "weights.pth")
model = load_model("weights.pth", device="cpu")
segmenter = Segmenter(np.eye(60, dtype=np.uint8), model, cache=False)
mask = segmenter.segment(Prompt([(30, 30)]))
print(model.network.variant, mask.to_plane((60, 60)).shape)
""",
    )
    assert said == "(1, 256, 8, 8) (1, 8, 8, 64)\nplain_conv (60, 60)\n"
