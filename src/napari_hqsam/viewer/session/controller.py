"""The target and the session on it: one layer, one journal, one undo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from psygnal import Signal
from qtpy.QtCore import QObject

from napari_hqsam.errors import HqsamError, OutputError, reason
from napari_hqsam.labels import labels_digest
from napari_hqsam.viewer.canvas import label_layers
from napari_hqsam.viewer.canvas.connections import Connections
from napari_hqsam.viewer.canvas.label_colours import give_colours
from napari_hqsam.viewer.files import save_listeners as save_listeners
from napari_hqsam.viewer.files.journal_files import journal_beside, move_journal
from napari_hqsam.viewer.files.sessions_folder import sessions_folder
from napari_hqsam.viewer.files.unsaved_sessions import (
    label_file,
    note_saved,
    saved_lines,
)
from napari_hqsam.viewer.main_thread import notify
from napari_hqsam.viewer.planes import layer_shape, shape_without
from napari_hqsam.viewer.session.object_rows import ObjectRows
from napari_hqsam.viewer.session.opening import SessionOpener
from napari_hqsam.viewer.session.parked_labels import (
    REDO,
    UNDO,
    OpenLabels,
    ParkedLabels,
)
from napari_hqsam.viewer.session.provenance import ProvenanceCheck
from napari_hqsam.viewer.session.target.layer_target import (
    LayerTarget,
    check_target,
    reconcile,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from napari.layers import Image, Labels

    from napari_hqsam.sessions.session import Session
    from napari_hqsam.viewer.canvas.scene import Scene
    from napari_hqsam.viewer.files.journal_files import Opened
    from napari_hqsam.viewer.inference.engine import Engine
    from napari_hqsam.viewer.inference.requests import Request
    from napari_hqsam.worker import Worker


class SessionController(QObject):
    """Labels that accepted objects go to.

    Parameters
    ----------
    scene : Scene
    engine, worker : Engine, Worker
        To look at the image when a session begins; the thread of the engine.
    files : Worker
        Copies labels, and reads and writes journals.
    """

    changed = Signal()
    """The target, or what can be undone."""
    message = Signal(str)
    """Something went well."""
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
        self._opener = SessionOpener(self, engine, worker, files, self.provenance)
        self.target: LayerTarget | None = None
        self.session: Session | None = None
        self._rows: ObjectRows | None = None
        self._is_new = False
        self.current_context: Callable[[], dict[str, Any]] = dict
        """Gives what the journal shall keep of how a session is worked on."""
        self.saved_lines = 1
        """How many lines of the session's journal are in a label file."""
        self._of_target = Connections()
        self._image: Image | None = None  # that of the target
        self._parked = ParkedLabels()
        scene.layers_changed.connect(self._on_layers)
        scene.image_changed.connect(self._on_image)
        scene.settings.events.channel_axis.connect(self._on_channel_axis)
        save_listeners.LISTENERS.add(self)

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
        target = self._take(layer, is_new=False)
        beside = journal_beside(layer)
        if beside is not None:
            self._opener.open_beside(target, beside)

    def release_target(self) -> None:
        """Have no target; its layer stays, and so does its journal."""
        self._of_target.close()
        target, self.target = self.target, None
        session, self.session = self.session, None
        waiting = self._opener.cancel(target)
        if target is not None:
            for key in (UNDO, REDO):
                target.layer.bind_key(key, None)
        self._rows = self._image = None
        if session is not None:
            session.close()
            self.session_ended.emit()
        self.changed.emit()
        self._opener.give_up(waiting)

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
        self._take(layer, is_new=True)
        return layer

    def restore(self, journal: Path, restored: Callable[[], None]) -> None:
        """Add a Labels layer with what an unsaved session had, and go on with it.

        Parameters
        ----------
        journal : Path
        restored : callable
            Called when that is done; else it is told what went wrong.
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
            self._take(layer, is_new=False)
            self.adopt(opened)
            restored()

        self._opener.restore(journal, done)

    def _take(self, layer: Labels, *, is_new: bool) -> LayerTarget:
        give_colours(layer)
        self.target = LayerTarget(layer, self._scene.channel_axis or None)
        self._is_new = is_new
        self._image = self._scene.image
        self._listen(layer)
        self.changed.emit()
        return self.target

    def _listen(self, layer: Labels) -> None:
        self._of_target.add(layer.events.set_data, self._on_target_data)
        self._of_target.add(layer.events.paint, self._on_paint)
        # One undo for all of it, back to the first click; napari's own forgets.
        layer.bind_key(UNDO, lambda _: self._undo_key("undo"), overwrite=True)
        layer.bind_key(REDO, lambda _: self._undo_key("redo"), overwrite=True)

    # --- images that come and go -------------------------------------------------

    def image_of(self, layer: object) -> Image | None:
        """Return the image that labels put aside are of; None if they are not."""
        return self._parked.image_of(layer)

    def _on_image(self) -> None:
        """Put the labels of the last image aside; go on with those of this one."""
        image = self._scene.image
        if self.target is not None and self._image is not image:
            self._park()
        labels = self._parked.take(image)
        if labels is not None:
            self.target, self.session, self._rows, self._is_new = labels
            self._image = image
            self._listen(labels.target.layer)
            self._on_target_data(None)
            self.changed.emit()

    def _park(self) -> None:
        """Put target and session aside, or let them go if their layers are gone."""
        target, image, there = self.target, self._image, self._scene.viewer.layers
        assert target is not None
        if self.opening or image not in there or target.layer not in there:
            self.release_target()
            return
        assert image is not None
        self._of_target.close()
        self._parked.park(
            image, OpenLabels(target, self.session, self._rows, self._is_new)
        )
        self.target = self.session = self._rows = self._image = None
        self.changed.emit()

    def forget_parked(self, *, gone: bool = False) -> None:
        """Close sessions that are put aside; only those whose layers are gone, or all.

        Parameters
        ----------
        gone : bool
            Leave those whose image and labels are still there.
        """
        keep = self._scene.viewer.layers if gone else ()
        for labels in self._parked.release(keep):
            if labels.session is not None:
                labels.session.close()
                self.session_ended.emit()

    def _fits(self, layer: Labels, image: Image) -> bool:
        """Whether labels have the shape that objects of an image need."""
        axis = self._scene.channel_axis
        return layer_shape(layer) == shape_without(layer_shape(image), axis)

    def _on_channel_axis(self) -> None:
        """Labels have no channel axis: those of the old shape cannot serve."""
        image, target = self._scene.image, self.target
        if image is None or target is None or self._fits(target.layer, image):
            return
        if self._is_new and self.session is None and not self.opening:
            self._scene.viewer.layers.remove(target.layer)  # nothing is in it
        else:
            self._leave(target.layer)

    def _make_anew(self) -> LayerTarget:
        """Have a new target in place of one that cannot serve any more."""
        assert self.target is not None
        self._leave(self.target.layer)
        self.new_target()
        return self.target

    def _leave(self, layer: Labels) -> None:
        self.release_target()
        self.message.emit(
            f"{layer.name} stays as it is: its shape does not fit the image any more. "
            "Objects go to a new labels layer"
        )

    # --- the session -----------------------------------------------------------

    def ready(
        self,
        request: Request,
        go_on: Callable[[], None],
        give_up: Callable[[Exception], None],
    ) -> Session | None:
        """Return the session to write to; None if it must be begun first.

        Then `go_on` is called as soon as it is there, or else `give_up`.

        Raises
        ------
        HqsamError
            The target cannot be written to.
        """
        image = self._scene.image
        assert image is not None
        if self.target is None:
            self.new_target()
        target = self.target
        assert target is not None
        if not self.opening:
            if not self._fits(target.layer, image):
                target = self._make_anew()
            check_target(target.layer, image, self._scene.channel_axis)
            if self.session is None:
                self._opener.begin(target, request, found=not self._is_new)
        self._opener.wait(go_on, give_up)
        return self.session

    @property
    def opening(self) -> bool:
        """Whether a session is being begun or opened."""
        return self._opener.opening

    @property
    def awaited(self) -> bool:
        """Whether objects wait for that session, to be put into its labels."""
        return self._opener.awaited

    def tell_aside(self, text: str) -> None:
        """Go on without the session that was beside the labels."""
        self.message.emit(text)
        self.changed.emit()

    def adopt(self, opened: Opened) -> None:
        """Go on with a session that is open on the target's labels, or a copy."""
        assert self.target is not None
        self.session = opened.session
        self.session.target = self.target
        self.session.current_context = self.current_context
        assert self.session.journal is not None
        journal = self.session.journal.path
        self.saved_lines = opened.saved or saved_lines(journal)
        try:
            note_saved(journal, self.saved_lines)
        except OSError as error:
            notify(
                OutputError(
                    f"a crash would not be noticed: {sessions_folder()} cannot be "
                    f"written to ({reason(error)})"
                )
            )
        self._rows = ObjectRows(self.session)
        self.target.note_history()
        if opened.text:  # an old one
            self.target.show(opened.labels)
            self._rows.show(self.target.layer)
            self.message.emit(opened.text)
            self.provenance.check_weights(self.session)
        self.changed.emit()

    def took_step(self, text: str) -> None:
        """Tell of the last step of the session."""
        assert self.session is not None
        self.note_rows()
        self.show_rows()
        self.message.emit(text)
        self.changed.emit()

    def note_rows(self, *, back: bool = False) -> None:
        """Bring the rows of what the last step touched up to date."""
        if self.session is not None and self._rows is not None:
            history = self.session.history
            self._rows.update(history.to_redo if back else history.to_undo)

    def note_objects(self, label_ids: Iterable[int]) -> None:
        """Bring the rows of objects up to date."""
        if self._rows is not None:
            self._rows.update_objects(label_ids)

    def show_rows(self) -> None:
        """Put the rows into the target's features table."""
        if self._rows is not None and self.target is not None:
            self._rows.show(self.target.layer)

    def step(self, which: Literal["undo", "redo"]) -> bool:
        """Undo or redo a step of the session; False if there is none."""
        if self.session is None:
            return False
        try:
            done = self.session.undo() if which == "undo" else self.session.redo()
        except HqsamError as error:
            notify(error)
            return True
        if done:
            self.note_rows(back=which == "undo")
            self.show_rows()
            self.changed.emit()
        return done

    def _undo_key(self, which: Literal["undo", "redo"]) -> None:
        """Undo in the session; as long as there is none, as napari does."""
        if not self.step(which) and self.session is None and self.target is not None:
            self.target.napari_step(which)

    @property
    def lines(self) -> int:
        """How many lines the journal has, to be told to `follow`."""
        journal = None if self.session is None else self.session.journal
        return 1 if journal is None else journal.lines

    @property
    def unsaved_steps(self) -> int:
        """How many changes of the session are in no label file."""
        return max(self.lines - self.saved_lines, 0)

    @property
    def file(self) -> Path | None:
        """The label file that the session was saved in last."""
        journal = None if self.session is None else self.session.journal
        return None if journal is None else label_file(journal.path)

    def follow(self, path: str, lines: int | None = None) -> None:
        """Move the journal to where the labels were saved.

        Parameters
        ----------
        path : str
        lines : int, optional
            How many lines of it are in the file; by default all.
        """
        if self.session is not None:
            saved = self.lines if lines is None else lines
            try:
                move_journal(self.session, path, saved, self.saved_lines)
                self.saved_lines = saved
            except HqsamError as error:
                notify(error)
            self.changed.emit()

    # --- what happens ----------------------------------------------------------------

    def _on_layers(self) -> None:
        self.forget_parked(gone=True)
        if (
            self.target is not None
            and self.target.layer not in self._scene.viewer.layers
        ):
            self.release_target()

    def _on_target_data(self, event: object) -> None:
        """Take over what others than us have undone in the layer, or replaced."""
        before = None if self.target is None else self.target.replaced()
        if self.session is None or self.target is None or self.target.writing:
            return
        if self.target.shape != self.session.header.labels.shape:
            return  # who goes on with the session says so
        try:
            replaced = before is not None and self.session.record_replacement(before)
            if replaced or reconcile(self.session, self.target):
                self._rows = ObjectRows(self.session)
                self.show_rows()
                self.changed.emit()
        except HqsamError as error:
            notify(error)

    def _on_paint(self, event: Any) -> None:  # noqa: ANN401
        """Take note of the brush, so that a replay paints the same."""
        self._is_new = False  # it may have objects of its own now
        if self.target is not None:
            self.target.note_history()
        if self.session is None or self.target is None or self.target.writing:
            return
        try:
            self.session.record_strokes(self.target.strokes_of(event.value))
            self.note_rows()
            self.show_rows()
        except (HqsamError, ValueError, TypeError, IndexError) as error:
            notify(OutputError(f"a brush stroke is missing in the journal: {error}"))

    def holds(self, data: object) -> bool:
        """Whether these are the labels that are worked on."""
        return self.target is not None and self.target.layer.data is data

    def session_on(self, data: object) -> Session | None:
        """Return the session on these labels, also if it is put aside."""
        return self.session if self.holds(data) else self._parked.session_on(data)

    def before_saved(self) -> None:
        """Tell the journal that somebody is about to save the labels as they are.

        Raises
        ------
        OutputError
            It cannot be written to.
        """
        if self.target is not None and self.session is not None:
            self.session.record_save(labels_digest(self.target.array), self.lines)
