"""Keep the prompts of the widget's layers while a task works on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_hqsam.viewer.stack.slices.shown_slices import own_prompts

if TYPE_CHECKING:
    from napari_hqsam.viewer.inference.controller import InferenceController
    from napari_hqsam.viewer.stack.tasks.task import StackTask


class PromptStash:
    """Removes prompts from their slices, and restores those that gave no object.

    Parameters
    ----------
    controller : InferenceController
    """

    def __init__(self, controller: InferenceController) -> None:
        self._controller = controller
        self._scene, self._current = controller.scene, controller.current

    def take(self, task: StackTask) -> None:
        """Remove the prompts of a task: they belong to its objects now."""
        if not task.own_prompts:
            return
        for z, _ in task.own_prompts:
            self._scene.prompts.remove_from(task.plan.stack.layer_view_of(z))
        self._current.label_id = None
        self._controller.clear_current()

    def restore(self, task: StackTask) -> None:
        """Restore the prompts that gave no object, if the image is still the same."""
        scene, plan, prompted = self._scene, task.plan, task.progress.prompted
        same_image = (
            scene.key == plan.image_key
            and scene.channel_axis == plan.stack.view.channel_axis
        )
        if scene.image is None or not same_image:
            return
        left = {at: p for at, p in task.own_prompts.items() if at not in prompted}
        if not left:
            return
        others = own_prompts(scene, plan.stack)
        for (z, _), prompt in left.items():
            if z not in others:
                scene.put_prompt(prompt, plan.stack.layer_view_of(z))
        if task.reopened is not None and not prompted:
            self._current.label_id = task.reopened
        self._controller.predict_soon()
