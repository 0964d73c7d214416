"""A journal of a stranger does not keep the sessions of the user from being listed."""

import datetime
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile

from tests.helpers.hostile_files import HEADER, accept, sealed

unsaved = pytest.importorskip("napari_hqsam.viewer.files.unsaved_sessions")
from napari_hqsam.viewer.files.journal_context import (  # noqa: E402
    readable_context,
    what_is_opened,
)
from napari_hqsam.viewer.state import Settings  # noqa: E402

WHOLE = {
    "settings": {
        "channel_axis": None,
        "channels": [0, 2],
        "more_layers": ["b"],
        "stretch": "percentile",
        "output": "sam",
        "scale": "view",
        "clean": True,
        "fill": False,
        "smooth": 2,
        "overlap": "keep",
        "model": "micro",
    },
    "layer": "cells",
    "source": {"path": "/a/cells.tif", "reader": None},
    "limits": [3.0, 250.0],
    "plane": {"axes": [1, 2], "position": [2, 0, 0]},
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    path = tmp_path / "sessions"
    path.mkdir()
    monkeypatch.setenv("NAPARI_HQSAM_SESSIONS", str(path))
    (path / "good.journal.jsonl").write_bytes(sealed(HEADER, accept()))
    return path


TIMES = [
    "0001-01-01T00:00:00+14:00",
    "0001-01-01T00:00:00",
    "9999-12-31T23:59:59-14:00",
    "9999-12-31T23:59:59",
    "",
    5,
    None,
    [],
]


@pytest.mark.parametrize("time", TIMES, ids=str)
def test_whatever_the_time(folder, time):
    journal = folder / "strange.journal.jsonl"
    journal.write_bytes(sealed(HEADER, accept() | {"time": time}))
    found = unsaved.find_unsaved().sessions
    assert {one.journal.name for one in found} == {journal.name, "good.journal.jsonl"}
    for one in found:
        assert isinstance(one.changed, datetime.datetime)
        assert one.changed.tzinfo is None
        assert "1 object" in one.text


CONTEXTS = [
    {"settings": 5},
    {"settings": {"channel_axis": {}, "channels": ["x"], "model": []}},
    {"source": [], "layer": {}},
    {"source": {"path": 7, "reader": {}, "sample": "ab"}},
    {"source": {"sample": [1, 2]}},
    {"limits": [5, 1]},
    {"limits": ["a", None]},
    {"plane": {"axes": [0, 9], "position": [0, 0]}},
    {"plane": {"axes": [1, 1], "position": [0, 0, 0]}},
    {"plane": {"position": [0, 0, 0]}},
    {"plane": [1]},
    "text",
    [],
]


@pytest.mark.parametrize("context", CONTEXTS, ids=range(len(CONTEXTS)))
def test_whatever_the_context(folder, context):
    line = accept() | {"context": context}
    (folder / "strange.journal.jsonl").write_bytes(sealed(HEADER, line))
    assert len(unsaved.find_unsaved().sessions) == 2
    kept = readable_context(context)
    assert not any(kept.get(name) for name in WHOLE)
    if isinstance(context, dict):  # what else there is stays
        others = {k: v for k, v in WHOLE.items() if k not in context}
        assert readable_context(others | context) == others | kept


def test_what_is_of_the_right_shape_is_kept():
    assert readable_context(WHOLE) == WHOLE
    assert readable_context(WHOLE | {"more": 5}) == WHOLE


def test_one_that_cannot_be_read_does_not_hide_the_others(folder):
    (folder / "a.journal.jsonl").write_bytes(b"\0" * 99)
    (folder / "b.journal.jsonl").mkdir()
    (folder / "c.saved.json").write_text('{"journal": "\\u0000", "lines": 1}')
    (folder / "d.saved.json").write_text("[" * 9999)
    (folder / "e.saved.json").write_text("5")
    assert len(unsaved.find_unsaved().sessions) == 1
    unsaved.remove_empty()


def test_what_lies_beside_the_session_is_opened_unasked(tmp_path):
    journal = tmp_path / "labels.tif.journal.jsonl"
    (tmp_path / "raw").mkdir()
    (tmp_path / "link").symlink_to("/etc")
    for path in ("cells.tif", "raw/cells.tif", "raw/../cells.tif"):
        source = {"path": str(tmp_path / path), "reader": "napari"}
        assert not what_is_opened({"source": source}, journal)
    assert not what_is_opened({}, journal)


@pytest.mark.parametrize(
    "source",
    [
        {"path": "{}/../secret.tif"},
        {"path": "{}/link/passwd"},
        {"path": "/etc/passwd"},
        {"path": "https://example.org/a.zarr"},
        {"path": "file:///etc/passwd"},
        {"path": "\\\\server\\share\\a.tif"},
        {"path": "//server/share/a.tif"},
        {"path": "/\\server/share/a.tif"},
        {"path": r"\\?\UNC\server\share\a.tif"},
        {"path": r"\\.\COM1"},
        {"path": "//./COM1"},
        {"path": r"\??\C:\a.tif"},
        {"path": "{}/cells.tif", "reader": "another-plugin"},
        {"sample": ["another-plugin", "download"]},
        {"path": "a\0b"},
    ],
    ids=str,
)
def test_what_else_it_opens_is_asked_about(tmp_path, source):
    (tmp_path / "link").symlink_to("/etc")
    if "path" in source:
        source = source | {"path": source["path"].format(tmp_path)}
    told = what_is_opened({"source": source}, tmp_path / "a.tif.journal.jsonl")
    for value in source.values():
        assert (value if isinstance(value, str) else value[0]) in told


def test_no_look_is_taken_at_another_computer(tmp_path):
    """Here `//tmp/a` is `/tmp/a`: what is said would tell that it is there."""
    napari = pytest.importorskip("napari")
    context_of = pytest.importorskip("napari_hqsam.viewer.saving.session_context")
    for name in ("cells.tif", "elsewhere.tif", "a.pth"):
        tifffile.imwrite(tmp_path / name, np.ones((12, 14), np.uint8))
    viewer = napari.components.ViewerModel()
    from napari.layers._source import layer_source

    with layer_source(path=str(tmp_path / "cells.tif"), reader_plugin="napari"):
        layer = viewer.add_image(np.ones((12, 14)), name="cells.tif")

    def session(path, model):
        context = {"source": {"path": path}, "settings": {"model": model}}
        now = datetime.datetime(2026, 1, 2)
        journal = tmp_path / "labels.tif.journal.jsonl"
        return unsaved.Unsaved(journal, layer.name, (12, 14), 1, 1, now, context)

    near, far = (
        session(f"{slash}{tmp_path}/elsewhere.tif", f"{slash}{tmp_path}/a.pth")
        for slash in ("", "/")
    )
    scene, settings = SimpleNamespace(viewer=viewer, image=None), Settings()
    assert context_of.find_image(viewer, near) is None  # it is there, and another one
    assert context_of.find_image(viewer, far) is layer
    said = [context_of.apply_choices(one, scene, settings) for one in (near, far)]
    assert "choose it if you trust it" in said[0][0]
    assert "which is not here" in said[1][0]
