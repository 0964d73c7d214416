"""Prompts as plain JSON values, with nothing lost."""

from __future__ import annotations

import base64
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.errors import ImageError
from napari_hqsam.prompts import Prompt
from napari_hqsam.sessions.journal.plain import items, text, whole
from napari_hqsam.sessions.journal.runs import decode_runs, encode_runs, unpacked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_hqsam.sessions.journal.lines import Json


MAX_MASK_BYTES = 2**28
"""Larger masks of prompts are neither written nor read; pixels are uncompressed."""
_DTYPES = ("<f2", "<f4", "<f8")
"""Of logits; all else is made bool when a prompt is made."""


def prompt_to_json(prompt: Prompt) -> Json:
    """Return all that a prompt says as plain values; parts it has not are left out."""
    said: Json = {}
    if prompt.points:
        said["points"] = [list(point) for point in prompt.points]
        said["point_labels"] = list(prompt.point_labels)
    if prompt.box is not None:
        said["box"] = list(prompt.box)
    if prompt.mask is not None:
        said["mask"] = _array_to_json(prompt.mask)
    if prompt.mask_offset is not None:
        said["mask_offset"] = list(prompt.mask_offset)
    if prompt.label_id is not None:
        said["id"] = prompt.label_id
    if prompt.plane is not None:
        at = prompt.plane
        said["plane"] = list(at) if isinstance(at, tuple) else dict(at)
    return said


def prompt_from_json(said: Mapping[str, Any]) -> Prompt:
    """Read a prompt back.

    Raises
    ------
    PromptError
        If it is none; also KeyError, TypeError or another ValueError.
    """
    mask = said.get("mask")
    return Prompt(
        said.get("points", ()),
        said.get("point_labels"),
        said.get("box"),
        None if mask is None else _array_from_json(mask),
        said.get("id"),
        mask_offset=said.get("mask_offset"),
        plane=said.get("plane"),
    )


def _array_to_json(array: NDArray[Any]) -> Json:
    """Mask of a prompt: bool as runs, logits as they are."""
    if array.nbytes > MAX_MASK_BYTES:
        raise ImageError(
            f"the mask of a prompt takes {array.nbytes} bytes, the limit is "
            f"{MAX_MASK_BYTES}; give a crop with mask_offset"
        )
    if array.dtype == np.bool_:
        return {"shape": list(array.shape), "runs": encode_runs(array)}
    dtype = array.dtype.newbyteorder("<")
    if dtype.str not in _DTYPES:
        dtype = np.dtype(_DTYPES[-1])
    pixels = zlib.compress(array.astype(dtype).tobytes())
    return {
        "shape": list(array.shape),
        "dtype": dtype.str,
        "pixels": base64.b64encode(pixels).decode(),
    }


def _array_from_json(said: Mapping[str, Any]) -> NDArray[Any]:
    height, width = (whole(n, 1, MAX_MASK_BYTES) for n in items(said["shape"]))
    if "runs" in said:
        dtype = np.dtype(np.bool_)
    elif (name := text(said["dtype"])) in _DTYPES:
        dtype = np.dtype(name)
    else:
        raise ValueError(f"a mask of {name!r} is none of {', '.join(_DTYPES)}")
    size = height * width * dtype.itemsize
    if size > MAX_MASK_BYTES:
        raise ValueError(f"a mask of {size} bytes, the limit is {MAX_MASK_BYTES}")
    if "runs" in said:
        return decode_runs(said["runs"], (height, width), dtype)
    array = np.frombuffer(unpacked(said["pixels"], size), dtype)
    return array.reshape(height, width).astype(dtype.newbyteorder("="))
