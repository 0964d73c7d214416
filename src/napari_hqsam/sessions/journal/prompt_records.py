"""Prompts as plain JSON values, without loss."""

from __future__ import annotations

import base64
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.errors import ImageError
from napari_hqsam.prompts import Prompt
from napari_hqsam.sessions.journal.json_values import as_int, as_list, as_str
from napari_hqsam.sessions.journal.runs import decode_runs, encode_runs, unpacked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_hqsam.sessions.journal.lines import Json


MAX_MASK_BYTES = 2**28
"""Most bytes, uncompressed, of a prompt's mask that is written or read."""
_DTYPES = ("<f2", "<f4", "<f8")
"""Of logits; `Prompt` converts all other masks to bool."""


def prompt_to_json(prompt: Prompt) -> Json:
    """Return a prompt as plain values; missing parts are left out."""
    record: Json = {}
    if prompt.points:
        record["points"] = [list(point) for point in prompt.points]
        record["point_labels"] = list(prompt.point_labels)
    if prompt.box is not None:
        record["box"] = list(prompt.box)
    if prompt.mask is not None:
        record["mask"] = _array_to_json(prompt.mask)
    if prompt.mask_offset is not None:
        record["mask_offset"] = list(prompt.mask_offset)
    if prompt.label_id is not None:
        record["id"] = prompt.label_id
    if prompt.plane is not None:
        at = prompt.plane
        record["plane"] = list(at) if isinstance(at, tuple) else dict(at)
    return record


def prompt_from_json(record: Mapping[str, Any]) -> Prompt:
    """Read a prompt back.

    Raises
    ------
    PromptError
        It is invalid; also KeyError, TypeError or another ValueError.
    """
    mask = record.get("mask")
    return Prompt(
        record.get("points", ()),
        record.get("point_labels"),
        record.get("box"),
        None if mask is None else _array_from_json(mask),
        record.get("id"),
        mask_offset=record.get("mask_offset"),
        plane=record.get("plane"),
    )


def _array_to_json(array: NDArray[Any]) -> Json:
    """Return the mask of a prompt: bool as run lengths, logits zlib-compressed."""
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


def _array_from_json(record: Mapping[str, Any]) -> NDArray[Any]:
    height, width = (as_int(n, 1, MAX_MASK_BYTES) for n in as_list(record["shape"]))
    if "runs" in record:
        dtype = np.dtype(np.bool_)
    elif (name := as_str(record["dtype"])) in _DTYPES:
        dtype = np.dtype(name)
    else:
        raise ValueError(f"a mask of {name!r} is none of {', '.join(_DTYPES)}")
    size = height * width * dtype.itemsize
    if size > MAX_MASK_BYTES:
        raise ValueError(f"a mask of {size} bytes, the limit is {MAX_MASK_BYTES}")
    if "runs" in record:
        return decode_runs(record["runs"], (height, width), dtype)
    array = np.frombuffer(unpacked(record["pixels"], size), dtype)
    return array.reshape(height, width).astype(dtype.newbyteorder("="))
