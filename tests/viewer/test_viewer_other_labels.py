"""Labels that another program replaced, with the old session still beside them."""

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt

from napari_hqsam.labels import read_labels
from napari_hqsam.sessions.journal.file import journal_path

A, B = (20, 20), (20, 50)


@pytest.fixture
def path(viewer, open_widget, squares, tmp_path):
    """Labels that were saved with object 1 at A, then replaced: object 9 at B."""
    tifffile.imwrite(tmp_path / "cells.tif", squares)
    viewer.open(str(tmp_path / "cells.tif"), plugin="napari")
    hand = open_widget()
    hand.accept(A)
    path = tmp_path / "labels.tif"
    hand.keeping.save(str(path))
    hand.wait()
    viewer.window.remove_dock_widget(hand.widget)
    viewer.layers.clear()
    others = np.zeros(squares.shape, np.uint16)
    others[15:25, 45:55] = 9
    tifffile.imwrite(path, others)
    return path


def opened(viewer, open_widget, path, press, word):
    """Open labels and image with the widget there, and answer the question."""
    hand = open_widget()
    asked = press(word)
    (layer,) = viewer.open(str(path), layer_type="labels", plugin="napari")
    hand.wait()
    hand.wait(lambda: asked)
    hand.wait()
    assert "changed by another program" in asked[0]
    assert len(asked) == 1
    return hand, layer


def test_the_labels_are_kept(viewer, open_widget, path, answers):
    content, journal = path.read_bytes(), journal_path(path).read_bytes()
    hand, layer = opened(viewer, open_widget, path, answers, "Keep")
    assert (layer.data[A], layer.data[B]) == (0, 9)
    assert path.read_bytes() == content
    assert not journal_path(path).exists()
    kept = path.with_name("labels.tif.old.journal.jsonl")
    assert kept.read_bytes() == journal
    assert kept.name in hand.said[-1]
    hand.accept(A)  # they get a session of their own
    assert (layer.data[A], layer.data[B]) == (10, 9)
    assert hand.labels is layer.data
    hand.keeping.save(str(path))
    hand.wait()
    assert journal_path(path).exists()
    assert kept.read_bytes() == journal
    assert not hand.notes


def test_the_session_goes_on(viewer, open_widget, path, answers):
    content = path.read_bytes()
    hand, layer = opened(viewer, open_widget, path, answers, "Use the session")
    assert (layer.data[A], layer.data[B]) == (1, 9)
    assert path.read_bytes() == content  # until they are saved
    assert hand.labelling.session.journal.path == journal_path(path)
    hand.key("U")
    assert layer.data[A] == 0
    hand.key("U", modifiers=Qt.KeyboardModifier.ShiftModifier)
    assert layer.data[A] == 1
    hand.keeping.save(str(path))
    hand.wait()
    assert read_labels(path)[A] == 1
    assert not hand.notes


def test_nothing_is_done(viewer, open_widget, path, answers):
    before = {p: p.read_bytes() for p in path.parent.iterdir() if p.is_file()}
    hand, layer = opened(viewer, open_widget, path, answers, "Cancel")
    assert hand.labelling.target is None
    assert (layer.data[A], layer.data[B]) == (0, 9)
    assert layer.editable
    assert {p: p.read_bytes() for p in path.parent.iterdir() if p.is_file()} == before
    hand.accept(A)  # into new labels
    assert layer.data[A] == 0
    assert hand.labels[A] == 1
    assert not hand.notes


def test_labels_as_they_were_saved_are_not_asked_about(
    viewer, open_widget, path, answers, squares
):
    own = np.zeros(squares.shape, np.uint16)
    own[squares > 0] = 0
    own[10:30, 10:30] = 1
    tifffile.imwrite(path, own, compression="zlib")  # by another program, the same
    hand = open_widget()
    asked = answers("Cancel")
    (layer,) = viewer.open(str(path), layer_type="labels", plugin="napari")
    hand.wait()
    assert not asked
    assert hand.labelling.session.journal.path == journal_path(path)
    assert layer.data[A] == 1
