"""Labels that another plugin changes, with or without a word to the session."""

import numpy as np
import pytest
import tifffile

from napari_hqsam.errors import OutputError
from napari_hqsam.labels import read_labels
from napari_hqsam.sessions import Session

A, B, C = (20, 20), (20, 50), (55, 20)


@pytest.fixture
def hand(viewer, open_widget, squares, tmp_path):
    """Objects 1 and 2 are accepted."""
    tifffile.imwrite(tmp_path / "cells.tif", squares)
    viewer.open(str(tmp_path / "cells.tif"), plugin="napari")
    hand = open_widget()
    hand.accept(A, B)
    return hand


def replaced(layer):
    """As scikit-image and other plugins do: new labels, of another data type."""
    labels = layer.data.astype(np.int64)
    labels[labels == 1] = 0
    labels[labels == 2] = 5
    layer.data = labels


def in_place(layer):
    layer.data[layer.data == 1] = 0
    layer.refresh()


def without_journal(layer):
    """A stroke on a disk that is full."""

    def refuse(*_):
        raise OutputError("the disk is full")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Session, "record_strokes", refuse)
        layer.brush_size = 9
        layer.paint(A, 0)


@pytest.mark.parametrize("change", [replaced, in_place, without_journal])
def test_saved_labels_are_opened_as_they_were_saved(
    viewer, open_widget, hand, tmp_path, change
):
    """The session goes on with them; it does not do again what others have undone."""
    change(hand.sessions.target.layer)
    path = tmp_path / "labels.tif"
    hand.saver.save(str(path))
    hand.wait()
    saved = read_labels(path)
    assert saved[A] == 0
    hand.accept(C)  # this one is in the journal alone
    accepted = hand.labels == hand.labels[C]
    viewer.window.remove_dock_widget(hand.widget)
    viewer.layers.clear()
    again = open_widget()
    viewer.open(str(path), layer_type="labels", plugin="napari")
    again.wait()
    assert np.array_equal(again.labels == again.labels[C], accepted)
    assert np.array_equal(again.labels[~accepted], saved[~accepted])
    again.key("U")
    assert np.array_equal(again.labels, saved)


def test_id_that_a_plugin_has_written_is_not_given_again(hand):
    layer = hand.sessions.target.layer
    layer.data[0, :5] = 3  # without a word to anybody
    hand.accept(C)
    assert hand.labels[C] == 4
    assert (hand.labels[0, :5] == 3).all()


def test_replaced_labels_are_in_the_journal(hand):
    layer = hand.sessions.target.layer
    before = layer.data.copy()
    replaced(layer)
    hand.accept(C)
    assert hand.labels[C] == 6  # no id that is there already
    hand.key("U")  # the accept, whose prompts are there again
    hand.key("U")  # these, and the replacement
    assert np.array_equal(hand.labels, before)
    hand.undo.redo()
    labels = hand.labels.copy()
    assert labels[B] == 5
    assert np.array_equal(hand.rebuilt(), labels)
    assert not hand.notes
