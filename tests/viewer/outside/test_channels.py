"""A stack with channels: asked about, clicked on, followed through its slices."""

import numpy as np
import tifffile


def channel_stack():
    """(2, 6, 120, 140): a disc on all slices, bright in the first channel."""
    yy, xx = np.mgrid[:120, :140]
    stack = np.full((2, 6, 120, 140), 300, np.uint16)
    stack[0][:, np.hypot(yy - 60, xx - 70) < 18] = 3000
    stack[1][:, np.hypot(yy - 60, xx - 70) < 9] = 1500
    return stack


def test_a_question_about_channels_then_propagation_along_z(start, home):
    home.mkdir()
    path = home / "cells.tif"
    tifffile.imwrite(path, channel_stack())
    napari = start(path, "-w", "napari-hqsam")
    napari.wait(lambda: napari.tool() == "Click", "the point tool")
    napari.wait(lambda: napari.says("Axis 0 has 2 steps"), "the question")
    napari.press("Channels")
    napari.wait(lambda: not napari.says("Axis 0 has 2"), "the question to go")
    napari.click_at("cells", 0, 2, 60, 70)
    napari.wait_for_outline(2, 60, 70)
    napari.key("shift+g")
    labels = napari.wait(lambda: napari.layer("cells labels"), "the labels")
    assert labels["shape"] == [6, 120, 140]

    def is_followed():
        boxes = [found["box"] for found in napari.labels("cells labels").values()]
        return boxes and boxes[0][0][0] == 0 and boxes[0][1][0] == 5

    napari.wait(is_followed, "the object on all slices")
