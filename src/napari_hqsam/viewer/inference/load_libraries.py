"""Import heavy libraries on the worker without blocking the window.

An import holds the global interpreter lock (GIL) in two ways that stall a window: a
library of hundreds of megabytes is linked in one piece, and the many new objects start
full garbage collections. Both are avoided here.
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
    """Import what answers need: torch, scipy, zarr, and skimage for outlines."""
    if "torch" in sys.modules:
        return
    with suppress(OSError, AttributeError):
        _link_torch()
    with _no_garbage_collection(), tensor_from_the_start():
        import skimage.measure  # noqa: F401
        import torch  # noqa: F401

        import napari_hqsam.masks.linking
        import napari_hqsam.segmentation.segmenter  # noqa: F401


def _link_torch() -> None:
    """Link torch's largest library, which does not use Python, without the GIL.

    Called as a foreign function, `dlopen` releases the GIL; called by `ctypes.CDLL` or
    by an import it does not. The import finds the library linked.
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
def _no_garbage_collection() -> Iterator[None]:
    """Switch the garbage collector off."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
