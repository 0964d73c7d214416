"""Other masks for the same prompts: next candidate, next scale, next output."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_hqsam.viewer.inference.uncertainty import next_choice, uncertainty_of
from napari_hqsam.viewer.state import OUTPUTS

if TYPE_CHECKING:
    from napari_hqsam.masks import Mask
    from napari_hqsam.viewer.inference.controller import InferenceController

LEVEL_STEPS = (1, -1, 2, -2, 0)
"""Levels that an object is segmented on, from the one it was found on."""


class Alternatives:
    """Goes through the alternatives for the current object.

    Parameters
    ----------
    controller : InferenceController
    """

    def __init__(self, controller: InferenceController) -> None:
        self._controller, self._current = controller, controller.current
        self._levels: list[int] = []  # to be tried, in this order
        self._current.events.masks.connect(self._on_masks)

    def _on_masks(self, masks: tuple[Mask, ...]) -> None:
        """Begin with the first level again when there is no object any more."""
        if not masks:
            self._levels = []

    def next_candidate(self) -> None:
        """Show the next of SAM's candidate masks; the first time, request them."""
        controller, current = self._controller, self._current
        if current.waiting or not current.masks or controller.shown is None:
            return
        view, answer = controller.shown
        if len(current.masks) > 1:
            chosen = next_choice(current.choices, current.chosen)
            current.uncertainty = uncertainty_of(answer, chosen)
            current.chosen = chosen
            controller.outline.draw()
            return
        request = replace(answer.request, what="all")
        controller.submit(view, request, next_choice=True)

    def next_scale(self) -> None:
        """Segment the current object on the next level: coarser, finer, and so on."""
        controller, current = self._controller, self._current
        if controller.shown is None or current.waiting or current.mask is None:
            return
        view, _ = controller.shown
        if not self._levels:
            first = current.mask.level or 0
            self._levels = [first + step for step in LEVEL_STEPS]
        level = self._levels.pop(0)
        self._levels.append(level)
        controller.history_of(view).level = level
        controller.predict()

    def next_output(self) -> None:
        """Show the next of SAM + HQ, SAM alone and HQ alone."""
        settings = self._controller.settings
        at = OUTPUTS.index(settings.output)
        settings.output = OUTPUTS[(at + 1) % len(OUTPUTS)]
