"""Open the widget in a real viewer, and tell which thread imported what.

Run by `test_opening`. Prints one line per module: its name, and "main" or
"other" for the thread; and a line with "meanwhile" and what became of a call of scipy
while torch was half imported.
"""

import os
import sys
import threading
import time
import warnings

warnings.simplefilter("ignore")

import napari  # noqa: E402
import numpy as np  # noqa: E402
from qtpy.QtWidgets import QApplication  # noqa: E402
from scipy.spatial.transform import Rotation  # noqa: E402 - as napari does

HEAVY = {"torch", "zarr", "scipy.ndimage", "skimage.measure"}
seen = {}


class Noting:
    """Is asked for every module first, and finds none."""

    @staticmethod
    def find_spec(name, *_):
        if name in HEAVY:
            main = threading.current_thread() is threading.main_thread()
            seen.setdefault(name, "main" if main else "other")
        if name.startswith("torch.") and "meanwhile" not in seen:
            try:
                Rotation.from_quat([0.0, 0.0, 0.0, 1.0])
            except AttributeError as error:
                print(error, file=sys.stderr)
                seen["meanwhile"] = "failed"
            else:
                seen["meanwhile"] = "worked"


viewer = napari.Viewer()
viewer.add_image(np.zeros((64, 64), np.uint8))
QApplication.processEvents()
before = set(sys.modules)
sys.meta_path.insert(0, Noting)
viewer.window.add_plugin_dock_widget("napari-hqsam", "HQ-SAM")
end = time.monotonic() + 60
while "meanwhile" not in seen and time.monotonic() < end:
    QApplication.processEvents()
for name in (*sorted(HEAVY), "meanwhile"):
    print(name, seen.get(name, "before" if name in before else "never"))
sys.stdout.flush()
os._exit(0)  # do not wait until torch is there
