"""Get the reference implementation and build its models.

The reference is the PyPI package ``segment-anything-hq`` 0.3. It is looked for
in this order: the folder given, the folder the environment variable
``SEGMENT_ANYTHING_HQ`` names (each holding ``segment_anything_hq/``), an
installed package, ``.bench/`` beside this folder, where it is fetched with pip
when all else fails. Torchvision and timm need not be installed.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from torch import Tensor, nn

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "segment_anything_hq"
REQUIREMENT = "segment-anything-hq==0.3"
VARIABLE = "SEGMENT_ANYTHING_HQ"

if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))


def import_reference(folder: str | os.PathLike[str] | None = None) -> ModuleType:
    """Import the reference package, fetching it first if it is nowhere."""
    from tests.parity import reference_standins

    if PACKAGE in sys.modules:
        return sys.modules[PACKAGE]
    folder = folder or os.environ.get(VARIABLE)
    if folder is None and importlib.util.find_spec(PACKAGE) is None:
        folder = _fetch()
    if folder is not None:
        if not (Path(folder) / PACKAGE / "__init__.py").is_file():
            raise SystemExit(f"{folder} holds no folder {PACKAGE}/")
        sys.path.insert(0, str(folder))
    if importlib.util.find_spec("torchvision") is None or (
        importlib.util.find_spec("timm") is None
    ):
        reference_standins.install()
    return importlib.import_module(PACKAGE)


def load_reference(
    variant: str,
    state: Mapping[str, Tensor],
    folder: str | os.PathLike[str] | None = None,
) -> nn.Module:
    """Build the reference's network of a variant, with these weights, for use.

    ``eval()`` comes after the weights on purpose: TinyViT caches its attention
    biases there, and the reference's own loader leaves the cache stale.
    """
    model = import_reference(folder).sam_model_registry[variant]()
    model.load_state_dict(state, strict=True)
    return model.eval().requires_grad_(False)


def _fetch() -> Path:
    folder = ROOT / ".bench" / "reference"
    if not (folder / PACKAGE).is_dir():
        print(f"fetching {REQUIREMENT} into {folder}", file=sys.stderr)
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        try:
            subprocess.run([*command, REQUIREMENT, "-d", str(folder)], check=True)
        except subprocess.CalledProcessError:
            raise SystemExit(
                f"{REQUIREMENT} could not be fetched: unpack its wheel somewhere and "
                f"name that folder with --reference or {VARIABLE}"
            ) from None
        with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
            wheel.extractall(folder)
    return folder
