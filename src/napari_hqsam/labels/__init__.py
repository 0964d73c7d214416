"""Label images: painting masks into them, reading and writing them.

A label image holds one integer per pixel: 0 is background, every other number
is one object. This room knows ids, overlap, label files, and sessions: labels
that are changed object by object, with undo and a journal. It must NOT know how
masks are made, nor torch or napari.

Invariants: a file appears under its name only when it is complete; a failed
write leaves whatever was there before. What a session has done is in its
journal, on the disk, before it is in the labels.
"""

from napari_hqsam.geometry.space import space_of_image
from napari_hqsam.labels.base import copy_labels
from napari_hqsam.labels.headers import ImageRecord, Setup
from napari_hqsam.labels.ids import label_ids
from napari_hqsam.labels.journal import JournalError, journal_path
from napari_hqsam.labels.overlay import draw_overlay
from napari_hqsam.labels.painting import Overlap, PromptPainter, free_id, paint
from napari_hqsam.labels.patches import ArrayTarget, Plane, Target, Write, indices_of
from napari_hqsam.labels.reading import read_labels
from napari_hqsam.labels.recorded import Recorded, read_session
from napari_hqsam.labels.records import Accept, Corrected, Edit, Settings
from napari_hqsam.labels.replay import Remade, rebuild, remake
from napari_hqsam.labels.session import Session
from napari_hqsam.labels.sizes import recent_sizes
from napari_hqsam.labels.strokes import Stroke
from napari_hqsam.labels.target import check_file, check_writable
from napari_hqsam.labels.writing import MAX_ID, id_dtype, labels_on_disk, write_labels

__all__ = [
    "MAX_ID",
    "Accept",
    "ArrayTarget",
    "Corrected",
    "Edit",
    "ImageRecord",
    "JournalError",
    "Overlap",
    "Plane",
    "PromptPainter",
    "Recorded",
    "Remade",
    "Session",
    "Settings",
    "Setup",
    "Stroke",
    "Target",
    "Write",
    "check_file",
    "check_writable",
    "copy_labels",
    "draw_overlay",
    "free_id",
    "id_dtype",
    "indices_of",
    "journal_path",
    "label_ids",
    "labels_on_disk",
    "paint",
    "read_labels",
    "read_session",
    "rebuild",
    "recent_sizes",
    "remake",
    "space_of_image",
    "write_labels",
]
