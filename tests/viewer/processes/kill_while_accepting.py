"""Accept three objects in a real viewer, and be killed at once.

Run by `session/test_restoring`, which sets the folder of the sessions.
"""

import os
import signal
import sys
import warnings

warnings.simplefilter("ignore")

import napari  # noqa: E402
import numpy as np  # noqa: E402

import napari_hqsam.viewer.inference.controller as controller  # noqa: E402
from napari_hqsam.viewer.widget import HqsamWidget  # noqa: E402
from tests.viewer.helpers.hand import Hand, ThresholdEngine  # noqa: E402

controller.Engine = ThresholdEngine
viewer = napari.Viewer()
viewer.add_image(np.load(sys.argv[1]), name="squares")
widget = HqsamWidget(viewer)
viewer.window.add_dock_widget(widget)
# napari opens as large as it was when last closed: too narrow for panel and canvas?
viewer.window.resize(1200, 800)
hand = Hand(viewer, widget)
hand.wait()
hand.wait(lambda: hand.canvas.width() > 0)
for y, x in ((20, 20), (20, 50), (20, 80)):
    hand.click(y, x)
    hand.key("N")
os.kill(os.getpid(), signal.SIGKILL)
