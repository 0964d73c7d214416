"""Where weights lie on this machine: finding, fetching and verifying the files.

A file stands under its final name only if size and SHA-256 are right. Bytes on
disk are all this knows: reading them as weights is the business of
`checkpoint`, and torch is not imported here.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
import warnings
from functools import partial
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from napari_hqsam.errors import CheckpointError, FetchError, HqsamWarning
from napari_hqsam.files import Lock, try_lock
from napari_hqsam.models.registry import Checkpoint, find_checkpoint, list_models

if TYPE_CHECKING:
    from napari_hqsam.models.download import ProgressFactory

CACHE_VARIABLE = "NAPARI_HQSAM_CACHE"
RETRIES = 3
_POLL = 0.2  # seconds between two looks at a lock that another process holds


def cache_folder() -> Path:
    """Folder for everything that can be fetched or computed again.

    The user cache folder of the platform, or the folder that the environment
    variable ``NAPARI_HQSAM_CACHE`` names. It need not exist.
    """
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen).expanduser().absolute()
    return Path(platformdirs.user_cache_dir("napari-hqsam", appauthor=False))


def models_folder() -> Path:
    """Folder where fetched weights lie, and where to put them by hand."""
    return cache_folder() / "models"


def checkpoint_path(checkpoint: Checkpoint) -> Path:
    """Path where the weights of a checkpoint lie, or would lie."""
    if checkpoint.bundled:
        package = resources.files("napari_hqsam.models")
        return Path(str(package / "weights" / checkpoint.file))
    return models_folder() / checkpoint.file


def is_cached(name: str) -> bool:
    """Whether the weights are here, by file size; `verify` reads the bytes.

    Raises
    ------
    ModelError
        No model is called so.
    """
    checkpoint = find_checkpoint(name)
    path = checkpoint_path(checkpoint)
    return path.is_file() and path.stat().st_size == checkpoint.bytes


def verify(source: str | os.PathLike[str]) -> Checkpoint:
    """Make sure that a file is, byte for byte, a checkpoint we know.

    Parameters
    ----------
    source : str or path
        Name of a model, whose file is then looked up, or path of a file, which
        may have any name.

    Returns
    -------
    Checkpoint
        The one it is.

    Raises
    ------
    FetchError
        The named model is not on this machine.
    CheckpointError
        The bytes are not those of the named model, or of any model.
    """
    named = next((c for c in list_models() if c.name == source), None)
    path = checkpoint_path(named) if named else Path(source)
    if not path.is_file():
        if named:
            raise _not_here(named, "it was not fetched yet")
        raise CheckpointError(f"there is no file {path}")
    digest = _digest(path)
    found = next((c for c in list_models() if c.sha256 == digest), None)
    if found is None or (named and found is not named):
        is_like = f"not {named.name}" if named else "no checkpoint known here"
        raise CheckpointError(
            f"{path} ({path.stat().st_size} bytes, sha256 {digest}) is {is_like}: "
            "delete it and fetch it again"
        )
    return found


def fetch(name: str, progress: bool | ProgressFactory = True) -> Path:
    """Path of a model's weights, fetched first if they are not here yet.

    An interrupted download goes on where it stopped, in this call or the next.
    Several processes may ask for one file: one fetches, the others wait.

    Parameters
    ----------
    name : str
        A name of `list_models`.
    progress : bool or callable
        Show a bar on standard error, or what to make the bar with: tqdm, a
        subclass, or any callable that takes its keywords.

    Returns
    -------
    Path
        A file whose size and SHA-256 have just been checked.

    Raises
    ------
    ModelError
        No model is called so.
    FetchError
        It is not here and cannot be had; says which file to put where.
    """
    checkpoint = find_checkpoint(name)
    path = checkpoint_path(checkpoint)
    if checkpoint.bundled:
        if not path.is_file():
            raise _not_here(checkpoint, "the installation is not whole")
    # First without a lock: a shared folder may be read-only.
    elif not (is_cached(name) and _digest(path) == checkpoint.sha256):
        _download(checkpoint, path, progress)
    return path


def _download(
    checkpoint: Checkpoint, path: Path, progress: bool | ProgressFactory
) -> None:
    # Only a download needs these, and they are slow to import.
    import pooch
    import requests

    from napari_hqsam.models.download import ResumingDownloader

    part = path.with_name(path.name + ".part")
    downloader = ResumingDownloader(part, checkpoint.bytes, _bar(progress))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _waited_for(path.with_name(path.name + ".lock")):
            if not is_cached(checkpoint.name):  # else another process was faster
                _check_space(checkpoint, part)
            pooch.create(
                path=path.parent,
                base_url="",
                registry={checkpoint.file: f"sha256:{checkpoint.sha256}"},
                urls={checkpoint.file: checkpoint.url},
                retry_if_failed=RETRIES,
            ).fetch(checkpoint.file, downloader=downloader)
    except FetchError:
        raise
    except (
        requests.ConnectionError,
        requests.Timeout,
        requests.exceptions.ChunkedEncodingError,
    ) as error:  # their text is long and says no more than this
        raise _not_here(checkpoint, "no connection, or it broke") from error
    except (OSError, ValueError) as error:  # HTTP status, disk, or a wrong digest
        raise _not_here(checkpoint, str(error)) from error


def _waited_for(path: Path) -> Lock:
    """Take a lock; while another process fetches the same file, wait for it."""
    told = False
    while (lock := try_lock(path)) is None:
        if not told:
            told = True
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


def _check_space(checkpoint: Checkpoint, part: Path) -> None:
    have = part.stat().st_size if part.exists() else 0
    missing = checkpoint.bytes - have
    free = shutil.disk_usage(part.parent).free
    if free < missing:
        raise FetchError(
            f"{checkpoint.file} needs {missing} bytes more and {part.parent} has "
            f"{free} free: free some, or set {CACHE_VARIABLE} to a folder on "
            "another disk"
        )


def _not_here(checkpoint: Checkpoint, why: str) -> FetchError:
    """Error that says how to bring the weights to this machine by hand."""
    path = checkpoint_path(checkpoint)
    state = "the file there is another or damaged" if path.exists() else "not here"
    remedy = (
        "install napari-hqsam again"
        if checkpoint.bundled
        else f"put {checkpoint.url} ({checkpoint.bytes} bytes, sha256 "
        f"{checkpoint.sha256}) at {path}"
    )
    return FetchError(f"{checkpoint.name} is not to be had ({state}; {why}): {remedy}")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
