"""Running the command line."""

import subprocess
import sys
import time

import pytest

HEEDFUL = """
import signal
from napari_hqsam import cli
signal.signal(signal.SIGINT, signal.default_int_handler)
cli.main()
"""
"""The command; a shell has its background jobs, such as these tests, ignore ctrl-C."""


@pytest.fixture
def stop_command():
    """Send signals to a command when it is at work: exit code, error output."""

    def stop(folder, said, begun, *signals, after):
        running = subprocess.Popen(
            [sys.executable, "-c", HEEDFUL, *said.split()],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            end = time.monotonic() + 120
            while not list(folder.glob(begun)) and time.monotonic() < end:
                assert running.poll() is None, running.communicate()[1]
                time.sleep(0.02)
            time.sleep(after)  # into the work
            for each in signals:
                running.send_signal(each)
            _, err = running.communicate(timeout=60)
        finally:
            running.kill()
            running.communicate()
        return running.returncode, err

    return stop
