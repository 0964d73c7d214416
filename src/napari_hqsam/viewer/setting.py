"""Declare, with the fields of evented dataclasses, how the panel shows them.

So a setting is declared once: its default, its text and tip, and what can be chosen.
As in magicgui's `guiclass`, but without a form: `parts.fields` makes one widget per
field, wherever the panel wants it, and binds it both ways.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Sequence

_KEY = "napari_hqsam.shown"

Entry = tuple[str, object, str]
"""(text, value, tip) of what can be chosen."""


@dataclass(frozen=True)
class Shown:
    """How a setting is shown.

    Attributes
    ----------
    tip : str
    text : str
        Of a check box.
    choices : sequence of (text, value, tip)
        Of a combo box.
    maximum : int
        Of a spin box, which begins at 0.
    unit : str
        Of a spin box.
    """

    tip: str
    text: str = ""
    choices: Sequence[Entry] = ()
    maximum: int = 0
    unit: str = ""


def shown(tip: str, **options: Any) -> dict[str, Shown]:  # noqa: ANN401
    """Return the metadata of a dataclass field that the panel shows.

    Parameters
    ----------
    tip : str
    **options
        Further attributes of `Shown`.
    """
    return {_KEY: Shown(tip, **options)}


def shown_as(model: object, name: str) -> Shown:
    """Return how a field of a dataclass is shown.

    Raises
    ------
    KeyError
        It has no such metadata.
    """
    known = {one.name: one for one in fields(cast("Any", model))}
    found: Shown = known[name].metadata[_KEY]
    return found
