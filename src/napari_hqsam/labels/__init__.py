"""Label images: painting masks into them, reading and writing them.

A label image holds one integer per pixel: 0 is background, every other number
is one object. This room knows ids, overlap and label files. It must NOT know how
masks are made, what a session is, nor torch or napari.

Invariant: a file appears under its name only when it is complete; a failed write
leaves whatever was there before.
"""

from napari_hqsam.labels.base import copy_labels
from napari_hqsam.labels.blocks import write_plane
from napari_hqsam.labels.digest import labels_digest
from napari_hqsam.labels.fiji_rois import write_fiji_rois
from napari_hqsam.labels.ids import label_ids, whole_ids
from napari_hqsam.labels.overlay import draw_overlay
from napari_hqsam.labels.painting import (
    Overlap,
    PromptPainter,
    free_id,
    paint,
    paint_masks,
)
from napari_hqsam.labels.reading import read_labels
from napari_hqsam.labels.target import (
    check_axes_fit,
    check_file,
    check_outside,
    check_writable,
)
from napari_hqsam.labels.writing import MAX_ID, id_dtype, labels_on_disk, write_labels

__all__ = [
    "MAX_ID",
    "Overlap",
    "PromptPainter",
    "check_axes_fit",
    "check_file",
    "check_outside",
    "check_writable",
    "copy_labels",
    "draw_overlay",
    "free_id",
    "id_dtype",
    "label_ids",
    "labels_digest",
    "labels_on_disk",
    "paint",
    "paint_masks",
    "read_labels",
    "whole_ids",
    "write_fiji_rois",
    "write_labels",
    "write_plane",
]
