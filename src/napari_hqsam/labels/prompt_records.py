"""Prompts as plain JSON values, with nothing lost."""

from __future__ import annotations

import base64
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.labels.runs import decode_runs, encode_runs
from napari_hqsam.prompts import Prompt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_hqsam.labels.journal import Json


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
        said["plane"] = list(prompt.plane)
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
    if array.dtype == np.bool_:
        return {"shape": list(array.shape), "runs": encode_runs(array)}
    dtype = array.dtype.newbyteorder("<")
    pixels = zlib.compress(array.astype(dtype).tobytes())
    return {
        "shape": list(array.shape),
        "dtype": dtype.str,
        "pixels": base64.b64encode(pixels).decode(),
    }


def _array_from_json(said: Mapping[str, Any]) -> NDArray[Any]:
    if "runs" in said:
        return decode_runs(said["runs"], said["shape"], np.bool_)
    try:
        pixels = zlib.decompress(base64.b64decode(said["pixels"], validate=True))
    except zlib.error as error:
        raise ValueError(f"a mask is damaged: {error}") from error
    dtype = np.dtype(said["dtype"])
    array = np.frombuffer(pixels, dtype).reshape(said["shape"])
    return array.astype(dtype.newbyteorder("="))
