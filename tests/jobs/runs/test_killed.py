"""A job that is killed at random moments: the rest is done, the labels are equal."""

import random
import subprocess
import time

import numpy as np
import psutil
import pytest

from napari_hqsam.jobs import run_job, write_job
from tests.helpers.bright_network import load_bright
from tests.helpers.programs import command, environment
from tests.jobs.runs.conftest import squares

pytestmark = pytest.mark.slow

PROGRAM = """
import sys
from napari_hqsam.jobs import read_job, run_job
from tests.helpers.bright_network import load_bright

if __name__ == "__main__":
    done = run_job(read_job(sys.argv[1]), load=load_bright)
    print(done.resumed, done.objects)
"""


def begin(program, path):
    return subprocess.Popen(
        command(program, path), env=environment(), stdout=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_job_goes_on(job, folder, labels_in, tmp_path, workers):
    for number in range(5, 12):
        np.save(folder / f"img{number}.npy", squares(5, number))
    run_job(job(outputs={"folder": str(tmp_path / "whole")}), load=load_bright)
    slow = job(model={"name": "bright:128:0.1"}, run={"workers": workers})
    write_job(tmp_path / "job.yaml", slow)
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    rng = random.Random(workers)
    ledger = tmp_path / "labels" / ".hqsam-job" / "ledger.jsonl"
    for _ in range(2):
        running = begin(program, tmp_path / "job.yaml")
        lines = _lines(ledger)
        end = time.monotonic() + 120
        while _lines(ledger) < lines + 2 and running.poll() is None:
            assert time.monotonic() < end
            time.sleep(0.02)
        children = psutil.Process(running.pid).children(recursive=True)
        time.sleep(rng.uniform(0, 0.3))
        running.kill()
        running.communicate()
        _, alive = psutil.wait_procs(children, timeout=20)
        assert not alive, "a worker outlives its job"
    said, _ = begin(program, tmp_path / "job.yaml").communicate(timeout=120)
    resumed, _ = map(int, said.split())
    assert 3 <= resumed <= 12
    expected = labels_in(tmp_path / "whole")
    found = labels_in(tmp_path / "labels")
    assert list(found) == list(expected)
    for name, labels in expected.items():
        np.testing.assert_array_equal(found[name], labels)


def _lines(path):
    return path.read_bytes().count(b"\n") if path.exists() else 0
