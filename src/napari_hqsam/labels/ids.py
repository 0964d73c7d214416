"""Assign label ids to prompts."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from napari_hqsam.errors import PromptError
from napari_hqsam.labels.writing import MAX_ID

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_hqsam.prompts import Prompt


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
