"""Offer the sessions that were not saved, after a crash for one, and restore them.

Sessions beside saved labels go on when these labels are opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal
from qtpy.QtCore import QObject

from napari_hqsam.errors import HqsamError, HqsamWarning, ImageError, reason
from napari_hqsam.files import same_file
from napari_hqsam.sessions import read_session
from napari_hqsam.viewer.canvas.label_layers import as_labels
from napari_hqsam.viewer.canvas.layer_placing import placement
from napari_hqsam.viewer.files.journal_context import what_is_opened
from napari_hqsam.viewer.files.journal_files import journal_beside
from napari_hqsam.viewer.files.unsaved_sessions import (
    Unsaved,
    discard,
    find_unsaved,
    remove_empty,
)
from napari_hqsam.viewer.main_thread import DeferredCall, notify
from napari_hqsam.viewer.saving import foreign_image_dialog as foreign_image_dialog
from napari_hqsam.viewer.saving.session_context import (
    apply_choices,
    current_context,
    find_image,
    open_image_of,
    show_plane,
    what_to_open,
)
from napari_hqsam.worker import Priority, Worker

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari.layers import Image, Layer

    from napari_hqsam.viewer.canvas.scene import Scene
    from napari_hqsam.viewer.files.unsaved_sessions import Damaged, UnsavedSessions
    from napari_hqsam.viewer.session.controller import SessionController
    from napari_hqsam.viewer.session.provenance import ProvenanceCheck


class SessionRestorer(QObject):
    """Finds unsaved sessions, offers them, and opens them again.

    Parameters
    ----------
    scene : Scene
    sessions : SessionController
    files : Worker
    work_on : callable
        Makes an image the one in use, see `ImageSwitcher`.
    """

    listed = Signal()
    """`unsaved` and `damaged` have changed."""
    message = Signal(str)

    def __init__(
        self,
        scene: Scene,
        sessions: SessionController,
        files: Worker,
        work_on: Callable[[Image], None],
    ) -> None:
        super().__init__(sessions)
        self._scene, self._sessions, self._files = scene, sessions, files
        self._settings, self._work_on = scene.settings, work_on
        self.unsaved: list[Unsaved] = []
        self.damaged: list[Damaged] = []
        self._offered = False
        self._tried: list[tuple[Layer, int]] = []
        self._resuming = False
        self._soon = DeferredCall(self, self._resume)
        sessions.current_context = lambda: current_context(scene, scene.settings)
        sessions.session_ended.connect(self.find_unsaved_sessions)
        scene.layers_changed.connect(self._on_layers)
        scene.image_changed.connect(self._on_layers)

    def close(self) -> None:
        """Look for no sessions when the last one ends."""
        self._sessions.session_ended.disconnect(self.find_unsaved_sessions)

    @property
    def provenance(self) -> ProvenanceCheck:
        """Compares sessions with their images."""
        return self._sessions.provenance

    def find_unsaved_sessions(self) -> None:
        """Look for sessions that were not saved."""
        self._files.submit(
            Priority.PREFETCH, "unsaved", lambda _: _look(), self._list, notify
        )

    def _list(self, found: UnsavedSessions) -> None:
        self.unsaved, self.damaged = found
        self.listed.emit()
        here = [one for one in found.sessions if self.fits(one)]
        if here and not self._offered:
            self._offered = True
            self.message.emit(f"{here[0].text}. Restore goes on with it")

    def fits(self, session: Unsaved) -> bool:
        """Whether a session was made on an image that is open."""
        return find_image(self._scene.viewer, session) is not None

    def restore(self, session: Unsaved) -> None:
        """Rebuild the labels of an unsaved session, and continue it.

        Its image is opened if it is not open. The session stays in the list until it is
        open.
        """
        if self._is_open(session.journal):
            self.message.emit(f"The session on {session.image} is open already")
            return
        image = self._image_of(session)
        if image is None:
            self.message.emit(what_to_open(session))
            return
        self._work_on(image)
        self.provenance.check_image(
            session.journal, lambda: self._restore(session, image), notify
        )

    def _restore(self, session: Unsaved, image: Image) -> None:
        viewer, context = self._scene.viewer, session.context
        if image not in viewer.layers or self._is_open(session.journal):
            return
        self._work_on(image)
        self._sessions.release_target()
        missing = apply_choices(session, self._scene, self._settings)
        show_plane(context, viewer, image)

        def restored() -> None:
            self._forget(session)
            if missing:
                notify(HqsamWarning(f"{session.image}: {'; '.join(missing)}"))

        self._sessions.restore(session.journal, restored)

    def _image_of(self, session: Unsaved) -> Image | None:
        """Return the image of a session, opened if need be."""
        viewer = self._scene.viewer
        image, context = self._scene.image, session.context
        open_already = find_image(viewer, session)
        if open_already is not None or (image is None and not context):
            return open_already
        strange = "" if session.is_own else what_is_opened(context, session.journal)
        if strange and not foreign_image_dialog.ask(strange, session.journal):
            return None
        try:
            return open_image_of(viewer, session)
        except Exception as error:  # each reader has its own
            notify(ImageError(f"{session.image} cannot be opened ({reason(error)})"))
            return None

    def _is_open(self, journal: Path) -> bool:
        session = self._sessions.session
        open_one = None if session is None else session.journal
        return open_one is not None and same_file(open_one.path, journal)

    def discard(self, session: Unsaved) -> None:
        """Remove the unsaved part of a session, for good."""
        try:
            discard(session.journal)
        except HqsamError as error:
            notify(error)
            return
        self._forget(session)

    def _forget(self, session: Unsaved) -> None:
        self.unsaved = [one for one in self.unsaved if one.journal != session.journal]
        self.listed.emit()

    # --- saved labels that are opened again --------------------------------------

    def _on_layers(self) -> None:
        self._soon.start()

    def _resume(self) -> None:
        """Continue the session of saved labels that were opened."""
        if self._resuming:  # napari handles events while it opens a file
            return
        self._resuming = True
        try:
            for layer in list(self._scene.viewer.layers):
                journal = self._to_resume(layer)
                if journal is not None:
                    self._go_on(layer, journal)
        except HqsamError as error:
            notify(error)
        finally:
            self._resuming = False

    def _to_resume(self, layer: Layer) -> Path | None:
        """Return the journal of saved labels if their session can be continued."""
        scene, tried = self._scene, (layer, self._scene.key)
        if scene.is_own_layer(layer) or layer is scene.image or tried in self._tried:
            return None
        journal = journal_beside(layer)
        if journal is None or self._sessions.target is not None:
            return None
        self._tried.append(tried)
        return journal

    def _go_on(self, layer: Layer, journal: Path) -> None:
        """Use a layer of saved labels as target, with the placing of its image."""
        session = Unsaved.of(read_session(journal))
        image = self._image_of(session)
        if image is None:
            self.message.emit(
                what_to_open(session).replace(", then press Restore again", "")
            )
            return
        scene = self._scene
        self._work_on(image)
        apply_choices(session, scene, self._settings)
        layer = as_labels(scene.viewer, layer, image, scene.channel_axis)
        for name, value in placement(image, scene.channel_axis).items():
            setattr(layer, name, value)
        show_plane(session.context, scene.viewer, image)
        self._sessions.use_target(layer)


def _look() -> UnsavedSessions:
    found = find_unsaved()
    remove_empty()
    return found
