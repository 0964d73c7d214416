"""Positive and negative points differ on the screen."""

import napari
import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from napari_hqsam.viewer.canvas.prompts.signs import COLOURS, NEGATIVE, POSITIVE

SHIFT = Qt.KeyboardModifier.ShiftModifier
NONE = Qt.KeyboardModifier.NoModifier


@pytest.fixture
def shared_viewer():
    """A viewer in sight, so that all of it is painted; another one for each test.

    Software OpenGL crashes when layers go that were painted, and others come.
    """
    viewer = napari.Viewer()
    QApplication.processEvents()
    yield viewer
    viewer.close()
    QApplication.processEvents()


def colours_near(viewer, hand, place):
    """Pixels of each sign's colour on the screen round a position of the image.

    Also of napari's blue round what is selected or under the arrow.
    """
    picture = viewer.window.screenshot(canvas_only=True, flash=False)
    at = hand.screen(*place) * (picture.shape[0] / hand.canvas.height())
    around = picture[at.y() - 6 : at.y() + 7, at.x() - 6 : at.x() + 7, :3].astype(int)
    found = {
        name: (np.abs(around - [*bytes.fromhex(colour[1:])]).sum(-1) < 40).sum()
        for name, colour in COLOURS.items()
    }
    red, green, blue = np.moveaxis(around, -1, 0)
    return found | {"marked": (blue > np.maximum(red, green) + 40).sum()}


@pytest.fixture
def hand(viewer, open_widget, squares):
    """The widget, with room for the two signs: on a bright square and beside it."""
    viewer.add_image(squares, name="squares")
    hand = open_widget()
    hand.settings.hover = False
    viewer.scene.camera.center = (25, 31.5)
    viewer.mouse_over_canvas = True  # a window manager tells napari so
    return hand


PLACES = {POSITIVE: (25, 29), NEGATIVE: (25, 34)}
APART = {POSITIVE: (25, 20), NEGATIVE: (25, 43)}
"""For low zooms."""


def check(viewer, hand, places):
    """The colours of the palette are to be seen where the prompts are."""
    for sign, place in places.items():
        near = {}

        def painted(sign=sign, place=place, near=near):
            near.update(colours_near(viewer, hand, place))
            return near[sign] >= 9

        hand.wait(painted, seconds=20)
        other = NEGATIVE if sign == POSITIVE else POSITIVE
        assert near[other] == 0, (sign, near)


def is_marked(viewer, hand, place):
    """Move the cursor there, and return whether napari marks a point there.

    A move at a time: napari looks what is below the cursor on another thread.
    """
    y, x = place
    hand.move(y + 2 / viewer.scene.camera.zoom, x)
    hand.move(y, x)
    return colours_near(viewer, hand, place)["marked"] > 3


def test_points_show_their_sign(viewer, hand):
    camera = viewer.scene.camera
    camera.zoom = 50
    hand.click(*PLACES[POSITIVE])
    hand.click(*PLACES[NEGATIVE], modifiers=SHIFT)
    check(viewer, hand, PLACES)
    for zoom in (5, 50):
        hand.settings.tool = "point"
        camera.zoom = zoom
        check(viewer, hand, PLACES)
        hand.settings.tool = "edit"
        check(viewer, hand, PLACES)
        for number, (sign, place) in enumerate(PLACES.items()):
            hand.scene.points.selected_data = set()
            hand.wait(lambda p=place: is_marked(viewer, hand, p), seconds=20)
            check(viewer, hand, {sign: place})
            hand.click(*place)
            assert hand.scene.points.selected_data == {number}
            check(viewer, hand, PLACES)


def test_scribbles_show_their_sign(viewer, hand):
    for zoom in (1.5, 10):
        viewer.scene.camera.zoom = zoom
        hand.settings.tool = "scribble"
        for (y, x), keys in zip(APART.values(), (NONE, SHIFT), strict=True):
            # Not with its middle there, where napari draws a handle.
            line = [(y + 25 * k / zoom, x) for k in (-1.5, -1.0, 0.5, 1.0)]
            hand.drag(*line, modifiers=keys)
        check(viewer, hand, APART)
        hand.settings.tool = "edit"
        hand.scene.shapes.selected_data = {0, 1}
        check(viewer, hand, APART)
        hand.key("Q")
