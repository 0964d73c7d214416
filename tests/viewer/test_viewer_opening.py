"""The widget opens quickly: what takes long is imported by the worker."""

import subprocess
import sys
from pathlib import Path


def test_heavy_libraries_are_not_imported_on_the_main_thread():
    script = Path(__file__).with_name("open_widget.py")
    ran = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=300
    )
    told = dict(line.split() for line in ran.stdout.splitlines())
    assert told.pop("torch") == "other", ran.stderr
    assert told.pop("meanwhile") == "worked", ran.stderr
    assert "main" not in told.values(), told


def test_scipy_works_while_torch_is_imported():
    script = Path(__file__).with_name("import_torch.py")
    ran = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=300
    )
    assert ran.returncode == 0, ran.stderr
