"""The clicks on one object, in order, and the requests that they make.

SAM was trained to receive the logits of its last mask with every further click. So
moving a click, or deleting an earlier one, makes a new chain of requests; removing the
last click leads back to the request before it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from napari_hqsam.viewer.inference.requests.request import from_candidate

if TYPE_CHECKING:
    from napari_hqsam.network import Output
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.sessions.journal.accept_options import AcceptOptions
    from napari_hqsam.viewer.inference.requests.request import Request


class Step(NamedTuple):
    """The prompt after a click, and what was requested for it.

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
    """The prompts of the current object after each of its clicks."""

    def __init__(self) -> None:
        self._steps: list[Step] = []
        self._typical_size: float | None = None
        self._view_extent: float | None = None
        self.level: int | None = None
        """The level for this object; None: as chosen for all."""

    def clear(self) -> None:
        """Begin another object."""
        self._steps.clear()

    def resume(self, prompt: Prompt, options: AcceptOptions) -> None:
        """Continue the clicks of an accepted object.

        Parameters
        ----------
        prompt, options
            As the journal has them.
        """
        corrected = [from_candidate(answer.candidate) for answer in options.corrects]
        shown = [(answer.points, answer.output) for answer in options.corrects]
        shown.append((len(prompt.points), options.output))
        self._steps = [
            Step(prompt.first(n), candidate, output)  # type: ignore[arg-type]
            for (n, output), candidate in zip(shown, [0, *corrected], strict=True)
        ]
        segmentation = options.segmentation
        self._typical_size = segmentation.typical_size
        self._view_extent = segmentation.view_extent
        level = segmentation.level
        self.level = None if isinstance(level, str) else level

    def linked(self, request: Request, chosen: int = 0) -> Request:
        """Return a request linked to those whose answers it corrects.

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
