"""How the widget feels: click to outline, accepting, opening, and a free main thread.

Usage: xvfb-run -a -s "-screen 0 1920x1080x24" python benchmarks/viewer.py [--quick]

A real viewer with the bundled model and real mouse events on the canvas. The
main thread is watched by a timer that should fire every 5 ms: the longest time
between two firings, less those 5 ms, is how long it was blocked. Figures depend
on what else runs: the load of the machine and the time of a fixed piece of numpy
work before and after are told beside them, and in brackets the time that the main
thread itself computed, which does not depend on others.

The targets of the design: outline 0.25 s after the click (median of 50, tile
cached), no block above 50 ms by inference, encoding, loading or saving, widget
open in 1.5 s without torch on the main thread, and the 500th object accepted as
fast as the 10th.
"""

from __future__ import annotations

import builtins
import gc
import os
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_hqsam.viewer.inference.controller import InferenceController
    from napari_hqsam.viewer.inference.requests.request import Answer, Request

TICK = 0.005
"""Seconds between two ticks of the timer."""
CLICKS, OBJECTS = 50, 500
STACK = 64, 2048, 2048
"""Labels of 1 GiB."""
DISC, PITCH = 11, 30
"""Radius of the cells of the made-up image and their distance, pixels."""


def main(*, quick: bool) -> None:
    """Measure everything, and print a table."""
    with tempfile.TemporaryDirectory() as own:
        os.environ["NAPARI_HQSAM_SESSIONS"] = str(Path(own) / "sessions")
        os.environ["NAPARI_HQSAM_CACHE"] = str(Path(own) / "cache")
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        print(f"fixed work: {fixed_work():.3f} s")
        Bench(Path(own)).run(
            CLICKS // 10 if quick else CLICKS, 30 if quick else OBJECTS
        )
        print(f"fixed work: {fixed_work():.3f} s, load {os.getloadavg()[0]:.1f}")


def fixed_work() -> float:
    """Seconds that a fixed piece of work takes, the median of 5."""
    array = np.random.default_rng(0).normal(size=(400, 400))

    def once() -> float:
        start = time.perf_counter()
        for _ in range(10):
            np.linalg.svd(array[:100, :100])
            np.sort(array, axis=0)
        return time.perf_counter() - start

    return median(once() for _ in range(5))


class MainThreadMonitor:
    """Measures how long the main thread blocks, by the delay of a periodic timer."""

    def __init__(self) -> None:
        from qtpy.QtCore import Qt, QTimer

        self.gaps: list[float] = []
        self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._timer.start(int(TICK * 1000))

    def _tick(self) -> None:
        now = time.perf_counter()
        self.gaps.append(now - self._last)
        self._last = now

    @contextmanager
    def watching(self, what: str) -> Iterator[None]:
        """Print the longest block while something happens."""
        settle(seconds=0.05)
        self.gaps.clear()
        start, computed = time.perf_counter(), time.thread_time()
        yield
        settle(seconds=0.02)
        worst = max(self.gaps, default=0.0) - TICK
        took, computed = time.perf_counter() - start, time.thread_time() - computed
        print(
            f"{what}: {took:.2f} s (main thread {computed:.2f} s), blocked for "
            f"{1000 * worst:.0f} ms at most"
        )


class Importing:
    """Notes which thread begins to import a module."""

    def __init__(self, name: str) -> None:
        self.thread: threading.Thread | None = None
        real = builtins.__import__

        def noting(wanted: str, *args: Any, **how: Any) -> Any:  # noqa: ANN401
            new = wanted.split(".")[0] == name and name not in sys.modules
            if new and self.thread is None:
                self.thread = threading.current_thread()
            return real(wanted, *args, **how)

        builtins.__import__ = noting


class Bench:
    """One viewer and what is measured in it."""

    def __init__(self, folder: Path) -> None:
        import napari

        self.controller: InferenceController | None = None
        self.folder = folder
        self.viewer = napari.Viewer()
        self.image, self.centres = cells()
        self.viewer.add_image(self.image, name="cells")
        settle(seconds=1)
        self.monitor = MainThreadMonitor()
        self.painted = 0.0
        """When an outline was last painted."""
        self.canvas = self.viewer.window._qt_viewer.canvas.native
        self.canvas.frameSwapped.connect(self._on_painted)

    def _on_painted(self) -> None:
        if self.controller is not None and self.controller.current.masks:
            self.painted = time.perf_counter()

    def run(self, clicks: int, objects: int) -> None:
        """Measure one thing after the other."""
        torch = Importing("torch")
        with self.monitor.watching("opening the widget"):
            start = time.perf_counter()
            _, widget = self.viewer.window.add_plugin_dock_widget(
                "napari-hqsam", "HQ-SAM"
            )
            opened = time.perf_counter() - start
        print(f"widget open after {opened:.2f} s")
        self.widget, self.controller = widget, widget.controller
        self.controller.settings.hover = False
        with self.monitor.watching("making the layers of the prompts"):
            settle(lambda: self.controller.settings.tool == "point")
        print(f"point tool in the hand after {time.perf_counter() - start:.2f} s")
        with self.monitor.watching("importing torch, loading the model, first tile"):
            self.wait_until_quiet()
        main = torch.thread is threading.main_thread()
        print(f"torch imported on {'THE MAIN THREAD' if main else 'the worker'}")
        self.outlines(clicks, "of unknown size")
        self.click(*self.centres[-1])
        self.widget.acceptor.accept()
        settle(lambda: not self.controller.worker.busy)
        self.outlines(clicks, "once one is accepted")
        self.from_memory(clicks)
        self.controller.settings.prefetch = False
        with self.monitor.watching("encoding a tile of the next image"):
            self.viewer.layers["cells"].data = self.image[::-1].copy()
            self.click(*self.centres[0])
        self.accepting(objects)
        with self.monitor.watching("saving"):
            self.widget.saver.save(str(self.folder / "cells.ome.tif"))
            self.wait_until_saved()
        self.large_labels()
        self.closing()

    def outlines(self, clicks: int, what: str) -> None:
        """Time clicks on a tile that is encoded."""
        for centre in self.centres[:3]:
            self.click(*centre)
            self.widget.acceptor.reject()
        taken = []
        with self.monitor.watching(f"{clicks} clicks on objects {what}"):
            for centre in self.centres[:clicks]:
                taken.append(self.click(*centre))
                self.widget.acceptor.reject()
        print(f"click to outline: median {median(taken):.3f} s, worst {max(taken):.3f}")

    def from_memory(self, clicks: int) -> None:
        """Click as before, but the answers are there: what is not the network's."""
        engine, found = self.controller.engine, {}
        real = engine.answer

        def answer(request: Request) -> Answer:
            if request.prompt not in found:
                found[request.prompt] = real(request)
            return found[request.prompt]

        engine.answer = answer  # type: ignore[method-assign]
        self.outlines(clicks, "as before, to remember the answers")
        self.outlines(clicks, "for comparison, answered from memory")
        engine.answer = real  # type: ignore[method-assign]

    def accepting(self, objects: int) -> None:
        """Time the acceptance of many objects."""
        taken: list[tuple[float, float]] = []
        with self.monitor.watching(f"{objects} objects"):
            for centre in self.centres[:objects]:
                self.click(*centre)
                start, computed = time.perf_counter(), time.thread_time()
                self.widget.acceptor.accept()
                settle(lambda: not self.controller.worker.busy)
                taken.append(
                    (time.perf_counter() - start, time.thread_time() - computed)
                )
        n = min(50, len(taken) // 3)
        for name, some in ((f"1 to {n}", taken[:n]), (f"the last {n}", taken[-n:])):
            wall, own = (median(column) for column in zip(*some, strict=True))
            print(f"accepting objects {name}: median {wall:.3f} s ({own:.3f} s)")

    def large_labels(self) -> None:
        """Begin a session on labels of 1 GiB, save them, and open them again."""
        from napari_hqsam.sessions import journal_path

        plane = np.resize(self.image, (STACK[1], self.image.shape[1]))
        plane = np.tile(plane, (1, 3))[:, : STACK[2]]
        labels = np.zeros(STACK, np.uint32)
        for z in range(STACK[0]):
            labels[z, 1024:] = (plane[1024:] > 100) * (z + 1)
        self.viewer.layers.clear()
        stack = np.broadcast_to(plane, STACK)
        image = self.viewer.add_image(stack, contrast_limits=(0, 255), name="stack")
        layer = self.viewer.add_labels(labels, name="large")
        self.controller.scene.use(image)
        self.controller.settings.tool = "point"
        self.widget.sessions.use_target(layer)
        self.controller.tools.activate()
        self.viewer.reset_view()
        self.viewer.scene.camera.center = (0, 300, 400)
        self.viewer.scene.camera.zoom = 1
        settle(seconds=1)
        self.click(*self.centres[30])
        path = self.folder / "large.ome.tif"
        with self.monitor.watching("beginning a session on 1 GiB of labels"):
            self.widget.acceptor.accept()
            settle(lambda: self.widget.sessions.session is not None, seconds=300)
            self.wait_until_quiet()
        with self.monitor.watching("saving 1 GiB of labels"):
            self.widget.saver.save(str(path))
            self.wait_until_saved()
        self.widget.sessions.release_target()
        self.viewer.layers.remove(layer)
        with self.monitor.watching("for comparison, napari alone adds such a layer"):
            layer = self.viewer.add_labels(labels)
        self.viewer.layers.remove(layer)
        del labels, layer
        with self.monitor.watching("opening the session on 1 GiB of labels again"):
            self.widget.sessions.restore(journal_path(path), lambda: None)
            settle(lambda: self.widget.sessions.session is not None, seconds=300)
            self.wait_until_quiet()

    def closing(self) -> None:
        """Close widget and viewer, and count what is left."""
        from qtpy.QtCore import QEvent
        from qtpy.QtWidgets import QApplication

        self.viewer.window.remove_dock_widget(self.widget)
        layers = [layer.name for layer in self.viewer.layers]
        self.canvas.frameSwapped.disconnect(self._on_painted)
        del self.widget, self.controller
        settle(seconds=0.2)
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        gc.collect()
        widgets = [w for w in QApplication.allWidgets() if "Hqsam" in type(w).__name__]
        threads = [t.name for t in threading.enumerate() if "hqsam" in t.name]
        print(f"left after closing: layers {layers}, {len(widgets)} widgets, {threads}")
        self.viewer.close()

    def wait_until_saved(self) -> None:
        """Wait until labels are in their file."""
        settle(lambda: not self.widget.saver.saving, seconds=300)

    def click(self, y: float, x: float) -> float:
        """Click on the canvas; seconds until the outline is painted."""
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest

        self.controller.current.masks = ()
        canvas = self.canvas
        camera = self.viewer.scene.camera
        at = np.array((y, x)) - camera.center[-2:]
        dy, dx = at * camera.zoom
        place = canvas.rect().center()
        place.setX(round(canvas.width() / 2 + dx))
        place.setY(round(canvas.height() / 2 + dy))
        start = time.perf_counter()
        QTest.mouseClick(
            canvas,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
            place,
        )
        settle(lambda: self.painted > start)
        return self.painted - start

    def wait_until_quiet(self) -> None:
        """Wait until nothing is under way, in the background neither."""
        names = ("hqsam-inference", "hqsam-tiles")
        settle(seconds=0.5)
        settle(
            lambda: not any(t.name in names for t in threading.enumerate()),
            seconds=300,
        )


def cells() -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Make an image of cells, and their centres, row by row."""
    rows, columns = 20, 26
    yy, xx = np.mgrid[: rows * PITCH, : columns * PITCH]
    far = np.hypot(yy % PITCH - PITCH / 2, xx % PITCH - PITCH / 2)
    noise = np.random.default_rng(1).normal(0, 6, far.shape)
    image = 30 + 150 / (1 + np.exp(far - DISC)) + noise
    half = PITCH // 2
    centres = [
        (half + PITCH * i, half + PITCH * j)
        for i in range(rows)
        for j in range(columns)
    ]
    return image.clip(0, 255).astype(np.uint8), centres


def settle(until: Callable[[], bool] = lambda: False, seconds: float = 60) -> None:
    """Process Qt events until a condition holds, or for at most `seconds`.

    As the loop of the application does: events as they come, idle in between.
    """
    from qtpy.QtCore import QEventLoop, QTimer
    from qtpy.QtWidgets import QApplication

    waker = QTimer()
    waker.start(int(TICK * 1000))
    end = time.perf_counter() + seconds
    while not until() and time.perf_counter() < end:
        # Without a limit of time: with one, Qt does not wait but spins.
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
