"""Drag the tool "Line" of docs/contributing.md over an object in a real viewer.

Run by `test_worked_tool`, with the package that has this tool. Prints what its button
shows, the kind of prompt that was drawn, and how many pixels the object has.
"""

import os
import sys
import warnings

warnings.simplefilter("ignore")

import napari  # noqa: E402
import numpy as np  # noqa: E402

import napari_hqsam.viewer.inference.controller as controller  # noqa: E402
from napari_hqsam.viewer.widget import HqsamWidget  # noqa: E402
from tests.viewer.helpers.hand import Hand, ThresholdEngine  # noqa: E402

image = np.zeros((80, 100), np.uint8)
image[10:30, 10:70] = 200
controller.Engine = ThresholdEngine
viewer = napari.Viewer()
viewer.add_image(image)
widget = HqsamWidget(viewer)
viewer.window.add_dock_widget(widget)
viewer.window.resize(1200, 800)
hand = Hand(viewer, widget)
hand.wait()
hand.wait(lambda: hand.canvas.width() > 0)
button = widget.sections["prompts"].tools["line"]
button.click()
hand.wait()
hand.drag((20, 15), (20, 40), (20, 65))
print(button.text(), *hand.scene.prompts.shapes.shape_type)
hand.key("N")
print(int((hand.labels == 1).sum()))
sys.stdout.flush()
os._exit(0)
