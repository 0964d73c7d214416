"""The executor: order, stale results, errors, and its end."""

import threading

import pytest

from napari_hqsam.worker import Priority, Worker


def run_all(worker):
    assert worker.join(20)


def test_clicks_go_before_hovering_and_batches():
    done, gate, begun = [], threading.Event(), threading.Event()
    worker = Worker(lambda f: f())

    def first(_):
        begun.set()
        gate.wait(20)

    worker.submit(Priority.BATCH, "first", first, lambda _: None, done.append)
    assert begun.wait(20)
    for priority in (Priority.BATCH, Priority.PREFETCH, Priority.HOVER, Priority.CLICK):
        worker.submit(priority, priority.name, lambda t: t.priority, done.append, None)
    gate.set()
    run_all(worker)
    assert done == sorted(Priority)


def test_a_newer_ticket_makes_the_older_stale_even_on_its_way_back():
    posted, done = [], []
    worker = Worker(posted.append)
    worker.submit(Priority.CLICK, "a", lambda _: "old", done.append, done.append)
    run_all(worker)
    worker.submit(Priority.CLICK, "a", lambda _: "new", done.append, done.append)
    run_all(worker)
    for deliver in posted:
        deliver()
    assert done == ["new"]


def test_what_nobody_wants_any_more_is_handed_back():
    posted, done, dropped = [], [], []
    worker = Worker(posted.append)
    ticket = worker.submit(
        Priority.CLICK, "a", lambda _: 7, done.append, None, discard=dropped.append
    )
    run_all(worker)
    ticket.cancel()
    posted[0]()
    assert (done, dropped) == ([], [7])


def test_errors_are_delivered_and_closing_ends_the_thread():
    failed = []
    worker = Worker(lambda f: f())
    worker.submit(Priority.CLICK, "a", lambda _: 1 / 0, None, failed.append)
    run_all(worker)
    assert isinstance(failed[0], ZeroDivisionError)
    worker.close()
    with pytest.raises(RuntimeError, match="closed"):
        worker.submit(Priority.CLICK, "a", lambda _: 1, None, None)
    assert "hqsam-inference" not in {t.name for t in threading.enumerate()}
