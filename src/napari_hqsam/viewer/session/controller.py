"""The labels that are worked on: which layer, and the session on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from psygnal import Signal
from qtpy.QtCore import QObject

from napari_hqsam.errors import HqsamError
from napari_hqsam.viewer.canvas import label_layers
from napari_hqsam.viewer.canvas.label_colours import give_colours
from napari_hqsam.viewer.files.journal_files import journal_beside
from napari_hqsam.viewer.main_thread import notify
from napari_hqsam.viewer.session.inactive_labels import InactiveLabels
from napari_hqsam.viewer.session.napari_edits import NapariEdits
from napari_hqsam.viewer.session.open_labels import OpenLabels
from napari_hqsam.viewer.session.opening import SessionOpener
from napari_hqsam.viewer.session.provenance import ProvenanceCheck
from napari_hqsam.viewer.session.target.layer_target import LayerTarget
from napari_hqsam.viewer.session.target.target_check import check_target, has_shape_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari.layers import Labels

    from napari_hqsam.sessions.session import Session
    from napari_hqsam.viewer.canvas.scene import Scene
    from napari_hqsam.viewer.files.journal_files import Opened
    from napari_hqsam.viewer.inference.engine import Engine
    from napari_hqsam.viewer.inference.requests.request import Request
    from napari_hqsam.worker import Worker


class SessionController(QObject):
    """Labels that accepted objects go to.

    Parameters
    ----------
    scene : Scene
    engine, worker : Engine, Worker
        To read the image when a session begins; the thread of the engine.
    files : Worker
        Copies labels, and reads and writes journals.

    Attributes
    ----------
    labels : OpenLabels or None
    inactive : InactiveLabels
        Those of other images.
    opener : SessionOpener
    provenance : ProvenanceCheck
    """

    changed = Signal()
    """The target, or what can be undone."""
    message = Signal(str)
    """What happened, for the user."""
    session_ended = Signal()
    """A session was closed; what of it was not saved can be restored."""

    def __init__(
        self,
        scene: Scene,
        engine: Engine,
        worker: Worker,
        files: Worker,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._scene = scene
        self.provenance = ProvenanceCheck(scene, engine, worker, files, self)
        self.opener = SessionOpener(self, engine, worker, files, self.provenance)
        self.labels: OpenLabels | None = None
        self.inactive = InactiveLabels(self.session_ended.emit)
        self.current_context: Callable[[], dict[str, Any]] = dict
        """Gives what the journal shall keep of how a session is worked on."""
        self._edits = NapariEdits(self.changed.emit)

    @property
    def target(self) -> LayerTarget | None:
        """The layer that accepted objects go to, if there is one."""
        return None if self.labels is None else self.labels.target

    @property
    def session(self) -> Session | None:
        """The session on it; None until the first object is accepted."""
        return None if self.labels is None else self.labels.session

    # --- the target ----------------------------------------------------------

    def use_target(self, layer: Labels | None) -> None:
        """Send accepted objects to a Labels layer; None: to a new one, if any.

        Where a journal lies beside the file of the layer, its session goes on.
        """
        if self.target is not None and layer == self.target.layer:
            return
        self.release_target()
        if layer is None or self._scene.image is None:
            return
        image, axis = self._scene.image, self._scene.channel_axis
        if label_layers.lacks_step(layer, image, axis):
            layer = label_layers.as_labels(self._scene.viewer, layer, image, axis)
        try:
            check_target(layer, image, axis)
        except HqsamError as error:
            notify(error)
            self.changed.emit()
            return
        labels = self._open(layer, is_new=False)
        beside = journal_beside(layer)
        if beside is not None:
            self.opener.open_beside(labels.target, beside)

    def new_target(self) -> Labels:
        """Add an empty Labels layer and use it.

        Raises
        ------
        ImageError
            There is no image, or no memory for its labels.
        """
        self._scene.view()
        image = self._scene.image
        assert image is not None
        layer = label_layers.add_target(
            self._scene.viewer, image, self._scene.channel_axis
        )
        self.release_target()
        self._open(layer, is_new=True)
        return layer

    def release_target(self) -> None:
        """Release the target; its layer and its journal stay."""
        self._edits.stop()
        labels, self.labels = self.labels, None
        waiting = self.opener.cancel(None if labels is None else labels.target)
        if labels is not None and labels.session is not None:
            labels.close()
            self.session_ended.emit()
        self.changed.emit()
        self.opener.fail(waiting)

    def restore(self, journal: Path, restored: Callable[[], None]) -> None:
        """Add a Labels layer with the labels of an unsaved session, and continue it.

        Parameters
        ----------
        journal : Path
        restored : callable
            Called when that is done; what goes wrong is shown instead.
        """
        self.release_target()

        def done(opened: Opened) -> None:
            image, axis = self._scene.image, self._scene.channel_axis
            assert opened.labels is not None
            try:
                layer = label_layers.add_restored(
                    self._scene.viewer, image, axis, opened.labels, opened.name
                )
            except HqsamError as error:
                opened.session.close()
                notify(error)
                return
            self._open(layer, is_new=False)
            self.adopt(opened)
            restored()

        self.opener.restore(journal, done)

    def _open(self, layer: Labels, *, is_new: bool) -> OpenLabels:
        """Work on the labels of a layer, without a session yet."""
        give_colours(layer)
        image = self._scene.image
        assert image is not None
        target = LayerTarget(layer, self._scene.channel_axis or None)
        self.labels = OpenLabels(image, target, is_new=is_new)
        self._edits.listen_to(self.labels)
        self.changed.emit()
        return self.labels

    def target_fits(self) -> bool:
        """Whether the target has the shape that objects of the image need."""
        image, target = self._scene.image, self.target
        assert image is not None
        assert target is not None
        return has_shape_for(target.layer, image, self._scene.channel_axis)

    def release_misfit(self) -> None:
        """Release a target whose shape does not fit any more, and say so."""
        assert self.target is not None
        name = self.target.layer.name
        self.release_target()
        self.message.emit(
            f"{name} stays as it is: its shape does not fit the image any more. "
            "Objects go to a new labels layer"
        )

    def park(self) -> None:
        """Park the labels while their image is not in use."""
        labels, self.labels = self.labels, None
        assert labels is not None
        self._edits.stop()
        self.inactive.deactivate(labels)
        self.changed.emit()

    def resume(self, labels: OpenLabels) -> None:
        """Resume inactive labels."""
        self.labels = labels
        self._edits.listen_to(labels)
        self._edits.catch_up()
        self.changed.emit()

    # --- the session -----------------------------------------------------------

    def ready(
        self,
        request: Request,
        on_ready: Callable[[], None],
        on_failed: Callable[[Exception], None],
    ) -> Session | None:
        """Return the session to write to; None if it must be begun first.

        Then `on_ready` is called as soon as it is there, or else `on_failed`.

        Raises
        ------
        HqsamError
            The target cannot be written to.
        """
        image = self._scene.image
        assert image is not None
        is_open = self.target is not None and not self.opener.opening
        if is_open and not self.target_fits():
            self.release_misfit()
        if self.target is None:
            self.new_target()
        labels = self.labels
        assert labels is not None
        if not self.opener.opening:
            check_target(labels.target.layer, image, self._scene.channel_axis)
            if labels.session is None:
                self.opener.begin(labels.target, request, found=not labels.is_new)
        self.opener.wait(on_ready, on_failed)
        return self.session

    def continue_without(self, text: str) -> None:
        """Continue without the session beside the labels."""
        self.message.emit(text)
        self.changed.emit()

    def adopt(self, opened: Opened) -> None:
        """Continue a session that is open on the target's labels or a copy of them."""
        labels, session = self.labels, opened.session
        assert labels is not None
        session.current_context = self.current_context
        try:
            labels.start_session(session, opened.saved)
        except HqsamError as error:
            notify(error)
        if opened.text:  # an old one
            labels.target.show(opened.labels)
            labels.show_rows()
            self.message.emit(opened.text)
            self.provenance.check_weights(session)
        self.changed.emit()

    def step(self, which: Literal["undo", "redo"]) -> bool:
        """Undo or redo a step of the session; False if there is none."""
        try:
            done = self.labels is not None and self.labels.step(which)
        except HqsamError as error:
            notify(error)
            return True
        if done:
            self.changed.emit()
        return done

    def show_done(self, text: str) -> None:
        """Show the step that was just done, and say what it was."""
        if self.labels is not None:
            self.labels.update_last_step()
            self.labels.show_rows()
        self.message.emit(text)
        self.changed.emit()

    def move_journal(self, path: str, lines: int | None = None) -> None:
        """Move the journal to where the labels were saved, see `OpenLabels`."""
        if self.labels is not None and self.labels.session is not None:
            try:
                self.labels.move_journal(path, lines)
            except HqsamError as error:
                notify(error)
            self.changed.emit()
