"""Enumerate the images of a job: files, folder trees, glob patterns, plates."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from napari_hqsam.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_hqsam.jobs.description import Job

IMAGE_SUFFIXES = (
    *(".tif", ".tiff", ".npy", ".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp"),
    *(".czi", ".nd2", ".lif", ".dv", ".r3d", ".sldy", ".ims", ".oib", ".oif", ".oir"),
    *(".vsi", ".zvi", ".svs", ".ndpi", ".scn"),
)
"""Suffixes of files that are taken from a folder without a pattern."""
_ZARR_FILES = ("zarr.json", ".zgroup", ".zarray", ".zattrs")
_DOUBLE = (".ome.zarr", ".ome.tif", ".ome.tiff")
_OWN_FOLDERS = (".batch", ".partial")


@dataclass(frozen=True)
class ImageTask:
    """An image of a job, and where its labels go.

    Attributes
    ----------
    key : str
        Its path below the inputs, with "/"; unique in a job.
    source : str
        Path or address of the file or zarr folder.
    image_key : str or None
        Which image of several in it; see `open_image`.
    out : str
        Path of the labels.
    """

    key: str
    source: str
    image_key: str | None
    out: str


def iter_tasks(job: Job) -> Iterator[ImageTask]:
    """Yield the tasks of a job, lazily, in an order that is always the same.

    Raises
    ------
    JobError
        An input does not exist, or two images would have the same labels.
    """
    taken: dict[str, str] = {}
    for source, below, image_key in _images(job):
        task = _task(job, source, below, image_key)
        name = os.path.normcase(task.out)
        if name in taken:
            if taken[name] == task.key:
                continue  # the same image by two patterns
            raise JobError(
                f"{taken[name]} and {task.key} would both be written to {task.out}: "
                "set outputs.name, such as '{name}'"
            )
        taken[name] = task.key
        yield task


def stem_of(name: str) -> str:
    """Return the name of a file without its suffix, such as ``.ome.tif``."""
    for suffix in _DOUBLE:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return Path(name).stem


def _task(job: Job, source: str, below: str, image_key: str | None) -> ImageTask:
    folder, name = os.path.split(below)
    stem = stem_of(name)
    key = below.replace(os.sep, "/")
    if image_key is not None and job.inputs.key is None:  # a field of a plate
        folder = os.path.join(folder, stem)
        name = stem = image_key.replace("/", "_")
        key = f"{key}/{image_key}"
    outputs = job.outputs
    try:
        written = outputs.name.format(stem=stem, name=name)
    except (KeyError, IndexError, ValueError) as error:
        raise JobError(
            f"outputs.name {outputs.name!r} has the placeholder {error}: use {{stem}} "
            "and {name}"
        ) from error
    out = os.path.join(outputs.folder, folder, written + outputs.suffix)
    return ImageTask(key, source, image_key, out)


def _images(job: Job) -> Iterator[tuple[str, str, str | None]]:
    """Yield each image: its path, its path below the inputs, and its key."""
    for path in job.inputs.paths:
        if "://" in path:
            yield path, path.rstrip("/").rsplit("/", 1)[-1], job.inputs.key
        elif os.path.isdir(path) and not _is_zarr(path):
            for found in _walk(path, job):
                yield from _fields(found, os.path.relpath(found, path), job)
        elif os.path.exists(path):
            yield from _fields(path, os.path.basename(os.path.normpath(path)), job)
        elif glob.has_magic(path):
            root = _fixed_part(path)
            matches = sorted(glob.iglob(path, recursive=True))
            if not matches:
                raise JobError(f"{path} matches no file: check the pattern")
            for found in matches:
                if os.path.isfile(found) or _is_zarr(found):
                    yield from _fields(found, os.path.relpath(found, root), job)
        else:
            raise JobError(f"{path}: no such file or folder; check inputs.paths")


def _fields(path: str, below: str, job: Job) -> Iterator[tuple[str, str, str | None]]:
    """Yield the images in a file: one, or the fields of a plate, well or series."""
    key = job.inputs.key
    if key is None and os.path.isdir(path):
        from napari_hqsam.errors import ImageError
        from napari_hqsam.images.formats.zarr.layout import layout_of
        from napari_hqsam.images.formats.zarr.nodes import open_folder

        try:
            layout = layout_of(open_folder(path))
        except ImageError:  # reported when the task opens it
            yield path, below, None
            return
        if layout.kind in ("plate", "well", "series"):
            for each in layout.keys:
                yield path, below, each
            return
    yield path, below, key


def _walk(folder: str, job: Job) -> Iterator[str]:
    """Yield the images in a folder and its subfolders, sorted."""
    outputs = os.path.abspath(job.outputs.folder)
    patterns = job.inputs.pattern or tuple(f"*{each}" for each in IMAGE_SUFFIXES)
    zarrs = job.inputs.pattern or ("*",)
    for parent, folders, files in os.walk(folder):
        entries = [(name, False) for name in files]
        inside = []
        for name in folders:
            path = os.path.join(parent, name)
            if name.startswith(".") or name.endswith(_OWN_FOLDERS):
                continue
            if _is_zarr(path):
                entries.append((name, True))
            elif os.path.abspath(path) != outputs:
                inside.append(name)
        folders[:] = sorted(inside)
        for name, is_zarr in sorted(entries):
            wanted = zarrs if is_zarr else patterns
            if not name.startswith(".") and any(
                fnmatch(name.lower(), each.lower()) for each in wanted
            ):
                yield os.path.join(parent, name)


def _is_zarr(path: str) -> bool:
    return path.rstrip("/\\").endswith(".zarr") or any(
        os.path.exists(os.path.join(path, name)) for name in _ZARR_FILES
    )


def _fixed_part(pattern: str) -> str:
    """Return the folder of a glob pattern down to its first wildcard."""
    folder = pattern
    while glob.has_magic(folder):
        folder = os.path.dirname(folder)
    return folder


def is_collection(path: str | os.PathLike[str]) -> bool:
    """Whether a path is a folder, a pattern or a plate: many images, not one."""
    text = os.fspath(path)
    if not os.path.exists(text):
        return glob.has_magic(text)
    if not os.path.isdir(text):
        return False
    if not _is_zarr(text):
        return True
    from napari_hqsam.errors import ImageError
    from napari_hqsam.images.formats.zarr.layout import layout_of
    from napari_hqsam.images.formats.zarr.nodes import open_folder

    try:
        return layout_of(open_folder(text)).kind in ("plate", "well")
    except ImageError:
        return False
