"""Convert drawn shapes to prompts, with napari's names for the kinds of shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_hqsam.errors import PromptError
from napari_hqsam.prompts.geometry import (
    axis_aligned_box,
    ellipse_mask,
    outline_box,
    path_points,
    polygon_mask,
    vertex_array,
)
from napari_hqsam.prompts.prompt import Prompt
from napari_hqsam.prompts.wording import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_hqsam.geometry import PlaneIndex

SHAPE_KINDS = ("rectangle", "ellipse", "polygon", "line", "path")


def from_shape(
    kind: str,
    vertices: Sequence[Sequence[float]] | NDArray[np.float64],
    *,
    label_id: int | None = None,
    plane: PlaneIndex | None = None,
    plane_shape: tuple[int, int] | None = None,
) -> Prompt:
    """Make the prompt of a drawn shape.

    An axis-aligned rectangle becomes a box; an ellipse, polygon or rotated rectangle a
    mask with the box around its outline; a line or path a scribble of positive points.

    Parameters
    ----------
    kind : str
        One of `SHAPE_KINDS`.
    vertices : (n, 2) array-like of float
        (y, x) in plane pixels; of an ellipse the four corners of its box.
    label_id : int, optional
        Id of the object.
    plane : mapping of str to int, or tuple of int, optional
        Index over the leading axes; see `geometry.PlaneIndex`.
    plane_shape : (h, w), optional
        Size of the plane, if known: the shape is rasterised within it only.

    Returns
    -------
    Prompt

    Raises
    ------
    PromptError
        The kind is unknown, or the shape is not a valid prompt.
    """
    corners = vertex_array(vertices)
    box = axis_aligned_box(corners) if kind == "rectangle" else None
    parts: dict[str, Any]
    if box is not None:
        parts = {"box": box}
    elif kind in ("rectangle", "polygon", "ellipse"):
        mask, offset = (
            ellipse_mask(corners, plane_shape)
            if kind == "ellipse"
            else polygon_mask([corners], plane_shape)
        )
        parts = {"mask": mask, "mask_offset": offset, "box": outline_box(corners)}
    elif kind in ("line", "path"):
        parts = {"points": path_points(corners)}
    else:
        raise PromptError(
            f"shape type {shown(kind)} is none of {', '.join(SHAPE_KINDS)}"
        )
    return Prompt(**parts, label_id=label_id, plane=plane)
