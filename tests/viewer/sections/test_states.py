"""Small things that a person meets: no image, 3D display, colours, words."""

import colorsys

import numpy as np
import pytest
from napari.utils.colormaps import label_colormap
from qtpy.QtCore import QEvent, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_hqsam.viewer.canvas.mouse.display_3d import SAYS

SHIFT = Qt.KeyboardModifier.ShiftModifier


def status(hand):
    return hand.widget.sections["object"].status.text()


def test_without_an_image_the_sample_is_offered(viewer, open_widget):
    hand = open_widget()
    assert status(hand).startswith("No image is open")
    assert not hand.widget.sample.isHidden()
    hand.widget.sample.click()
    hand.wait()
    assert hand.scene.image.name == "nuclei"
    assert status(hand) == "Click on an object in the image"
    assert hand.widget.sample.isHidden()
    viewer.layers.remove("nuclei")
    assert status(hand).startswith("No image is open")
    assert not hand.widget.sample.isHidden()


def test_a_click_in_3d_says_what_to_do(viewer, open_widget, squares):
    viewer.add_image(np.stack([squares] * 5))
    hand = open_widget()
    assert hand.settings.tool == "point"
    viewer.dims.ndisplay = 3
    hand.wait()
    assert status(hand) == SAYS
    assert hand.settings.tool == "none"
    canvas = hand.canvas
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=canvas.rect().center())
    hand.wait()
    assert hand.messages[-1] == SAYS
    assert not len(hand.scene.points.data)
    viewer.dims.ndisplay = 2
    hand.wait()
    assert hand.settings.tool == "point"
    hand.click(20, 20)
    assert hand.current.mask.area == 400


@pytest.mark.parametrize(("shape", "where"), [((), ""), ((6,), " from this slice")])
def test_deleted_from_a_slice_only_where_there_are_slices(
    viewer, open_widget, squares, shape, where
):
    viewer.add_image(np.broadcast_to(squares, (*shape, *squares.shape)).copy())
    hand = open_widget()
    hand.accept((20, 20))
    hand.move(20, 20)
    hand.key("Q", modifiers=SHIFT)
    assert hand.messages[-1] == f"Object 1 deleted{where}"


def test_no_label_is_grey(hand):
    hand.accept(*[(20, 20 + 30 * k) for k in range(3)])
    layer = hand.sessions.target.layer
    ids = np.arange(1, 500)
    colours = layer.colormap.map(ids.astype(np.uint16))[:, :3]
    chroma = colours.max(1) - colours.min(1)
    assert chroma.min() > 0.45
    hues = [colorsys.rgb_to_hsv(*c)[0] for c in colours[:12]]
    apart = np.abs(np.diff(hues))
    assert np.minimum(apart, 1 - apart).min() > 0.2  # neighbours in number
    assert not layer.colormap.map(np.zeros(1, np.uint16))[0, 3]
    # What was so before: napari's own has greys.
    usual = label_colormap(49, 0.5).map(ids.astype(np.uint16))[:, :3]
    assert (usual.max(1) - usual.min(1)).min() < 0.1


def test_colours_that_the_user_chose_stay(viewer, open_widget, squares):
    viewer.add_image(squares)
    chosen = label_colormap(20, 0.3)
    labels = viewer.add_labels(np.zeros_like(squares, int), colormap=chosen)
    hand = open_widget()
    hand.sessions.use_target(labels)
    assert np.array_equal(labels.colormap.colors, chosen.colors)


def test_the_status_says_what_the_mouse_does(viewer, hand):
    assert status(hand) == "Click on an object in the image"
    hand.settings.tool = "box"
    assert status(hand) == "Drag a box round an object"
    hand.settings.tool = "edit"
    assert "choose the tool Click (W)" in status(hand)
    hand.key("W")
    assert status(hand) == "Click on an object in the image"
    # Whatever takes the tool away: napari's own tools, another layer, the eye.
    viewer.layers.selection.active = viewer.add_labels(hand.scene.image.data * 0)
    hand.wait()
    assert status(hand).startswith("The mouse does not prompt now: choose the tool")
    hand.key("W")
    assert status(hand) == "Click on an object in the image"
    hand.scene.points.mode = "pan_zoom"
    hand.wait()
    assert status(hand).startswith("The mouse does not prompt now: choose the tool")
    hand.scene.image.visible = False
    hand.wait()
    assert status(hand).startswith("squares is hidden. To show it, choose the tool")
    hand.key("W")
    assert hand.scene.image.visible
    assert status(hand) == "Click on an object in the image"


def test_the_arrow_says_what_it_does_with_prompts(hand):
    hand.click(35, 35)  # nothing is found there
    hand.settings.tool = "edit"
    assert status(hand).startswith("Select and move prompts")


def test_settings_changed_after_the_panel_closed_do_nothing(viewer, open_widget):
    hand = open_widget()
    settings = hand.settings
    viewer.window.remove_dock_widget(hand.widget)
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    settings.stretch = "contrast limits"
    settings.hover = not settings.hover
    settings.tool = "box"
    assert "HQ-SAM shapes" not in viewer.layers
