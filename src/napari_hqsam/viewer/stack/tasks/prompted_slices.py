"""Base class of the tasks that segment each slice by prompts."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from napari_hqsam.viewer.stack.slices.slice_results import (
    ObjectOnSlice,
    SlicePrompt,
    SliceResult,
)
from napari_hqsam.viewer.stack.tasks.task import POINT, StackTask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_hqsam.viewer.inference.requests.request import Request
    from napari_hqsam.viewer.stack.plan import SliceJob
    from napari_hqsam.viewer.stack.slices.slice_prompts import Keyed, SlicePrompts


class PromptedSlice(NamedTuple):
    """A slice, how it is segmented, and its prompts with the keys of objects."""

    z: int
    request: Request
    prompts: Keyed


class PromptedSlices(StackTask):
    """Segments each slice by prompts; one object for each."""

    takes_source = True

    def prepare(self) -> None:
        """Find the prompts; those of a layer are read slice by slice later."""
        found = self.find_prompts()
        self._slices_to_come = found.slices
        self._next: deque[PromptedSlice | None] = deque()
        self.own_prompts = found.own
        self.plan = replace(self.plan, total=found.total)

    @abstractmethod
    def find_prompts(self) -> SlicePrompts:
        """Return the prompts of the slices."""

    def before_step(self) -> None:
        """Read the prompts of the next slice; the first of them decides its level."""
        found = next(self._slices_to_come, None)
        if found is None:
            self._next.append(None)
            return
        z, prompts = found
        first = prompts[0][1] if prompts else POINT
        view = self.plan.stack.view_of(z)
        request = self.inputs.requests.request(view, first)
        self._next.append(PromptedSlice(z, request, prompts))

    def results(self, job: SliceJob) -> Iterator[SliceResult]:
        """Segment slice by slice, all prompts of one in batches."""
        while (each := self._next.popleft()) is not None and not job.checkpoint():
            request = each.request
            segmenter = job.engine.segmenter(request.image, request.model)
            prompts = [prompt for _, prompt in each.prompts]
            masks = (
                segmenter.segment_many(prompts, **request.arguments) if prompts else []
            )
            yield SliceResult(
                each.z,
                tuple(
                    ObjectOnSlice(
                        key, mask, SlicePrompt(replace(request, prompt=prompt))
                    )
                    for (key, prompt), mask in zip(each.prompts, masks, strict=True)
                ),
            )
