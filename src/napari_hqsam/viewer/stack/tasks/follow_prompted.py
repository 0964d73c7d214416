"""Propagate the prompted object; after a correction, redo what it can change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_hqsam.errors import PromptError
from napari_hqsam.viewer.stack.known_objects import KnownObject, known_object
from napari_hqsam.viewer.stack.slices.shown_slices import (
    check_inside,
    own_prompts,
    spacing_of,
)
from napari_hqsam.viewer.stack.slices.slice_results import SlicePrompt
from napari_hqsam.viewer.stack.tasks.propagation import propagate, with_boxes
from napari_hqsam.viewer.stack.tasks.task import BOX, StackTask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_hqsam.sessions.session import Session
    from napari_hqsam.viewer.session.target.layer_target import LayerTarget
    from napari_hqsam.viewer.stack.plan import SliceJob
    from napari_hqsam.viewer.stack.slices.slice_results import SliceResult

KEY = 0
"""Of the only object."""


class FollowPrompted(StackTask):
    """Propagates one object from slices on which it is prompted or made by hand."""

    name = "follow"
    title = "follow the prompted object"
    tip = "Prompt it on one slice or on several"
    action = "Propagate"
    takes_direction = True
    level_prompt = BOX

    def prepare(self) -> None:
        """Read the prompts of all slices."""
        inputs, plan = self.inputs, self.plan
        found = own_prompts(inputs.scene, plan.stack)
        check_inside(found, plan.span)
        if not found and inputs.confidence.shown_object() is None:
            raise PromptError(
                "there are no prompts; click on an object, on one slice or more"
            )
        self.own_prompts = {(z, KEY): prompt for z, prompt in found.items()}

    def begin(self, target: LayerTarget, session: Session | None) -> None:
        """Collect the prompts and masks of the object."""
        super().begin(target, session)
        assert session is not None
        self._known = self._known_object(session)
        self._direction = self.inputs.state.direction
        self._spacing = spacing_of(self.inputs.scene, self.plan.stack)

    def _known_object(self, session: Session) -> KnownObject:
        inputs, stack = self.inputs, self.plan.stack
        prompts = {
            z: SlicePrompt(*inputs.shown_request(stack.view_of(z), prompt))
            for (z, _), prompt in self.own_prompts.items()
        }
        label_id = inputs.current.label_id
        if label_id is None and not prompts:
            label_id = inputs.confidence.shown_object()
        if label_id is None:
            return KnownObject(prompts)
        self.progress.ids[KEY] = self.reopened = label_id
        before = inputs.confidence.sources_of(label_id, stack)
        known = known_object(session, label_id, stack, self.plan.span, prompts, before)
        self.kept[KEY] = frozenset(known.kept)
        return known

    def results(self, job: SliceJob) -> Iterator[SliceResult]:
        """Propagate the object."""
        found = propagate(job, [self._known], self._direction, self._spacing)
        return with_boxes(found, job)
