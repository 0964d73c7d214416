"""Sessions: labels that are changed object by object, with undo and a journal.

Knows labels, prompts and masks as they are accepted. It must NOT know how masks
are made, nor torch or napari.

Invariant: what a session has done is in its journal, on the disk, before it is in
the labels.
"""

from napari_hqsam.sessions.aside import (
    OtherLabelsError,
    check_labels_fit,
    check_not_worked_on,
    in_place_of_session,
    keep_others,
    set_aside,
)
from napari_hqsam.sessions.catching_up import catch_up
from napari_hqsam.sessions.history import History
from napari_hqsam.sessions.journal.headers import ImageRecord, Setup
from napari_hqsam.sessions.journal.lines import JournalError
from napari_hqsam.sessions.journal.paths import journal_path
from napari_hqsam.sessions.journal.records import Accept, AcceptOptions, Corrected, Edit
from napari_hqsam.sessions.patches import (
    ArrayTarget,
    Target,
    Write,
    indices_of,
)
from napari_hqsam.sessions.recorded import Recorded, other_weights, read_session
from napari_hqsam.sessions.replay import Remade, rebuild, remake
from napari_hqsam.sessions.session import Session
from napari_hqsam.sessions.sizes import recent_sizes
from napari_hqsam.sessions.strokes import Stroke

__all__ = [
    "Accept",
    "AcceptOptions",
    "ArrayTarget",
    "Corrected",
    "Edit",
    "History",
    "ImageRecord",
    "JournalError",
    "OtherLabelsError",
    "Recorded",
    "Remade",
    "Session",
    "Setup",
    "Stroke",
    "Target",
    "Write",
    "catch_up",
    "check_labels_fit",
    "check_not_worked_on",
    "in_place_of_session",
    "indices_of",
    "journal_path",
    "keep_others",
    "other_weights",
    "read_session",
    "rebuild",
    "recent_sizes",
    "remake",
    "set_aside",
]
