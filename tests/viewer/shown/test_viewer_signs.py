"""Points that say yes or no are told apart on the screen."""

import napari
import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from napari_hqsam.viewer.layers import COLOURS, NEGATIVE, POSITIVE

SHIFT = Qt.KeyboardModifier.ShiftModifier


@pytest.fixture(scope="module")
def shared_viewer():
    """A viewer whose window stays in sight, so that all of it is painted."""
    viewer = napari.Viewer()
    QApplication.processEvents()
    yield viewer
    viewer.close()
    QApplication.processEvents()


def colours_near(viewer, hand, place):
    """Pixels of each sign's colour on the screen round a position of the image."""
    picture = viewer.window.screenshot(canvas_only=True, flash=False)
    at = hand.screen(*place) * (picture.shape[0] / hand.canvas.height())
    around = picture[at.y() - 6 : at.y() + 7, at.x() - 6 : at.x() + 7, :3]
    return {
        name: (np.abs(around - [*bytes.fromhex(colour[1:])]).sum(-1) < 40).sum()
        for name, colour in COLOURS.items()
    }


@pytest.mark.parametrize("background", ["dark", "bright"])
@pytest.mark.parametrize("state", ["fresh", "at rest"])
def test_signs_differ_on_the_screen(viewer, open_widget, squares, background, state):
    """The colours of the palette are to be seen where the points are."""
    image = squares if background == "dark" else 255 - squares // 4
    viewer.add_image(image, name="squares", contrast_limits=(0, 255))
    hand = open_widget()
    hand.settings.hover = False
    hand.click(20, 20)
    hand.click(38, 35, modifiers=SHIFT)
    places = {POSITIVE: (20, 20), NEGATIVE: (38, 35)}
    if state != "fresh":
        hand.settings.tool = "edit"
    for sign, place in places.items():
        hand.move(70, 95)  # napari paints a point under the cursor in its own blue
        near = {}

        def painted(sign=sign, place=place, near=near):
            near.update(colours_near(viewer, hand, place))
            return near[sign] >= 9

        hand.wait(painted, seconds=20)
        other = NEGATIVE if sign == POSITIVE else POSITIVE
        assert near[other] == 0, (sign, near)
