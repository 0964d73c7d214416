"""A hand that clicks in a viewer, and an engine that needs no network."""

import threading
import time
from types import SimpleNamespace

import numpy as np
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication
from scipy import ndimage

from napari_hqsam.masks.mask import Mask
from napari_hqsam.models import Tuning
from napari_hqsam.sessions.changes.target import ArrayTarget
from napari_hqsam.sessions.session import Session
from napari_hqsam.viewer.inference.engine import Engine
from napari_hqsam.viewer.world import to_world

THROTTLE = 0.008
"""Seconds; napari takes mouse moves every 5 ms."""
NONE = Qt.KeyboardModifier.NoModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


class Threshold:
    """A segmenter: the bright piece that the prompt lies on."""

    def __init__(self, image, model, normalization, gate):
        self.image, self.model, self.gate = image, model, gate
        self.normalization = SimpleNamespace(lows=(0.0,), highs=(1.0,))
        self.spec = normalization
        self.source = SimpleNamespace(
            in_memory=lambda *_: True, features=lambda *_: None, close=lambda: None
        )

    def segment(self, prompt, *, plane, output="sam+hq", **_):
        assert self.gate.wait(30)
        prompt = prompt.clip_to(self.image.plane_shape)
        pixels = self.image.read_plane(plane).mean(-1)
        pieces, _ = ndimage.label(pixels > 100)
        wanted = set()
        for (y, x), positive in zip(prompt.points, prompt.point_labels, strict=True):
            at = pieces[round(y), round(x)]
            wanted = wanted | {at} if positive else wanted - {at}
        mask = np.isin(pieces, list(wanted - {0}))
        if prompt.box is not None:
            y0, x0, y1, x1 = (round(v) for v in prompt.box)
            mask[y0 : y1 + 1, x0 : x1 + 1] |= pieces[y0 : y1 + 1, x0 : x1 + 1] > 0
        score = {"sam+hq": 0.9, "sam": 0.8, "hq": 0.7}[output]
        return Mask.from_crop(mask, (0, 0), score, 0.95, level=0)

    def candidates(self, prompt, **how):
        whole = self.segment(prompt, **how)
        plane = ndimage.binary_erosion(whole.to_plane(self.image.plane_shape))
        return [whole, Mask.from_crop(plane, (0, 0), 0.5, 0.5, level=0)]

    def iter_many(self, prompts, **how):
        for i, prompt in enumerate(prompts):
            yield i, self.segment(prompt, **how)


class ThresholdEngine(Engine):
    """The engine, with `Threshold` in place of a network."""

    def __init__(self):
        super().__init__()
        self.gate = threading.Event()
        self.gate.set()

    def warm_up(self, *_):
        pass

    def model(self, spec, progress=None):
        return SimpleNamespace(
            name="threshold",
            digest="0" * 64,
            decoder_digest="1",
            input_size=448,
            tuning=Tuning(uncertain_score=0.5),
        )

    def segmenter(self, image, model):
        if model.source == "broken":
            raise RuntimeError("the network is broken")
        network = self.model(model)
        return Threshold(image.open(), network, image.normalization, self.gate)

    def tiles(self, request):
        return []

    def encode_around(self, *_):
        pass


class Hand:
    """Clicks, drags and presses keys on the canvas, and waits for answers."""

    def __init__(self, viewer, widget):
        self.viewer, self.widget = viewer, widget
        self.controller, self.acceptor = widget.controller, widget.acceptor
        self.undo = widget.undo
        self.sessions, self.saver = widget.sessions, widget.saver
        self.restorer = widget.restorer
        self.batches = widget.batches
        self.scene, self.current = self.controller.scene, self.controller.current
        self.settings = self.controller.settings
        self.canvas = viewer.window._qt_viewer.canvas.native
        self.messages, self.notes = [], []
        self.sessions.message.connect(self.messages.append)
        self.saver.message.connect(self.messages.append)
        self.restorer.message.connect(self.messages.append)

    @property
    def engine(self):
        return self.controller.engine

    @property
    def labels(self):
        return np.asarray(self.sessions.target.array)

    def screen(self, y, x):
        """Screen position of a position on the plane shown."""
        view = self.scene.view()
        data = view.to_data([(y, x)])[0]
        world = to_world(self.scene.image, data, self.viewer.dims)
        shown = [
            d - (self.viewer.dims.ndim - len(world)) for d in self.viewer.dims.displayed
        ]
        at = world[shown] - np.array(self.viewer.scene.camera.center[-2:])
        dy, dx = at * self.viewer.scene.camera.zoom
        return QPoint(
            round(self.canvas.width() / 2 + dx), round(self.canvas.height() / 2 + dy)
        )

    def move(self, y, x, *, buttons=Qt.MouseButton.NoButton, modifiers=NONE):
        at = QPointF(self.screen(y, x))
        event = QMouseEvent(
            QEvent.Type.MouseMove,
            at,
            QPointF(self.canvas.mapToGlobal(at.toPoint())),
            Qt.MouseButton.NoButton,
            buttons,
            modifiers,
        )
        QApplication.sendEvent(self.canvas, event)
        time.sleep(THROTTLE)  # else the next one replaces it
        QApplication.processEvents()

    def click(self, y, x, *, modifiers=NONE, wait=True):
        self.move(y, x)
        QTest.mouseClick(
            self.canvas, Qt.MouseButton.LeftButton, modifiers, self.screen(y, x)
        )
        if wait:
            self.wait()

    def accept(self, *centres):
        for centre in centres:
            self.click(*centre)
            self.key("N")

    def rebuilt(self):
        """The labels replayed from the journal alone; the session ends."""
        journal = self.sessions.session.journal.path
        self.sessions.session.close()
        labels = np.zeros_like(self.labels)
        with Session.open(journal, ArrayTarget(labels)) as session:
            session.restore()
        return labels

    def drag(self, *points, modifiers=NONE):
        left = Qt.MouseButton.LeftButton
        QTest.mousePress(self.canvas, left, modifiers, self.screen(*points[0]))
        for point in points[1:]:
            self.move(*point, buttons=left, modifiers=modifiers)
        QTest.mouseRelease(self.canvas, left, modifiers, self.screen(*points[-1]))
        self.wait()

    def key(self, letter, *, modifiers=NONE, wait=True):
        QTest.keyClick(self.canvas, getattr(Qt.Key, f"Key_{letter}"), modifiers)
        if wait:
            self.wait()

    def wait(self, until=None, seconds=120):
        """Let things happen until nothing more does."""
        until = until or self.idle
        end = time.monotonic() + seconds
        QApplication.processEvents()
        while not until():
            assert time.monotonic() < end, "nothing happens any more"
            QApplication.processEvents()
            time.sleep(0.001)
        QApplication.processEvents()

    def idle(self):
        return not (
            self.controller._soon.isActive()
            or self.controller.tools._sync_soon.isActive()
            or self.widget.image_switcher.deciding
            or self.controller.worker.busy
            or self.widget.files.busy
            or self.saver.saving
            or self.widget.proposals.busy
            or self.sessions.opener.opening
            or self.current.waiting
        )
