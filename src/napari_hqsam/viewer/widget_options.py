"""Declare the widget of a setting with its field in the evented dataclass.

So a setting is declared once: its default, its text and tip, and what can be chosen.
As in magicgui's `guiclass`, but without a form: `parts.fields` makes one widget per
field, wherever the panel wants it, and binds it both ways.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Sequence

_KEY = "napari_hqsam.widget_options"

ChoiceEntry = tuple[str, object, str]
"""(text, value, tip) of what can be chosen."""


@dataclass(frozen=True)
class WidgetOptions:
    """How a setting is shown.

    Attributes
    ----------
    tip : str
    text : str
        Text beside a check box.
    choices : sequence of (text, value, tip)
        Entries of a combo box.
    maximum : int
        Highest value of a spin box, which begins at 0.
    unit : str
        Unit that a spin box shows.
    """

    tip: str
    text: str = ""
    choices: Sequence[ChoiceEntry] = ()
    maximum: int = 0
    unit: str = ""


def widget_options(tip: str, **options: Any) -> dict[str, WidgetOptions]:  # noqa: ANN401
    """Return the metadata of a dataclass field that the panel shows.

    Parameters
    ----------
    tip : str
    **options
        Further attributes of `WidgetOptions`.
    """
    return {_KEY: WidgetOptions(tip, **options)}


def options_of(model: object, name: str) -> WidgetOptions:
    """Return how a field of a dataclass is shown.

    Raises
    ------
    KeyError
        It has no such metadata.
    """
    known = {one.name: one for one in fields(cast("Any", model))}
    found: WidgetOptions = known[name].metadata[_KEY]
    return found
