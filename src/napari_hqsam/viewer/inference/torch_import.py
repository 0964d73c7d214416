"""Make `torch.Tensor` exist for other threads while torch is being imported.

scipy tests whether its arguments are tensors without importing torch: it looks up
`sys.modules["torch"].Tensor` (`is_torch_array` of array-api-compat, which scikit-learn
and others ship as well). The module is in `sys.modules` from the first moment of its
import, the class only seconds later; in between, every call of scipy on another thread
may fail with an AttributeError. napari's camera calls scipy when 3D display is toggled.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import PathFinder
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from importlib.machinery import ModuleSpec


class NoTensor:
    """Placeholder for `torch.Tensor`, without instances."""


class _TensorFirst(Loader):
    """Wraps torch's loader: the new module has the placeholder from the beginning."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = self._loader.create_module(spec) or ModuleType(spec.name)
        module.Tensor = NoTensor  # type: ignore[attr-defined]
        return module

    def exec_module(self, module: ModuleType) -> None:
        assert module.__spec__ is not None
        module.__loader__ = module.__spec__.loader = self._loader
        self._loader.exec_module(module)


class _TorchFinder(MetaPathFinder):
    """Finds torch as usual, with the loader wrapped."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        if fullname != "torch":
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _TensorFirst(spec.loader)
        return spec


@contextmanager
def tensor_from_the_start() -> Iterator[None]:
    """Give torch a placeholder for `Tensor` if it is imported in this context."""
    finder = _TorchFinder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
