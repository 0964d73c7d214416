"""Which images a zarr folder holds: OME-Zarr's layouts, and those around it.

Source: OME-Zarr 0.4 and 0.5, sections "plate", "well", "labels", "omero" and
"bioformats2raw.layout". Only metadata are read.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import zarr

from napari_hqsam.images.formats.zarr.multiscale import is_label_image, ome_metadata

if TYPE_CHECKING:
    from collections.abc import Iterator

Kind = Literal["array", "image", "labels", "series", "plate", "well", "list of labels"]
_HEX = re.compile(r"#?([0-9a-fA-F]{6})(?:[0-9a-fA-F]{2})?")
_MOST_WELLS = 10_000


@dataclass(frozen=True)
class Layout:
    """What a zarr folder is, and the paths of the images in it.

    Attributes
    ----------
    kind : str
        "array" (no metadata of OME-Zarr), "image", "labels", "series" (of
        bioformats2raw), "plate" and "well" (whose images are fields), or
        "list of labels" (the group ``labels`` of an image).
    keys : tuple of str
        Paths inside the folder, such as "A/1/0"; "" is the folder itself.
    labels : tuple of str
        Paths of the label images inside an image.
    """

    kind: Kind
    keys: tuple[str, ...] = ("",)
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Channel:
    """How a channel of an image is to be shown.

    Attributes
    ----------
    name : str or None
    color : str or None
        Such as "#00ff00".
    limits : (float, float) or None
        Values that are shown black, and in full colour.
    visible : bool
    """

    name: str | None = None
    color: str | None = None
    limits: tuple[float, float] | None = None
    visible: bool = True


def layout_of(node: zarr.Group | zarr.Array[Any]) -> Layout:
    """Classify a zarr folder: array, image, labels, series, plate or well.

    Damaged metadata count as none: then it is an "array", or fails when it is read.
    """
    if isinstance(node, zarr.Array):
        return Layout("array")
    metadata = ome_metadata(node)
    if metadata.get("multiscales"):
        if is_label_image(node):
            return Layout("labels")
        return Layout("image", labels=tuple(_labels_in(node)))
    if isinstance(metadata.get("plate"), Mapping):
        return Layout("plate", tuple(_fields(node, metadata["plate"])))
    if isinstance(metadata.get("well"), Mapping):
        return Layout("well", tuple(_paths(metadata["well"].get("images"))))
    if isinstance(metadata.get("labels"), list):
        return Layout("list of labels", tuple(map(str, metadata["labels"])))
    if "bioformats2raw.layout" in metadata:
        return Layout("series", tuple(_series(node)))
    return Layout("array")


def channels_of(group: zarr.Group, count: int) -> list[Channel]:
    """Return how the channels of an image are to be shown, as ``omero`` says.

    Parameters
    ----------
    group : zarr.Group
        Group of the image.
    count : int
        How many channels it has; what the metadata leave open is None.
    """
    omero = ome_metadata(group).get("omero")
    channels = omero.get("channels") if isinstance(omero, Mapping) else None
    found = [
        _channel(each) if isinstance(each, Mapping) else Channel()
        for each in (channels if isinstance(channels, list) else [])
    ]
    return [*found, *[Channel()] * count][:count]


def _channel(entry: Mapping[str, Any]) -> Channel:
    label, color = entry.get("label"), entry.get("color")
    hexadecimal = _HEX.fullmatch(color) if isinstance(color, str) else None
    limits = None
    with suppress(KeyError, TypeError, ValueError):
        low, high = (float(entry["window"][name]) for name in ("start", "end"))
        limits = (low, high) if -math.inf < low < high < math.inf else None
    return Channel(
        str(label) if label not in (None, "") else None,
        f"#{hexadecimal[1].lower()}" if hexadecimal else None,
        limits,
        entry.get("active") is not False,
    )


def _labels_in(group: zarr.Group) -> Iterator[str]:
    """Yield the paths of the label images that an image lists and has."""
    with suppress(Exception):  # there are none, or the list is damaged
        listed = ome_metadata(_group(group, "labels")).get("labels")
        for name in listed if isinstance(listed, list) else ():
            key = f"labels/{name}"
            with suppress(Exception):
                if isinstance(group[key], zarr.Group):
                    yield key


def _fields(group: zarr.Group, plate: Mapping[str, Any]) -> Iterator[str]:
    """Yield the paths of all fields of a plate: row, column, field."""
    for well in list(_paths(plate.get("wells")))[:_MOST_WELLS]:
        with suppress(Exception):  # a well that is not there, or damaged
            images = ome_metadata(_group(group, well))["well"]["images"]
            yield from (f"{well}/{path}" for path in _paths(images))


def _paths(entries: Any) -> Iterator[str]:  # noqa: ANN401 - whatever the JSON holds
    for entry in entries if isinstance(entries, Sequence) else ():
        if isinstance(entry, Mapping) and isinstance(entry.get("path"), str | int):
            yield str(entry["path"]).strip("/")


def _series(group: zarr.Group) -> Iterator[str]:
    """Yield the groups of a converted file: as listed, else 0, 1, ..."""
    with suppress(Exception):
        listed = ome_metadata(_group(group, "OME")).get("series")
        if isinstance(listed, list) and listed:
            yield from map(str, listed)
            return
    number = 0
    while str(number) in group:
        yield str(number)
        number += 1


def _group(group: zarr.Group, path: str) -> zarr.Group:
    found = group[path]
    if not isinstance(found, zarr.Group):
        raise KeyError(path)
    return found
