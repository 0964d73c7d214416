"""Propagate all accepted objects of the slice shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_hqsam.errors import PromptError
from napari_hqsam.viewer.stack.known_objects import known_objects_on
from napari_hqsam.viewer.stack.slices.shown_slices import check_inside, spacing_of
from napari_hqsam.viewer.stack.tasks.propagation import propagate, with_boxes
from napari_hqsam.viewer.stack.tasks.task import BOX, StackTask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_hqsam.sessions.session import Session
    from napari_hqsam.viewer.session.target.layer_target import LayerTarget
    from napari_hqsam.viewer.stack.plan import SliceJob
    from napari_hqsam.viewer.stack.slices.slice_results import SliceResult


class FollowAccepted(StackTask):
    """Propagates the accepted objects of a slice together, from their masks there."""

    name = "accepted"
    title = "follow the accepted objects"
    tip = "All that the slice shown has"
    action = "Propagate"
    takes_direction = True
    level_prompt = BOX

    def prepare(self) -> None:
        """Check that there are labels on a slice of the range."""
        check_inside([self.plan.stack.z], self.plan.span)
        if self.inputs.target is None:
            raise PromptError(
                "no object is accepted yet; accept those of this slice first"
            )

    def begin(self, target: LayerTarget, session: Session | None) -> None:
        """Read the direction and the spacing of the slices."""
        super().begin(target, session)
        self._direction = self.inputs.state.direction
        self._spacing = spacing_of(self.inputs.scene, self.plan.stack)

    def results(self, job: SliceJob) -> Iterator[SliceResult]:
        """Collect the objects, and propagate them."""
        session = self.plan.session
        assert session is not None
        known = known_objects_on(session, self.plan.stack, self.plan.span)
        # The main thread reads these only after the first step.
        self.progress.ids = dict(enumerate(known))
        self.kept = {key: frozenset(k.kept) for key, k in enumerate(known.values())}
        found = propagate(job, [*known.values()], self._direction, self._spacing)
        yield from with_boxes(found, job)
