"""Paths of journals, and of the labels that their sessions began with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_hqsam.errors import OutputError

if TYPE_CHECKING:
    import os

SUFFIX = ".journal.jsonl"
BASE_SUFFIX = ".base.tif"


def journal_path(labels: str | os.PathLike[str]) -> Path:
    """Return the path of the journal of a label file: beside it.

    Parameters
    ----------
    labels : str or os.PathLike
        Such as ``cells.ome.zarr``; then it is ``cells.ome.zarr.journal.jsonl``.
    """
    path = Path(labels)
    return path.with_name(path.name + SUFFIX)


def base_path(journal: str | os.PathLike[str]) -> Path:
    """Return the path of the labels that a session began with: beside its journal."""
    path = Path(journal)
    return path.with_name(path.name.removesuffix(SUFFIX) + BASE_SUFFIX)


def check_no_base(labels: str | os.PathLike[str]) -> None:
    """Raise OutputError if labels would overwrite those that a session began with.

    Raises
    ------
    OutputError
        The journal could not be read any more.
    """
    path = Path(labels)
    journal = path.with_name(path.name.removesuffix(BASE_SUFFIX) + SUFFIX)
    if path.name.endswith(BASE_SUFFIX) and journal.exists():
        raise OutputError(
            f"{path} holds the labels that the session {journal.name} began with; "
            "choose another name"
        )


def find_base(journal: Path, named: str | None) -> Path | None:
    """Find the labels that a session began with, for reading only.

    Parameters
    ----------
    journal : pathlib.Path
        Its journal.
    named : str, optional
        The name in its header; None if the labels were empty. Journals of versions
        before 0.2 may name the file of the journal that they were copied from.
    """
    own = base_path(journal)
    if named is None:
        return None
    return own if own.name == named or own.exists() else journal.with_name(named)
