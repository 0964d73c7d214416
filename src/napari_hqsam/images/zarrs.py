"""Zarr folders: OME-Zarr 0.1 to 0.6 with its pyramid, and plain arrays.

Both zarr formats (v2 and v3) are read. Only metadata is touched here; chunks
are read when the array is indexed. Specification: https://ngff.openmicroscopy.org
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import PureWindowsPath
from typing import TYPE_CHECKING, Any

import zarr
from zarr.errors import ZarrUserWarning

from napari_hqsam.errors import HqsamWarning, ImageError, reason, shown
from napari_hqsam.geometry.axes import axes_from_names
from napari_hqsam.geometry.ome_zarr import axis_names, read_space
from napari_hqsam.images.own_note import KEY
from napari_hqsam.images.remote import address_of, open_address
from napari_hqsam.images.source import Reduced, Source
from napari_hqsam.images.zarr_check import checked_array

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from napari_hqsam.geometry import Space

_PLACEHOLDERS = "abdefghijklmnopq"
"""Letters for axes that have no names."""


def open_zarr(path: Path, key: str | None = None) -> Source:
    """Open a folder as zarr.

    Parameters
    ----------
    path : pathlib.Path
        Folder of a zarr group or array.
    key : str, optional
        Path of a group or array inside it, such as "labels/cells".

    Returns
    -------
    Source
        The array of the highest resolution, and the others of its pyramid.

    Raises
    ------
    ImageError
        If the folder is no zarr, is damaged, or holds several images and
        ``key`` does not choose one.
    """
    return open_node(open_folder(path), key, path.name, where=str(path))


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


def open_node(
    node: zarr.Group | zarr.Array[Any],
    key: str | None,
    name: str,
    *,
    where: str | None = None,
) -> Source:
    """Find the image in an open zarr group or array.

    Parameters
    ----------
    node : zarr.Group or zarr.Array
        Where to look.
    key : str or None
        Path inside the group.
    name : str
        Name of the image.
    where : str, optional
        What error messages call it; the name by default.

    Returns
    -------
    Source
        The array of the highest resolution and the others of its pyramid, with
        the axes of the metadata.

    Raises
    ------
    ImageError
        As for `open_zarr`.
    """
    where = where or name
    if key is not None:
        node = _child(node, key, where)
    try:
        if isinstance(node, zarr.Array):
            array = checked_array(node, where)
            return Source(array, name, axes_from_names(_dimension_names(array)))
        metadata = ome_metadata(node)
        if metadata.get("multiscales"):
            return _open_multiscale(node, metadata["multiscales"], name, where)
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # whatever the JSON holds, and zarr makes of it
        raise ImageError(
            f"{where}: its metadata are damaged or name a missing array "
            f"({reason(error)})"
        ) from error
    if "plate" in metadata or "well" in metadata:
        raise ImageError(
            f"{where} is {_of_fields(metadata)}: open one of them by its path, or pass "
            "key, such as A/1/0",
            parameter="key",
        )
    if key is None and "bioformats2raw.layout" in metadata:
        # A converted microscope file: its images are the groups 0, 1, ...
        if "1" in node:
            warnings.warn(
                HqsamWarning(
                    f"{where} holds several images, of which 0 is read: pass key for "
                    "another",
                    parameter="key",
                ),
                stacklevel=5,
            )
        return open_node(node, "0", name, where=where)
    array = _only_array(node, where)
    return Source(checked_array(array, where), name)


def ome_metadata(group: zarr.Group) -> dict[str, Any]:
    """Return the OME metadata of a group, for any version of OME-Zarr.

    Parameters
    ----------
    group : zarr.Group
        Any group.

    Returns
    -------
    dict
        Parsed JSON: what is under "ome" since 0.5, all attributes before.
    """
    attributes = group.attrs.asdict()
    metadata = attributes.get("ome", attributes)
    return dict(metadata) if isinstance(metadata, Mapping) else {}


def is_label_image(group: zarr.Group) -> bool:
    """Whether a group is an OME-Zarr label image."""
    return "image-label" in ome_metadata(group)


def image_levels(
    folder: Path,
) -> tuple[str, list[tuple[int, ...]], list[Space]]:
    """Return axes, shapes and spaces of the levels of an OME-Zarr image on the disk.

    Raises
    ------
    Exception
        Of many kinds: there is no such image, or its metadata are damaged.
    """
    group = open_folder(folder)
    if not isinstance(group, zarr.Group):
        raise TypeError("it is an array")
    image = ome_metadata(group)["multiscales"][0]
    arrays = [_inside(group, each["path"]) for each in image["datasets"]]
    axes = axes_from_names(axis_names(image, arrays[0].ndim))
    if axes is None:
        raise ValueError("the names of its axes are no axes letters")
    spaces = [
        read_space(image, each, axes, folder.name)[0] for each in image["datasets"]
    ]
    return axes, [tuple(array.shape) for array in arrays], spaces


def _child(node: zarr.Group | zarr.Array[Any], key: str, where: str) -> Any:  # noqa: ANN401
    """Return the array or group at a path inside a group."""
    try:
        if isinstance(node, zarr.Group):
            return _inside(node, key)
    except MemoryError:
        raise
    except Exception:  # it is missing, leads out of the group, or is damaged
        pass
    remedy, parameter = _remedy(node)
    raise ImageError(f"{where} has nothing at key {key!r}{remedy}", parameter=parameter)


def _inside(group: zarr.Group, path: str) -> Any:  # noqa: ANN401
    """Return the array or group at a path below a group.

    But for Windows' drives: a folder joined with "C:/a" is "C:/a".
    """
    if PureWindowsPath(path).drive:
        raise KeyError(path)
    return group[path]


def _open_multiscale(
    group: zarr.Group,
    multiscales: Any,  # noqa: ANN401 - whatever the JSON holds
    name: str,
    where: str,
) -> Source:
    """Open the first multiscale image of a group, with all its resolutions."""
    image = multiscales[0]
    array = _inside(group, image["datasets"][0]["path"])
    if not isinstance(array, zarr.Array):
        raise TypeError(f"{array.path} is no array")
    array = checked_array(array, where)
    axes = axes_from_names(axis_names(image, array.ndim))
    if axes is not None and len(axes) != array.ndim:
        raise ImageError(
            f'{where}: the metadata name the axes "{axes}", the array has shape '
            f"{array.shape}; pass {shown(array.path)} as key, and axes",
            parameter="axes",
        )
    return Source(
        array,
        name,
        axes,
        reduced=tuple(_reduced(group, image, where)),
        space=_space(image, axes or _PLACEHOLDERS[: array.ndim], where),
        note=_note(group),
    )


def _of_fields(metadata: Mapping[str, Any]) -> str:
    """Describe the fields of a plate or a well."""
    plate, well = metadata.get("plate"), metadata.get("well")
    entries = (plate or well or {}) if isinstance(plate or well, Mapping) else {}
    wells = entries.get("wells" if plate else "images") or []
    names = [str(e.get("path")) for e in wells if isinstance(e, Mapping)][:4]
    listed = f" ({', '.join(names)}{', ...' if len(wells) > 4 else ''})"
    what = "a plate of wells" if plate else "a well of fields"
    return what + (listed if names else "")


def _note(group: zarr.Group) -> Mapping[str, Any] | None:
    """Return this package's note on a label image; see `own_note`."""
    note = group.attrs.asdict().get(KEY)
    return note if isinstance(note, Mapping) else None


def _reduced(group: zarr.Group, image: dict[str, Any], where: str) -> Iterator[Reduced]:
    """Yield the lower resolutions; damaged ones are skipped."""
    for dataset in image["datasets"][1:]:
        try:
            array = _inside(group, dataset["path"])
            if isinstance(array, zarr.Array):
                array = checked_array(array, where)
                yield Reduced(array, _factors(image, dataset, array.ndim, where))
        except MemoryError:
            raise
        except Exception:  # missing, unreadable in its own way, or not to be read
            continue


def _factors(
    image: dict[str, Any], dataset: dict[str, Any], ndim: int, where: str
) -> tuple[float, ...] | None:
    """Return a dataset's declared pixel size over that of full resolution."""
    letters = _PLACEHOLDERS[:ndim]
    sizes = []
    for each in (dataset, image["datasets"][0]):
        if not each.get("coordinateTransformations"):
            return None
        space, problems = read_space({}, each, letters, where)
        if problems or min(space.scale) < 0:
            return None
        sizes.append(space.scale)
    return tuple(size / full for size, full in zip(*sizes, strict=True))


def _space(image: dict[str, Any], letters: str, where: str) -> Space:
    """Return the space of the highest resolution; warn if it is unclear."""
    space, problems = read_space(image, image["datasets"][0], letters, where)
    if problems:
        warnings.warn(
            f"{where}: of its coordinateTransformations is left out: "
            f"{'; '.join(problems)}",
            HqsamWarning,
            stacklevel=7,
        )
    return space


def _dimension_names(array: zarr.Array[Any]) -> Sequence[str | None] | None:
    """Return the dimension names of a zarr v3 array, or xarray's in a v2 one."""
    names = getattr(array.metadata, "dimension_names", None)
    if names is None:
        names = array.attrs.get("_ARRAY_DIMENSIONS")
    return names if isinstance(names, (list, tuple)) else None


def _only_array(group: zarr.Group, where: str) -> zarr.Array[Any]:
    """Return the array of a group that holds exactly one."""
    try:
        with _foreign_files_allowed():
            arrays = [array for _, array in group.arrays()]
    except MemoryError:
        raise
    except Exception as error:
        raise ImageError(
            f"{where}: its arrays cannot be opened ({reason(error)})"
        ) from error
    if len(arrays) != 1:
        remedy, parameter = _remedy(group)
        raise ImageError(
            f"{where} is a zarr group without image metadata{remedy}",
            parameter=parameter,
        )
    return arrays[0]


def _remedy(node: zarr.Group | zarr.Array[Any]) -> tuple[str, str | None]:
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
