"""How fluid thousands of proposals are: slider, panning, accepting and undo.

Usage: xvfb-run -a -s "-screen 0 1920x1080x24" python benchmarks/proposals.py [COUNT]

A real viewer with COUNT (2,000) made-up proposals on planes of 2048 x 2048 and of
8192 x 8192 pixels; no model, since none of this asks one. A change is timed until the
canvas is painted again, on a virtual display by the processor. In brackets the time
that the main thread itself computed, which does not depend on what else runs. For
comparison what the same change takes with a Labels layer of outlines (`contour`) and
one colour for each proposal; on the small plane only, since the large one takes many
seconds.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from viewer import settle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from napari.viewer import Viewer
    from superqt import QLabeledSlider

SIZES, CHANGES, RADIUS = (2048, 8192), 9, 13


def main(count: int) -> None:
    """Measure on one plane after the other, and print a table."""
    with tempfile.TemporaryDirectory() as own:
        os.environ["NAPARI_HQSAM_SESSIONS"] = str(Path(own) / "sessions")
        os.environ["NAPARI_HQSAM_CACHE"] = str(Path(own) / "cache")
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        for size in SIZES:
            measure(size, count)
        compare_with_labels(SIZES[0], count)


def measure(size: int, count: int) -> None:
    """Time what a user does with proposals on a plane."""
    import napari

    from napari_hqsam.masks import Mask
    from napari_hqsam.prompts import Prompt

    viewer = napari.Viewer()
    viewer.add_image(np.zeros((size, size), np.uint8), name="plane")
    _, widget = viewer.window.add_plugin_dock_widget("napari-hqsam", "HQ-SAM")
    settle(lambda: widget.controller.settings.tool == "point", seconds=60)
    scene, proposals = widget.controller.scene, widget.proposals
    view = scene.view()
    request = widget.controller.requests.request(view, Prompt([(0, 0)]))
    here = proposals.on(view, request)
    disc, corners, qualities = made_up(size, count)
    print(f"{count} proposals on {size} x {size} pixels")
    with Timer("  proposed, until they are drawn"):
        for corner, quality in zip(corners, qualities, strict=True):
            proposals.add(here, Mask.from_crop(disc, corner, quality, 1.0), quality)
        settle(lambda: not proposals.busy)
        paint(viewer)
    slider = widget.review.least
    for zoom, name in ((1.0, "all in view"), (size / 512, "zoomed in")):
        viewer.scene.camera.zoom *= zoom
        paint(viewer)
        steps = np.linspace(10, 90, CHANGES).astype(int).tolist()
        print(
            f"  slider, {name}: {each(steps, lambda step: slide(viewer, slider, step))}"
        )
        print(f"  to paint the window alone: {each(steps, lambda _: paint(viewer))}")
        slider.setValue(0)
        y, x = viewer.scene.camera.center[-2:]

        def pan(step: int, y: float = y, x: float = x) -> None:
            viewer.scene.camera.center = 0, y + step, x + step
            paint(viewer)

        print(f"  panning, {name}: {each(range(20, 20 * CHANGES, 20), pan)}")
        viewer.scene.camera.zoom /= zoom
    worst = [here.open.masks[0]]
    proposals._accept(here, worst)
    settle(lambda: widget.sessions.session is not None and not proposals.busy)
    for number in range(3):
        chosen = [here.open.masks[number]]
        with Timer("  one accepted, until it is painted"):
            proposals._accept(here, chosen)
            settle(lambda: not proposals.busy)
            paint(viewer)
    longest = Ticks()
    with Timer("  the rest accepted"):
        proposals.accept_shown()
        settle(lambda: not proposals.busy, seconds=600)
    print(f"    window blocked for {1000 * longest.stop():.0f} ms at most")
    with Timer("  undo of that"):
        widget.undo.undo()
        settle(lambda: bool(here.open.masks))
        paint(viewer)
    viewer.close()
    settle(seconds=0.2)


def compare_with_labels(size: int, count: int) -> None:
    """Time a change of visibility with a Labels layer of outlines."""
    import napari
    from napari.utils.colormaps import DirectLabelColormap

    disc, corners, qualities = made_up(size, count)
    ids = np.zeros((size, size), np.int32)
    for i, (y, x) in enumerate(corners, 1):
        ids[y : y + disc.shape[0], x : x + disc.shape[1]][disc] = i
    viewer = napari.Viewer()
    layer = viewer.add_labels(ids)
    layer.contour = 1

    def show(least: float) -> None:
        colours: dict[int | None, Sequence[float]] = {None: (0, 0, 0, 0)}
        for i, quality in enumerate(qualities, 1):
            colours[i] = (0.3, 0.7, 0.9, float(quality >= least))
        layer.colormap = DirectLabelColormap(color_dict=colours)
        paint(viewer)

    show(0.0)
    taken = each((0.2, 0.4, 0.6), show)
    print(f"for comparison, a Labels layer of {size} x {size}: {taken}")
    viewer.close()


def made_up(
    size: int, count: int
) -> tuple[np.ndarray, list[tuple[int, int]], list[float]]:
    """Return a disc, corners for it on a jittered grid, and qualities."""
    rng = np.random.default_rng(0)
    yy, xx = np.mgrid[-RADIUS : RADIUS + 1, -RADIUS : RADIUS + 1]
    side = int(np.ceil(count**0.5))
    pitch = (size - 4 * RADIUS) / side
    corners = [
        tuple(int(pitch * n + rng.integers(0, RADIUS)) for n in divmod(i, side))
        for i in range(count)
    ]
    return np.hypot(yy, xx) < RADIUS, corners, rng.uniform(0.3, 1.0, count).tolist()


def paint(viewer: Viewer) -> None:
    """Paint the canvas now."""
    from qtpy.QtWidgets import QApplication

    QApplication.processEvents()
    viewer.window._qt_viewer.canvas.native.grabFramebuffer()


def slide(viewer: Viewer, slider: QLabeledSlider, step: int) -> None:
    """Move the slider, and paint what it shows."""
    slider.setValue(step)
    paint(viewer)


def each(values: Iterable[float], call: Callable[[Any], None]) -> str:
    """Return how long a call with each value takes."""
    taken, own = [], []
    for value in values:
        start, computed = time.perf_counter(), time.thread_time()
        call(value)
        taken.append(time.perf_counter() - start)
        own.append(time.thread_time() - computed)
    return f"median {median(taken):.3f} s (main thread {median(own):.3f} s)"


class Timer:
    """Prints how long a block takes, and the main thread's own time."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __enter__(self) -> None:
        self.start, self.computed = time.perf_counter(), time.thread_time()

    def __exit__(self, *_: object) -> None:
        took = time.perf_counter() - self.start
        own = time.thread_time() - self.computed
        print(f"{self.what}: {took:.2f} s (main thread {own:.2f} s)")


class Ticks:
    """Watches the main thread with a timer of 5 ms."""

    def __init__(self) -> None:
        from qtpy.QtCore import QTimer

        self.last, self.worst = time.perf_counter(), 0.0
        self.timer = QTimer()
        self.timer.timeout.connect(self.tick)
        self.timer.start(5)

    def tick(self) -> None:
        """Note the time since the last tick."""
        now = time.perf_counter()
        self.worst, self.last = max(self.worst, now - self.last), now

    def stop(self) -> float:
        """Return the longest time between two ticks, seconds."""
        self.timer.stop()
        return self.worst


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
