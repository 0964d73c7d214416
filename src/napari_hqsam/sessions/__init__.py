"""Sessions: edit labels object by object, with undo and a journal.

Knows labels, prompts and accepted masks. It must NOT know how masks are made, nor
torch or napari.

Invariant (write-ahead log): an edit is in the journal, on the disk, before it is in
the labels.
"""

from napari_hqsam.sessions.changes.strokes import Stroke
from napari_hqsam.sessions.changes.target import ArrayTarget, Target, Write, indices_of
from napari_hqsam.sessions.files.archiving import (
    archive_session,
    archiving_session,
    back_up_foreign_labels,
    check_session_not_open,
)
from napari_hqsam.sessions.files.unsaved_events import apply_unsaved
from napari_hqsam.sessions.files.verification import (
    LabelsMismatchError,
    check_labels_match,
)
from napari_hqsam.sessions.history import History
from napari_hqsam.sessions.journal.accept_options import (
    AcceptOptions,
    CorrectedPrediction,
)
from napari_hqsam.sessions.journal.events import Accept, Edit
from napari_hqsam.sessions.journal.headers import ImageRecord, ModelRecord
from napari_hqsam.sessions.journal.lines import JournalError
from napari_hqsam.sessions.journal.paths import journal_path
from napari_hqsam.sessions.recorded_session import (
    RecordedSession,
    read_session,
    weights_difference,
)
from napari_hqsam.sessions.replay import ResegmentedMask, rebuild, resegment
from napari_hqsam.sessions.session import Session
from napari_hqsam.sessions.sizes import recent_objects, recent_sizes

__all__ = [
    "Accept",
    "AcceptOptions",
    "ArrayTarget",
    "CorrectedPrediction",
    "Edit",
    "History",
    "ImageRecord",
    "JournalError",
    "LabelsMismatchError",
    "ModelRecord",
    "RecordedSession",
    "ResegmentedMask",
    "Session",
    "Stroke",
    "Target",
    "Write",
    "apply_unsaved",
    "archive_session",
    "archiving_session",
    "back_up_foreign_labels",
    "check_labels_match",
    "check_session_not_open",
    "indices_of",
    "journal_path",
    "read_session",
    "rebuild",
    "recent_objects",
    "recent_sizes",
    "resegment",
    "weights_difference",
]
