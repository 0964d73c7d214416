"""Labels of images not in use, parked with their sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_hqsam.viewer.session.undo_keys import disable_undo_keys, restore_undo_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from napari.layers import Image

    from napari_hqsam.sessions.session import Session
    from napari_hqsam.viewer.session.open_labels import OpenLabels


class ParkedLabels:
    """Parked labels, by their image.

    They are hidden with it and cannot be edited: what napari's brush or undo did
    meanwhile would be missing in the journal.

    Parameters
    ----------
    session_ended : callable
        Called when a session is closed.
    """

    def __init__(self, session_ended: Callable[[], None]) -> None:
        self._session_ended = session_ended
        self._parked: dict[Image, tuple[OpenLabels, bool]] = {}  # with visibility

    def park(self, labels: OpenLabels) -> None:
        """Park labels."""
        layer = labels.target.layer
        self._parked[labels.image] = labels, bool(layer.visible)
        disable_undo_keys(layer)
        layer.editable = layer.visible = False

    def take(self, image: Image | None) -> OpenLabels | None:
        """Return the labels of an image to be worked on again, if there are any."""
        if image is None or image not in self._parked:
            return None
        labels, was_visible = self._parked.pop(image)
        layer = labels.target.layer
        restore_undo_keys(layer)
        layer.editable, layer.visible = True, was_visible or layer.visible
        return labels

    def image_of(self, layer: object) -> Image | None:
        """Return the image that parked labels are of; None if they are not parked."""
        found = (
            image
            for image, (labels, _) in self._parked.items()
            if labels.target.layer is layer
        )
        return next(found, None)

    def session_on(self, data: object) -> Session | None:
        """Return the session on an array of labels, if it is parked."""
        found = (
            labels.session
            for labels, _ in self._parked.values()
            if labels.target.layer.data is data
        )
        return next(found, None)

    def close(self, keep: Container[object] = ()) -> None:
        """Close parked sessions; their layers can be edited again.

        Parameters
        ----------
        keep : container of Layer
            Leave those whose image and labels are both in it.
        """
        for image, (labels, _) in list(self._parked.items()):
            if image in keep and labels.target.layer in keep:
                continue
            self.take(image)
            if labels.session is not None:
                labels.close()
                self._session_ended()
