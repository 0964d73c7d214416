"""Interface of the mouse tools."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LayerName = Literal["points", "shapes"]


@dataclass(frozen=True)
class Tool:
    """A tool that draws prompts with a mode of napari's Points or Shapes layers.

    Attributes
    ----------
    name : str
        In settings and preferences; also of its icon.
    title : str
        On the panel.
    tip : str
        What the mouse does.
    hint : str
        What to do while there is no object yet.
    layer : {"points", "shapes"}
        Own layer that it works on.
    mode : str
        Mode of that layer, as napari names it.
    """

    name: str
    title: str
    tip: str
    hint: str
    layer: LayerName
    mode: str

    def choose_layer(self, active: LayerName | None, counts: dict[str, int]) -> str:
        """Return the own layer to activate.

        Parameters
        ----------
        active : {"points", "shapes"} or None
            The one that is active now.
        counts : dict of str to int
            How many prompts each of the two has.
        """
        return self.layer

    def is_active(self, layer: LayerName, mode: str) -> bool:
        """Whether this is the tool where an own layer is active in a mode."""
        return (layer, mode) == (self.layer, self.mode)
