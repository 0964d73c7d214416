"""Draw a plane with the outlines of its labels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_hqsam.prompts import Prompt
    from napari_hqsam.segmentation import Segmenter

OVERLAY_SIDE = 4096
"""Longest side of the picture; larger planes are reduced by a power of 2."""


def _overlay_level(plane_shape: Sequence[int]) -> int:
    """Return the level at which a plane is drawn."""
    return max(0, math.ceil(math.log2(max(plane_shape) / OVERLAY_SIDE)))


def reduced_labels(labels: Any, index: tuple[int, ...]) -> NDArray[Any]:  # noqa: ANN401
    """Downsample the labels of a plane for its overlay, by nearest neighbour."""
    step = 1 << _overlay_level(labels.shape[-2:])
    small: NDArray[Any] = labels[
        (*index, slice(None, None, step), slice(None, None, step))
    ]
    return small


def draw_overlay_file(
    segmenter: Segmenter,
    labels: NDArray[Any],
    index: tuple[int, ...],
    prompts: list[Prompt],
    path: Path,
) -> None:
    """Draw a plane, its labels and prompts at the level of the labels, as PNG."""
    from PIL.PngImagePlugin import PngInfo

    from napari_hqsam.files import replacing
    from napari_hqsam.images import read_rgb8
    from napari_hqsam.labels import draw_overlay
    from napari_hqsam.labels.software_tag import MADE_BY

    level = _overlay_level(segmenter.image.plane_shape)
    rows, cols = labels.shape
    rgb = read_rgb8(
        segmenter.image,
        segmenter.normalization,
        index,
        (0, 0, rows << level, cols << level),
        level,
    )

    def scaled(*coordinates: float) -> tuple[Any, ...]:
        return tuple((c + 0.5) / 2**level - 0.5 for c in coordinates)

    picture = draw_overlay(
        rgb,
        labels,
        [scaled(*p) for prompt in prompts for p in prompt.points],
        [label for prompt in prompts for label in prompt.point_labels],
        [scaled(*prompt.box) for prompt in prompts if prompt.box],
    )
    made_by = PngInfo()
    made_by.add_text("Software", MADE_BY)
    with replacing(path) as partial:
        picture.save(partial, format="PNG", pnginfo=made_by)
