"""Print the oldest versions that pyproject.toml admits, as constraints for pip.

The tools of the extra `dev` are no part of what users install: they keep the versions
of constraints.txt.
"""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]


def oldest_versions(project: dict) -> dict[str, str]:
    """Return the lower bound of each requirement, by the name of the package.

    Parameters
    ----------
    project : dict
        The table of pyproject.toml.
    """
    extras = project["optional-dependencies"]
    lists = [project["dependencies"], *(v for k, v in extras.items() if k != "dev")]
    bounds = {}
    for requirement in (Requirement(text) for each in lists for text in each):
        for specifier in requirement.specifier:
            if specifier.operator == ">=":
                parts = specifier.version.split(".")
                parts += ["0"] * (3 - len(parts))
                bounds[requirement.name] = ".".join(parts)
    return bounds


def tool_versions(project: dict, constraints: str) -> dict[str, str]:
    """Return the versions in constraints.txt of the tools of `dev`, by name."""
    tools = {Requirement(each).name for each in project["optional-dependencies"]["dev"]}
    lines = (line.partition("==") for line in constraints.splitlines())
    return {name: version for name, _, version in lines if name in tools}


if __name__ == "__main__":
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    tools = tool_versions(project, (ROOT / "constraints.txt").read_text())
    for name, version in (oldest_versions(project) | tools).items():
        print(f"{re.sub(r'[-_.]+', '-', name)}=={version}")
