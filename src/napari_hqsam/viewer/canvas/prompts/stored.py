"""All prompts of the widget's layers as plain data, to be restored later."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.viewer.canvas.prompts.signs import NEGATIVE, SIGN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_hqsam.viewer.canvas.prompts.prompt_set import PromptSet


@dataclass(frozen=True, eq=False)
class StoredPrompts:
    """Prompts with their signs, in the data coordinates of the layers.

    Attributes
    ----------
    points : list of (position, sign)
    shapes : list of (vertices, kind, sign)
    """

    points: list[tuple[NDArray[Any], str]] = field(default_factory=list)
    shapes: list[tuple[NDArray[Any], str, str]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.points or self.shapes)


def store_prompts(prompts: PromptSet) -> StoredPrompts:
    """Copy what the layers have."""
    points, shapes = prompts.points, prompts.shapes
    stored = StoredPrompts()
    if points is not None:
        signs = points.features[SIGN]
        stored.points.extend(zip(np.array(points.data), signs, strict=True))
    if shapes is not None:
        signs, kinds = shapes.features[SIGN], shapes.shape_type
        stored.shapes.extend(zip(shapes.data, kinds, signs, strict=True))
    return stored


def restore_prompts(prompts: PromptSet, stored: StoredPrompts) -> None:
    """Add stored prompts to the layers, which exist; `PromptSet.changed` is blocked."""
    points, shapes = prompts.points, prompts.shapes
    assert points is not None
    assert shapes is not None
    with prompts.blocked():
        for position, sign in stored.points:
            prompts.set_sign(negative=sign == NEGATIVE)
            points.add(position)
        for vertices, kind, sign in stored.shapes:
            prompts.set_sign(negative=sign == NEGATIVE)
            shapes.add(vertices, shape_type=kind)
        points.selected_data = shapes.selected_data = set()
        prompts.set_sign(negative=prompts.settings.negative)
