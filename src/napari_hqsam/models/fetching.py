"""Fetch a file of weights into the models folder.

A file stands under its final name only if size and digest are right.
"""

from __future__ import annotations

import shutil
import time
import warnings
from functools import partial
from typing import TYPE_CHECKING

from napari_hqsam.errors import FetchError, HqsamWarning
from napari_hqsam.files import Lock, try_lock
from napari_hqsam.models.digests import is_right, record_path
from napari_hqsam.models.folders import CACHE_VARIABLE, own_path

if TYPE_CHECKING:
    from pathlib import Path

    from napari_hqsam.models.download import ProgressFactory
    from napari_hqsam.models.record import WeightsFile

RETRIES = 3
_POLL = 0.2  # seconds between two looks at a lock that another process holds


def download(weights: WeightsFile, progress: bool | ProgressFactory) -> Path:
    """Fetch a file; an interrupted download goes on where it stopped.

    Raises
    ------
    FetchError
        It cannot be had; says which file to put where.
    """
    # Only a download needs these, and they are slow to import.
    import pooch
    import requests

    from napari_hqsam.models.download import ResumingDownloader

    path = own_path(weights)
    part = path.with_name(path.name + ".part")
    downloader = ResumingDownloader(
        part, weights.bytes, _bar(progress), is_exact=weights.has_exact_size
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _waited_for(path.with_name(path.name + ".lock")):
            if path.is_file() and is_right(path, weights):
                return path  # another process was faster
            _check_space(weights, part)
            record_path(weights).unlink(missing_ok=True)  # of the file before
            pooch.create(
                path=path.parent,
                base_url="",
                registry={weights.file: weights.known_hash},
                urls={weights.file: weights.url},
                retry_if_failed=RETRIES,
            ).fetch(weights.file, downloader=downloader)
            is_right(path, weights)  # keeps its SHA-256
    except FetchError:
        raise
    except (
        requests.ConnectionError,
        requests.Timeout,
        requests.exceptions.ChunkedEncodingError,
    ) as error:  # their text is long and says no more than this
        raise not_here(weights, "no connection, or it broke") from error
    except (OSError, ValueError) as error:  # HTTP status, disk, or a wrong digest
        raise not_here(weights, str(error)) from error
    return path


def _waited_for(path: Path) -> Lock:
    """Take a lock; while another process fetches the same file, wait for it."""
    warned = False
    while (lock := try_lock(path)) is None:
        if not warned:
            warned = True
            warnings.warn(
                f"another program fetches {path.stem}; waiting for it (its lock is "
                f"{path})",
                HqsamWarning,
                stacklevel=2,
            )
        time.sleep(_POLL)
    lock.warn_if_unconfirmed("fetching the same file")
    return lock


def _bar(progress: bool | ProgressFactory) -> ProgressFactory:
    if not isinstance(progress, bool):
        return progress
    from tqdm import tqdm

    return partial(tqdm, disable=not progress)


def _check_space(weights: WeightsFile, part: Path) -> None:
    have = part.stat().st_size if part.exists() else 0
    missing = weights.bytes - have
    free = shutil.disk_usage(part.parent).free
    if free < missing:
        raise FetchError(
            f"{weights.file} needs {missing} bytes more and {part.parent} has "
            f"{free} free: free some, or set {CACHE_VARIABLE} to a folder on "
            "another disk"
        )


def not_here(weights: WeightsFile, why: str) -> FetchError:
    """Make the error that explains how to install the weights by hand."""
    path = own_path(weights)
    state = "the file there is another or damaged" if path.exists() else "not here"
    size = "" if weights.has_exact_size else "about "
    digest = weights.known_hash.replace(":", " ")
    remedy = (
        "install napari-hqsam again"
        if weights.bundled
        else f"put {weights.url} ({size}{weights.bytes} bytes, {digest}) at {path}"
    )
    return FetchError(f"{weights.file} cannot be fetched ({state}; {why}): {remedy}")
