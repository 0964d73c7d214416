"""The clicks on one object, one after another.

SAM was trained to get the logits of its last answer back with every further
click. So the same clicks laid otherwise (moved, or the first one deleted) are
another question; and one click taken back is the question before it again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.viewer.requests import Request


class Step(NamedTuple):
    """Prompts as they lay, and which mask of the step before they correct."""

    prompt: Prompt
    candidate: int


class Trail:
    """How the prompts of the current object came to be what they are."""

    def __init__(self) -> None:
        self._steps: list[Step] = []

    def clear(self) -> None:
        """Begin another object."""
        self._steps.clear()

    def follow(self, request: Request, chosen: int = 0) -> Request:
        """Tie a request to those whose answers it corrects.

        Parameters
        ----------
        request : Request
            With all that lies on the plane now.
        chosen : int
            Which mask of the last answer was shown.
        """
        self._go_to(request.prompt, chosen)
        before: Request | None = None
        for prompt, candidate in self._steps:
            request = replace(request, prompt=prompt, after=before, candidate=candidate)
            before = request.as_link()
        return request

    def _go_to(self, prompt: Prompt, chosen: int) -> None:
        for i, step in enumerate(self._steps):
            if step.prompt == prompt:
                del self._steps[i + 1 :]
                return
        if self._steps and _grew(self._steps[-1].prompt, prompt):
            self._steps.append(Step(prompt, chosen))
        else:
            self._steps = [Step(prompt, 0)]


def _grew(old: Prompt, new: Prompt) -> bool:
    """Whether a prompt is another one with further points, and nothing else."""
    n = len(old.points)
    return (
        len(new.points) > n
        and new.points[:n] == old.points
        and new.point_labels[:n] == old.point_labels
        and new.box == old.box
        and old.mask is None
        and new.mask is None
    )
