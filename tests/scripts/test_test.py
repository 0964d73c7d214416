"""`scripts/test`: which checks its sub-commands run, and with which arguments.

Programs stand in for those of the virtual environment and note how they are called.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BASH = shutil.which("bash")
USED = "basename bash cat cksum df dirname env grep mkdir mktemp nproc rm tail"
NOTE = """#!{bash}
echo "${{0##*/}} $*" >>{calls}
[ "${{0##*/}}" != "$FAILS" ]
"""

pytestmark = pytest.mark.skipif(
    BASH is None or sys.platform == "win32", reason="a script of the shell"
)


@pytest.fixture
def run(tmp_path):
    """Run the script: exit code, output, the calls of programs that it made."""
    calls, tools, venv = (tmp_path / name for name in ("calls", "tools", "venv"))
    (venv / "bin").mkdir(parents=True)
    tools.mkdir()
    for name in USED.split():
        (tools / name).symlink_to(shutil.which(name))
    for name in ("ruff", "mypy", "lint-imports", "npe2", "python"):
        program = venv / "bin" / name
        program.write_text(NOTE.format(bash=BASH, calls=calls))
        program.chmod(0o755)
    (tools / "Xvfb").symlink_to(venv / "bin" / "ruff")
    (tools / "python3").symlink_to(sys.executable)
    stamp = "echo $PWD $(cat pyproject.toml constraints.txt | cksum)"
    (venv / "installed").write_bytes(
        subprocess.run([BASH, "-c", stamp], cwd=ROOT, stdout=-1, check=True).stdout
    )

    def run(*arguments, fails=""):
        calls.write_text("")
        ran = subprocess.run(
            [BASH, "scripts/test", *arguments],
            cwd=ROOT,
            env={"PATH": str(tools), "VENV": str(venv), "JOBS": "3", "FAILS": fails},
            capture_output=True,
            text=True,
        )
        return ran.returncode, ran.stdout + ran.stderr, calls.read_text().splitlines()

    return run


def pytest_calls(calls):
    return [call.removeprefix("python -m ") for call in calls if "pytest" in call]


def test_without_arguments_everything_is_checked(run):
    code, output, calls = run()
    assert code == 0, output
    assert calls[:3] == ["ruff check", "ruff format --check", "mypy "]
    core, viewer, shown = pytest_calls(calls)
    assert core.startswith("pytest -n 3 --dist loadfile ")
    assert core.endswith(" tests --ignore tests/viewer -m not large")
    assert viewer.endswith("tests/viewer --ignore tests/viewer/shown")
    files = sorted((ROOT / "tests/viewer/shown").glob("test_*.py"))
    files = [str(file.relative_to(ROOT)) for file in files]
    assert shown.startswith(f"pytest -n {len(files)} --dist loadfile ")
    assert shown.endswith(f" {' '.join(files)}")
    assert output.endswith("== all is well\n")


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("fast", "-m not slow"),
        ("core", "-m not large"),
        ("parity", "tests/parity"),
        ("fuzz", "tests/fuzz"),
    ],
)
def test_a_command_runs_its_part_with_the_arguments_of_pytest(run, command, arguments):
    code, output, calls = run(command, "--", "-k", "undo")
    (call,) = calls
    assert code == 0, output
    assert arguments in call
    assert call.endswith(" -k undo")


def test_lint_runs_no_tests(run):
    _, _, calls = run("lint")
    assert not pytest_calls(calls)
    assert [call.split()[0] for call in calls] == [
        *("ruff", "ruff", "mypy", "lint-imports", "npe2")
    ]


def test_a_path_is_run_alone(run):
    assert run("--", "tests/labels/test_ids.py::test_a", "-x")[0] == 0
    code, _, calls = run("--", "tests/labels", "-x")
    assert (code, calls) == (0, ["python -m pytest tests/labels -x"])


def test_all_checks_run_even_if_one_fails_and_that_is_the_result(run):
    code, output, calls = run("lint", "core", fails="mypy")
    assert code == 1
    assert len(calls) == 6
    assert output.endswith("== FAILED: mypy\n")


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["-k", "undo"], "arguments of pytest go after --"),
        (["quick"], "no command 'quick'"),
        (["fast", "--", "tests/labels"], "leave out 'fast'"),
    ],
)
def test_wrong_arguments_are_one_line_before_any_work(run, arguments, hint):
    code, output, calls = run(*arguments)
    assert (code, calls) == (2, [])
    assert hint in output
    assert output.count("\n") == 1


def test_help_names_every_command(run):
    code, output, _ = run("--help")
    assert code == 0
    for command in ("lint", "core", "fast", "viewer", "lowest", "fuzz", "all"):
        assert f"\n    {command} " in output
