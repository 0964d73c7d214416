"""Format values for error messages, on one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_hqsam.errors import shown

if TYPE_CHECKING:
    from collections.abc import Iterable


def numbers(values: Iterable[float]) -> str:
    """Return numbers in brackets, whole ones without ".0"."""
    return "(" + ", ".join(f"{value:.10g}" for value in values) + ")"


__all__ = ["numbers", "shown"]
