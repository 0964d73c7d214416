"""Groups and arrays of a zarr folder: open it, and find one by its path."""

from __future__ import annotations

import warnings
from pathlib import PureWindowsPath
from typing import TYPE_CHECKING, Any

import zarr
from zarr.errors import ZarrUserWarning

from napari_hqsam.errors import ImageError, reason
from napari_hqsam.images.formats.zarr.coordinates import is_coordinate
from napari_hqsam.images.formats.zarr.remote import address_of, open_address

if TYPE_CHECKING:
    from pathlib import Path


def open_folder(path: Path | str) -> zarr.Group | zarr.Array[Any]:
    """Open a folder or an address as zarr; no other checks.

    Raises
    ------
    ImageError
        If the folder is no zarr, or is damaged.
    """
    address = address_of(path)
    if address is not None:
        return open_address(address)
    try:
        return zarr.open(str(path), mode="r")
    except MemoryError:
        raise
    except FileNotFoundError as error:
        raise ImageError(
            f"{path} is a folder but no zarr array or group; pass an image file"
        ) from error
    except Exception as error:  # each codec and parser has its own errors
        raise ImageError(
            f"{path}: its zarr metadata cannot be read ({reason(error)})"
        ) from error


def child(node: zarr.Group | zarr.Array[Any], key: str, where: str) -> Any:  # noqa: ANN401
    """Return the array or group at a path inside a group.

    Raises
    ------
    ImageError
        There is nothing at the key.
    """
    try:
        if isinstance(node, zarr.Group):
            return inside(node, key)
    except MemoryError:
        raise
    except Exception:  # it is missing, leads out of the group, or is damaged
        pass
    remedy, parameter = remedy_of(node)
    raise ImageError(f"{where} has nothing at key {key!r}{remedy}", parameter=parameter)


def inside(group: zarr.Group, path: str) -> Any:  # noqa: ANN401
    """Return the array or group at a path below a group.

    Raises
    ------
    KeyError
        There is nothing, or the path begins with a Windows drive: a folder joined with
        "C:/a" is "C:/a".
    """
    if PureWindowsPath(path).drive:
        raise KeyError(path)
    return group[path]


def only_array(group: zarr.Group, where: str) -> zarr.Array[Any]:
    """Return the image of a group that holds exactly one, besides its coordinates.

    Raises
    ------
    ImageError
        It holds none or several, or one that cannot be opened.
    """
    try:
        with _foreign_files_allowed():
            every = dict(group.arrays())
    except MemoryError:
        raise
    except Exception as error:
        raise ImageError(
            f"{where}: its arrays cannot be opened ({reason(error)})"
        ) from error
    images = [array for name, array in every.items() if not is_coordinate(name, every)]
    arrays = images or list(every.values())
    if len(arrays) != 1:
        remedy, parameter = remedy_of(group)
        raise ImageError(
            f"{where} is a zarr group without image metadata{remedy}",
            parameter=parameter,
        )
    return arrays[0]


def remedy_of(node: zarr.Group | zarr.Array[Any]) -> tuple[str, str | None]:
    """Return the end of a message on a wrong ``key``, and the parameter to change."""
    if isinstance(node, zarr.Array):
        return "; it is an array, leave out key", "key"
    try:
        with _foreign_files_allowed():
            names = sorted(node.keys())
    except Exception:  # the group cannot be listed either
        return "", None
    if not names:
        return " and it is empty; pass another path", None
    first = ", ".join(repr(name) for name in names[:8])
    more = ", ..." if len(names) > 8 else ""
    return f"; pass key, one of {first}{more}", "key"


def _foreign_files_allowed() -> warnings.catch_warnings[None]:
    """Silence zarr about foreign files among its own, a README for instance."""
    return warnings.catch_warnings(action="ignore", category=ZarrUserWarning)
