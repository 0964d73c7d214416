"""From clicks, boxes and scribbles to outlines, with real mouse and keys."""

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_hqsam.viewer.canvas import outline_layer
from napari_hqsam.viewer.state import OUTPUTS
from napari_hqsam.viewer.tools import TOOLS

SHIFT = Qt.KeyboardModifier.ShiftModifier


def box_of(hand):
    return hand.current.mask.bbox


def test_the_widget_takes_the_image_that_is_there(hand, squares):
    assert hand.scene.image.name == "squares"
    assert hand.viewer.layers.selection.active == hand.scene.points
    assert hand.scene.points.mode == "add"


def test_a_click_outlines_the_object(hand):
    hand.click(20, 50)
    assert box_of(hand) == (10, 40, 30, 60)
    (line,) = hand.scene.outline.data
    assert np.allclose(line.min(0), (9.5, 39.5))
    assert np.allclose(line.max(0), (29.5, 59.5))


def test_a_second_click_adds_and_one_with_shift_takes_away(hand):
    hand.click(20, 20)
    hand.click(20, 50)
    assert box_of(hand) == (10, 10, 30, 60)
    hand.click(20, 22, modifiers=SHIFT)
    assert list(hand.scene.points.features["sign"]) == [
        "positive",
        "positive",
        "negative",
    ]
    assert box_of(hand) == (10, 40, 30, 60)
    # told apart by symbol and by colour
    assert len({str(s) for s in hand.scene.points.symbol}) == 2
    assert len({tuple(c) for c in hand.scene.points.face_color}) == 2
    hand.click(55, 50)
    assert list(hand.scene.points.features["sign"])[-1] == "positive"


def test_moving_and_deleting_a_prompt_looks_again(hand):
    hand.click(20, 20)
    hand.settings.tool = "edit"
    hand.drag((20, 20), (30, 30), (55, 50))
    assert box_of(hand) == (45, 40, 65, 60)
    hand.key("Delete")
    assert len(hand.scene.points.data) == 0
    assert hand.current.mask is None
    assert not len(hand.scene.outline.data)


def test_a_box_is_dragged(hand):
    hand.settings.tool = "box"
    hand.drag((8, 38), (20, 50), (32, 62))
    assert box_of(hand) == (10, 40, 30, 60)


@pytest.mark.parametrize("tool", ["outline", "ellipse", "polygon"])
def test_outlines_are_drawn(hand, tool):
    hand.settings.tool = tool
    corners = [(7, 37), (7, 63), (33, 63), (33, 37)]
    if tool == "polygon":
        for corner in corners:
            hand.click(*corner)
        hand.key("Escape")
    elif tool == "ellipse":
        hand.drag((4, 34), (20, 50), (36, 66))
    else:
        hand.drag(*corners, corners[0])
    assert hand.controller.awaited_request[1].prompt.mask is not None
    assert box_of(hand) == (10, 40, 30, 60)


def test_the_zoom_picks_the_scale(hand):
    hand.settings.scale = "view"
    for zoom in (0.25, 1, 4):
        hand.viewer.scene.camera.zoom = zoom
        hand.click(20, 50)
        assert hand.controller.awaited_request[1].options.level == -np.log2(zoom)
        hand.key("Q")
    hand.settings.scale = "whole"
    hand.click(20, 50)
    assert hand.controller.awaited_request[1].options.level == "whole"


def test_scribbles_say_where_the_object_is_and_where_not(hand):
    hand.settings.tool = "scribble"
    hand.drag((15, 15), (15, 20), (15, 30), (15, 40), (15, 55))
    assert box_of(hand) == (10, 10, 30, 60)
    hand.drag((25, 14), (25, 17), (25, 20), (25, 26), modifiers=SHIFT)
    assert list(hand.scene.shapes.features["sign"]) == ["positive", "negative"]
    assert box_of(hand) == (10, 40, 30, 60)


def test_candidates_cycle_and_outputs_are_compared(hand):
    hand.click(20, 20)
    area = hand.current.mask.area
    hand.key("K")  # two of three masks are the same
    assert (hand.current.chosen, len(hand.current.masks)) == (2, 3)
    assert "candidate 2 of 2" in hand.widget.sections["object"].status.text()
    assert hand.current.mask.area < area
    hand.key("K")
    assert hand.current.chosen == 0
    scores = []
    for _ in OUTPUTS:
        hand.key("H")
        scores.append(hand.current.mask.score)
    assert scores == [0.8, 0.7, 0.9]


def test_what_rests_under_the_cursor_is_outlined(hand):
    hand.move(20, 50)
    hand.wait(lambda: len(hand.scene.outline.data))
    assert hand.current.mask is None
    assert np.allclose(hand.scene.outline.data[0].max(0), (29.5, 59.5))
    hand.move(38, 80)  # off it
    assert not len(hand.scene.outline.data)
    hand.key("G")
    assert not hand.settings.hover
    hand.move(20, 50)
    assert not hand.controller.hover.debounce.isActive()


def test_a_quick_answer_is_painted_with_its_prompt(hand, monkeypatch):
    monkeypatch.setattr("napari_hqsam.viewer.inference.controller.HEAD_START", 20)
    hand.click(20, 20, wait=False)
    hand.controller.predict()  # as it is called before anything is painted
    assert hand.current.mask.bbox == (10, 10, 30, 30)
    assert len(hand.scene.outline.data) == 1


def test_a_slow_answer_is_not_waited_for(hand):
    hand.engine.gate.clear()
    hand.click(20, 20, wait=False)
    hand.controller.predict()
    assert hand.current.waiting
    hand.engine.gate.set()
    hand.wait()
    assert hand.current.mask.bbox == (10, 10, 30, 30)


def test_a_stale_answer_is_dropped(hand):
    hand.engine.gate.clear()
    seen = []
    hand.current.events.masks.connect(
        lambda masks: seen.extend(m.bbox for m in masks if m.area)
    )
    hand.click(20, 20, wait=False)
    hand.wait(lambda: hand.current.waiting)
    hand.click(20, 80, wait=False)
    hand.wait(lambda: len(hand.controller.awaited_request[1].prompt.points) == 2)
    hand.engine.gate.set()
    hand.wait()
    assert seen == [(10, 10, 30, 90)]


def test_the_tools_go_round(hand):
    tools = []
    for _ in TOOLS:
        hand.key("W")
        tools.append(hand.settings.tool)
    assert tools == [*list(TOOLS)[1:], "point"]
    assert hand.viewer.layers.selection.active == hand.scene.points


def test_own_layers_lie_where_the_image_lies(viewer, open_widget, squares):
    viewer.add_image(
        squares,
        scale=(2, 0.5),
        translate=(7, -3),
        rotate=30,
        shear=[0.2],
        affine=[[1.5, 0.1, 4], [0, 1, 2], [0, 0, 1]],
        units=("um", "um"),
        axis_labels=("y", "x"),
    )
    hand = open_widget()
    hand.click(20, 50)
    assert box_of(hand) == (10, 40, 30, 60)
    hand.key("N")
    image = hand.scene.image
    for layer in (*viewer.layers,):
        assert np.allclose(layer.data_to_world((11, 13)), image.data_to_world((11, 13)))
        assert layer.units == image.units
        assert layer.axis_labels == image.axis_labels
    # and go with it
    before = image.data_to_world((11, 13))
    image.translate = (100, 100)
    assert not np.allclose(image.data_to_world((11, 13)), before)
    points = hand.scene.points
    assert np.allclose(points.data_to_world((11, 13)), image.data_to_world((11, 13)))


def test_the_outline_keeps_its_width_on_the_screen(hand):
    hand.click(20, 50)
    zoom = hand.viewer.scene.camera.zoom
    hand.viewer.scene.camera.zoom = 4 * zoom
    hand.wait(lambda: not hand.controller.outline._zoom.isActive())
    assert hand.scene.outline.edge_width[0] * 4 * zoom == pytest.approx(
        outline_layer.OUTLINE_PIXELS
    )
