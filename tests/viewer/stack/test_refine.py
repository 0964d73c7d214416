"""Refine the labels of the plane shown: a button, one step of undo."""

import numpy as np
import pytest

from napari_hqsam.sessions import ArrayTarget, read_session, rebuild
from tests.viewer.helpers.stack import discs, finish, starter


@pytest.fixture
def start(viewer, open_widget):
    return starter(viewer, open_widget)


def small(stack):
    """Labels of the discs of a stack, 4 pixels too narrow; ids 7 and 9."""
    yy, xx = np.mgrid[:96, :96]
    labels = np.zeros(stack.shape, np.uint16)
    for z, plane in enumerate(stack):
        for k, label_id in ((0, 7), (1, 9)):
            y, x = 24 + 44 * k, 24 + 3 * z + 8 * k
            labels[z][(np.hypot(yy - y, xx - x) < 8) & (plane > 100)] = label_id
    return labels


def begin(start, labels, **how):
    hand = start(discs(3), z=1, **how)
    layer = hand.viewer.add_labels(labels, name="others")
    hand.wait()
    hand.sessions.use_target(layer)
    hand.wait()
    return hand, layer


def replayed(hand):
    """The labels that the session began with, and its journal; the session ends."""
    journal = hand.sessions.session.journal.path
    hand.sessions.session.close()
    recorded = read_session(journal)
    labels = np.array(recorded.read_base())
    assert not rebuild(recorded, ArrayTarget(labels))
    return labels


def press(hand):
    hand.widget.find_all.refine.click()


def test_without_labels_it_says_what_to_do(start):
    hand = start(discs(3), z=1)
    press(hand)
    hand.wait(lambda: bool(hand.notes))
    assert "choose a Labels layer as target" in hand.notes[-1]
    hand.notes.clear()


def test_labels_of_another_program_are_refined_as_one_step(start):
    stack = discs(3)
    before = small(stack)
    hand, layer = begin(start, before.copy())
    press(hand)
    finish(hand)
    assert hand.widget.find_all.refine.isEnabled()
    after = np.asarray(layer.data)
    assert np.array_equal(after[[0, 2]], before[[0, 2]])
    assert np.unique(after[1]).tolist() == [0, 7, 9]
    wrong = np.count_nonzero((after[1] > 0) != (stack[1] > 100))
    assert wrong < 40 < np.count_nonzero((before[1] > 0) != (stack[1] > 100))
    assert hand.messages[-1] == "2 of 2 objects refined; the others keep their shape"
    hand.key("U")
    assert np.array_equal(np.asarray(layer.data), before)
    hand.undo.redo()
    assert np.array_equal(np.asarray(layer.data), after)
    assert np.array_equal(replayed(hand), after)


def test_labels_that_are_right_stay_and_nothing_is_to_be_undone(start):
    stack = discs(3)
    right = np.where(small(stack) > 0, 0, 0).astype(np.uint16)
    right[1][stack[1] > 100] = 5
    hand, layer = begin(start, right.copy())
    press(hand)
    finish(hand)
    assert np.array_equal(np.asarray(layer.data), right)
    assert hand.messages[-1].startswith("0 of 1 objects refined")


def test_a_plane_without_objects(start):
    hand, layer = begin(start, np.zeros((3, 96, 96), np.uint16))
    press(hand)
    finish(hand)
    assert not np.asarray(layer.data).any()
    assert hand.messages[-1] == "There are no objects here to refine"
