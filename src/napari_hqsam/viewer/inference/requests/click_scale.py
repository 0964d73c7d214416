"""The scale at which the model looks at a click.

As the setting "scale" says: the whole plane, the zoom of the view, or automatic. Then
the objects accepted so far tell the size to expect, and before the first one the part
of the plane that the canvas shows does.
"""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING, Literal, TypedDict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_hqsam.prompts import Prompt
    from napari_hqsam.viewer.canvas.scene import Scene
    from napari_hqsam.viewer.planes import PlaneView

TYPICAL_OF = 21
"""How many of the last accepted objects give the typical size (their median)."""


class ScaleOptions(TypedDict):
    """Options of `SegmentOptions` that choose the level of a prompt."""

    level: Literal["auto", "whole"] | int
    typical_size: float | None
    view_extent: float | None


def scale_of_prompt(
    scene: Scene, view: PlaneView, prompt: Prompt, accepted_sizes: Sequence[int]
) -> ScaleOptions:
    """Return the options that choose the level.

    Parameters
    ----------
    scene : Scene
    view : PlaneView
        The plane.
    prompt : Prompt
        A box or mask has a size of its own, which gives the level.
    accepted_sizes : sequence of int
        Longer sides of the last objects accepted on such planes, plane pixels.
    """
    level = _level(scene, view, prompt)
    size = float(median(accepted_sizes)) if accepted_sizes else None
    extent = None
    if level == "auto" and size is None:
        extent = float(max(round(scene.viewport.extent(scene.image, view)), 1))
    return ScaleOptions(level=level, typical_size=size, view_extent=extent)


def _level(
    scene: Scene, view: PlaneView, prompt: Prompt
) -> Literal["auto", "whole"] | int:
    scale = scene.settings.scale
    if scale == "whole":
        return "whole"
    if scale == "view" and prompt.box is None and prompt.mask is None:
        return round(-math.log2(scene.viewport.pixel_size(scene.image, view)))
    return "auto"
