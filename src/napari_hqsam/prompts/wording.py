"""Values in messages: whatever a user gave must fit on the one line of an error."""

from __future__ import annotations

from reprlib import Repr
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST = 60
# Neither long nor deep values are gone through to their end.
_brief = Repr()
_brief.maxlevel, _brief.maxstring, _brief.maxother = 3, 4 * LONGEST, 4 * LONGEST
_brief.maxlist = _brief.maxdict = _brief.maxtuple = _brief.maxlong = LONGEST


def shown(value: object) -> str:
    """Return the repr of a value on one line, cut short if need be."""
    try:
        text = " ".join(_brief.repr(value).split())
    except ValueError:  # of more digits than Python turns into text
        text = "a number of endless digits"
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def numbers(values: Iterable[float]) -> str:
    """Return numbers in brackets, whole ones without ".0"."""
    return "(" + ", ".join(f"{value:.10g}" for value in values) + ")"
