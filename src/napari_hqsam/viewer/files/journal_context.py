"""Validate the context in a journal, as `session_context` writes it.

Journals may come from anybody: values that do not have the expected type and range are
left out, so that the rest can be used without further checks.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from napari_hqsam.files import names_other_computer
from napari_hqsam.labels import Overlap
from napari_hqsam.masks.finishing import MAX_SMOOTHING
from napari_hqsam.sessions.journal.json_values import (
    as_bool,
    as_float,
    as_int,
    as_list,
    as_str,
)
from napari_hqsam.viewer.state import OUTPUTS, Scale, Stretch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Reader = Callable[[Any], Any]
    """Returns a value, or raises ValueError."""

_MAX_AXIS = 15
_MAX_CHANNEL = 2**16
_OWN_READERS = (None, "napari", "builtins", "napari-hqsam")


def readable_context(value: object) -> dict[str, Any]:
    """Return the valid part of a context.

    Parameters
    ----------
    value : object
        Value in a line of a journal.
    """
    return _readable(_PARTS, value)


def what_is_opened(context: Mapping[str, Any], journal: Path) -> str:
    """Name what a session would open outside its own folder.

    Parameters
    ----------
    context : mapping
        From `readable_context`.
    journal : Path
        The journal.

    Returns
    -------
    str
        Empty if it opens only files in its folder, with a usual reader.
    """
    source = context.get("source", {})
    if "sample" in source:
        return f"the sample {' / '.join(source['sample'])}"
    path, reader = source.get("path", ""), source.get("reader")
    with_reader = "" if reader in _OWN_READERS else f" with the reader {reader}"
    if with_reader or (path and not _is_below(path, journal.parent)):
        return f"{path}{with_reader}"
    return ""


def _is_below(path: str, folder: Path) -> bool:
    if names_other_computer(path):
        return False
    with suppress(OSError, RuntimeError, ValueError):
        return Path(path).resolve().is_relative_to(folder.resolve())
    return False


def _readable(readers: Mapping[str, Reader], value: object) -> dict[str, Any]:
    readable: dict[str, Any] = {}
    for name, read in readers.items():
        if isinstance(value, Mapping) and name in value:
            with suppress(ValueError):
                readable[name] = read(value[name])
    return readable


def _one_of(known: Sequence[object]) -> Reader:
    def read(value: object) -> object:
        if not isinstance(value, str) or value not in known:
            raise ValueError
        return value

    return read


def _maybe(read: Reader) -> Reader:
    return lambda value: None if value is None else read(value)


def _up_to(high: int) -> Reader:
    return lambda value: as_int(value, 0, high)


def _several(read: Reader, most: int) -> Reader:
    def all_of(value: object) -> list[Any]:
        found = [read(one) for one in as_list(value)]
        if len(found) > most:
            raise ValueError
        return found

    return all_of


def _sample(value: object) -> list[str]:
    plugin, name = _several(as_str, 2)(value) or (None, None)
    return [as_str(plugin), as_str(name)]


def _limits(value: object) -> list[float]:
    low, high = _several(as_float, 2)(value)
    if not low < high:
        raise ValueError
    return [low, high]


def _plane(value: object) -> dict[str, Any]:
    plane = _readable(
        {
            "axes": _several(_up_to(_MAX_AXIS), 2),
            "position": _several(as_float, _MAX_AXIS + 1),
        },
        value,
    )
    axes, position = plane.get("axes", []), plane.get("position", [])
    if len(set(axes)) != 2 or max(axes) >= len(position):
        raise ValueError
    return plane


_SETTINGS: dict[str, Reader] = {
    "channel_axis": _maybe(_up_to(_MAX_AXIS)),
    "channels": _several(_up_to(_MAX_CHANNEL), 3),
    "more_layers": _several(as_str, 2),
    "stretch": _one_of(get_args(Stretch)),
    "output": _one_of(OUTPUTS),
    "scale": _one_of(get_args(Scale)),
    "clean": as_bool,
    "fill": as_bool,
    "smooth": _up_to(MAX_SMOOTHING),
    "overlap": _one_of(get_args(Overlap)),
    "model": as_str,
}
_SOURCE: dict[str, Reader] = {
    "path": as_str,
    "reader": _maybe(as_str),
    "sample": _sample,
}
_PARTS: dict[str, Reader] = {
    "settings": lambda value: _readable(_SETTINGS, value),
    "layer": as_str,
    "source": lambda value: _readable(_SOURCE, value),
    "limits": _limits,
    "plane": _plane,
}
