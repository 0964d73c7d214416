"""Check output files before any work.

An existing file is replaced only if it is of the same kind and was written by this
package; otherwise the caller must allow overwriting.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from napari_hqsam.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

_TABLES = re.compile(
    rb"track,[a-z,]*y,x,object,parents\r?\n|object,slice,confidence,"
    rb"|object,([a-z],)*result,"
)
_BEGINNINGS = {
    ".json": re.compile(rb'\{\s*"about": \{\s*"napari_hqsam"'),
    ".md": re.compile(rb"Measured with napari_hqsam "),
    ".csv": _TABLES,
    ".png": re.compile(rb"\x89PNG.*tEXtSoftware\0napari-hqsam", re.DOTALL),
}
_BEGINNING = 4096
"""Bytes read to identify a file."""


def check_outputs(
    out: Path,
    beside: Mapping[str, Path | None],
    image: Path,
    *sources: Path | None,
    overwrite: bool,
) -> None:
    """Refuse labels, or files beside them, that could not, or must not, be written.

    Parameters
    ----------
    out : Path
        The labels.
    beside : mapping of str to Path or None
        Other files to write, by the suffix that each must have; None for none.
    image : Path
        The image that is read.
    *sources : Path or None
        Other files that are read.
    overwrite : bool
        Whether any existing file may be replaced.

    Raises
    ------
    OutputError
        One of them cannot, or must not, be written.
    """
    check_labels(out, *sources, overwrite=overwrite, image=image)
    used = [out, *sources]
    for suffix, path in beside.items():
        check_file_to_write(
            path, *used, overwrite=overwrite, suffix=suffix, image=image
        )
        used.append(path)


def check_labels(
    out: Path, *sources: Path | None, overwrite: bool, image: Path | None = None
) -> None:
    """Refuse labels that could not, or must not, be written.

    Parameters
    ----------
    out : Path
        The labels.
    *sources : Path or None
        Other files that are read.
    overwrite : bool
        Whether any existing labels may be replaced.
    image : Path, optional
        The image that is read.

    Raises
    ------
    OutputError
        They cannot, or must not, be written.
    """
    from napari_hqsam.labels import check_writable
    from napari_hqsam.sessions import check_session_not_open

    read = [each for each in (image, *sources) if each is not None]
    check_writable(out, overwrite=overwrite or None, sources=read)
    check_session_not_open(out)


def check_file_to_write(
    path: Path | None,
    *used: Path | None,
    overwrite: bool,
    suffix: str | None = None,
    image: Path | None = None,
) -> None:
    """Refuse a file beside the labels that could not, or must not, be written.

    Parameters
    ----------
    path : Path or None
        The file; None for none.
    *used : Path or None
        Files that are read, or written as other outputs.
    overwrite : bool
        Whether any existing file may be replaced.
    suffix : str, optional
        The suffix that it must have.
    image : Path, optional
        The image that is read: nothing is written into its folder of arrays.

    Raises
    ------
    OutputError
        It cannot, or must not, be written.
    """
    from napari_hqsam.files import same_file  # not for --help
    from napari_hqsam.labels import check_file, check_outside

    if path is None:
        return
    if suffix is not None and path.suffix.lower() != suffix:
        raise OutputError(f"{path} is no {suffix}: name it NAME{suffix}")
    for each in (image, *used):
        if each is not None and same_file(path, each):
            raise OutputError(f"{path} is another input or output too: name another")
    check_file(path)
    if image is not None:
        check_outside(path, image)
    if os.path.lexists(path) and not (overwrite or _is_written_by_us(path)):
        raise OutputError(
            f"{path} exists and was not written by this program: choose another name, "
            "or allow overwriting",
            parameter="overwrite",
        )


def _is_written_by_us(path: Path) -> bool:
    """Whether a file begins like those of this package, or is empty."""
    known = _BEGINNINGS.get(path.suffix.lower())
    with suppress(OSError), path.open("rb") as file:
        beginning = file.read(_BEGINNING)
        return not beginning or (
            known is not None and known.match(beginning) is not None
        )
    return False


@contextmanager
def made_folder(folder: Path) -> Iterator[None]:
    """Create a folder for results; remove it if the block raises and it is empty."""
    missing = [p for p in (folder, *folder.parents) if not p.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"folder {folder} cannot be made ({error.strerror}): give another with -o"
        ) from error
    try:
        yield
    except BaseException:
        for path in missing:
            if not any(path.iterdir()):
                path.rmdir()
        raise


def check_apart(paths: Iterable[Path | None]) -> None:
    """Raise OutputError if two outputs are the same file."""
    from napari_hqsam.files import same_file  # not for --help

    there = [path for path in paths if path is not None]
    for number, path in enumerate(there):
        for other in there[:number]:
            if same_file(path, other):
                raise OutputError(f"{other} and {path} are one file: name two")
