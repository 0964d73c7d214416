"""docs/architecture.md draws the package as it is."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "napari_hqsam"
PAGE = (ROOT / "docs" / "architecture.md").read_text()
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]


def layers(name):
    (found,) = (c for c in CONTRACTS["contracts"] if c["name"] == name)
    rows = (row.replace("napari_hqsam.", "").split("|") for row in found["layers"])
    return [{room.strip() for room in row} for row in rows]


def is_module(name):
    path = SRC.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def test_the_rooms_are_drawn_as_the_contract_lets_them_import():
    drawn = [set(row.split()) for row in re.findall(r"^│ (.+?) │", PAGE, re.M)]
    assert drawn == layers("Rooms import one way")
    rooms = {p.parent.name for p in SRC.glob("*/__init__.py")} - {"sample"}
    rooms |= {p.stem for p in SRC.glob("*.py")} - {"__init__"}
    assert set.union(*drawn) == rooms


def test_all_that_a_click_passes_through_exists():
    steps = re.findall(r"^ +\d ([\w., ]+?) ─", PAGE, re.M)
    assert len(steps) == 8
    for step in steps:
        for name in step.split(", "):
            places = (name, f"viewer.{name}", f"viewer.inference.{name}")
            assert any(map(is_module, places)), name


@pytest.mark.parametrize("name", re.findall(r"`(\w+(?:\.\w+)+)`", PAGE))
def test_modules_that_the_text_names_exist(name):
    if not name.endswith((".toml", ".py")):
        places = (name, f"viewer.{name}", f"viewer.{name.rpartition('.')[0]}")
        assert any(map(is_module, places)), name


def test_the_folders_of_the_viewer_are_all_described():
    table = PAGE.partition("## The viewer's folders")[2]
    names = re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.+?) \|", table, re.M)))
    found = set.union(*layers("The viewer's folders import one way"))
    small = {"widget", "step_loop", "main_thread", "time_left", "axis_names", "world"}
    assert set(names) == found - small
