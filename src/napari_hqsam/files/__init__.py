"""Atomic replacement of files and folders, locks, and checks of paths.

Must not know what is in a file. Every write of this package that replaces a file, and
every lock, goes through here.
"""

from napari_hqsam.files.locks import Lock, try_lock
from napari_hqsam.files.names import (
    below,
    names_other_computer,
    same_file,
    symbolic_links,
)
from napari_hqsam.files.replacing import (
    free_name,
    interrupted,
    is_workspace,
    replacing,
    sync_folder,
    sync_tree,
)

__all__ = [
    "Lock",
    "below",
    "free_name",
    "interrupted",
    "is_workspace",
    "names_other_computer",
    "replacing",
    "same_file",
    "symbolic_links",
    "sync_folder",
    "sync_tree",
    "try_lock",
]
