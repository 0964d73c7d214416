"""Folders where weights lie on this machine: ours, and micro-sam's.

Paths and sizes; whether the bytes are right is the business of `digests`.
"""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

if TYPE_CHECKING:
    from napari_hqsam.models.record import WeightsFile

CACHE_VARIABLE = "NAPARI_HQSAM_CACHE"
MICRO_SAM_VARIABLE = "MICROSAM_CACHEDIR"
"""micro-sam's own."""


def cache_folder() -> Path:
    """Return the folder for everything that can be fetched or computed again.

    The user cache folder of the platform, or the folder that the environment
    variable ``NAPARI_HQSAM_CACHE`` names. It need not exist.
    """
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen).expanduser().absolute()
    return Path(platformdirs.user_cache_dir("napari-hqsam", appauthor=False))


def models_folder() -> Path:
    """Return the folder of fetched weights, also for files installed by hand."""
    return cache_folder() / "models"


def micro_sam_folder() -> Path:
    """Return micro-sam's folder of weights: in pooch's cache, or as configured."""
    chosen = os.environ.get(MICRO_SAM_VARIABLE)
    if chosen:
        return Path(chosen).expanduser().absolute() / "models"
    # As `pooch.os_cache`, without its import, which takes long.
    return Path(platformdirs.user_cache_dir("micro_sam")) / "models"


def own_path(weights: WeightsFile) -> Path:
    """Return the path of a file in our models folder, or in the package."""
    if weights.bundled:
        package = resources.files("napari_hqsam.models")
        return Path(str(package / "weights" / weights.file))
    return models_folder() / weights.file


def found_paths(weights: WeightsFile) -> list[Path]:
    """Return the existing paths of a file, ours first; its size is checked if known."""
    paths = [own_path(weights)]
    if weights.micro_sam:
        paths.append(micro_sam_folder() / weights.micro_sam)
    return [path for path in paths if _may_be(path, weights)]


def _may_be(path: Path, weights: WeightsFile) -> bool:
    if not path.is_file():
        return False
    return not weights.has_exact_size or path.stat().st_size == weights.bytes
