"""The files of weights on this machine: find, fetch and verify them.

Bytes on disk are all this knows: reading them as weights is the business of
`checkpoint`, and torch is not imported here.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_hqsam.errors import CheckpointError
from napari_hqsam.models.digests import is_right, recorded, sha256, xxh128
from napari_hqsam.models.fetching import download, not_here
from napari_hqsam.models.folders import found_paths, own_path
from napari_hqsam.models.registry import find_checkpoint, list_models

if TYPE_CHECKING:
    import os

    from napari_hqsam.models.download import ProgressFactory
    from napari_hqsam.models.record import Checkpoint, WeightsFile


def checkpoint_path(checkpoint: Checkpoint) -> Path:
    """Return the path where the weights of a checkpoint are, or would be."""
    return _path(checkpoint.weights)


def is_cached(name: str) -> bool:
    """Whether the weights are here, by file size; `verify` reads the bytes.

    Raises
    ------
    ModelError
        No model is called so.
    """
    return all(found_paths(each) for each in find_checkpoint(name).files)


def verify(source: str | os.PathLike[str]) -> Checkpoint:
    """Verify by its SHA-256 that a file is a registered checkpoint.

    Parameters
    ----------
    source : str or path
        Name of a model, whose files are then looked up, or path of a file, which
        may have any name.

    Returns
    -------
    Checkpoint
        The one it is, or that it is the instance decoder of.

    Raises
    ------
    FetchError
        The named model is not on this machine.
    CheckpointError
        The bytes are not those of the named model, or of any model.
    """
    named = next((c for c in list_models() if c.name == source), None)
    if named:
        verified_paths(named)
        return named
    path = Path(source)
    if not path.is_file():
        raise CheckpointError(f"there is no file {path}")
    if known := recognize(path):
        return known[0]
    raise _is_another(path, sha256(path), "no checkpoint known here")


def recognize(path: Path) -> tuple[Checkpoint, WeightsFile] | None:
    """Identify the checkpoint of a file of any name, by its SHA-256."""
    ours = [(known, file) for known in list_models() for file in known.files]
    digest = sha256(path)
    for known, file in ours:
        if digest == (file.sha256 or recorded(file)):
            return known, file
    if all(file.sha256 for _, file in ours):
        return None
    digest = xxh128(path)
    for known, file in ours:
        if digest == file.xxh128 and not recorded(file):
            return known, file
    return None


def known_digests(checkpoint: Checkpoint) -> list[str]:
    """Return the SHA-256 of each file of a checkpoint, published or recorded."""
    found = (each.sha256 or recorded(each) for each in checkpoint.files)
    return [digest for digest in found if digest]


def verified_paths(checkpoint: Checkpoint) -> tuple[Path, ...]:
    """Return the paths of all files of a checkpoint whose digests are right.

    Raises
    ------
    FetchError
        One is not on this machine.
    CheckpointError
        One is there with other bytes.
    """
    return tuple(_verified_path(each, checkpoint) for each in checkpoint.files)


def _verified_path(weights: WeightsFile, checkpoint: Checkpoint) -> Path:
    if right := _right_path(weights):
        return right
    path = _path(weights)
    if not path.is_file():
        raise not_here(weights, "it was not fetched yet")
    raise _is_another(path, sha256(path), f"not {checkpoint.name}")


def fetch(name: str, progress: bool | ProgressFactory = True) -> Path:
    """Fetch the weights of a model if they are missing; return their path.

    An interrupted download goes on where it stopped, in this call or the next.
    Several processes may ask for one file: one fetches, the others wait. Files that
    micro-sam has fetched already are used where they lie.

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
        A file whose digest has just been checked.

    Raises
    ------
    ModelError
        No model is called so.
    FetchError
        It is not here and cannot be had; says which file to put where.
    """
    return fetched_paths(find_checkpoint(name), progress)[0]


def fetched_paths(
    checkpoint: Checkpoint, progress: bool | ProgressFactory = True
) -> tuple[Path, ...]:
    """Fetch missing files of a checkpoint; return the paths of all, in their order."""
    return tuple(_fetched_path(each, progress) for each in checkpoint.files)


def _fetched_path(weights: WeightsFile, progress: bool | ProgressFactory) -> Path:
    if weights.bundled:
        path = own_path(weights)
        if not path.is_file():
            raise not_here(weights, "the installation is not whole")
        return path
    # First without a lock: a shared folder may be read-only.
    return _right_path(weights) or download(weights, progress)


def _path(weights: WeightsFile) -> Path:
    return next(iter(found_paths(weights)), own_path(weights))


def _right_path(weights: WeightsFile) -> Path | None:
    found = found_paths(weights)
    return next((path for path in found if is_right(path, weights)), None)


def _is_another(path: Path, digest: str, kind: str) -> CheckpointError:
    return CheckpointError(
        f"{path} ({path.stat().st_size} bytes, sha256 {digest}) is {kind}: "
        "delete it and fetch it again"
    )
