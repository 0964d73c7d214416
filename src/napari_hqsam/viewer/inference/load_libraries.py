"""Loading heavy libraries on the worker, while the window stays alive.

An import holds the interpreter in two ways that are felt in a window: a library
of hundreds of megabytes is linked in one piece, and so many objects come into
being that all of the heap is searched for garbage, several times. Neither must
happen while others wait.
"""

from __future__ import annotations

import ctypes
import gc
import importlib.util
import os
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from napari_hqsam.viewer.inference.torch_import import tensor_from_the_start

if TYPE_CHECKING:
    from collections.abc import Iterator

_LIBRARIES = {"linux": "libtorch_cpu.so", "darwin": "libtorch_cpu.dylib"}


def load_libraries() -> None:
    """Import what answers need: torch, scipy, zarr, and what draws outlines."""
    if "torch" in sys.modules:
        return
    with suppress(OSError, AttributeError):
        _link_torch()
    with _no_collecting(), tensor_from_the_start():
        import skimage.measure  # noqa: F401
        import torch  # noqa: F401

        import napari_hqsam.masks.linking
        import napari_hqsam.segmentation.segmenter  # noqa: F401


def _link_torch() -> None:
    """Link torch's largest library, which knows nothing of Python.

    Called as a foreign function, `dlopen` lets other threads run; called by
    `ctypes.CDLL` or by an import it does not. The import finds it linked.
    """
    name = _LIBRARIES.get(sys.platform)
    found = importlib.util.find_spec("torch")
    if name is None or found is None or found.origin is None:
        return
    path = Path(found.origin).parent / "lib" / name
    if path.is_file():
        dlopen = ctypes.CDLL(None).dlopen
        dlopen.restype = ctypes.c_void_p
        dlopen(os.fsencode(path), os.RTLD_LAZY | os.RTLD_LOCAL)


@contextmanager
def _no_collecting() -> Iterator[None]:
    """Put off the search for garbage."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
