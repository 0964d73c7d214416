"""Tasks on slices.

A new task is one file with a `StackTask`, and one line in `TASKS`.
"""

from napari_hqsam.viewer.stack.tasks.find_all import FindAllOnSlices
from napari_hqsam.viewer.stack.tasks.follow_accepted import FollowAccepted
from napari_hqsam.viewer.stack.tasks.follow_prompted import FollowPrompted
from napari_hqsam.viewer.stack.tasks.prompts_of_each import PromptsOfEach
from napari_hqsam.viewer.stack.tasks.same_prompts import SamePrompts
from napari_hqsam.viewer.stack.tasks.task import StackTask

TASKS: dict[str, type[StackTask]] = {
    task.name: task
    for task in (
        FollowPrompted,
        FollowAccepted,
        SamePrompts,
        PromptsOfEach,
        FindAllOnSlices,
    )
}
"""By name, in the order of the panel."""

__all__ = ["TASKS", "StackTask"]
