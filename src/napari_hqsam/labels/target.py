"""Check that labels can be written to their target.

The check comes before any work, so that an hour of segmentation does not end
in a typing error.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from napari_hqsam.errors import OutputError, reason
from napari_hqsam.files import same_file
from napari_hqsam.labels.formats import format_of
from napari_hqsam.labels.formats.in_image import image_of
from napari_hqsam.labels.software_tag import is_written_by_us

if TYPE_CHECKING:
    from collections.abc import Iterable

    import zarr

_METADATA = {"zarr.json", ".zgroup", ".zattrs", ".zmetadata"}
_OF_DESKTOPS = {".DS_Store", "Thumbs.db", "desktop.ini"}


def check_writable(
    path: str | os.PathLike[str],
    *,
    axes: str | None = None,
    overwrite: bool | None = True,
    sources: Iterable[str | os.PathLike[str]] = (),
) -> None:
    """Raise OutputError unless labels can be written at a path now.

    Nothing is left behind, and nothing is changed.

    Parameters
    ----------
    path : str or os.PathLike
        The file (``.tif``, ``.tiff``, ``.ome.tif``) or folder (``.zarr``,
        ``.ome.zarr``) to be written.
    axes : str, optional
        Axes of the labels to come: do they fit the format?
    overwrite : bool or None
        Whether labels that are already there may be replaced; None: only those that
        this package has written. A folder that holds anything but a label image is
        never replaced.
    sources : iterable of path
        Files that are being read: none of them may be the target or in it.

    Raises
    ------
    OutputError
        If the suffix is unknown, the folder is missing or not writable, or
        something is there that must not be replaced.
    ImageError
        If the axes do not fit the format.
    """
    target = Path(path)
    format_of(target)
    if axes is not None:
        check_axes_fit(target, axes)
    _check_folder(target)
    for source in sources:
        resolved = Path(source).resolve()
        if any(same_file(target, each) for each in (source, *resolved.parents)):
            raise OutputError(
                f"{target} is the image that is read; choose another name for "
                "the labels"
            )
        check_outside(target, Path(source))
    if os.path.lexists(target):
        _check_replaceable(target, overwrite)


def check_outside(path: Path, image: Path) -> None:
    """Raise OutputError for a file among the arrays of an image.

    Labels may be written where OME-Zarr has them: ``IMAGE/labels/NAME``.
    """
    folder = image.resolve()
    if not any(
        (folder / name).exists() for name in ("zarr.json", ".zgroup", ".zarray")
    ):
        return  # a file, or a folder that holds no image
    parents = path.resolve().parents
    inside = any(same_file(parent, folder) for parent in parents if parent.exists())
    if inside and path.resolve().parent.name != "labels":
        raise OutputError(
            f"{path} lies inside the image {image}: write beside it, such as to "
            f"{image.with_name(path.name)}, or into its folder labels/"
        )


def check_axes_fit(path: str | os.PathLike[str], axes: str) -> None:
    """Raise ImageError unless labels of these axes fit the format of a file."""
    format_of(path).check_axes(axes, len(axes))


def check_file(path: Path) -> None:
    """Raise OutputError unless a file can be written at a path now."""
    _check_folder(path)
    if path.is_dir():
        raise OutputError(f"{path} is a folder; give the name of a file")


def _check_folder(target: Path) -> None:
    """Raise OutputError unless files can be created in the target's folder."""
    folder = target.resolve().parent
    if image_of(target) is not None and not folder.exists():
        folder = folder.parent  # the first labels of an image
    if not folder.is_dir():
        raise OutputError(f"folder {target.parent} does not exist; create it first")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(
            f"folder {target.parent} is not writable ({reason(error)}); choose another"
        ) from error


def _check_replaceable(target: Path, overwrite: bool | None) -> None:
    """Raise OutputError unless an existing target may be replaced."""
    if overwrite is False:
        raise OutputError(f"{target} exists; choose another name or allow overwriting")
    if target.is_dir():
        if format_of(target).is_folder and _is_label_image(target):
            _check_nothing_else(target)
            _check_ours(target, overwrite)
            return
        raise OutputError(
            f"{target} is a folder that holds no label image, so it is not replaced; "
            "choose another name or remove it"
        )
    if format_of(target).is_folder:
        raise OutputError(
            f"{target} is a file, not a zarr folder; choose another name or remove it"
        )
    if target.exists() and not os.access(target, os.W_OK):
        raise OutputError(f"{target} is write-protected; choose another name")
    _check_ours(target, overwrite)


def _check_nothing_else(folder: Path) -> None:
    """Raise OutputError if a label image's folder has other content to be lost."""
    if not any(folder.iterdir()):
        return
    import zarr

    from napari_hqsam.images.formats.zarr.multiscale import ome_metadata

    group = zarr.open_group(str(folder), mode="r")
    known = _METADATA | _OF_DESKTOPS
    try:
        levels = ome_metadata(group)["multiscales"][0]["datasets"]
        known |= {str(level["path"]).split("/")[0] for level in levels}
    except (KeyError, TypeError, IndexError, AttributeError):  # damaged
        known |= set(group.array_keys())
    names = {path.name for path in folder.iterdir()} - known
    more = sorted(name for name in names if not name.endswith(".partial"))
    if _properties(group):
        more.append("properties of its objects")
    if more:
        raise OutputError(
            f"{folder} holds more than labels ({more[0]}), which would be lost, so it "
            "is not replaced; choose another name or move that elsewhere"
        )


def _properties(group: zarr.Group) -> bool:
    """Whether the metadata of a label image hold properties of its objects."""
    from napari_hqsam.images.formats.zarr.multiscale import ome_metadata

    declared = ome_metadata(group).get("image-label")
    return isinstance(declared, Mapping) and bool(declared.get("properties"))


def _check_ours(target: Path, overwrite: bool | None) -> None:
    if overwrite is None and not is_written_by_us(target):
        raise OutputError(
            f"{target} exists and holds no labels that this program has written: "
            "choose another name, or allow overwriting",
            parameter="overwrite",
        )


def _is_label_image(folder: Path) -> bool:
    """Whether a folder is an OME-Zarr label image, or empty."""
    if not any(folder.iterdir()):
        return True
    import zarr

    from napari_hqsam.images.formats.zarr.multiscale import is_label_image

    try:
        return is_label_image(zarr.open_group(str(folder), mode="r"))
    except Exception:  # whatever it is, it is no label image that can be read
        return False
