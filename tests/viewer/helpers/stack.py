"""A stack in the real viewer, with a network of known answers, and how it is used."""

import threading
from types import SimpleNamespace

import numpy as np
import torch
from qtpy.QtCore import Qt

from napari_hqsam.models import Tuning
from napari_hqsam.viewer.inference.engine import Engine
from tests.helpers.bright_network import BrightNetwork

SHIFT = Qt.KeyboardModifier.ShiftModifier
CTRL = Qt.KeyboardModifier.ControlModifier
SIDE, COUNT = 96, 9


class PacedNetwork(BrightNetwork):
    """Segments bright pixels by a threshold; can be made to wait before each slice."""

    def __init__(self, size):
        super().__init__(size)
        self.paced = False
        self.permits = threading.Semaphore(0)

    def encode(self, images):
        if self.paced:
            assert self.permits.acquire(timeout=30)
        return super().encode(images)


def bright_model():
    network = PacedNetwork(128)
    return SimpleNamespace(
        name="bright",
        digest="0" * 64,
        decoder_digest="1",
        network=network,
        input_size=128,
        tuning=Tuning(first_levels=(0,), quality=0.2, candidate_quality=0.4),
        device=torch.device("cpu"),
        dtype=torch.float32,
    )


class BrightEngine(Engine):
    """The engine, real but for its network."""

    def __init__(self):
        super().__init__(cache=False)
        self.bright = bright_model()

    def model(self, spec, progress=None):
        return self.bright

    @property
    def sources(self):
        return [kept.segmenter.source for kept in self._kept.values()]


def centre(z, k=0):
    """(y, x) of a disc on a slice: they drift to the right."""
    return 24 + 44 * k, 24 + 3 * z + 8 * k


def discs(count=COUNT, objects=2):
    """(count, 96, 96) uint8: bright discs of radius 12."""
    yy, xx = np.mgrid[:SIDE, :SIDE]
    stack = np.full((count, SIDE, SIDE), 20, np.uint8)
    for z in range(count):
        for k in range(objects):
            y, x = centre(z, k)
            stack[z][np.hypot(yy - y, xx - x) < 12] = 220
    return stack


def iou(a, b):
    return (a & b).sum() / max((a | b).sum(), 1)


def starter(viewer, open_widget):
    """Return what opens the widget on a stack; nothing is encoded ahead."""

    def started(stack, *, z=4, axis=0, **how):
        # Named, since a few slices without a name may be channels.
        how.setdefault("axis_labels", ("t", "z", "y", "x")[-stack.ndim :])
        viewer.add_image(stack, **{"name": "stack", **how})
        layer = viewer.layers["stack"]
        viewer.dims.set_point(axis, z * layer.scale[axis] + layer.translate[axis])
        viewer.reset_view()
        hand = open_widget(engine=BrightEngine)
        hand.settings.prefetch = hand.settings.hover = False
        hand.stacks, hand.section = hand.widget.stacks, hand.widget.stack_section
        hand.network = hand.engine.bright.network
        hand.section.expand(animate=False)
        return hand

    return started


def run(hand):
    """Press the key, and wait until it is done."""
    hand.key("G", modifiers=SHIFT, wait=False)
    finish(hand)


def finish(hand):
    def over():
        waits = hand.stacks.running or hand.sessions.opener.opening
        return not waits and not hand.controller.worker._posted and hand.idle()

    hand.wait(over)


def go(hand, z, axis=0):
    hand.viewer.dims.set_point(axis, z * hand.scene.image.scale[axis])
    hand.wait()


def begin_paced(hand, slices=0):
    """Begin to follow; wait until so many slices beside the prompted one are there."""
    hand.network.paced = True
    hand.key("G", modifiers=SHIFT, wait=False)
    hand.wait(lambda: hand.stacks.running and on(hand) >= {4})
    for n in range(slices):
        hand.network.permits.release()
        hand.wait(lambda n=n: len(on(hand)) == n + 2)


def release(hand):
    hand.network.paced = False
    hand.network.permits.release(100)


def on(hand, label_id=None):
    """Slices on which there is an object, or any."""
    if hand.sessions.target is None:
        return set()
    labels = hand.labels
    there = labels > 0 if label_id is None else labels == label_id
    return set(np.flatnonzero(there.any((1, 2))).tolist())


def active_target(hand):
    hand.viewer.layers.selection.active = hand.sessions.target.layer


def choose(hand, task, source=None):
    hand.section.task.value = task
    hand.section.source.value = source


def direct(hand, way):
    hand.section.direction.value = way


def dim(stack, *slices):
    """Make the objects smaller there: the masks before do not fit well."""
    yy, xx = np.mgrid[:SIDE, :SIDE]
    for z in slices:
        y, x = centre(z)
        stack[z][(np.hypot(yy - y, xx - x) >= 8) & (yy < 48)] = 20
    return stack
