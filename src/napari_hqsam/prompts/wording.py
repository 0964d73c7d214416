"""Values in messages: whatever a user gave must fit on the one line of an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST = 60


def shown(value: object) -> str:
    """Return the repr of a value on one line, cut short if need be."""
    text = " ".join(repr(value).split())
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def numbers(values: Iterable[float]) -> str:
    """Return numbers in brackets, whole ones without ".0"."""
    return "(" + ", ".join(f"{value:.10g}" for value in values) + ")"
