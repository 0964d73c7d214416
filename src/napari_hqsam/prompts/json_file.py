"""The package's own JSON format, which can express every `Prompt`.

.. code-block:: json

    {"prompts": [
        {"points": [[120.5, 80], [140, 96]], "point_labels": [1, 0], "id": 7},
        {"box": [10, 20, 60, 75], "plane": {"z": 3}},
        {"mask": "object.png", "mask_offset": [200, 310]}
    ]}

Coordinates are (y, x) in pixels, pixel centres at integers. `point_labels`
defaults to all 1. `mask` is a grey image beside the JSON file or in a folder
below, not 0 where the object is, as large as the plane or a crop at `mask_offset`.
Entries with the same `id` and `plane` are one object.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.errors import ImageError, PromptError, reason
from napari_hqsam.files import below
from napari_hqsam.images import open_source
from napari_hqsam.prompts.geometry import MAX_CROP_PIXELS
from napari_hqsam.prompts.parts import (
    Part,
    assemble,
    naming,
    object_number,
    plane_index,
    point_label,
)
from napari_hqsam.prompts.wording import shown

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_hqsam.prompts.prompt import Prompt

KEYS = ("points", "point_labels", "box", "mask", "mask_offset", "id", "plane")


def read_json(path: Path, document: dict[str, Any]) -> list[Prompt]:
    """Read prompts from the parsed content of a JSON file.

    Parameters
    ----------
    path : Path
        The file: for messages, and to find masks beside it.
    document : dict
        As in the module's example.

    Returns
    -------
    list of Prompt

    Raises
    ------
    PromptError
        An entry cannot be read, or an object is not a valid prompt; names the file
        and the entry, counted from 1.
    """
    entries = document.get("prompts")
    if not isinstance(entries, list):
        raise PromptError(f'{path}: "prompts" is not a list')
    return assemble(
        path, (_part(path, f"prompt {n}", e) for n, e in enumerate(entries, start=1))
    )


def _part(path: Path, where: str, entry: object) -> Part:
    with naming(path, where):
        if not isinstance(entry, dict):
            raise PromptError("not an object with points, box or mask")
        unknown = sorted(set(entry) - set(KEYS))
        if unknown:
            raise PromptError(f"key {shown(unknown[0])} is none of {', '.join(KEYS)}")
        points = _list(entry, "points") or []
        labels = _list(entry, "point_labels")
        if labels is not None and len(labels) != len(points):
            raise PromptError(
                f"{len(labels)} point_labels for {len(points)} points; "
                "give one for each point"
            )
        name, object_id = entry.get("mask"), entry.get("id")
        plane = entry.get("plane")
        return Part(
            where,
            points=points,
            point_labels=[1] * len(points)
            if labels is None
            else [point_label(label, "point label") for label in labels],
            box=_list(entry, "box"),
            mask=None if name is None else _mask(path.parent, _text(name)),
            mask_offset=_list(entry, "mask_offset"),
            object_id=None if object_id is None else object_number(object_id, "id"),
            plane=None if plane is None else plane_index(plane),
        )


def _text(name: object) -> str:
    if not isinstance(name, str):
        raise PromptError(f"mask {shown(name)} is not the name of a file")
    return name


def _list(entry: dict[str, Any], key: str) -> Any:  # noqa: ANN401
    value = entry.get(key)
    if value is not None and not isinstance(value, list):
        raise PromptError(f"{key} {shown(value)} is not a list")
    return value


def _mask(folder: Path, name: str) -> NDArray[np.bool_]:
    path = _file_below(folder, name)
    try:
        source = open_source(path, keep_indices=True)
        shape = source.array.shape
        if len(shape) != 2:
            raise PromptError(
                f"mask {shown(name)} is a colour image or a stack; save it as grey PNG"
            )
        if shape[0] * shape[1] > MAX_CROP_PIXELS:
            raise PromptError(
                f"mask {shown(name)} has {shape[0]} x {shape[1]} pixels, the limit is "
                f"{MAX_CROP_PIXELS} in all; give a crop with mask_offset"
            )
        mask: NDArray[np.bool_] = np.asarray(source.array[:, :]) != 0
        if source.axes == "xy":
            mask = mask.T
    except (PromptError, MemoryError):
        raise
    except ImageError as error:
        raise PromptError(f"mask {shown(name)}: {error}") from None
    except Exception as error:  # each codec has its own errors for damaged files
        raise PromptError(f"mask {shown(name)}: {reason(error)}") from None
    return mask


def _file_below(folder: Path, name: str) -> Path:
    """Return the path of an existing file below a folder.

    Others are refused, since the name comes from an untrusted file.
    """
    path = below(folder, name)
    if path is None:
        raise PromptError(
            f"mask {shown(name)} is not below the folder of this file; put it there"
        )
    with suppress(OSError, ValueError):
        if path.is_file():
            return path
    raise PromptError(f"mask {shown(name)}: No such file; put it beside this one")
