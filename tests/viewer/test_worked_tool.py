"""The prompt tool of docs/contributing.md is on the panel, and draws prompts."""

import os
import subprocess
import sys

from tests.docs.worked_examples import ROOT, copy_package


def test_the_tool_of_the_page_draws_prompts(tmp_path):
    package = copy_package(tmp_path)
    ran = subprocess.run(
        [sys.executable, "-m", "tests.viewer.processes.draw_a_line"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert ran.stdout == "Line line\n1200\n", ran.stderr
