"""Saved labels are brought to the end of their journal, from wherever it was."""

import numpy as np
import pytest

from napari_hqsam.prompts import Prompt
from napari_hqsam.sessions import ArrayTarget, Stroke, apply_unsaved

CLICK = Prompt([(4, 4)])


@pytest.fixture
def states(begin, square):
    """A session that did all sorts of things; the labels after each line."""
    session, states = begin(), []

    def done(*steps):
        for step in steps:
            step()
            states.append(session.target.array.copy())

    def grouped(step):
        with session.grouped("followed"):
            step()

    def paint():
        session.target.array[0, :5] = 7
        session.record_strokes([Stroke((np.zeros(5, int), np.arange(5)), 0, 7)])

    done(
        lambda: grouped(lambda: session.accept(square(1, 1), CLICK)),
        lambda: session.accept(square(5, 5), CLICK),
        lambda: grouped(lambda: session.accept(square(8, 1), CLICK)),
        session.undo,
        session.undo,
        session.redo,
        paint,
        lambda: session.delete(3),
        session.undo,
        lambda: session.merge((3, 7)),
    )
    session.close()
    return session.journal.path, states


def test_from_each_line_to_the_last(states):
    path, states = states
    for lines, labels in enumerate(states, 2):
        labels = labels.copy()
        apply_unsaved(path, ArrayTarget(labels), lines)
        np.testing.assert_array_equal(labels, states[-1])


def test_what_no_line_tells_of_stays(states):
    path, states = states
    labels = states[5].copy()
    labels[labels == 1] = 9  # by somebody else
    others = labels == 9
    assert others.any()
    apply_unsaved(path, ArrayTarget(labels), 7)
    assert (labels[others] == 9).all()
    np.testing.assert_array_equal(labels[~others], states[-1][~others])
