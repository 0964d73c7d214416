"""Labels that another program replaced, with the old session still beside them."""

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt

from napari_hqsam.errors import OutputError
from napari_hqsam.labels import read_labels, write_labels
from napari_hqsam.sessions import ArrayTarget, Session
from napari_hqsam.sessions.journal.paths import journal_path

A, B = (20, 20), (20, 50)


@pytest.fixture
def path(viewer, open_widget, squares, tmp_path):
    """Labels that were saved with object 1 at A, then replaced: object 9 at B."""
    tifffile.imwrite(tmp_path / "cells.tif", squares)
    viewer.open(str(tmp_path / "cells.tif"), plugin="napari")
    hand = open_widget()
    hand.accept(A)
    path = tmp_path / "labels.tif"
    hand.saver.save(str(path))
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
    assert kept.name in hand.messages[-1]
    hand.accept(A)  # they get a session of their own
    assert (layer.data[A], layer.data[B]) == (10, 9)
    assert hand.labels is layer.data
    hand.saver.save(str(path))
    hand.wait()
    assert journal_path(path).exists()
    assert kept.read_bytes() == journal
    assert not hand.notes


def test_the_session_goes_on(viewer, open_widget, path, answers):
    content = path.read_bytes()
    hand, layer = opened(viewer, open_widget, path, answers, "Use the session")
    assert (layer.data[A], layer.data[B]) == (1, 9)
    assert path.read_bytes() == content  # until they are saved
    assert hand.sessions.session.journal.path == journal_path(path)
    hand.key("U")
    assert layer.data[A] == 0
    hand.key("U", modifiers=Qt.KeyboardModifier.ShiftModifier)
    assert layer.data[A] == 1
    hand.saver.save(str(path))
    hand.wait()
    assert read_labels(path)[A] == 1
    kept = path.with_name("labels.other.tif")
    assert kept.read_bytes() == content
    (note,) = hand.notes
    assert kept.name in note


def test_nothing_is_done(viewer, open_widget, path, answers):
    before = {p: p.read_bytes() for p in path.parent.iterdir() if p.is_file()}
    hand, layer = opened(viewer, open_widget, path, answers, "Cancel")
    assert hand.sessions.target is None
    assert (layer.data[A], layer.data[B]) == (0, 9)
    assert layer.editable
    assert {p: p.read_bytes() for p in path.parent.iterdir() if p.is_file()} == before
    hand.accept(A)  # into new labels
    assert layer.data[A] == 0
    assert hand.labels[A] == 1
    assert not hand.notes


@pytest.mark.parametrize("damage", ["newer", "damaged"])
def test_labels_beside_a_journal_that_cannot_be_read_are_not_kept(
    viewer, open_widget, squares, tmp_path, damage
):
    """It records nothing of them, and the user was asked about the file when saving."""
    viewer.add_image(squares, name="squares")
    hand, path = open_widget(), tmp_path / "labels.tif"
    write_labels(path, np.full(squares.shape, 9, np.uint16))
    journal = tmp_path / "labels.tif.journal.jsonl"
    content = {"newer": '{"journal":"napari-hqsam","version":9}', "damaged": "{}"}[
        damage
    ]
    journal.write_text(content + "\n")
    hand.accept(A)
    hand.saver.save(str(path))
    hand.wait()
    assert np.array_equal(read_labels(path), hand.labels)
    assert not list(tmp_path.glob("labels.other*"))
    assert (tmp_path / "labels.tif.old.journal.jsonl").read_text() == content + "\n"


@pytest.mark.parametrize("name", ["labels.tif", "labels.ome.zarr"])
@pytest.mark.parametrize("how", ["widget", "menu of napari"])
def test_labels_changed_while_the_session_is_open_are_kept(
    viewer, open_widget, squares, tmp_path, name, how
):
    viewer.add_image(squares, name="squares")
    hand, path = open_widget(), tmp_path / name

    def save():
        if how == "widget":
            hand.saver.save(str(path))
            hand.wait()
        else:
            hand.sessions.target.layer.save(str(path), plugin="napari-hqsam")

    hand.accept(A)
    save()
    save()
    assert not hand.notes
    others = np.full(squares.shape, 9, np.uint16)
    write_labels(path, others)
    hand.accept(B)
    save()
    assert np.array_equal(read_labels(path), hand.labels)
    kept = path.with_name(name.replace(".", ".other.", 1))
    assert np.array_equal(read_labels(kept), others)
    assert kept.name in hand.notes[-1]
    hand.accept((55, 20))
    save()
    assert len(hand.notes) == 1
    assert len(list(tmp_path.glob("labels*other*"))) == 1


@pytest.mark.parametrize("where", ["this napari", "another"])
def test_naparis_menu_does_not_write_over_labels_that_are_worked_on(
    viewer, open_widget, squares, tmp_path, where
):
    viewer.add_image(squares, name="squares")
    hand, path = open_widget(), tmp_path / "labels.tif"
    hand.accept(A)
    hand.saver.save(str(path))
    hand.wait()
    content = path.read_bytes()
    if where == "another":
        journal = hand.sessions.session.journal.path
        viewer.window.remove_dock_widget(hand.widget)
        other = Session.open(journal, ArrayTarget(read_labels(path)))
    layer = viewer.add_labels(np.full(squares.shape, 9, np.uint16))
    with pytest.raises(OutputError, match="worked on in another session"):
        layer.save(str(path), plugin="napari-hqsam")
    assert path.read_bytes() == content
    if where == "another":
        other.close()
        layer.save(str(path), plugin="napari-hqsam")
        assert (read_labels(path) == 9).all()


def test_labels_of_another_image_are_saved_by_naparis_menu(
    viewer, open_widget, squares, tmp_path
):
    viewer.add_image(squares, name="squares")
    hand, path = open_widget(), tmp_path / "labels.tif"
    hand.accept(A)
    layer = hand.sessions.target.layer
    hand.saver.save(str(path))
    hand.wait()
    second = viewer.add_image(squares[:40], name="second")
    hand.widget.image_switcher.work_on(second)
    assert hand.sessions.target is None
    layer.save(str(path), plugin="napari-hqsam")
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
    assert hand.sessions.session.journal.path == journal_path(path)
    assert layer.data[A] == 1
