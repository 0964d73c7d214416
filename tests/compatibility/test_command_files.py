"""Commands write the label files that they wrote, and exit as they did; see cli_cases.

Bytes are compared where the libraries that compress are those of the kept files,
else pixels and metadata.
"""

from __future__ import annotations

import io
import json
import re
from importlib.metadata import version

import numpy as np
import pytest
import tifffile
import zarr
from packaging.version import Version
from PIL import Image

from tests.compatibility.cli_cases import CASES, KEPT, UUID, VERSIONS, is_kept, run_case

ABOUT = json.loads((KEPT / "codes.json").read_text())
SAME_LIBRARIES = ABOUT["versions"] == VERSIONS
TOOL = re.compile(rb"tifffile[.]py [0-9.]+")
_NOT_COMPARED = {
    *("TileOffsets", "TileByteCounts", "StripOffsets", "StripByteCounts"),
    "Software",
}
"""TIFF tags that depend on the libraries that compress, or name a version."""
HINT = "if the change is meant: python -m tests.compatibility.cli_cases"


def kept_files(name):
    """Read what is kept of a case, by the name of the file."""
    folder = KEPT / name.replace(" ", "-")
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("name", CASES)
def test_a_command_writes_and_exits_as_it_did(name, tmp_path):
    code, new, gone, said = run_case(name, tmp_path)
    wanted_code = ABOUT["codes"][name]
    if name == "no command" and Version(version("click")) < Version("8.2"):
        wanted_code = 0  # click showed the help as if asked for it
    assert code == wanted_code, said
    assert gone == ABOUT["gone"][name]
    wanted = kept_files(name)
    assert {file for file in new if is_kept(file)} == wanted.keys(), HINT
    if code:
        assert "Traceback" not in said[1]
    for file, data in wanted.items():
        check_same(tmp_path, file, new[file], data)


def check_same(folder, file, found, wanted):
    """Raise AssertionError unless two files say the same."""
    if file.endswith(".csv"):
        assert rows_of(found) == rows_of(wanted), HINT
    elif file.endswith(".json"):
        assert content_of(found) == content_of(wanted), HINT
    elif file.endswith(".png"):
        np.testing.assert_array_equal(picture_of(found), picture_of(wanted), HINT)
    elif file.endswith(".tif"):
        for one, other in zip(pages_of(found), pages_of(wanted), strict=True):
            assert one[0] == other[0], HINT
            np.testing.assert_array_equal(one[1], other[1], HINT)
        if SAME_LIBRARIES:
            assert UUID.sub(b"", found) == UUID.sub(b"", wanted), HINT
    elif ".zarr/" in file and SAME_LIBRARIES:
        assert found == wanted, HINT
    elif ".zarr/" in file:
        top = file[: file.index(".zarr/") + 5]
        group = zarr.open_group(str(folder / top), mode="r")
        kept = KEPT / folder.name / top
        if kept.exists():
            other = zarr.open_group(str(kept), mode="r")
            np.testing.assert_array_equal(group["0"][...], other["0"][...], HINT)


def content_of(data):
    """What is in a JSON file, without what only some versions of zarr write."""
    content = json.loads(data)
    if isinstance(content, dict) and content.get("consolidated_metadata", 0) is None:
        del content["consolidated_metadata"]
    return content


def rows_of(data):
    """Cells of a table, numbers as such and to three digits."""

    def cell(text):
        try:
            return round(float(text), 3)
        except ValueError:
            return text

    return [[cell(c) for c in line.split(",")] for line in data.decode().splitlines()]


def picture_of(data):
    return np.asarray(Image.open(io.BytesIO(data)))


def pages_of(data):
    """Metadata and pixels of the pages of a TIFF, without what the library adds."""
    found = []
    with tifffile.TiffFile(io.BytesIO(data)) as tif:
        for page in tif.pages:
            tags = {
                tag.name: TOOL.sub(b"", UUID.sub(b"", str(tag.value).encode()))
                for tag in page.tags
                if tag.name not in _NOT_COMPARED
            }
            found.append((tags, page.asarray()))
    return found


def test_figures_are_those_that_were_measured(tmp_path):
    _, new, _, _ = run_case("evaluate", tmp_path)
    rows = json.loads(new["figures.json"])["rows"]
    kept = json.loads((KEPT / "figures.json").read_text())
    assert [row["name"] for row in rows] == [row["name"] for row in kept]
    for row, wanted in zip(rows, kept, strict=True):
        assert figures_of(row["scores"]) == pytest.approx(figures_of(wanted["scores"]))


def figures_of(scores, above=()):
    """Flatten figures by prompt, method and measure."""
    flat = {}
    for key, value in scores.items():
        if isinstance(value, dict):
            flat |= figures_of(value, (*above, key))
        else:
            flat[*above, key] = value
    return flat
