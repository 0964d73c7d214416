"""Make one prompt per object of a label image, to refine it or to evaluate a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import scipy  # its parts come when first used

from napari_hqsam.errors import PromptError
from napari_hqsam.masks.algebra import deepest_pixel, pixel_box
from napari_hqsam.prompts.prompt import Prompt
from napari_hqsam.prompts.wording import shown

if TYPE_CHECKING:
    from numpy.typing import NDArray


def from_labels(
    labels: NDArray[Any], kind: Literal["box", "point", "mask"] = "box"
) -> list[Prompt]:
    """Make one prompt per label id of a plane.

    Parameters
    ----------
    labels : (h, w) integer or bool array
        0 (and anything below) is background.
    kind : {"box", "point", "mask"}
        "box": around the object's pixels; "point": its pixel furthest from the
        background and the image border; "mask": its pixels with their box. An id
        in several components is one object.

    Returns
    -------
    list of Prompt
        In the order of the ids, which are their `label_id`; empty if there
        are none.

    Raises
    ------
    PromptError
        If the labels are no integer plane or the kind is unknown.
    """
    labels = np.asarray(labels)
    if labels.ndim != 2 or labels.dtype.kind not in "iub":
        raise PromptError(
            f"labels of {labels.ndim} axes and type {labels.dtype}; "
            "give one plane (y, x) of integers"
        )
    if kind not in ("box", "point", "mask"):
        raise PromptError(f"prompt kind {shown(kind)} is none of box, point, mask")
    ids = np.unique(labels)
    ids = ids[ids > 0]
    # ranks instead of ids: find_objects makes a list up to the largest number
    ranks = np.zeros(labels.shape, np.int32)
    foreground = labels > 0
    ranks[foreground] = np.searchsorted(ids, labels[foreground]) + 1
    return [
        _prompt(ranks[window] == rank, window, int(label_id), kind)
        for rank, (label_id, window) in enumerate(
            zip(ids, scipy.ndimage.find_objects(ranks), strict=True), start=1
        )
    ]


def _prompt(
    mask: NDArray[np.bool_], window: tuple[slice, slice], label_id: int, kind: str
) -> Prompt:
    offset = window[0].start, window[1].start
    if kind == "point":
        (y, x), _ = deepest_pixel(mask)
        point = float(offset[0] + y), float(offset[1] + x)
        return Prompt(points=[point], label_id=label_id)
    box = pixel_box(mask, offset)
    if kind == "box":
        return Prompt(box=box, label_id=label_id)
    return Prompt(box=box, mask=mask, mask_offset=offset, label_id=label_id)
