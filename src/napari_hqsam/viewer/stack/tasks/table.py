"""The tasks that the panel offers, by the names that its state has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_hqsam.viewer.stack.tasks.find_all import FindAllOnSlices
from napari_hqsam.viewer.stack.tasks.follow_accepted import FollowAccepted
from napari_hqsam.viewer.stack.tasks.follow_prompted import FollowPrompted
from napari_hqsam.viewer.stack.tasks.prompts_of_each import PromptsOfEach
from napari_hqsam.viewer.stack.tasks.same_prompts import SamePrompts

if TYPE_CHECKING:
    from napari_hqsam.viewer.stack.tasks.task import StackTask

TASKS: dict[str, type[StackTask]] = {
    "follow": FollowPrompted,
    "accepted": FollowAccepted,
    "same": SamePrompts,
    "each": PromptsOfEach,
    "auto": FindAllOnSlices,
}
