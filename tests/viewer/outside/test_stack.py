"""A plain stack on a laptop: all that is needed is seen, an object is followed."""

import numpy as np
import pytest
import tifffile

from tests.viewer.outside.program import PANEL

SLICES, OBJECT = 7, (60, 70)


def ball():
    """uint16 (7, 120, 140): a ball on slices 1 to 5, and a disc on slice 5 alone."""
    zz, yy, xx = np.mgrid[:SLICES, :120, :140]
    stack = np.full(zz.shape, 300, np.uint16)
    inside = np.hypot(yy - OBJECT[0], xx - OBJECT[1]) < 26 - 4 * np.abs(zz - 3)
    stack[inside & (abs(zz - 3) < 3)] = 3000
    stack[5][np.hypot(yy[5] - 95, xx[5] - 25) < 12] = 3000
    return stack


@pytest.mark.parametrize("size", [(1366, 768), (1440, 900)])
def test_a_plain_stack_on_a_laptop(start, home, size):
    home.mkdir()
    tifffile.imwrite(home / "ball.tif", ball())
    napari = start(home / "ball.tif", "-w", "napari-hqsam")
    napari.wait(lambda: napari.tool() == "Click", "the point tool")
    check_that_all_is_seen(napari, size)

    napari.click_at("ball", 3, *OBJECT)
    napari.wait_for_outline(3, *OBJECT)
    assert napari.state["slider"][0] == 3
    napari.key("shift+g")
    napari.wait(lambda: napari.layer("ball labels"), "the labels")
    napari.wait(lambda: slices(napari) == (1, 5), "the ball on its slices")
    check_that_all_is_seen(napari, size)

    # on another slice: what was found is there, and another object is added
    napari.key("Right", "Right")
    napari.wait(lambda: napari.state["slider"][0] == 5, "slice 5")
    assert napari.ask("label_at", "ball labels", (5, *OBJECT)) == 1
    napari.click_at("ball", 5, 95, 25)
    napari.wait_for_outline(5, 95, 25)
    napari.key("n")
    napari.wait(lambda: len(napari.labels("ball labels")) == 2, "the disc accepted")
    assert slices(napari, 2) == (5, 5)

    # two steps of undo for both, however many slices
    napari.key("u")
    napari.wait(lambda: len(napari.labels("ball labels")) == 1, "the disc undone")
    napari.key("u", "u")  # its prompt, and the ball
    napari.wait(lambda: not napari.labels("ball labels"), "the ball undone")


def slices(napari, number=1):
    """First and last slice of an object."""
    box = napari.labels("ball labels").get(number, {}).get("box")
    return box and (box[0][0], box[1][0])


def check_that_all_is_seen(napari, size):
    """See that nothing needed for clicking is cut off, or has to be scrolled to."""
    names = ("Accept", "Reject", "Undo", "Redo", "Save")
    parts = [napari.widget(name, inside=PANEL) for name in names] + napari.tools()
    assert len(parts) == len(names) + 7
    x0, y0, width, height = napari.widget(kind=PANEL)["rect"]
    for part in parts:
        assert part["seen"] == part["rect"], f"{part['text'] or part['tip']} is cut off"
        x, y, w, h = part["rect"]
        assert x0 <= x
        assert x + w <= min(x0 + width, size[0])
        assert y0 <= y
        assert y + h <= min(y0 + height, size[1])
