"""Where a batch keeps its labels until they are complete, and how they get in place.

``NAME.batch`` beside the output NAME holds the labels as a zarr, the ledger and a
lock. Nothing is at NAME before all planes are done.
"""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import zarr

from napari_hqsam.errors import OutputError, reason
from napari_hqsam.files import try_lock
from napari_hqsam.geometry.space import space_of_image
from napari_hqsam.images.zarr_check import check_array
from napari_hqsam.jobs.ledger import Ledger, differing
from napari_hqsam.labels import check_writable, copy_labels, id_dtype, labels_on_disk
from napari_hqsam.labels.blocks import blocks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_hqsam.images import Image
    from napari_hqsam.jobs.plan import Batch

SUFFIX = ".batch"


class Storage:
    """The labels of a batch on the disk, and its ledger.

    Parameters
    ----------
    out : Path
        Where the labels are to be: ``.tif``, ``.ome.tif``, ``.zarr``, ``.ome.zarr``.
    image : Image
        What they are of.
    overwrite : bool
        Whether labels that are there may be replaced.

    Raises
    ------
    OutputError
        Labels could not be written there.
    """

    def __init__(self, out: Path, image: Image, *, overwrite: bool = False) -> None:
        self.out, self.image, self.overwrite = out, image, overwrite
        self.axes = f"{image.leading_axes}yx"
        self.folder = out.with_name(out.name + SUFFIX)
        check_writable(out, axes=self.axes, overwrite=overwrite)
        if self.folder.exists() and not self.folder.is_dir():
            raise OutputError(
                f"{self.folder} is a file, and the batch needs this name for a "
                "folder: remove it"
            )
        self.ledger = Ledger(self.folder / "ledger.jsonl")
        self._is_zarr = out.name.lower().endswith(".zarr")
        self._labels_path = self.folder / (out.name if self._is_zarr else "labels.zarr")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from the batch; a killed process lets go.

        Raises
        ------
        OutputError
            Another process is at it, or there is no room for the folder.
        """
        try:
            self.folder.mkdir(exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"{self.folder} cannot be made ({error.strerror}): name another output"
            ) from error
        lock = try_lock(self.folder / "lock")
        if lock is None:
            raise OutputError(
                f"another process is at this batch ({self.folder}): wait for it, or "
                "name another output"
            )
        lock.tell("running the same batch")
        try:
            yield
        finally:
            lock.release()
            if not self.ledger.path.exists():  # nothing was begun, or all is done
                shutil.rmtree(self.folder, ignore_errors=True)

    def open(self, batch: Batch, identity: dict[str, Any]) -> zarr.Array[Any]:
        """Labels to be painted into: those of the interrupted batch, or new ones.

        Raises
        ------
        OutputError
            What is there is of a batch made otherwise.
        """
        begun = self.ledger.header()
        if begun is None or not self._labels_path.exists():
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
        """Open the labels; others may have written to the folder.

        Raises
        ------
        OutputError
            They are damaged, or not of this image.
        """
        try:
            array = zarr.open_group(str(self._labels_path), mode="r+")["0"]
            if not isinstance(array, zarr.Array):
                raise TypeError("they are no array")
            check_array(array, str(self._labels_path))
            shape = (*self.image.leading_shape, *self.image.plane_shape)
            if array.shape != shape or array.dtype.kind != "u":
                raise ValueError(f"they are {array.dtype} of shape {array.shape}")
        except MemoryError:
            raise
        except Exception as error:  # each parser and codec has its own
            raise OutputError(
                f"the labels of the interrupted batch in {self.folder} are damaged "
                f"({reason(error)}): restart"
            ) from error
        return array

    def restart(self) -> None:
        """Forget what was begun, ledger first: without it nothing counts."""
        self.ledger.path.unlink(missing_ok=True)
        shutil.rmtree(self._labels_path, ignore_errors=True)

    def place(self, labels: zarr.Array[Any], highest: int) -> None:
        """Put the complete labels under their name and clear up.

        A kill on the way loses nothing: the batch is complete in its folder until
        the labels are in place.
        """
        if self._is_zarr:
            self._move()
        else:
            scale, units = self._space()
            with labels_on_disk(
                self.out,
                labels.shape,
                dtype=id_dtype(highest),
                axes=self.axes,
                scale=scale,
                units=units,
                overwrite=self.overwrite,
            ) as final:
                copy_labels(labels, final)
        self.ledger.path.unlink()

    def _make(self, batch: Batch) -> None:
        scale, units = self._space()
        with labels_on_disk(
            self._labels_path,
            (*self.image.leading_shape, *self.image.plane_shape),
            dtype=id_dtype(batch.highest_id),
            # what is to be a TIFF may have axes that OME-Zarr does not know
            axes=self.axes if self._is_zarr else None,
            scale=scale if self._is_zarr else None,
            units=units if self._is_zarr else None,
        ):
            pass

    def _move(self) -> None:
        """Rename; labels that were there are kept aside until it is done."""
        aside = self.folder / "replaced"
        try:
            if self.out.exists():
                self.out.rename(aside)
            self._labels_path.rename(self.out)
        except OSError as error:
            raise OutputError(
                f"{self.out} was not written ({error.strerror}): the labels are in "
                f"{self.folder}; free the name and run the batch again"
            ) from error

    def _space(self) -> tuple[Any, Any]:
        return space_of_image(self.axes, self.image.scale, self.image.units)


def clear(labels: Any, index: tuple[int, ...]) -> None:  # noqa: ANN401 - zarr
    """Make a plane background again, chunk by chunk."""
    h, w = labels.shape[-2:]
    for window in blocks(labels, (0, 0, h, w)):
        labels[(*index, *window)] = 0
