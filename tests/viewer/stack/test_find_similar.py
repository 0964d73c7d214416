"""Find all like the accepted objects: a button, with the objects accepted by hand."""

import numpy as np
import pytest

from tests.viewer.helpers.stack import finish, starter
from tests.viewer.stack.test_find_all import objects


@pytest.fixture
def start(viewer, open_widget):
    return starter(viewer, open_widget)


def two_sizes():
    """(192, 192) uint8: discs of radius 12 on the left, of radius 4 on the right."""
    yy, xx = np.mgrid[:192, :192]
    distance = np.hypot(yy % 48 - 24, xx % 48 - 24)
    image = np.full((192, 192), 20, np.uint8)
    image[distance < np.where(xx < 96, 12, 4)] = 220
    return image


def press(hand):
    hand.widget.find_all.similar.click()


def test_without_an_accepted_object_nothing_happens(start):
    hand = start(two_sizes(), axis=1, z=0)
    press(hand)
    hand.wait(lambda: bool(hand.notes))
    assert "Accept an object first" in hand.notes[-1]
    hand.notes.clear()
    assert not objects(hand)


def test_what_is_like_the_accepted_object_is_found_as_one_step(start):
    hand = start(two_sizes(), axis=1, z=0)
    hand.accept((24, 24))
    first = hand.labels == 1
    press(hand)
    assert not hand.widget.find_all.similar.isEnabled()
    finish(hand)
    assert hand.widget.find_all.similar.isEnabled()
    assert len(objects(hand)) == 8  # those on the left alone
    assert not hand.labels[:, 96:].any()
    assert np.array_equal(hand.labels == 1, first)
    assert hand.messages[-1] == "7 objects found"
    hand.key("U")
    assert objects(hand) == [1]
    hand.undo.redo()
    assert len(objects(hand)) == 8
    expected = hand.labels.copy()
    assert np.array_equal(hand.rebuilt(), expected)


def test_an_object_accepted_on_another_slice_is_an_example(start):
    stack = np.stack([two_sizes(), two_sizes()[::-1, :], two_sizes()])
    hand = start(stack, z=0)
    hand.accept((24, 24))
    hand.viewer.dims.set_point(0, 2)
    hand.wait()
    press(hand)
    finish(hand)
    assert len(np.unique(hand.labels[2])) == 1 + 8
    assert not hand.labels[1].any()
    assert np.unique(hand.labels[0]).tolist() == [0, 1]
