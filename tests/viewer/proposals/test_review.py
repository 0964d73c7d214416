"""Proposals are shown, accepted and rejected: slider, click, box, brush, buttons."""

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_hqsam.viewer.canvas.proposal_layer import COLOUR, PROPOSALS
from tests.viewer.conftest import CORNERS
from tests.viewer.helpers.hand import SHIFT


def middle(number):
    y, x = CORNERS[number]
    return y + 10, x + 10


def corners(*numbers):
    """Labels' pixels of squares."""
    on = np.zeros((80, 100), bool)
    for number in numbers:
        y, x = CORNERS[number]
        on[y : y + 20, x : x + 20] = True
    return on


def labelled(hand):
    """Pixels of objects."""
    if hand.sessions.target is None:
        return np.zeros((80, 100), bool)
    return hand.labels > 0


def objects(hand):
    return len(np.unique(hand.labels)) - 1 if hand.sessions.target is not None else 0


def take(hand, tool):
    QTest.mouseClick(hand.widget.review.tools[tool], Qt.MouseButton.LeftButton)
    hand.wait()


def text(hand):
    return hand.widget.review.count.text()


def test_proposals_are_outlines_in_one_layer_and_not_in_the_labels(proposed):
    layer = proposed.viewer.layers[PROPOSALS]
    drawn = np.asarray(layer.data[0])
    y, x = CORNERS[5]
    assert drawn[y, x : x + 20].all()
    assert not drawn[y + 1 : y + 19, x + 1 : x + 19].any()
    assert not labelled(proposed).any()
    assert proposed.scene.is_own_layer(layer)
    assert proposed.scene.image.name == "squares"
    assert text(proposed) == "6 of 6 proposals shown"
    assert proposed.widget.review.isVisibleTo(proposed.widget)
    names = [layer.name for layer in proposed.viewer.layers]
    assert names.index(PROPOSALS) < names.index("HQ-SAM points")


def test_the_slider_shows_fewer_without_inference_and_in_one_update(
    proposed, monkeypatch
):
    asked, updates = [], []
    for name in ("answer", "answer_many", "segmenter"):
        monkeypatch.setattr(proposed.engine, name, lambda *a, n=name: asked.append(n))
    layer = proposed.viewer.layers[PROPOSALS]
    for event in ("contrast_limits", "data", "set_data"):
        getattr(layer.events, event).connect(lambda e, n=event: updates.append(n))
    slider = proposed.widget.review.least
    slider.setValue(70)  # as its handle and its number do
    proposed.wait()
    assert text(proposed) == "4 of 6 proposals shown"
    assert updates == ["contrast_limits"]
    assert not asked
    slider.setFocus()
    QTest.keyClick(slider._slider, Qt.Key.Key_Right)  # one step
    proposed.wait()
    assert text(proposed) == "3 of 6 proposals shown"
    assert proposed.widget.proposals.state.least == 0.71


def blue(viewer):
    """Pixels of the canvas in the colour of proposals."""
    picture = viewer.window.screenshot(canvas_only=True, flash=False)[..., :3]
    wanted = np.array([*bytes.fromhex(COLOUR[1:])])
    return (np.abs(picture.astype(int) - wanted).max(-1) < 12).sum()


def test_what_is_painted_follows_the_slider(proposed, viewer):
    viewer.reset_view()
    shown = [blue(viewer)]
    for least in (70, 95, 96):
        proposed.widget.review.least.setValue(least)
        proposed.wait()
        shown.append(blue(viewer))
    assert shown[0] > 500
    assert shown[1] == pytest.approx(shown[0] * 4 / 6, rel=0.1)
    assert shown[2] == pytest.approx(shown[0] / 6, rel=0.1)
    assert shown[3] == 0


def test_a_click_accepts_and_with_shift_rejects(proposed):
    take(proposed, "click")
    assert proposed.viewer.layers.selection.active.name == PROPOSALS
    assert proposed.widget.review.tools["click"].isChecked()
    proposed.click(*middle(0))
    assert np.array_equal(labelled(proposed), corners(0))
    assert proposed.messages[-1] == "Object 1 accepted"
    proposed.click(*middle(1), modifiers=SHIFT)
    assert np.array_equal(labelled(proposed), corners(0))
    assert text(proposed) == "4 of 4 proposals shown, 1 rejected"
    proposed.click(35, 35)  # beside them
    assert proposed.messages[-1] == "There is no proposal"
    assert not len(proposed.scene.points.data)


def test_what_the_slider_hides_is_not_accepted(proposed):
    proposed.widget.review.least.setValue(70)
    take(proposed, "click")
    proposed.click(*middle(0))
    assert not labelled(proposed).any()
    proposed.key("J", modifiers=SHIFT)
    assert np.array_equal(labelled(proposed), corners(2, 3, 4, 5))
    assert text(proposed) == "0 of 2 proposals shown"


def test_a_box_accepts_what_lies_in_it_as_one_step(proposed):
    take(proposed, "box")
    proposed.drag((5, 5), (20, 50), (36, 75))  # a quarter of the third square
    assert np.array_equal(labelled(proposed), corners(0, 1))
    assert objects(proposed) == 2
    assert proposed.messages[-1] == "2 objects accepted"
    assert not len(proposed.scene.outline.data)  # the box is not shown any more
    proposed.key("U")
    assert not labelled(proposed).any()
    assert text(proposed) == "6 of 6 proposals shown"
    proposed.undo.redo()
    proposed.wait()
    assert objects(proposed) == 2
    assert text(proposed) == "4 of 4 proposals shown"


def test_a_box_is_seen_while_it_is_drawn(proposed):
    take(proposed, "box")
    left = Qt.MouseButton.LeftButton
    QTest.mousePress(proposed.canvas, left, SHIFT, proposed.screen(5, 5))
    proposed.move(40, 35, buttons=left, modifiers=SHIFT)
    (line,) = proposed.scene.outline.data
    assert line.min(0) == pytest.approx([5, 5], abs=1)
    assert line.max(0) == pytest.approx([40, 35], abs=1)
    QTest.mouseRelease(proposed.canvas, left, SHIFT, proposed.screen(40, 35))
    proposed.wait()
    assert text(proposed) == "5 of 5 proposals shown, 1 rejected"


def test_the_brush_rejects_what_it_touches_and_undo_brings_it_back(proposed):
    take(proposed, "brush")
    proposed.drag(middle(3), (55, 40), middle(5), modifiers=SHIFT)
    assert text(proposed) == "3 of 3 proposals shown, 3 rejected"
    proposed.drag(middle(0), middle(1))
    assert np.array_equal(labelled(proposed), corners(0, 1))
    proposed.key("U")
    assert not labelled(proposed).any()
    assert text(proposed) == "3 of 3 proposals shown, 3 rejected"
    proposed.key("U")
    assert text(proposed) == "6 of 6 proposals shown"
    assert proposed.messages[-1] == "The rejected proposals are back"


def test_all_shown_are_accepted_by_the_button_and_the_layer_goes(proposed):
    (button,) = (
        made
        for made in proposed.widget.review.findChildren(
            type(proposed.widget.review.tools["box"])
        )
        if "Accept shown" in made.text()
    )
    take(proposed, "brush")
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    proposed.wait()
    assert np.array_equal(labelled(proposed), corners(0, 1, 2, 3, 4, 5))
    assert PROPOSALS not in proposed.viewer.layers
    assert proposed.settings.tool == "point"  # that of before
    assert text(proposed) == "No proposals left"
    proposed.key("U")
    assert PROPOSALS in proposed.viewer.layers
    assert text(proposed) == "6 of 6 proposals shown"
    proposed.undo.redo()
    proposed.wait()
    expected = proposed.labels.copy()
    assert np.array_equal(proposed.rebuilt(), expected)


def test_of_contested_pixels_the_better_one_has_them(hand, propose):
    propose(hand, [(10, 10, 20), (10, 20, 20)], [0.6, 0.9])
    take(hand, "click")
    hand.click(20, 13)  # the lower one alone
    assert labelled(hand)[10:30, 10:20].all()
    assert not labelled(hand)[:, 20:].any()
    hand.click(20, 35)
    assert np.unique(hand.labels[10:30, 20:40]).tolist() == [2]


def test_what_touches_an_accepted_object_gets_the_free_pixels(hand, propose):
    hand.accept(middle(0))
    propose(hand, [(10, 22, 20)], [0.9])
    take(hand, "click")
    hand.click(20, 38)
    assert (hand.labels[10:30, 10:30] == 1).all()
    assert (hand.labels[10:30, 30:42] == 2).all()
