"""The masks of a cell in a file."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import numpy as np

from napari_hqsam.errors import OutputError, reason
from napari_hqsam.files import replacing
from napari_hqsam.geometry.boxes import shape_of
from napari_hqsam.masks.mask import Mask

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def save_cell(path: Path, masks: Sequence[Mask]) -> None:
    """Write the masks of a cell, atomically: boxes, scores, and packed pixels."""
    pixels = [np.packbits(mask.data.ravel()) for mask in masks]
    with replacing(path) as partial, partial.open("wb") as file:
        np.savez_compressed(
            file,
            boxes=np.array([mask.bbox for mask in masks], np.int64).reshape(-1, 4),
            scores=np.array([(m.score, m.stability) for m in masks]).reshape(-1, 2),
            pixels=np.concatenate([np.zeros(0, np.uint8), *pixels]),
        )


def load_cell(path: Path) -> list[Mask]:
    """Read the masks of a cell.

    Raises
    ------
    OutputError
        The file is missing or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            boxes, scores = stored["boxes"].tolist(), stored["scores"].tolist()
            pixels = stored["pixels"]
        masks, at = [], 0
        for box, (score, stability) in zip(boxes, scores, strict=True):
            h, w = shape_of(tuple(box))
            size = -(-h * w // 8)
            bits = np.unpackbits(pixels[at : at + size], count=h * w)
            masks.append(Mask(tuple(box), bits.reshape(h, w) > 0, score, stability))
            at += size
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise OutputError(
            f"{path} of the interrupted batch is damaged ({reason(error)}): restart"
        ) from error
    return masks
