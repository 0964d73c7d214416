"""Decide whether a click corrects the current object or begins the next one.

A plain click outside the outline begins the next object

- with the setting `accept_on_click`: the current object is accepted;
- where undo has just restored the current object: it is dropped.

Any other click corrects the current object.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_hqsam.errors import HqsamError
from napari_hqsam.viewer.inference.hover import covers
from napari_hqsam.viewer.main_thread import DeferredCall
from napari_hqsam.viewer.objects.accept_intent import Link

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_hqsam.viewer.inference.controller import InferenceController
    from napari_hqsam.viewer.objects.acceptor import Acceptor
    from napari_hqsam.viewer.objects.undo import Undo

PointPosition = tuple[float, ...]
"""Position of a point in the data of its layer."""


class ClickClassifier:
    """Classifies clicks in order of arrival: correction, or start of the next object.

    Where the outline is not there yet, clicks wait for it (`PromptSet.unclassified`).

    Parameters
    ----------
    controller : InferenceController
    acceptor : Acceptor
    undo : Undo
    say : callable
        Gets what happened, for the user.
    """

    def __init__(
        self,
        controller: InferenceController,
        acceptor: Acceptor,
        undo: Undo,
        say: Callable[[str], None],
    ) -> None:
        self._controller, self._acceptor, self._undo = controller, acceptor, undo
        self._scene, self._current = controller.scene, controller.current
        self._say, self._accept_last = say, False
        self._soon = DeferredCall(acceptor, self._go_on)
        acceptor.accept_deferred.connect(self._on_accept_deferred)
        self._scene.prompts.point_added.connect(self._on_point)
        self._current.events.waiting.connect(self._on_waiting)

    def _on_accept_deferred(self) -> None:
        """Accept once all clicks are sorted."""
        self._accept_last = True

    def _on_point(self, row: PointPosition) -> None:
        """Sort a plain click, now or once the outline is there."""
        try:
            view = self._scene.view()
        except HqsamError:
            return
        layer_view = view.in_layers
        if not layer_view.holds(row)[0] or len(self._scene.prompts.on(layer_view)) < 2:
            return
        if not (
            self._controller.settings.accept_on_click
            or self._undo.untouched(view, skip=row)
        ):
            return
        if self._controller.pending or self._scene.prompts.unclassified:
            self._scene.prompts.unclassified[row] = None
        else:
            self._classify(row)

    def _on_waiting(self, waiting: bool) -> None:
        if not waiting and self._scene.prompts.unclassified:
            self._soon.start()

    def _go_on(self) -> None:
        """Sort the click that waited longest."""
        self._scene.prompts.forget_removed()
        if self._controller.pending:
            return
        if self._scene.prompts.unclassified:
            row = next(iter(self._scene.prompts.unclassified))
            self._classify(row)
            self._scene.prompts.unclassified.pop(row, None)
            self._controller.predict()
        if self._accept_last and not self._scene.prompts.unclassified:
            self._accept_last = False
            self._acceptor.accept()

    def _classify(self, row: PointPosition) -> None:
        mask = self._current.mask
        try:
            view = self._scene.view()
        except HqsamError:
            return
        layer_view = view.in_layers
        if mask is not None:
            point = layer_view.to_plane(row)[0]
            outlined = self._controller.outline.finished(mask, view)
            if covers(outlined, (float(point[0]), float(point[1]))):
                return
        if mask is None or self._undo.untouched(view, skip=row):
            self._acceptor.begin_next(view, keep=row)
            if mask is None:
                self._say("Nothing was found at the click before")
            return
        link = Link(self._undo.link)
        self._acceptor.accept(keep=row, link=link)
        self._undo.link = link
