"""Labels of images that are not in use, with their sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_hqsam.viewer.session.undo_keys import disable_undo_keys, restore_undo_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from napari.layers import Image

    from napari_hqsam.sessions.session import Session
    from napari_hqsam.viewer.session.open_labels import OpenLabels


class InactiveLabels:
    """Labels, with their sessions, of images that are not in use: hidden, read-only.

    What napari's brush or undo did to them meanwhile would be missing in the journal.

    Parameters
    ----------
    session_ended : callable
        Called when a session is closed.
    """

    def __init__(self, session_ended: Callable[[], None]) -> None:
        self._session_ended = session_ended
        self._inactive: dict[Image, tuple[OpenLabels, bool]] = {}  # with visibility

    def deactivate(self, labels: OpenLabels) -> None:
        """Hide the layer, and disable editing and undo in it."""
        layer = labels.target.layer
        self._inactive[labels.image] = labels, bool(layer.visible)
        disable_undo_keys(layer)
        layer.editable = layer.visible = False

    def reactivate(self, image: Image | None) -> OpenLabels | None:
        """Return the labels of an image to be worked on again, if there are any."""
        if image is None or image not in self._inactive:
            return None
        labels, was_visible = self._inactive.pop(image)
        layer = labels.target.layer
        restore_undo_keys(layer)
        layer.editable, layer.visible = True, was_visible or layer.visible
        return labels

    def image_of(self, layer: object) -> Image | None:
        """Return the image of inactive labels; None if they are none of these."""
        found = (
            image
            for image, (labels, _) in self._inactive.items()
            if labels.target.layer is layer
        )
        return next(found, None)

    def session_on(self, data: object) -> Session | None:
        """Return the session on an array of labels, if these are inactive."""
        found = (
            labels.session
            for labels, _ in self._inactive.values()
            if labels.target.layer.data is data
        )
        return next(found, None)

    def close(self, keep: Container[object] = ()) -> None:
        """Close inactive sessions; their layers can be edited again.

        Parameters
        ----------
        keep : container of Layer
            Leave those whose image and labels are both in it.
        """
        for image, (labels, _) in list(self._inactive.items()):
            if image in keep and labels.target.layer in keep:
                continue
            self.reactivate(image)
            if labels.session is not None:
                labels.close()
                self._session_ended()
