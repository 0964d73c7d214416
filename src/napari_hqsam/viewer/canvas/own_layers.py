"""The widget's own layers: prompts, outline of the current object, proposals."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from napari_hqsam.viewer.canvas.layer_placing import placement, world_affine
from napari_hqsam.viewer.canvas.outline_layer import add_outline
from napari_hqsam.viewer.canvas.prompts.prompt_set import PromptSet
from napari_hqsam.viewer.canvas.proposal_layer import ProposalLayer, is_proposals

if TYPE_CHECKING:
    from napari.layers import Image, Layer, Points, Shapes
    from napari.viewer import Viewer

    from napari_hqsam.viewer.state import Settings


class OwnLayers:
    """Points, shapes and outline: made together, moved and removed together.

    The layer of proposals is made when there are some.

    Parameters
    ----------
    viewer : Viewer
    settings : Settings
    """

    def __init__(self, viewer: Viewer, settings: Settings) -> None:
        self._viewer = viewer
        self.prompts = PromptSet(viewer, settings)
        self.outline: Shapes | None = None
        self.proposals = ProposalLayer(viewer)

    @property
    def layers(self) -> list[Points | Shapes]:
        """The layers of prompts and outline that exist."""
        outline = [] if self.outline is None else [self.outline]
        return [*self.prompts.layers, *outline]

    @property
    def complete(self) -> bool:
        """Whether all of these exist."""
        return len(self.layers) == 3

    def __contains__(self, layer: Layer) -> bool:
        """Whether a layer is one of the widget's own."""
        return is_proposals(layer) or any(layer == own for own in self.layers)

    def make(
        self, image: Image, channel_axis: int | None
    ) -> tuple[Points, Shapes, Shapes]:
        """Return points, shapes and outline layer, made where they are missing."""
        active = self._viewer.layers.selection.active
        outline = self.outline or add_outline(self._viewer, image, channel_axis)
        self.outline = outline
        points, shapes = self.prompts.make(image, channel_axis)
        self._viewer.layers.selection.active = active
        return points, shapes, outline

    def remove(self) -> None:
        """Remove the layers from the viewer."""
        own = [*self.prompts.take_out(), self.outline, self.proposals.layer]
        self.outline = self.proposals.layer = None
        there = [layer for layer in own if layer in self._viewer.layers]
        if not there:
            return
        # In one go where napari can (0.9): it collects garbage after each.
        together = getattr(self._viewer.layers, "batched_update", nullcontext)
        with together():
            for layer in there:
                self._viewer.layers.remove(layer)

    def forget(self, layer: Layer) -> bool:
        """Drop the reference to a removed layer; False if it is another one."""
        if self.outline is not None and layer == self.outline:
            self.outline = None
            return True
        return self.proposals.forget(layer) or self.prompts.forget(layer)

    def move_onto(self, image: Image, channel_axis: int | None) -> None:
        """Place the layers on the image: copy its transform."""
        place = placement(image, channel_axis, self._viewer.dims)
        for layer in self.layers:
            for name, value in place.items():
                setattr(layer, name, value)
        self.proposals.move_onto(image, channel_axis)

    def put_below(self, layer: Layer) -> None:
        """Move another layer below the layers of prompts and outline."""
        layers = self._viewer.layers
        at = [layers.index(own) for own in self.layers]
        if at and layers.index(layer) > min(at):
            layers.move(layers.index(layer), min(at))

    def fit(self, image: Image, zoom: float) -> None:
        """Keep the size of prompts on the screen, at pixels per unit of the world."""
        # Along the last axis: napari scales points so.
        step = world_affine(image, self._viewer.dims).pixel_size[-1]
        self.prompts.fit(max(zoom * step, 1e-9))
