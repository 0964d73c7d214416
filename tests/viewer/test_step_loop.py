"""Long work in steps, as the viewer runs it."""

import threading
import time

import pytest
from napari.qt import get_qapp
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QApplication

from napari_hqsam.errors import OutputError
from napari_hqsam.viewer import step_loop
from napari_hqsam.viewer.main_thread import MainThread
from napari_hqsam.viewer.step_loop import StepLoop
from napari_hqsam.worker import Priority, Worker


class Counting:
    """Work of three steps, two parts each; notes what happens on which thread."""

    def __init__(self):
        self.seen, self.ended = [], False
        self.gate = threading.Event()
        self.gate.set()
        self.place_error = None
        self.yielded_to_clicks = lambda checkpoint: None

    def steps(self, checkpoint):
        for number in range(3):
            assert threading.current_thread() is not threading.main_thread()
            assert self.gate.wait(10)
            self.yielded_to_clicks(checkpoint)
            yield number

    def before_step(self):
        self.seen.append("before")

    def place(self, result):
        assert threading.current_thread() is threading.main_thread()
        for part in "ab":
            if self.place_error is not None:
                raise self.place_error
            self.seen.append(f"{result}{part}")
            yield

    def finish(self):
        self.ended = True
        self.seen.append("finish")

    def fail(self, error):
        self.ended = True
        self.seen.append(error)


@pytest.fixture
def worker():
    get_qapp()
    made = Worker(MainThread())
    yield made
    made.close()
    assert made.join(10)


@pytest.fixture
def work():
    return Counting()


@pytest.fixture
def loop(worker, work):
    parent = QObject()
    yield StepLoop(work, worker, "steps", parent)
    parent.deleteLater()


def wait(until):
    end = time.monotonic() + 20
    while not until():
        assert time.monotonic() < end
        QApplication.processEvents()
        time.sleep(0.001)


def test_each_result_is_placed_before_the_next_step(work, loop):
    loop.start()
    wait(lambda: work.ended)
    steps = "before 0a 0b before 1a 1b before 2a 2b before finish"
    assert work.seen == steps.split()


def test_clicks_are_run_between_two_steps_and_within_one(worker, work, loop):
    """A click that comes during a step does not wait for the end of the work."""

    def click(name):
        worker.submit(
            Priority.CLICK,
            name,
            lambda _: work.seen.append(name),
            lambda _: None,
            pytest.fail,
        )

    def within(checkpoint):
        if "within" not in work.seen:
            click("within")
            assert not checkpoint()
            assert work.seen[-1] == "within"

    work.yielded_to_clicks = within
    work.gate.clear()
    loop.start()
    click("between")
    work.gate.set()
    wait(lambda: work.ended)
    assert work.seen.index("within") < work.seen.index("0a")
    assert work.seen.index("between") < work.seen.index("1a")


def test_the_window_is_served_while_a_result_is_placed(work, loop, monkeypatch):
    monkeypatch.setattr(step_loop, "BUDGET", -1.0)
    loop.start()
    wait(lambda: "0a" in work.seen)
    assert "0b" not in work.seen
    wait(lambda: work.ended)
    assert [s for s in work.seen if s.startswith("0")] == ["0a", "0b"]


def test_cancelled_work_says_nothing_more(work, loop, worker):
    work.gate.clear()
    cancelled = []
    work.yielded_to_clicks = lambda checkpoint: cancelled.append(checkpoint())
    loop.start()
    loop.cancel()
    work.gate.set()
    wait(lambda: not worker.busy)
    QApplication.processEvents()
    assert work.seen == ["before"]
    assert cancelled in ([], [True])


def test_a_result_that_cannot_be_placed_ends_the_work(work, loop):
    work.place_error = OutputError("the disk is full")
    loop.start()
    wait(lambda: work.ended)
    assert work.seen == ["before", work.place_error]
