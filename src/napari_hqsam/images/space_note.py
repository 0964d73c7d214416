"""Notes in label files of this package, for what their format cannot express.

A format may want its axes in another order, or have no place for a rotation. The
writer then adds a note: axes and shape as they were, the whole space, and the space
as the format stores it. The reader restores axes and space from it, the latter only
while that stored space is unchanged: a pixel size edited in another program takes
precedence.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_hqsam.geometry import Space
from napari_hqsam.images.rearranged import rearranged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import tifffile

    from napari_hqsam.images.source import Source

KEY = "napari-hqsam"
"""Name of the note: attribute of a zarr group, key of a map annotation of OME-XML, or
start of a line of ImageJ's description."""


def make_note(
    space: Space, shape: Sequence[int], stored: Space
) -> dict[str, Any] | None:
    """Make the note on an array; None if the format can express everything.

    Parameters
    ----------
    space : Space
        Space of the array.
    shape : sequence of int
        Its shape.
    stored : Space
        The space as the file's format stores it.
    """
    if space == stored and 1 not in shape:  # readers may drop axes of length 1
        return None
    note: dict[str, Any] = {"axes": space.axes, "shape": list(shape)}
    if space != stored.select(space.axes) or 1 in shape:
        note |= {"space": space.to_dict(), "told": _of(stored)}
    return note


def restored(source: Source, note: Mapping[str, Any] | None) -> Source:
    """Restore the axes and the space of an array from its note.

    A note that does not fit, since the file was changed by another program, counts
    as none.
    """
    try:
        return source if note is None else _restored(source, note)
    except (KeyError, TypeError, ValueError, AttributeError):
        return source


def note_of_tiff(tif: tifffile.TiffFile, series: int) -> dict[str, Any] | None:
    """Return the note in a TIFF of any dialect; None if there is none.

    Parameters
    ----------
    tif : tifffile.TiffFile
    series : int
        Files of ours have one, the first.
    """
    if series != 0:
        return None
    try:
        if tif.is_ome and tif.ome_metadata:
            root = ElementTree.fromstring(tif.ome_metadata)
            found = root.find(f".//{{*}}MapAnnotation/{{*}}Value/{{*}}M[@K='{KEY}']")
            return None if found is None else from_text(found.text)
        if tif.is_imagej:
            return from_text((tif.imagej_metadata or {}).get(KEY))
        note = (tif.shaped_metadata or ({},))[0].get(KEY)
        return note if isinstance(note, dict) else None
    except Exception:  # a file of another program is no note of ours
        return None


def as_text(note: Mapping[str, Any]) -> str:
    """Serialise a note as one line of ASCII."""
    return json.dumps(note)


def from_text(text: str | None) -> dict[str, Any] | None:
    """Parse a note from `as_text`; None for any other text."""
    try:
        note = json.loads(text or "")
    except (TypeError, ValueError):
        return None
    return note if isinstance(note, dict) else None


def _restored(source: Source, note: Mapping[str, Any]) -> Source:
    axes, shape = str(note["axes"]), tuple(note["shape"])
    if source.axes is None or not axes.isalpha():
        return source
    array = rearranged(source.array, source.axes, axes)
    if tuple(array.shape) != shape:
        return source
    reduced = tuple(replace_array(each, source.axes, axes) for each in source.reduced)
    stored = source.space or Space.pixels(source.axes)
    space = _selected(stored, axes)
    if "space" in note:
        before = note["told"]
        if Space.from_dict(before["axes"], before).select(stored.axes).agrees(stored):
            space = Space.from_dict(axes, note["space"])
    return replace(
        source, array=array, axes=axes, reduced=reduced, space=space, is_rgb=False
    )


def replace_array(reduced: Any, axes: str, wanted: str) -> Any:  # noqa: ANN401
    """Return a copy of lower resolution with its axes in the order wanted."""
    factors = reduced.factors
    if factors is not None:
        by_axis = dict(zip(axes, factors, strict=True))
        factors = tuple(by_axis.get(letter, 1.0) for letter in wanted)
    return reduced._replace(
        array=rearranged(reduced.array, axes, wanted), factors=factors
    )


def _selected(space: Space, axes: str) -> Space:
    """Select axes; those that are not there are in pixels."""
    for letter in axes:
        if letter not in space.axes:
            space = space.with_axis(letter, 0)
    return space.select(axes)


def _of(space: Space) -> dict[str, Any]:
    return {"axes": space.axes, **space.to_dict()}
