"""Executors: every task once, in whatever order, and what a dying worker costs."""

import itertools
import os
import time

import pytest

from napari_hqsam.errors import HqsamError, ImageError
from napari_hqsam.jobs.executors import SerialExecutor
from napari_hqsam.jobs.executors.processes import ProcessExecutor
from napari_hqsam.jobs.executors.worker import loaded

pytestmark = pytest.mark.slow


@pytest.fixture(params=["serial", "processes", "dask"])
def executor(request):
    if request.param == "serial":
        made = SerialExecutor(1)
    elif request.param == "processes":
        made = ProcessExecutor(2, 1)
    else:
        pytest.importorskip("distributed")
        from napari_hqsam.jobs.executors.dask_cluster import DaskExecutor

        made = DaskExecutor(2, 1)
    yield made
    made.close()


def work(number):
    if number == 3:
        raise ImageError("three cannot be read")
    if number == 5:
        raise RuntimeError("always")
    return number * number, os.getpid()


def test_every_task_has_an_outcome(executor):
    outcomes = sorted(executor.map(work, range(20)), key=lambda o: o.task)
    assert [o.task for o in outcomes] == list(range(20))
    for o in outcomes:
        assert o.error == {3: "three cannot be read", 5: "RuntimeError: always"}.get(
            o.task, ""
        )
        assert o.error or o.result[0] == o.task**2


def test_tasks_are_drawn_lazily(executor):
    drawn = 0

    def endless():
        nonlocal drawn
        for number in itertools.count(10):
            drawn += 1
            yield number

    outcomes = executor.map(work, endless())
    for _ in range(10):
        next(outcomes)
    assert drawn <= 20


def failing_once(folder):
    marker = folder / "seen"
    if not marker.exists():
        marker.touch()
        raise OSError("a network drive, for a moment")
    return "done"


def test_an_error_of_the_moment_is_retried(executor, tmp_path):
    (outcome,) = executor.map(failing_once, [tmp_path])
    assert outcome.result == "done"


def dying(task):
    folder, number = task
    if number == 2 and not (folder / "died").exists():
        (folder / "died").touch()
        os._exit(9)
    if number == 4:
        os._exit(9)
    time.sleep(0.05)
    return number


def test_a_dead_worker_costs_an_attempt_and_one_that_always_dies_one_task(
    request, executor, tmp_path
):
    if "serial" in request.node.name:
        pytest.skip("there are no workers")
    tasks = [(tmp_path, number) for number in range(8)]
    outcomes = {o.task[1]: o for o in executor.map(dying, tasks)}
    assert sorted(outcomes) == list(range(8))
    assert "died each time" in outcomes[4].error
    assert all(outcomes[n].result == n for n in range(8) if n != 4)


def count_loads(number):
    loaded(("a",), lambda: _LOADS.append(number))
    return os.getpid(), len(_LOADS)


_LOADS: list[int] = []


def test_a_worker_loads_once(tmp_path):
    executor = ProcessExecutor(2)
    try:
        found = [o.result for o in executor.map(count_loads, range(20))]
    finally:
        executor.close()
    assert {count for _, count in found} == {1}
    assert len({pid for pid, _ in found}) <= 2


def test_no_scheduler_is_one_line():
    pytest.importorskip("distributed")
    from napari_hqsam.jobs.executors import dask_cluster

    with pytest.raises(HqsamError, match="no dask scheduler at"):
        dask_cluster.DaskExecutor(scheduler_file="/nowhere/scheduler.json")
