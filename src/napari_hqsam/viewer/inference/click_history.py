"""The clicks on one object, one after another.

SAM was trained to get the logits of its last answer back with every further
click. So the same clicks laid otherwise (moved, or the first one deleted) are
another question; and one click taken back is the question before it again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from napari_hqsam.viewer.inference.requests import from_candidate

if TYPE_CHECKING:
    from napari_hqsam.network import Output
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.sessions.journal.accept_options import AcceptOptions
    from napari_hqsam.viewer.inference.requests import Request


class Step(NamedTuple):
    """Prompts as they lay, and what was asked for.

    Attributes
    ----------
    prompt : Prompt
    candidate : int
        Which mask of the step before they correct.
    output : {"sam+hq", "sam", "hq"}
        What was shown last.
    """

    prompt: Prompt
    candidate: int
    output: Output


class ClickHistory:
    """How the prompts of the current object came to be what they are."""

    def __init__(self) -> None:
        self._steps: list[Step] = []
        self._typical_size: float | None = None
        self._view_extent: float | None = None
        self.level: int | None = None
        """The level to look at this object on; None: as chosen for all."""

    def clear(self) -> None:
        """Begin another object."""
        self._steps.clear()

    def resume(self, prompt: Prompt, how: AcceptOptions) -> None:
        """Go on from where an accepted object stood.

        Parameters
        ----------
        prompt, how
            As the journal has them.
        """
        corrected = [from_candidate(answer.candidate) for answer in how.corrects]
        shown = [(answer.points, answer.output) for answer in how.corrects]
        shown.append((len(prompt.points), how.output))
        self._steps = [
            Step(prompt.first(n), candidate, output)  # type: ignore[arg-type]
            for (n, output), candidate in zip(shown, [0, *corrected], strict=True)
        ]
        options = how.segmentation
        self._typical_size = options.typical_size
        self._view_extent = options.view_extent
        self.level = None if isinstance(options.level, str) else options.level

    def follow(self, request: Request, chosen: int = 0) -> Request:
        """Tie a request to those whose answers it corrects.

        Parameters
        ----------
        request : Request
            With all that lies on the plane now.
        chosen : int
            Which mask of the last answer was shown.
        """
        if not self._steps:
            self._typical_size = request.options.typical_size
            self._view_extent = request.options.view_extent
        # Others that are accepted, and a zoom, make no difference to this object.
        options = replace(
            request.options,
            typical_size=self._typical_size,
            view_extent=self._view_extent,
        )
        if self.level is not None:
            options = replace(options, level=self.level)
        request = replace(request, options=options)
        self._go_to(request, chosen)
        before: Request | None = None
        for step in self._steps:
            request = replace(
                request,
                prompt=step.prompt,
                candidate=step.candidate,
                options=replace(options, output=step.output),
                after=before,
            )
            before = request.as_link()
        return request

    def _go_to(self, request: Request, chosen: int) -> None:
        prompt, output = request.prompt, request.options.output
        for i, step in enumerate(self._steps):
            if step.prompt == prompt:
                self._steps[i:] = [step._replace(output=output)]
                return
        if self._steps and _grew(self._steps[-1].prompt, prompt):
            self._steps.append(Step(prompt, chosen, output))
        else:
            self._steps = [Step(prompt, 0, output)]


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
