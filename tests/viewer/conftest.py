"""One real viewer for all tests, and a hand that clicks in it.

What is tested here is the widget, so most tests look at images with a model
that any child could run (`Threshold`); those of the bundled one say so.
"""

import atexit
import gc
import os
import shutil
import tempfile
import threading
import warnings

import numpy as np
import pytest

from tests.helpers.display import use_own_display

use_own_display()
# Before napari is imported: it remembers sizes of windows, also those of other tests
# and of who runs them. A canvas that was left without width breaks clicks.
_CONFIG = tempfile.mkdtemp()
atexit.register(shutil.rmtree, _CONFIG, ignore_errors=True)
os.environ["NAPARI_CONFIG"] = os.path.join(_CONFIG, "settings.yaml")
napari = pytest.importorskip("napari")
pytest.importorskip("qtpy.QtWidgets", exc_type=ImportError)

from napari.utils._proxies import PublicOnlyProxy  # noqa: E402
from qtpy.QtCore import QEvent, Qt, QTimer  # noqa: E402
from qtpy.QtTest import QTest  # noqa: E402
from qtpy.QtWidgets import QApplication, QMessageBox  # noqa: E402

import napari_hqsam.segmentation.segmenter  # noqa: E402, F401 - torch, before the freeze
from napari_hqsam.viewer.canvas.outline_layer import OUTLINE  # noqa: E402
from napari_hqsam.viewer.canvas.prompts.layers import POINTS, SHAPES  # noqa: E402
from napari_hqsam.viewer.canvas.proposal_layer import PROPOSALS  # noqa: E402
from napari_hqsam.viewer.widget import HqsamWidget  # noqa: E402
from tests.viewer.helpers.hand import Hand, ThresholdEngine  # noqa: E402


@pytest.fixture(scope="session")
def shared_viewer():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of napari's own start
        viewer = napari.Viewer()
        QApplication.processEvents()
        # Laid out, and with a canvas of OpenGL, but painting only in those tests
        # that look at what is painted: it takes most of the time.
        viewer.window._qt_window.hide()
    # napari collects garbage with every layer that goes; what torch and napari
    # have on the heap need not be looked through each time.
    gc.collect()
    gc.freeze()
    yield viewer
    gc.unfreeze()
    viewer.close()
    QApplication.processEvents()


@pytest.fixture
def viewer(shared_viewer, tmp_path, monkeypatch):
    """The viewer without layers; fails if a widget or a thread is left behind."""
    monkeypatch.setenv("NAPARI_HQSAM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NAPARI_HQSAM_SESSIONS", str(tmp_path / "sessions"))
    keys = dict(shared_viewer.keymap)
    yield shared_viewer
    shared_viewer.dims.ndisplay = 2
    shared_viewer.layers.clear()
    shared_viewer.dims.order = tuple(range(shared_viewer.dims.ndim))
    QApplication.processEvents()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.collect()
    # What is left now stays, and need not be collected again.
    gc.freeze()
    left = [w for w in QApplication.allWidgets() if isinstance(w, HqsamWidget)]
    assert not left, "a widget is left behind"
    for thread in threading.enumerate():
        if thread.name.startswith("hqsam"):
            thread.join(20)
            assert not thread.is_alive(), f"{thread.name} is left behind"
    assert dict(shared_viewer.keymap) == keys, "keys are left behind"


@pytest.fixture
def notes():
    """Notifications that were shown."""
    from napari.utils.notifications import notification_manager

    found = []

    def take(note):
        found.append(str(note.message))

    notification_manager.notification_ready.connect(take)
    yield found
    notification_manager.notification_ready.disconnect(take)


@pytest.fixture
def answers(monkeypatch):
    """Press a button of the question once it is there; collects what was asked."""
    asked = []

    def press(word):
        def look():
            box = QApplication.activeModalWidget()
            if not isinstance(box, QMessageBox):
                return
            clock.stop()
            asked.append(box.text())
            (button,) = (b for b in box.buttons() if word in b.text())
            QTest.mouseClick(button, Qt.MouseButton.LeftButton)

        clock = QTimer(QApplication.instance())
        clock.timeout.connect(look)
        clock.start(20)
        clocks.append(clock)
        return asked

    clocks = []
    yield press
    for clock in clocks:
        clock.stop()


@pytest.fixture
def open_widget(viewer, notes, monkeypatch):
    """Return a function that opens the widget and gives a hand to use it."""
    hands = []

    def opened(*, engine=ThresholdEngine, wait=True):
        if engine is not None:
            monkeypatch.setattr(
                "napari_hqsam.viewer.inference.controller.Engine", engine
            )
        widget = HqsamWidget(PublicOnlyProxy(viewer))  # as napari hands it over
        viewer.window.add_dock_widget(widget, name="HQ-SAM", area="right")
        QApplication.processEvents()
        hand = Hand(viewer, widget)
        hand.notes = notes
        hands.append(hand)
        if wait:
            hand.wait()
        return hand

    yield opened
    for hand in hands:
        if not hand.widget._closed:
            viewer.window.remove_dock_widget(hand.widget)
    hands.clear()
    own = {POINTS, SHAPES, OUTLINE, PROPOSALS}
    left = {layer.name for layer in viewer.layers} & own
    assert not left, "layers are left behind"
    assert not viewer.mouse_move_callbacks


@pytest.fixture
def squares():
    """(80, 100) uint8: bright squares of 20 x 20 at known places."""
    image = np.zeros((80, 100), np.uint8)
    for y, x in CORNERS:
        image[y : y + 20, x : x + 20] = 200
    return image


@pytest.fixture
def hand(viewer, open_widget, squares):
    """The widget beside the squares."""
    viewer.add_image(squares, name="squares")
    return open_widget()


CORNERS = ((10, 10), (10, 40), (10, 70), (45, 10), (45, 40), (45, 70))
