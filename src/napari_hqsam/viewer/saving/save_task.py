"""One save of labels: a copy of one moment, a line in the journal, then the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_hqsam.errors import HqsamError
from napari_hqsam.labels import labels_digest
from napari_hqsam.sessions import back_up_foreign_labels
from napari_hqsam.viewer.files.label_files import save_labels, warn_kept
from napari_hqsam.viewer.session.snapshots import Snapshot
from napari_hqsam.worker import Priority, Worker

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray
    from qtpy.QtCore import QObject

    from napari_hqsam.viewer.session.controller import SessionController
    from napari_hqsam.viewer.session.target.layer_target import LayerTarget


class SaveTask:
    """Saves labels once; each step but the second runs on the worker of files.

    1. `Snapshot` copies the labels while nothing is half edited.
    2. The session records the digest of the copy in its journal: labels that are found
       on the disk later belong to the lines up to there, even after a crash in step 3.
    3. The copy is written, and the journal moved beside it.

    Parameters
    ----------
    path : str
        Path of the label file.
    target : LayerTarget
        The labels.
    sessions : SessionController
    files : Worker
    parent : QObject
        Owner of the timer of the snapshot.
    """

    def __init__(
        self,
        path: str,
        target: LayerTarget,
        sessions: SessionController,
        files: Worker,
        parent: QObject,
    ) -> None:
        self._path, self._target, self._parent = path, target, parent
        self._sessions, self._files = sessions, files
        self._session, self._attributes = sessions.session, target.attributes
        self._lines = 1
        """How many lines the journal had when the labels were copied."""

    def begin(
        self,
        done: Callable[[str], None],
        failed: Callable[[Exception], None],
        is_wanted: Callable[[], bool],
    ) -> None:
        """Save in the background.

        Parameters
        ----------
        done : callable
            Gets the path that was written.
        failed : callable
            Gets what went wrong.
        is_wanted : callable
            Whether the save was not abandoned before the copy was complete.
        """
        self._done, self._failed, self._is_wanted = done, failed, is_wanted
        Snapshot(self._target, self._files, self._digest, failed, parent=self._parent)

    def _digest(self, labels: NDArray[Any]) -> None:
        """Compute the digest of the copy; keep labels that another program wrote."""
        if not self._is_wanted():
            return
        journal = None if self._session is None else self._session.journal
        self._lines = 1 if journal is None else journal.lines
        self._submit(
            lambda: (labels_digest(labels), back_up_foreign_labels(self._path)),
            lambda found: self._record(labels, *found),
        )

    def _record(self, labels: NDArray[Any], digest: str, kept: Path | None) -> None:
        if kept is not None:
            warn_kept(self._path, kept)
        try:
            if self._session is not None:
                self._session.record_save(digest, self._lines)
        except HqsamError as error:
            self._failed(error)
            return
        attributes = self._attributes
        self._submit(lambda: save_labels(self._path, labels, attributes), self._move)

    def _move(self, written: str) -> None:
        """Move the journal beside the file, if the labels are still the target."""
        if self._sessions.target is self._target:
            self._sessions.move_journal(written, self._lines)
        self._done(written)

    def _submit(self, work: Callable[[], Any], then: Callable[[Any], None]) -> None:
        self._files.submit(
            Priority.BATCH, "save", lambda _: work(), then, self._failed, replace=False
        )
