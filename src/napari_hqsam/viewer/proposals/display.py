"""Shows the proposals of a plane as outlines in their layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_hqsam.viewer.planes import layer_shape, shape_without

if TYPE_CHECKING:
    from napari_hqsam.viewer.inference.controller import InferenceController
    from napari_hqsam.viewer.proposals.gestures import ProposalMouse
    from napari_hqsam.viewer.proposals.proposal_set import ProposalSet
    from napari_hqsam.viewer.proposals.state import ProposalState


class ProposalDisplay:
    """Makes, fills and removes the layer of proposals.

    Parameters
    ----------
    controller : InferenceController
    state : ProposalState
        From which quality on they are shown.
    mouse : ProposalMouse
        Listens to the layer.
    """

    def __init__(
        self,
        controller: InferenceController,
        state: ProposalState,
        mouse: ProposalMouse,
    ) -> None:
        self._controller, self._scene = controller, controller.scene
        self._state, self._mouse = state, mouse
        self._layer = self._scene.layers.proposals

    def show(self, proposals: ProposalSet) -> None:
        """Show the open proposals of a plane, unless they are shown already."""
        image, axis = self._scene.image, self._scene.channel_axis
        shown, masks, view = self._layer, proposals.open, proposals.view.in_layers
        if image is None or (
            shown.layer is not None and shown.masks is masks and shown.view == view
        ):
            return
        if len(shape_without(layer_shape(image), axis)) != view.ndim:
            return  # found while the axis of channels was another one
        qualities = [each.quality for each in masks.masks]
        shown.show_from(self._state.least)
        if shown.show(image, axis, view, masks, qualities):
            assert shown.layer is not None
            self._scene.layers.put_below(shown.layer)
            self._mouse.listen()

    def remove(self) -> None:
        """Remove the layer; the tool of before is active again."""
        layer, was_active = self._layer.layer, self._layer.is_active
        self._layer.layer = None
        if layer is not None and layer in self._scene.viewer.layers:
            self._scene.viewer.layers.remove(layer)
            if was_active and self._scene.image is not None:
                self._controller.tools.activate()
