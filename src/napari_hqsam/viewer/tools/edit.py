"""The tool that moves prompts and removes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_hqsam.viewer.tools.tool import Tool

if TYPE_CHECKING:
    from napari_hqsam.viewer.tools.tool import LayerName


class EditTool(Tool):
    """Selects in whichever of the two layers has prompts."""

    def choose_layer(self, active: LayerName | None, counts: dict[str, int]) -> str:
        """Stay on the active layer, but for points where there are shapes alone."""
        if active == "shapes" or (counts["shapes"] and not counts["points"]):
            return "shapes"
        return "points"

    def is_active(self, layer: LayerName, mode: str) -> bool:
        """Whether prompts, or the vertices of a shape, are selected."""
        return mode in ("select", "direct")


EDIT = EditTool(
    "edit",
    "Edit",
    "Select and move prompts; Delete removes them",
    "Edit moves prompts, and there are none",
    "points",
    "select",
)
