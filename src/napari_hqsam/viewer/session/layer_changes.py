"""Reactions of the session to changes of the image, its channel axis or the layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_hqsam.viewer.canvas.scene import Scene
    from napari_hqsam.viewer.session.controller import SessionController
    from napari_hqsam.viewer.session.open_labels import OpenLabels


class LayerChanges:
    """Parks, resumes and releases the labels that are worked on.

    Parameters
    ----------
    scene : Scene
    sessions : SessionController
    """

    def __init__(self, scene: Scene, sessions: SessionController) -> None:
        self._scene, self._sessions = scene, sessions
        scene.layers_changed.connect(self._on_layers)
        scene.image_changed.connect(self._on_image)
        scene.settings.events.channel_axis.connect(self._on_channel_axis)

    def _on_image(self) -> None:
        """Put the labels of the last image aside; go on with those of this one."""
        sessions, image = self._sessions, self._scene.image
        if sessions.labels is not None and sessions.labels.image is not image:
            self._leave_image(sessions.labels)
        labels = sessions.inactive.reactivate(image)
        if labels is not None:
            sessions.resume(labels)

    def _leave_image(self, labels: OpenLabels) -> None:
        """Put labels aside, or release them if their layers are gone."""
        there = self._scene.viewer.layers
        gone = labels.image not in there or labels.target.layer not in there
        if gone or self._sessions.opener.opening:
            self._sessions.release_target()
        else:
            self._sessions.park()

    def _on_layers(self) -> None:
        """Close the sessions of layers that were removed."""
        sessions, there = self._sessions, self._scene.viewer.layers
        sessions.inactive.close(keep=there)
        if sessions.target is not None and sessions.target.layer not in there:
            sessions.release_target()

    def _on_channel_axis(self) -> None:
        """Release labels of the old shape: labels have no channel axis."""
        sessions, labels = self._sessions, self._sessions.labels
        if self._scene.image is None or labels is None or sessions.target_fits():
            return
        if labels.is_new and labels.session is None and not sessions.opener.opening:
            self._scene.viewer.layers.remove(labels.target.layer)  # nothing is in it
        else:
            sessions.release_misfit()
