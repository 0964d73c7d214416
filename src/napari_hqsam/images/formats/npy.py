"""NumPy's ``.npy`` files, mapped into memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_hqsam.errors import ImageError, reason
from napari_hqsam.images.source import Source

if TYPE_CHECKING:
    from pathlib import Path

NPY_MAGIC = b"\x93NUM"
"""The first four bytes of a file."""


def open_npy(path: Path) -> Source:
    """Map a ``.npy`` file into memory; pixels are read on access.

    Raises
    ------
    ImageError
        The file is no array, is cut short, or holds pickled objects.
    """
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except MemoryError:
        raise
    except Exception as error:  # its header may hold anything
        raise ImageError(
            f"{path} cannot be read ({reason(error)}); it must hold a plain array "
            "of numbers, complete and not pickled"
        ) from error
    return Source(array, path.name)
