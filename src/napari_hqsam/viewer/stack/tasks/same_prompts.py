"""Segment each slice by the prompts of the slice shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_hqsam.viewer.stack.slices.slice_prompts import same_prompts
from napari_hqsam.viewer.stack.tasks.prompted_slices import PromptedSlices

if TYPE_CHECKING:
    from napari_hqsam.viewer.stack.slices.slice_prompts import SlicePrompts


class SamePrompts(PromptedSlices):
    """Segments each slice with the same prompts, each one object on all slices."""

    name = "same"
    title = "same prompts, each slice"
    tip = "Those on the slice shown, on every slice"

    def find_prompts(self) -> SlicePrompts:
        """Return the prompts of the slice shown, for every slice."""
        inputs, plan = self.inputs, self.plan
        return same_prompts(inputs.scene, plan.stack, inputs.source, plan.span)
