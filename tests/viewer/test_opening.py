"""The widget opens quickly: what takes long is imported by the worker."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run_process(name):
    """Run a module of `processes` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", f"tests.viewer.processes.{name}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_heavy_libraries_are_not_imported_on_the_main_thread():
    ran = run_process("imports_of_the_widget")
    report = dict(line.split() for line in ran.stdout.splitlines())
    assert report.pop("torch") == "other", ran.stderr
    assert report.pop("meanwhile") == "worked", ran.stderr
    assert "main" not in report.values(), report


def test_scipy_works_while_torch_is_imported():
    ran = run_process("scipy_while_torch_loads")
    assert ran.returncode == 0, ran.stderr
