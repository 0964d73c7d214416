"""The proposals on the image that is worked on: shown, accepted, rejected."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from psygnal import Signal
from qtpy.QtCore import QObject

from napari_hqsam.errors import HqsamError
from napari_hqsam.viewer.main_thread import notify, timer
from napari_hqsam.viewer.proposals.accept_loop import AcceptLoop
from napari_hqsam.viewer.proposals.display import ProposalDisplay
from napari_hqsam.viewer.proposals.gestures import ProposalMouse, meant
from napari_hqsam.viewer.proposals.proposal_set import (
    Proposal,
    ProposalSet,
    Status,
    changed_on,
)
from napari_hqsam.viewer.proposals.state import ProposalState

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_hqsam.geometry import Box, Plane
    from napari_hqsam.masks import Mask
    from napari_hqsam.sessions.journal.events import Event
    from napari_hqsam.viewer.inference.controller import InferenceController
    from napari_hqsam.viewer.inference.requests.request import Request
    from napari_hqsam.viewer.objects.undo import Undo
    from napari_hqsam.viewer.planes import PlaneView
    from napari_hqsam.viewer.proposals.state import ReviewTool
    from napari_hqsam.viewer.session.controller import SessionController
    from napari_hqsam.viewer.session.target.layer_target import LayerTarget

DRAW_MS = 100
"""Delay in which proposals that are found come together, before they are drawn."""


class ProposalController(QObject):
    """Proposals on the planes of images; those of other images are kept.

    Parameters
    ----------
    controller : InferenceController
    sessions : SessionController
    undo : Undo
        Takes back rejects.

    Attributes
    ----------
    state : ProposalState
    """

    changed = Signal()
    """Which proposals there are or which are shown, the plane, or the mouse."""

    def __init__(
        self, controller: InferenceController, sessions: SessionController, undo: Undo
    ) -> None:
        super().__init__(controller)
        self._controller, self._sessions, self._undo = controller, sessions, undo
        self._scene, self.state = controller.scene, ProposalState()
        self._layer = self._scene.layers.proposals
        # By the id of the image layer, as long as it is in the viewer.
        self._images: dict[int, dict[Plane, ProposalSet]] = {}
        self._targets: dict[int, LayerTarget | None] = {}
        self._key = self._scene.key
        self._data: dict[int, object] = {}  # of the images when they were left
        self._loop = AcceptLoop(sessions, self._draw, self)
        self._soon = timer(self, DRAW_MS, self._draw)
        outline = controller.outline
        mouse = ProposalMouse(self._scene, self.state, self._on_gesture, outline.draw)
        self._display = ProposalDisplay(controller, self.state, mouse)
        scene = self._scene
        self.state.events.least.connect(self._on_least)
        self.state.events.tool.connect(self.changed.emit)
        self._sessions.changed.connect(self._on_sessions)
        scene.image_leaving.connect(self._on_leaving)
        scene.image_changed.connect(self._on_image)
        scene.data_changed.connect(self._on_data)
        scene.plane_changed.connect(self._draw)
        scene.layers_changed.connect(self._on_layers)
        scene.tool_changed.connect(self.changed.emit)
        scene.proposals_removed.connect(self.clear)

    # --- what there is ---------------------------------------------------------------

    @property
    def _sets(self) -> dict[Plane, ProposalSet]:
        """Those of the image that is worked on, by planes of its labels."""
        return self._images.setdefault(id(self._scene.image), {})

    @property
    def here(self) -> ProposalSet | None:
        """Those on the plane shown, if there are or were any."""
        try:
            return self._sets.get(self._scene.view().labels_plane)
        except HqsamError:
            return None

    @property
    def busy(self) -> bool:
        """Whether accepted ones are being written, or new ones are drawn soon."""
        return self._loop.running or self._soon.isActive()

    @property
    def tool(self) -> ReviewTool | None:
        """What the mouse does with proposals; None: something else."""
        return self.state.tool if self._layer.is_active else None

    def on(self, view: PlaneView, request: Request) -> ProposalSet:
        """Return the proposals on a plane of the image, perhaps still without any.

        Parameters
        ----------
        view : PlaneView
            Of the image.
        request : Request
            How more of them are found.
        """
        plane = view.labels_plane
        proposals = self._sets.get(plane)
        if proposals is None:
            proposals = self._sets[plane] = ProposalSet(view, request)
        proposals.request = request
        return proposals

    def add(self, proposals: ProposalSet, mask: Mask, quality: float) -> bool:
        """Propose a mask, of a quality 0..1; False if it was rejected before.

        Its holes are filled and its edge is smoothed if chosen.
        """
        finished = self._controller.outline.finished(mask, proposals.view)
        added = proposals.add(Proposal(finished, quality))
        if added and not self._soon.isActive():
            self._soon.start()
        return added

    # --- what the user does -----------------------------------------------------------

    def use_tool(self, tool: ReviewTool) -> None:
        """Let the mouse accept or reject proposals."""
        self._draw()
        layer = self._layer.layer
        if layer is None:
            return
        self._scene.ensure_layers()  # the outline shows what is drawn
        self.state.tool = tool
        layer.visible = True
        self._scene.viewer.layers.selection.active = layer
        self.changed.emit()

    def accept_shown(self) -> None:
        """Accept all proposals on the plane shown that the quality lets through."""
        here = self.here
        shown = [] if here is None else here.shown(self.state.least)
        if here is None or not shown:
            self._sessions.message.emit("No proposals are shown to accept")
            return
        self._accept(here, shown)

    def clear(self) -> None:
        """Drop the proposals of the image, and forget which were rejected."""
        self._loop.complete()
        for proposals in self._sets.values():
            proposals.clear()
        self._draw()

    def _on_gesture(
        self, tool: ReviewTool, points: NDArray[np.float64], negative: bool
    ) -> None:
        """Accept or reject what a click, box or stroke means."""
        here = self.here
        if here is None:
            return
        masks = here.open
        first = len(masks.masks) - len(here.shown(self.state.least))
        chosen = [masks.masks[i] for i in meant(tool, points, masks, first)]
        if not chosen:
            self._sessions.message.emit("There is no proposal")
        elif negative:
            self._reject(here, chosen)
        else:
            self._accept(here, chosen)

    def _accept(self, proposals: ProposalSet, chosen: Sequence[Proposal]) -> None:
        """Write proposals to the session, as soon as there is one."""
        again = partial(self._accept, proposals, chosen)
        try:
            if self._sessions.ready(proposals.request, again, lambda _: None) is None:
                return
            self._compare(proposals)
            is_open = set(proposals.open.masks)
            left = [each for each in chosen if each in is_open]
            if left:
                self._loop.accept(proposals, left)
        except HqsamError as error:
            notify(error)
        self._draw()

    def _reject(self, proposals: ProposalSet, chosen: Sequence[Proposal]) -> None:
        proposals.mark(chosen, Status.REJECTED)
        many = len(chosen) > 1
        count = f"{len(chosen)} proposals" if many else "Proposal"
        self._sessions.message.emit(f"{count} rejected")

        def restore() -> bool:
            if proposals not in self._sets.values():
                return False
            known = proposals.known(chosen)
            if not known:
                return False  # cleared since
            self._scene.go_to(proposals.view)
            proposals.mark(known, Status.OPEN)
            self._compare(proposals)
            self._draw()
            return True

        text = "The rejected proposals are back" if many else "The proposal is back"
        self._undo.remember_reject(restore, text)
        self._draw()

    def _draw(self) -> None:
        """Show the proposals on the plane shown, if it has any."""
        self._soon.stop()
        image, here = self._scene.image, self.here
        if image is None or not any(each.open.masks for each in self._sets.values()):
            self._display.remove()
        elif here is not None:
            self._display.show(here)
        self.changed.emit()

    def _on_least(self, least: float) -> None:
        self._layer.show_from(least)
        self.changed.emit()

    def _compare(
        self, proposals: ProposalSet, box: Box | None = None, *, anew: bool = False
    ) -> None:
        """Compare proposals with the labels, in a box of the plane or everywhere."""
        target, session = self._sessions.target, self._sessions.session
        plane = proposals.view.labels_plane
        if target is None or not self._sessions.target_fits():
            proposals.update(None, anew=anew)
            return
        array = target.array
        undone = session is not None and bool(session.history.to_redo)
        proposals.update(
            lambda where: plane.read(array, where), box, undone=undone, anew=anew
        )

    def _on_sessions(self) -> None:
        """Compare with the labels where the last step changed them."""
        image, session = self._scene.image, self._sessions.session
        if image is None:
            return
        target = self._sessions.target
        anew = target is not self._targets.get(id(image))
        self._targets[id(image)] = target
        step: list[Event] = []
        if session is not None:
            step = [*session.history.to_undo, *session.history.to_redo]
            if self._loop.running and session.history.to_redo:
                self._loop.cancel()
        for plane, proposals in self._sets.items():
            box = None if anew else changed_on(plane, step)
            self._compare(proposals, box, anew=anew)
        self._draw()

    def _on_leaving(self) -> None:
        """Write what was accepted, before the image is left."""
        if self._sessions.session is not None:
            self._loop.complete()
        if self._scene.image is not None:
            self._data[id(self._scene.image)] = self._scene.image.data

    def _on_image(self) -> None:
        self._key, image = self._scene.key, self._scene.image
        if (
            image is not None
            and self._data.get(id(image), image.data) is not image.data
        ):
            self._drop()
        self._draw()

    def _on_data(self) -> None:
        if self._key != self._scene.key:
            self._key = self._scene.key
            self._drop()

    def _drop(self) -> None:
        """Drop proposals that were found in other pixels."""
        if any(self._sets.values()):
            self._sessions.message.emit("The image has changed: proposals are gone")
        self.clear()

    def _on_layers(self) -> None:
        """Forget the proposals of images that were removed."""
        there = {id(layer) for layer in self._scene.viewer.layers}
        for known in (self._images, self._targets, self._data):
            for key in known.keys() - there:
                del known[key]

    def close(self) -> None:
        """Write what was accepted, and drop the proposals."""
        self._on_leaving()
        self._soon.stop()
        self._images.clear()
