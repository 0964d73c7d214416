"""Begin and open sessions in the background; accepted objects wait for them.

To copy labels and read a journal may take long, so it is done on the worker for files:
the engine's worker answers clicks meanwhile.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

from napari_hqsam.errors import HqsamError, OutputError
from napari_hqsam.sessions import LabelsMismatchError, archive_session
from napari_hqsam.viewer.files.journal_files import (
    Opened,
    begin_session,
    journal_file,
    open_session,
)
from napari_hqsam.viewer.main_thread import notify
from napari_hqsam.viewer.session import other_labels_dialog as other_labels_dialog
from napari_hqsam.worker import Priority

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_hqsam.sessions.journal.headers import ImageRecord, ModelRecord
    from napari_hqsam.viewer.inference.engine import Engine
    from napari_hqsam.viewer.inference.requests.request import Request
    from napari_hqsam.viewer.session.provenance import ProvenanceCheck
    from napari_hqsam.viewer.session.target.layer_target import LayerTarget
    from napari_hqsam.worker import Worker


class Waiting(NamedTuple):
    """Callbacks of what waits for a session."""

    on_ready: Callable[[], None]
    on_failed: Callable[[Exception], None]


class SessionOwner(Protocol):
    """Gets the session; its labels are the target."""

    @property
    def target(self) -> LayerTarget | None:
        """The labels that are worked on."""

    def adopt(self, opened: Opened) -> None:
        """Continue a session that is open on the target's labels or a copy of them."""

    def release_target(self) -> None:
        """Release the target."""

    def continue_without(self, text: str) -> None:
        """Continue without the session beside the labels."""


class SessionOpener:
    """Begins and opens the session of a target.

    Parameters
    ----------
    owner : SessionOwner
    engine : Engine
    worker : Worker
        That of the engine.
    files : Worker
        For what needs no model.
    provenance : Verifier
    """

    def __init__(
        self,
        owner: SessionOwner,
        engine: Engine,
        worker: Worker,
        files: Worker,
        provenance: ProvenanceCheck,
    ) -> None:
        self._owner, self._engine, self._provenance = owner, engine, provenance
        self._worker, self._files = worker, files
        self._waiting: list[Waiting] | None = None  # while a session is opened

    @property
    def opening(self) -> bool:
        """Whether a session is being begun or opened."""
        return self._waiting is not None

    @property
    def awaited(self) -> bool:
        """Whether objects wait for that session, to be put into its labels."""
        return bool(self._waiting)

    def wait(
        self, on_ready: Callable[[], None], on_failed: Callable[[Exception], None]
    ) -> None:
        """Call a callback once the session is open, or another one if that failed."""
        if self._waiting is not None:
            self._waiting.append(Waiting(on_ready, on_failed))

    def begin(self, target: LayerTarget, request: Request, *, found: bool) -> None:
        """Begin a session with its journal; labels and image are read for that.

        Parameters
        ----------
        target : LayerTarget
        request : Request
            Request of the first object: has the image and its normalisation.
        found : bool
            Whether there may be objects in the labels already.
        """
        engine, place = self._engine, target.attributes
        path = journal_file(target.layer.name)
        done, failed = self._lock(target)

        def copy(records: tuple[ImageRecord, ModelRecord]) -> None:
            work = partial(begin_session, path, target, *records, place, found=found)
            self._submit(work, done, failed)

        self._worker.submit(
            Priority.CLICK,
            "session",
            lambda _: (engine.image_record(request), engine.setup(request)),
            copy,
            failed,
        )

    def open_beside(self, target: LayerTarget, journal: Path) -> None:
        """Continue the session of saved labels, if they are as it saved them."""
        name = target.layer.name
        done, failed = self._lock(target)

        def refused(error: Exception) -> None:
            if not isinstance(error, LabelsMismatchError):
                failed(error)
                return
            answer = other_labels_dialog.ask(error, name)
            if self._owner.target is not target:
                return  # released while the question was shown
            if answer == "session":
                work = partial(open_session, journal, target.array, known=True)
                self._submit(work, done, failed)
            elif answer == "labels":
                self._continue_without(target, journal, failed)
            else:
                self._owner.release_target()

        def go_on() -> None:
            work = partial(open_session, journal, target.array)
            self._submit(work, done, refused)

        self._provenance.check_image(journal, go_on, failed, "session")

    def restore(self, journal: Path, done: Callable[[Opened], None]) -> None:
        """Open a session without its labels."""
        self._submit(partial(open_session, journal), done, notify)

    def cancel(self, target: LayerTarget | None) -> list[Waiting]:
        """Cancel the opening; return the waiting callbacks, for `fail`."""
        self._files.cancel("session")
        self._worker.cancel("session")
        if target is not None and self.opening:
            target.layer.editable = True
        waiting, self._waiting = self._waiting or [], None
        return waiting

    def fail(self, waiting: list[Waiting]) -> None:
        """Call `on_failed` of waiting callbacks: the labels are gone."""
        if waiting:
            error = OutputError(
                "the labels were removed before the accepted objects were in them; "
                "accept it again"
            )
            notify(error)
            for one in waiting:
                one.on_failed(error)

    def _continue_without(
        self, target: LayerTarget, journal: Path, failed: Callable[[Exception], None]
    ) -> None:
        """Rename the session beside labels, and begin a new one for them."""
        try:
            kept = archive_session(journal)
        except HqsamError as error:
            failed(error)
            return
        waiting, self._waiting = self._waiting or [], None
        target.layer.editable = True
        self._owner.continue_without(
            f"The session of the labels before is now {kept.name}"
        )
        for one in waiting:
            one.on_ready()

    def _lock(
        self, target: LayerTarget
    ) -> tuple[Callable[[Opened], None], Callable[[Exception], None]]:
        """Make the labels read-only until their session is open, or has failed.

        Returns
        -------
        tuple of callable
            To be called with the session, or with what went wrong.
        """
        waiting: list[Waiting] = []
        self._waiting = waiting
        target.layer.editable = False

        def done(opened: Opened) -> None:
            self._waiting = None
            target.layer.editable = True
            self._owner.adopt(opened)
            for one in waiting:
                one.on_ready()

        def failed(error: Exception) -> None:
            self._waiting = None
            target.layer.editable = True
            notify(error)
            for one in waiting:
                one.on_failed(error)

        return done, failed

    def _submit(
        self,
        work: Callable[[], Opened],
        done: Callable[[Opened], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self._files.submit(
            Priority.CLICK, "session", lambda _: work(), done, failed, discard=_close
        )


def _close(opened: Opened) -> None:
    opened.session.close()
