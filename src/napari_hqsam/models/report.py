"""The report of ``napari-hqsam doctor`` on this machine.

Plain rows of text; how they are shown is the command line's business.
"""

from __future__ import annotations

import platform
from importlib import metadata
from typing import TYPE_CHECKING

import psutil  # type: ignore[import-untyped]
import torch
from tqdm import tqdm

from napari_hqsam.errors import ModelError
from napari_hqsam.models.cache import is_cached, verify
from napari_hqsam.models.device import choose_device
from napari_hqsam.models.folders import cache_folder
from napari_hqsam.models.registry import list_models

if TYPE_CHECKING:
    from pathlib import Path

    from napari_hqsam.models.record import Checkpoint

PACKAGES = ("napari-hqsam", "torch", "numpy", "zarr", "tifffile", "napari")


def doctor_report() -> list[tuple[str, str]]:
    """Describe this machine: versions, device, precision, memory, models.

    Reads every model file that is found, to verify its digest: seconds for the
    large ones.

    Returns
    -------
    list of (str, str)
        Title and text: versions, device, precision, memory, cache folder, and
        one row for each model.
    """
    placement = choose_device()
    memory = psutil.virtual_memory()
    folder = cache_folder()
    rows = [
        ("Python", f"{platform.python_version()} on {platform.platform()}"),
        *((name, _version(name)) for name in PACKAGES),
        ("device", f"{placement.device} ({placement.reason})"),
        ("precision", str(placement.dtype).removeprefix("torch.")),
        ("memory", f"{_size(memory.available)} free of {_size(memory.total)}"),
    ]
    if placement.device.type == "cuda":
        free, total = torch.cuda.mem_get_info(placement.device)
        rows.append(("GPU memory", f"{_size(free)} free of {_size(total)}"))
    rows.append(("cache", f"{folder} ({_size(_folder_size(folder))})"))
    rows.extend((f"model {c.name}", _model_state(c)) for c in list_models())
    return rows


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _model_state(checkpoint: Checkpoint) -> str:
    if not is_cached(checkpoint.name):
        if checkpoint.bundled:
            return "missing from the package: install napari-hqsam again"
        return f"not here; it is fetched on first use ({_size(checkpoint.bytes)})"
    try:
        verify(checkpoint.name)
    except ModelError as error:
        return str(error)
    return "ships inside the package" if checkpoint.bundled else "here, verified"


def _folder_size(folder: Path) -> int:
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())


def _size(n: float) -> str:
    return tqdm.format_sizeof(n, "B")
