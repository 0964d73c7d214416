"""Ids of labels: assigned to prompts, and read from floats."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.errors import ImageError, PromptError
from napari_hqsam.labels.writing import MAX_ID

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_hqsam.prompts import Prompt


def whole_ids(labels: NDArray[Any], name: str) -> NDArray[Any]:
    """Convert labels that a program has saved as floats to integers.

    Parameters
    ----------
    labels : array
        Integers or bool, which are returned as they are, or floats.
    name : str
        What errors call them.

    Returns
    -------
    numpy.ndarray
        Floats become uint32, or int64 where an id is negative or too high for that.

    Raises
    ------
    ImageError
        A number is not whole, or higher than the floats can count.
    """
    if labels.dtype.kind != "f":
        return labels
    whole = labels == np.rint(labels)  # not of NaN
    if not (whole & np.isfinite(labels)).all():
        first = labels[~(whole & np.isfinite(labels))][0]
        raise ImageError(
            f"{name} holds {first:g}; labels must be whole numbers, one id per pixel"
        )
    lowest, highest = float(labels.min(initial=0)), float(labels.max(initial=0))
    exact = 2 ** (np.finfo(labels.dtype).nmant + 1)
    if max(-lowest, highest) > exact:
        raise ImageError(
            f"{name} holds the id {highest:.0f}, above {exact}, from where on "
            f"{labels.dtype.name} skips numbers: ids were rounded when it was saved. "
            "Save it as integers"
        )
    return labels.astype(np.uint32 if lowest >= 0 and highest <= MAX_ID else np.int64)


def label_ids(
    groups: Mapping[tuple[int, ...], Sequence[Prompt]],
) -> dict[tuple[int, ...], list[int]]:
    """Assign an id to each prompt: its own, else the next unused one.

    Parameters
    ----------
    groups : mapping
        Prompts by plane.

    Returns
    -------
    dict
        Ids by plane, in the order of the prompts.

    Raises
    ------
    PromptError
        Two prompts of a plane have one id, or an id is too high.
    """
    for group in groups.values():
        own = Counter(p.label_id for p in group if p.label_id)
        for label_id, times in own.items():
            if times > 1:
                raise PromptError(
                    f"{times} prompts for object {label_id} on one plane: name the "
                    "plane of all or of none, or give each object its own id"
                )
    used = {p.label_id for group in groups.values() for p in group if p.label_id}
    if used and max(used) > MAX_ID:
        raise PromptError(f"object id {max(used)} is above {MAX_ID}: renumber them")
    free = (i for i in range(1, MAX_ID + 1) if i not in used)
    return {
        index: [p.label_id or next(free) for p in group]
        for index, group in groups.items()
    }
