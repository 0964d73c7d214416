"""The package's own JSON prompts, which can say all that a `Prompt` can.

.. code-block:: json

    {"prompts": [
        {"points": [[120.5, 80], [140, 96]], "point_labels": [1, 0], "id": 7},
        {"box": [10, 20, 60, 75], "plane": [3]},
        {"mask": "object.png", "mask_offset": [200, 310]}
    ]}

Coordinates are (y, x) in pixels, pixel centres at integers. `point_labels`
defaults to all 1. `mask` is a grey image beside the JSON file, not 0 where the
object is, as large as the plane or a crop at `mask_offset`. Entries with the
same `id` and `plane` are one object.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from napari_hqsam.errors import PromptError
from napari_hqsam.prompts.parts import Part, assemble, naming, whole_number
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
        Where it came from: for messages, and masks are looked for beside it.
    document : dict
        As in the module's example.

    Returns
    -------
    list of Prompt

    Raises
    ------
    PromptError
        If an entry cannot be read or an object is no usable prompt; names the
        file and the entry, counted from 1.
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
        plane = _list(entry, "plane")
        return Part(
            where,
            points=points,
            point_labels=[1] * len(points) if labels is None else labels,
            box=_list(entry, "box"),
            mask=None if name is None else _mask(path.parent, str(name)),
            mask_offset=_list(entry, "mask_offset"),
            object_id=None if object_id is None else whole_number(object_id, "id", 1),
            plane=None
            if plane is None
            else tuple(whole_number(index, "plane index", 0) for index in plane),
        )


def _list(entry: dict[str, Any], key: str) -> Any:  # noqa: ANN401
    value = entry.get(key)
    if value is not None and not isinstance(value, list):
        raise PromptError(f"{key} {shown(value)} is not a list")
    return value


def _mask(folder: Path, name: str) -> NDArray[np.bool_]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(folder / name) as image:
                pixels = np.asarray(image)
    except UnidentifiedImageError:
        raise PromptError(
            f"mask {shown(name)} is not an image; save it as PNG"
        ) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise PromptError(
            f"mask {shown(name)} has more than {Image.MAX_IMAGE_PIXELS} pixels; "
            "give a crop with mask_offset"
        ) from None
    except (OSError, SyntaxError, ValueError) as error:  # Pillow, on damaged files
        reason = getattr(error, "strerror", None) or "damaged image"
        raise PromptError(f"mask {shown(name)}: {reason}") from None
    if pixels.ndim != 2:
        raise PromptError(f"mask {shown(name)} is a colour image; save it as grey PNG")
    mask: NDArray[np.bool_] = pixels != 0
    return mask
