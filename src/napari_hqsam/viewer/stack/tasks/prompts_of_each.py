"""Segment each slice by its own prompts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_hqsam.viewer.stack.slices.slice_prompts import prompts_of_each
from napari_hqsam.viewer.stack.tasks.prompted_slices import PromptedSlices

if TYPE_CHECKING:
    from napari_hqsam.viewer.stack.slices.slice_prompts import SlicePrompts


class PromptsOfEach(PromptedSlices):
    """Segments each slice by its own prompts; labels keep their ids."""

    name = "each"
    title = "each slice by its prompts"
    tip = "One object per prompt, slice by slice"

    def find_prompts(self) -> SlicePrompts:
        """Return the prompts that each slice has."""
        inputs, plan = self.inputs, self.plan
        return prompts_of_each(inputs.scene, plan.stack, inputs.source, plan.span)
