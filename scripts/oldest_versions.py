"""Print the oldest versions that pyproject.toml admits, as constraints for pip.

The tools of the extras `test` and `dev` are no part of what users install: they keep
the versions of constraints.txt.
"""

import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
TOOLS = ("test", "dev")
"""Extras for those who work on the package."""


def oldest_versions(project: dict) -> dict[str, str]:
    """Return the lower bound of each requirement, by the name of the package.

    Parameters
    ----------
    project : dict
        The table of pyproject.toml.
    """
    extras = project["optional-dependencies"]
    lists = [project["dependencies"], *(v for k, v in extras.items() if k not in TOOLS)]
    bounds = {}
    for requirement in (Requirement(text) for each in lists for text in each):
        for specifier in requirement.specifier:
            if specifier.operator == ">=":
                parts = specifier.version.split(".")
                parts += ["0"] * (3 - len(parts))
                bounds[canonicalize_name(requirement.name)] = ".".join(parts)
    return bounds


def tool_versions(project: dict, constraints: str) -> dict[str, str]:
    """Return the versions in constraints.txt of the tools, by name."""
    wanted = (each for k in TOOLS for each in project["optional-dependencies"][k])
    tools = {canonicalize_name(Requirement(each).name) for each in wanted}
    lines = (line.partition("==") for line in constraints.splitlines())
    pinned = {canonicalize_name(name): version for name, _, version in lines}
    return {name: version for name, version in pinned.items() if name in tools}


if __name__ == "__main__":
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    tools = tool_versions(project, (ROOT / "constraints.txt").read_text())
    for name, version in (oldest_versions(project) | tools).items():
        print(f"{name}=={version}")
