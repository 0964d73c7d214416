"""Versions of other packages that are known to be unsafe are not admitted."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
UNSAFE = {
    "distributed": ["2025.1.0", "2025.12.0"],  # CVE-2026-23528
    "filelock": ["3.15.0", "3.20.0", "4.1.2"],  # CVE-2025-68146, CVE-2026-112935
    "numcodecs": ["0.16.5", "0.17.0"],  # GHSA-jqc8-qjfv-5m6r
    "pillow": ["10.3.0", "12.3.0"],  # GHSA-8g5g-8vmr-9782 among others
    "requests": ["2.32.3"],  # CVE-2024-47081
    "torch": ["2.5.1", "2.9.1"],  # CVE-2025-32434, CVE-2026-24747
    "tqdm": ["4.66.2"],  # CVE-2024-34062
}


def requirements():
    lists = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    return [Requirement(text) for each in lists for text in each]


@pytest.mark.parametrize("name", UNSAFE)
def test_unsafe_versions_are_not_admitted(name):
    found = [each for each in requirements() if each.name == name]
    assert found
    for version in UNSAFE[name]:
        assert not any(version in each.specifier for each in found), version


def test_the_versions_that_the_tests_pass_with_are_admitted():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = dict(line.split("==") for line in lines if "==" in line)
    pinned = {re.sub(r"[-_.]+", "-", name).lower(): v for name, v in pinned.items()}
    for each in requirements():
        if each.name in pinned:
            assert pinned[each.name] in each.specifier, each
