"""Multiscale images of OME-Zarr 0.1 to 0.6: their metadata, levels and space.

Specification: https://ngff.openmicroscopy.org
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import zarr

from napari_hqsam.errors import HqsamWarning, ImageError, shown
from napari_hqsam.geometry.axes import axes_from_names
from napari_hqsam.geometry.ome_zarr import axis_names, read_space
from napari_hqsam.images.formats.zarr.check import checked_array
from napari_hqsam.images.formats.zarr.nodes import inside, open_folder
from napari_hqsam.images.source import Reduced, Source
from napari_hqsam.images.space_note import KEY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_hqsam.geometry import Space

_PLACEHOLDERS = "abdefghijklmnopq"
"""Letters for axes that have no names."""


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
        Many kinds: there is no such image, or its metadata are damaged.
    """
    group = open_folder(folder)
    if not isinstance(group, zarr.Group):
        raise TypeError("it is an array")
    image = ome_metadata(group)["multiscales"][0]
    arrays = [inside(group, each["path"]) for each in image["datasets"]]
    axes = axes_from_names(axis_names(image, arrays[0].ndim))
    if axes is None:
        raise ValueError("the names of its axes are no axes letters")
    spaces = [
        read_space(image, each, axes, folder.name)[0] for each in image["datasets"]
    ]
    return spaces[0].axes, [tuple(array.shape) for array in arrays], spaces


def open_multiscale(
    group: zarr.Group,
    multiscales: Any,  # noqa: ANN401 - whatever the JSON holds
    name: str,
    where: str,
) -> Source:
    """Open the first multiscale image of a group, with all its resolutions.

    Raises
    ------
    ImageError
        The axes do not fit the array.
    KeyError, TypeError, ValueError
        The metadata are invalid.
    """
    image = multiscales[0]
    if len(multiscales) > 1:
        named = f" ({image['name']!r})" if image.get("name") else ""
        warnings.warn(
            f"{where} describes {len(multiscales)} multiscale images, of which the "
            f"first{named} is read; open another by the path of its arrays",
            HqsamWarning,
            stacklevel=6,
        )
    image = _finest_first(group, image)
    array = inside(group, image["datasets"][0]["path"])
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
    space = _space(image, axes or _PLACEHOLDERS[: array.ndim], where)
    return Source(
        array,
        name,
        axes and space.axes,
        reduced=tuple(_reduced(group, image, where)),
        space=space,
        note=_note(group),
        is_labels=is_label_image(group),
    )


def _finest_first(group: zarr.Group, image: dict[str, Any]) -> dict[str, Any]:
    """Return the metadata with the dataset first that has the most pixels.

    The specification orders them so, and some writers do not.
    """

    def pixels(dataset: Mapping[str, Any]) -> int:
        try:
            return int(inside(group, dataset["path"]).size)
        except Exception:  # it is missing or damaged: `_reduced` leaves it out
            return 0

    first, *others = image["datasets"]
    sizes = [pixels(each) for each in others]
    # Without the first the image is damaged, which others do not stand in for.
    if not sizes or not 0 < pixels(first) < max(sizes):
        return image
    return {**image, "datasets": sorted(image["datasets"], key=pixels, reverse=True)}


def _note(group: zarr.Group) -> Mapping[str, Any] | None:
    """Return this package's note on a label image; see `space_note`."""
    note = group.attrs.asdict().get(KEY)
    return note if isinstance(note, Mapping) else None


def _reduced(group: zarr.Group, image: dict[str, Any], where: str) -> Iterator[Reduced]:
    """Yield the lower resolutions; damaged ones are skipped."""
    for dataset in image["datasets"][1:]:
        try:
            array = inside(group, dataset["path"])
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
