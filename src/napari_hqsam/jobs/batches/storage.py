"""The folder in which a batch stores its labels until they are complete.

``NAME.batch`` beside the output NAME holds the labels as a zarr, the ledger, a lock,
and a marker that identifies the folder as ours: no other folder is written to, and only
our own files are removed. The labels are moved to NAME when all planes are done.
"""

from __future__ import annotations

import shutil
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import zarr

from napari_hqsam.errors import OutputError, reason
from napari_hqsam.files import (
    free_name,
    is_workspace,
    symbolic_links,
    sync_folder,
    sync_tree,
    try_lock,
)
from napari_hqsam.images.formats.zarr.check import checked_array
from napari_hqsam.jobs.batches.ledger import Ledger
from napari_hqsam.jobs.files.json_lines import differing
from napari_hqsam.jobs.files.new_labels import new_labels
from napari_hqsam.labels import (
    check_writable,
    copy_labels,
    id_dtype,
    labels_on_disk,
)
from napari_hqsam.labels.chunk_files import ChunkFiles, fits
from napari_hqsam.labels.formats import keeps_order
from napari_hqsam.sessions import archiving_session, check_session_not_open

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_hqsam.files import Lock
    from napari_hqsam.images import Image
    from napari_hqsam.jobs.batches.plan import Batch
    from napari_hqsam.labels.chunk_files import Written

SUFFIX = ".batch"
_MARKER = "napari-hqsam-batch.txt"
_TEXT = """\
An incomplete batch of napari-hqsam. Run the same batch again to resume it, or restart
it; either removes this folder when it is complete.
"""
_LOCK, _LEDGER, _REPLACED = "lock", "ledger.jsonl", "replaced"
_WORK = "work"


class Storage:
    """The labels of a batch on the disk, and its ledger.

    Parameters
    ----------
    out : Path
        Final path of the labels: ``.tif``, ``.ome.tif``, ``.zarr``, ``.ome.zarr``.
    image : Image
        The image.
    overwrite : bool
        Whether existing labels may be replaced.

    Raises
    ------
    OutputError
        Labels cannot be written there.
    """

    def __init__(self, out: Path, image: Image, *, overwrite: bool = False) -> None:
        self.out, self.image, self.overwrite = out, image, overwrite
        self.axes = f"{image.leading_axes}yx"
        self.folder = out.with_name(out.name + SUFFIX)
        check_writable(out, axes=self.axes, overwrite=overwrite)
        check_session_not_open(out)
        self.ledger = Ledger(self.folder / _LEDGER)
        self._is_moved = keeps_order(out, self.axes)
        name = out.name if self._is_moved else "labels.zarr"
        self._labels_path = self.folder / name
        self._files: ChunkFiles | None = None
        self._check_ours()

    @property
    def work(self) -> Path:
        """Folder of intermediate results, of batches that have some."""
        return self.folder / _WORK

    @property
    def labels_path(self) -> Path:
        """The zarr in which the labels are until they are complete."""
        return self._labels_path

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the labels."""
        return (*self.image.leading_shape, *self.image.plane_shape)

    def _check_ours(self) -> None:
        """Raise OutputError if the folder was not made by this package."""
        if not self.folder.exists():
            return
        if not self.folder.is_dir():
            raise OutputError(
                f"{self.folder} is a file, and the batch needs this name for a "
                "folder: remove it"
            )
        # we make no links, but an untrusted archive may contain some
        link = next(symbolic_links(self.folder), None)
        if link is not None:
            raise OutputError(
                f"{link} is a link, through which the batch would write elsewhere: "
                "remove it, or name another output"
            )
        names = {path.name for path in self.folder.iterdir()} - {_LOCK}
        names = {name for name in names if not is_workspace(name)}
        ours = not names or _MARKER in names or self.ledger.is_ledger()
        if not ours:
            raise OutputError(
                f"{self.folder} holds other files ({min(names)}, ...), and the batch "
                "needs this name for a folder of its own: rename it, or name another "
                "output"
            )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the batch against other processes; released if the process is killed.

        Raises
        ------
        OutputError
            Another process runs it, or the folder cannot be created.
        """
        try:
            # The first labels of an OME-Zarr image make its folder labels/.
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self.unwritable(error) from error
        lock = try_lock(self.folder / _LOCK)
        if lock is None:
            raise OutputError(
                f"another process runs this batch ({self.folder}): wait for it, or "
                "name another output"
            )
        try:
            self._check_ours()  # again, under the lock
            self._mark()
        except BaseException:
            lock.release(remove=True)
            raise
        lock.warn_if_unconfirmed("running the same batch")
        try:
            yield
        finally:
            if self.ledger.path.exists():
                lock.release()
            else:  # nothing was begun, or everything is done
                self._clear(lock)

    def _mark(self) -> None:
        marker = self.folder / _MARKER
        if not marker.exists():
            try:  # it marks by its name, so a kill may leave it empty
                marker.write_text(_TEXT, encoding="utf-8")
            except OSError as error:
                raise self.unwritable(error) from error

    def _clear(self, lock: Lock) -> None:
        """Remove our files, and the folder if it is then empty; under the lock."""
        replaced = self.folder.glob(f"{_REPLACED}*") if self.out.exists() else ()
        unfinished = (p for p in self.folder.glob(".*") if is_workspace(p.name))
        ours = [self._labels_path, self.work, *replaced, *unfinished]
        for path in ours:
            shutil.rmtree(path, ignore_errors=True)
        if not any(
            path.exists() for path in ours
        ):  # else the next run knows them by it
            with suppress(OSError):
                (self.folder / _MARKER).unlink(missing_ok=True)
        lock.release(remove=True)
        with suppress(OSError):
            lock.path.unlink(missing_ok=True)  # where it could not be while it was held
        with suppress(OSError):
            self.folder.rmdir()

    def open(self, batch: Batch, identity: dict[str, Any]) -> zarr.Array[Any]:
        """Open the labels of the interrupted batch, or create new ones.

        Raises
        ------
        OutputError
            The interrupted batch was planned differently, or is damaged.
        """
        begun = self.ledger.header()
        if begun is None or not self._labels_path.exists():
            # leftovers of a kill while they were being removed
            shutil.rmtree(self._labels_path, ignore_errors=True)
            shutil.rmtree(self.work, ignore_errors=True)
            self._make(batch)
            self.ledger.begin(identity)
        elif wrong := differing(begun, identity):
            raise OutputError(
                f"{self.folder} holds an interrupted batch that differs in "
                f"{', '.join(wrong)}: run it with the same options and files to go "
                "on, or restart"
            )
        self.ledger.mend()
        return self._open_labels()

    def _open_labels(self) -> zarr.Array[Any]:
        """Open the labels; validate them, since others may write to the folder.

        Raises
        ------
        OutputError
            They are damaged, or not of this image.
        """
        self._files = ChunkFiles(self._labels_path)
        try:
            array = zarr.open_group(self._files, mode="r+")["0"]
            if not isinstance(array, zarr.Array):
                raise TypeError("they are no array")
            array = checked_array(array, str(self._labels_path))
            if array.shape != self.shape or array.dtype.kind != "u":
                raise ValueError(f"they are {array.dtype} of shape {array.shape}")
        except MemoryError:
            raise
        except Exception as error:  # each parser and codec has its own
            raise OutputError(
                f"the labels of the interrupted batch in {self.folder} are damaged "
                f"({reason(error)}): restart"
            ) from error
        self._files.note_changes()
        return array

    def sync(self) -> Written:
        """Sync the chunks painted since the last call to the disk.

        Returns
        -------
        mapping
            Their sizes and checksums.

        Raises
        ------
        OutputError
            They cannot be written.
        """
        assert self._files is not None
        try:
            return self._files.sync()
        except OSError as error:
            raise self.unwritable(error) from error

    def fits(self, written: Written) -> bool:
        """Whether chunks on the disk have the recorded sizes and checksums."""
        return fits(self._labels_path, written)

    def restart(self) -> None:
        """Delete an interrupted batch; its ledger first: without, it is invalid."""
        self.ledger.path.unlink(missing_ok=True)
        shutil.rmtree(self._labels_path, ignore_errors=True)
        shutil.rmtree(self.work, ignore_errors=True)

    def place(self, labels: zarr.Array[Any], highest: int) -> None:
        """Move the complete labels to their final path, and clean up.

        A kill in between loses nothing: the batch stays complete in its folder until
        the labels are in place. A session beside replaced labels is archived.

        Raises
        ------
        OutputError
            They cannot be moved there.
        """
        check_writable(self.out, overwrite=self.overwrite)  # may have changed since
        with archiving_session(self.out):
            if self._is_moved:
                self._move()
            else:
                with new_labels(
                    self.image, self.out, highest, overwrite=self.overwrite
                ) as final:
                    copy_labels(labels, final)
        try:
            self.ledger.path.unlink()
        except OSError as error:
            raise self.unwritable(error) from error

    def _make(self, batch: Batch) -> None:
        # What is to be a TIFF may have axes that OME-Zarr does not know.
        space = self.image.space.select(self.axes) if self._is_moved else None
        with labels_on_disk(
            self._labels_path,
            self.shape,
            dtype=id_dtype(batch.highest_id),
            space=space,
        ):
            pass

    def _move(self) -> None:
        """Rename the labels to their final path; replaced ones are kept until then."""
        try:
            sync_tree(self._labels_path)
            if self.out.exists():
                mode = stat.S_IMODE(self.out.stat().st_mode)
                with suppress(PermissionError):
                    self._labels_path.chmod(mode)
                self.out.rename(free_name(self.folder / _REPLACED))
            self._labels_path.rename(self.out)
            sync_folder(self.out.parent)
        except OSError as error:
            raise OutputError(
                f"{self.out} was not written ({reason(error)}): the labels are in "
                f"{self.folder}; free the name and run the batch again"
            ) from error

    def unwritable(self, error: OSError) -> OutputError:
        """Make an OutputError from an error of the operating system."""
        return OutputError(
            f"{self.folder} cannot be written to ({reason(error)}): free some space "
            "and run the same command again; what was done is kept"
        )
