"""Labels of images that are not worked on now, put aside with their sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from app_model.types import KeyCode, KeyMod

if TYPE_CHECKING:
    from collections.abc import Container

    from napari.layers import Image

    from napari_hqsam.sessions.session import Session
    from napari_hqsam.viewer.session.object_rows import ObjectRows
    from napari_hqsam.viewer.session.target.layer_target import LayerTarget

UNDO = KeyMod.CtrlCmd | KeyCode.KeyZ
REDO = KeyMod.CtrlCmd | KeyMod.Shift | KeyCode.KeyZ


class OpenLabels(NamedTuple):
    """Labels that are worked on, and their session.

    Attributes
    ----------
    target : LayerTarget
    session : Session or None
    rows : ObjectRows or None
    is_new : bool
        Whether the layer was made for this and has no objects but the session's.
    """

    target: LayerTarget
    session: Session | None
    rows: ObjectRows | None
    is_new: bool


class ParkedLabels:
    """Labels put aside, by their image.

    They are hidden with it and cannot be edited: what napari's brush or undo did
    meanwhile would be missing in the journal.
    """

    def __init__(self) -> None:
        self._parked: dict[Image, tuple[OpenLabels, bool]] = {}

    def image_of(self, layer: object) -> Image | None:
        """Return the image that parked labels are of; None if they are not parked."""
        found = (
            image
            for image, (labels, _) in self._parked.items()
            if labels.target.layer is layer
        )
        return next(found, None)

    def session_on(self, data: object) -> Session | None:
        """Return the session on an array of labels, if it is put aside."""
        found = (
            labels.session
            for labels, _ in self._parked.values()
            if labels.target.layer.data is data
        )
        return next(found, None)

    def park(self, image: Image, labels: OpenLabels) -> None:
        """Put labels aside."""
        layer = labels.target.layer
        self._parked[image] = labels, bool(layer.visible)
        for key in (UNDO, REDO):
            layer.bind_key(key, lambda _: None, overwrite=True)
        layer.editable = layer.visible = False

    def take(self, image: Image | None) -> OpenLabels | None:
        """Return the labels of an image to be worked on again, if there are any."""
        if image is None or image not in self._parked:
            return None
        labels, was_visible = self._parked.pop(image)
        layer = labels.target.layer
        layer.editable, layer.visible = True, was_visible or layer.visible
        return labels

    def release(self, keep: Container[object] = ()) -> list[OpenLabels]:
        """Let the user edit labels again; return those that are put aside no more.

        Parameters
        ----------
        keep : container of Layer
            Leave those whose image and labels are both in it.
        """
        released = []
        for image, (labels, _) in list(self._parked.items()):
            layer = labels.target.layer
            if image in keep and layer in keep:
                continue
            for key in (UNDO, REDO):
                layer.bind_key(key, None)
            self.take(image)
            released.append(labels)
        return released
