"""Label images: painting masks into them, reading and writing them.

A label image holds one integer per pixel: 0 is background, every other number
is one object. This room knows ids, overlap and label files. It must NOT know
how masks are made, nor torch or napari.

Invariants: a file appears under its name only when it is complete; a failed
write leaves whatever was there before.
"""

from napari_hqsam.labels.overlay import draw_overlay
from napari_hqsam.labels.painting import free_id, paint
from napari_hqsam.labels.reading import read_labels
from napari_hqsam.labels.target import check_file, check_writable, replacing
from napari_hqsam.labels.writing import write_labels

__all__ = [
    "check_file",
    "check_writable",
    "draw_overlay",
    "free_id",
    "paint",
    "read_labels",
    "replacing",
    "write_labels",
]
