"""What is shown of prompts and of uncertain masks, so that it can be read."""

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_hqsam.masks.mask import Mask
from napari_hqsam.models import Tuning
from napari_hqsam.viewer.canvas.prompts.signs import COLOURS, NEGATIVE, POSITIVE
from tests.viewer.helpers.hand import Threshold, ThresholdEngine

SHIFT = Qt.KeyboardModifier.ShiftModifier
A, B = (20, 20), (20, 50)


class Deaf(Threshold):
    """Deaf to negative clicks; thinks little of what it finds on the right."""

    asked = None

    def segment(self, prompt, **how):
        Deaf.asked = how
        first = prompt.first(1)
        mask = super().segment(first, **how)
        score = 0.2 if prompt.points[0][1] > 60 else 0.9
        return Mask.from_crop(mask.data, mask.bbox[:2], score, 0.9, level=0)


class DeafEngine(ThresholdEngine):
    def segmenter(self, image, model):
        made = super().segmenter(image, model)
        return Deaf(made.image, made.model, made.spec, self.gate)


@pytest.fixture
def hand(viewer, open_widget, squares):
    viewer.add_image(squares, name="squares")
    hand = open_widget(engine=DeafEngine)
    hand.settings.hover = False
    return hand


def status(hand):
    return hand.widget.sections["object"].status


def test_fresh_prompts_show_their_sign(hand):
    hand.click(*A)
    assert not hand.scene.points.selected_data  # else painted in another colour
    hand.click(35, 35, modifiers=SHIFT)
    points = hand.scene.points
    assert not points.selected_data
    assert [str(s) for s in points.symbol] == ["disc", "x"]
    colours = [tuple(bytes.fromhex(COLOURS[s][1:])) for s in (POSITIVE, NEGATIVE)]
    assert (points.face_color[:, :3] * 255).round().tolist() == [[*c] for c in colours]


def test_a_poor_score_is_dashed_and_offers_help(hand):
    hand.click(*A)
    assert len(hand.scene.outline.data) == 1
    assert "Uncertain" not in status(hand).text()
    hand.key("Q")
    hand.click(20, 80)
    assert len(hand.scene.outline.data) > 4
    ends = np.concatenate([line[[0, -1]] for line in hand.scene.outline.data])
    assert np.allclose(ends.min(0), (9.5, 69.5), atol=1)
    assert "Uncertain" in status(hand).text()
    assert "0.20" in status(hand).text()
    status(hand).linkActivated.emit("scale")
    hand.wait()
    assert Deaf.asked["level"] == 1  # one coarser
    status(hand).linkActivated.emit("scale")
    hand.wait()
    assert Deaf.asked["level"] == -1
    hand.key("N")
    (event,) = hand.sessions.session.history.events
    assert event.options.segmentation.level == -1
    hand.click(*A)
    assert Deaf.asked["level"] == "auto"  # of that object alone
    assert len(hand.scene.outline.data) == 1
    hand.key("Q")
    hand.move(20, 80)
    hand.key("J")
    assert Deaf.asked["level"] == -1  # it comes out as it was
    status(hand).linkActivated.emit("box")
    assert hand.settings.tool == "box"


def test_what_is_a_poor_score_is_the_models_own(viewer, open_widget, squares):
    class Modest(DeafEngine):
        def segmenter(self, image, model):
            made = super().segmenter(image, model)
            made.model.tuning = Tuning(uncertain_score=0.1)
            return made

    viewer.add_image(squares, name="squares")
    hand = open_widget(engine=Modest)
    hand.settings.hover = False
    hand.click(20, 80)
    assert len(hand.scene.outline.data) == 1
    assert "Uncertain" not in status(hand).text()


def test_a_mask_that_holds_a_negative_click_is_shown_as_failing(hand):
    hand.click(*A)
    hand.click(A[0], A[1] + 5, modifiers=SHIFT)
    assert len(hand.scene.outline.data) > 4
    assert "Negative click" in status(hand).text()
    hand.key("U")
    assert len(hand.scene.outline.data) == 1
    assert "Negative click" not in status(hand).text()


def test_a_message_where_no_candidate_differs(viewer, open_widget, squares):
    class Same(Threshold):
        def candidates(self, prompt, **how):
            return [self.segment(prompt, **how)] * 3

    class SameEngine(ThresholdEngine):
        def segmenter(self, image, model):
            made = super().segmenter(image, model)
            return Same(made.image, made.model, made.spec, self.gate)

    viewer.add_image(squares, name="squares")
    hand = open_widget(engine=SameEngine)
    hand.click(*A)
    hand.key("K")
    assert hand.current.chosen == 0
    assert "no other candidate" in status(hand).text()
