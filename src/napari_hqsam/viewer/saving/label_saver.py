"""Saving labels, and what of earlier sessions was not saved."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs
from psygnal import Signal
from qtpy.QtCore import QObject

from napari_hqsam.errors import HqsamError, HqsamWarning, ImageError, reason
from napari_hqsam.files import same_file
from napari_hqsam.labels import check_writable, labels_digest
from napari_hqsam.sessions import keep_others, read_session
from napari_hqsam.viewer.canvas.label_layers import as_labels
from napari_hqsam.viewer.canvas.placing import placement
from napari_hqsam.viewer.files.journal_context import what_is_opened
from napari_hqsam.viewer.files.journal_files import check_free, journal_beside
from napari_hqsam.viewer.files.label_files import files_in_use, save_labels, tell_kept
from napari_hqsam.viewer.files.unsaved_sessions import (
    Unsaved,
    discard,
    find_unsaved,
    remove_empty,
)
from napari_hqsam.viewer.main_thread import Soon, tell
from napari_hqsam.viewer.saving import foreign_image
from napari_hqsam.viewer.saving.session_context import (
    apply_choices,
    find_image,
    open_image_of,
    show_plane,
    tell_context,
    what_to_open,
)
from napari_hqsam.viewer.session.snapshots import Snapshot
from napari_hqsam.worker import Priority, Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Image, Layer
    from numpy.typing import NDArray

    from napari_hqsam.viewer.canvas.scene import Scene
    from napari_hqsam.viewer.files.unsaved_sessions import Damaged, Found
    from napari_hqsam.viewer.session.controller import SessionController
    from napari_hqsam.viewer.session.verifier import Verifier


class LabelSaver(QObject):
    """Files of labels and journals.

    Parameters
    ----------
    scene : Scene
    labelling : SessionController
    files : Worker
    work_on : callable
        Works on an image, see `ImageFollower`.
    has_outline : callable
        Whether an object is outlined that is not accepted yet.
    """

    listed = Signal()
    """The unsaved sessions were looked up."""
    said = Signal(str)
    save_begun = Signal()
    save_ended = Signal()
    """Labels are written, or are not going to be."""

    def __init__(
        self,
        scene: Scene,
        labelling: SessionController,
        files: Worker,
        work_on: Callable[[Image], None],
        has_outline: Callable[[], bool],
    ) -> None:
        super().__init__(labelling)
        self._scene, self._labelling, self._files = scene, labelling, files
        self._settings, self._has_outline = scene.settings, has_outline
        self._work_on = work_on
        self.unsaved: list[Unsaved] = []
        self.damaged: list[Damaged] = []
        self.being_saved: list[str] = []
        """Files that labels are written to."""
        self.failures = 0
        """How many saves failed."""
        self._told = False
        self._tried: list[tuple[Layer, int]] = []
        self._resuming = False
        self._soon = Soon(self, self._resume)
        labelling.tell_context = lambda: tell_context(scene, scene.settings)
        labelling.session_ended.connect(self.look_up)
        scene.layers_changed.connect(self._on_layers)
        scene.image_changed.connect(self._on_layers)

    def close(self) -> None:
        """Look for no sessions any more."""
        self._labelling.session_ended.disconnect(self.look_up)

    @property
    def verifier(self) -> Verifier:
        """What compares sessions with their images."""
        return self._labelling.verifier

    @property
    def saving(self) -> bool:
        """Whether labels are being written."""
        return bool(self.being_saved)

    def suggested_path(self) -> Path:
        """Where labels would be saved.

        In the file they were saved in last; else beside their image, named after it.
        Where that cannot be: among the user's documents.
        """
        if self._labelling.file is not None:
            return self._labelling.file
        image = self._scene.image
        if image is None:
            return _documents() / "labels.ome.tif"
        path, folder = image.source.path, _documents()
        stem = image.name
        if path is not None and "://" not in str(path):
            stem = Path(path).name.split(".")[0]
            beside = Path(path).absolute().parent
            folder = beside if os.access(beside, os.W_OK) else folder
        stem = re.sub(r'[\\/:*?"<>|\s]+', "-", stem).strip("-.") or "image"
        names = ("", *(f"-{i}" for i in range(2, 1000)))
        paths = (folder / f"{stem}-labels{n}.ome.tif" for n in names)
        return next(p for p in paths if not p.exists())

    def save(self, path: str) -> None:
        """Save the target in the background, with the image's scale and units.

        As it is now, or a moment later, but no edit is saved half. Its journal goes
        with it.
        """
        target = self._labelling.target
        if target is None:
            self.said.emit("There are no labels to save yet")
            return
        try:
            check_writable(path, sources=files_in_use(self._scene.viewer))
            check_free(path, self._labelling.session)
        except HqsamError as error:
            self.said.emit(f"Not saved: {error}")
            tell(error)
            return
        attributes = target.attributes
        session = self._labelling.session
        self.being_saved.append(path)
        self.save_begun.emit()
        self.said.emit(f"Saving {path}; go on meanwhile")
        lines = 1

        def submit(work: Callable[[], Any], then: Callable[[Any], None]) -> None:
            self._files.submit(
                Priority.BATCH, "save", lambda _: work(), then, failed, replace=False
            )

        def write(labels: NDArray[Any]) -> None:
            nonlocal lines
            if path not in self.being_saved:
                return  # given up
            journal = None if session is None else session.journal
            # What is done from now on is not in it.
            lines = 1 if journal is None else journal.lines

            def note(looked: tuple[str, Path | None]) -> None:
                digest, kept = looked
                if kept is not None:
                    tell_kept(path, kept)
                try:
                    if session is not None:
                        session.note_save(digest, lines)
                except HqsamError as error:
                    failed(error)
                    return
                submit(lambda: save_labels(path, labels, attributes), done)

            submit(lambda: (labels_digest(labels), keep_others(path)), note)

        def done(written: str) -> None:
            if self._labelling.target is target:
                self._labelling.follow(written, lines)
            self.said.emit(f"Saved {written}{self._open_object()}")
            self._end(path)

        def failed(error: Exception) -> None:
            self.failures += 1
            self.said.emit(f"{path} is not saved")
            tell(error)
            self._end(path)

        Snapshot(target, self._files, write, failed, parent=self)

    def _end(self, path: str) -> None:
        self.being_saved.remove(path)
        self.save_ended.emit()

    def drop_saves(self) -> None:
        """Give up what is being saved. The journals have it all."""
        for topic in ("snapshot", "save"):
            self._files.cancel(topic)
        self.being_saved.clear()
        self.save_ended.emit()

    def _open_object(self) -> str:
        """Say of an object that is being made that no file has it."""
        if self._has_outline():
            return ", but not the outlined object: it is not accepted yet"
        return ""

    # --- earlier sessions ------------------------------------------------------

    def look_up(self) -> None:
        """Look for sessions that were not saved."""
        self._files.submit(
            Priority.PREFETCH, "unsaved", lambda _: _look(), self._list, tell
        )

    def _list(self, found: Found) -> None:
        self.unsaved, self.damaged = found
        self.listed.emit()
        here = [one for one in found.sessions if self.fits(one)]
        if here and not self._told:
            self._told = True
            self.said.emit(f"{here[0].text}. Restore goes on with it")

    def fits(self, session: Unsaved) -> bool:
        """Whether a session was made on an image that is open."""
        return find_image(self._scene.viewer, session) is not None

    def restore(self, session: Unsaved) -> None:
        """Make the labels of an unsaved session again, and go on with it.

        On its image, which is opened if it is not; the session stays in the list
        until it is open.
        """
        if self._is_open(session.journal):
            self.said.emit(f"The session on {session.image} is open already")
            return
        image = self._image_of(session)
        if image is None:
            self.said.emit(what_to_open(session))
            return
        self._work_on(image)
        self.verifier.check_image(
            session.journal, lambda: self._restore(session, image), tell
        )

    def _restore(self, session: Unsaved, image: Image) -> None:
        viewer, context = self._scene.viewer, session.context
        if image not in viewer.layers or self._is_open(session.journal):
            return
        self._work_on(image)
        self._labelling.let_go()
        missing = apply_choices(session, self._scene, self._settings)
        show_plane(context, viewer, image)

        def restored() -> None:
            self._forget(session)
            if missing:
                tell(HqsamWarning(f"{session.image}: {'; '.join(missing)}"))

        self._labelling.restore(session.journal, restored)

    def _image_of(self, session: Unsaved) -> Image | None:
        """Return the image of a session, opened if need be."""
        viewer = self._scene.viewer
        image, context = self._scene.image, session.context
        open_already = find_image(viewer, session)
        if open_already is not None or (image is None and not context):
            return open_already
        strange = "" if session.is_own else what_is_opened(context, session.journal)
        if strange and not foreign_image.ask(strange, session.journal):
            return None
        try:
            return open_image_of(viewer, session)
        except Exception as error:  # each reader has its own
            tell(ImageError(f"{session.image} cannot be opened ({reason(error)})"))
            return None

    def _is_open(self, journal: Path) -> bool:
        session = self._labelling.session
        own = None if session is None else session.journal
        return own is not None and same_file(own.path, journal)

    def discard(self, session: Unsaved) -> None:
        """Remove what of a session was not saved, for good."""
        try:
            discard(session.journal)
        except HqsamError as error:
            tell(error)
            return
        self._forget(session)

    def _forget(self, session: Unsaved) -> None:
        self.unsaved = [one for one in self.unsaved if one.journal != session.journal]
        self.listed.emit()

    # --- saved labels that are opened again ----------------------------------------

    def _on_layers(self) -> None:
        self._soon.start()

    def _resume(self) -> None:
        """Go on with the session of saved labels that were opened."""
        if self._resuming:  # napari lets things happen while it opens a file
            return
        self._resuming = True
        try:
            for layer in list(self._scene.viewer.layers):
                journal = self._to_resume(layer)
                if journal is not None:
                    self._go_on(layer, journal)
        except HqsamError as error:
            tell(error)
        finally:
            self._resuming = False

    def _to_resume(self, layer: Layer) -> Path | None:
        """Return the journal of saved labels, if they can be gone on with."""
        scene, tried = self._scene, (layer, self._scene.key)
        if scene.own(layer) or layer is scene.image or tried in self._tried:
            return None
        journal = journal_beside(layer)
        if journal is None or self._labelling.target is not None:
            return None
        self._tried.append(tried)
        return journal

    def _go_on(self, layer: Layer, journal: Path) -> None:
        """Use a layer of saved labels as target, where it lies as its image does."""
        session = Unsaved.of(read_session(journal))
        image = self._image_of(session)
        if image is None:
            self.said.emit(
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
        self._labelling.use_target(layer)


def _look() -> Found:
    found = find_unsaved()
    remove_empty()
    return found


def _documents() -> Path:
    """Folder of the user's documents; else the home folder."""
    documents = Path(platformdirs.user_documents_dir())
    return documents if documents.is_dir() else Path.home()
