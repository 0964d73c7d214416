"""The tools of the mouse that make prompts.

Knows names of napari's layer modes, but neither a viewer nor Qt. A new tool is one file
with a `Tool` and one line in `TOOLS`; its icon, if any, has its name, in `parts/icons`.
"""

from napari_hqsam.errors import PromptError, shown
from napari_hqsam.viewer.tools.drawing import (
    BOX,
    CLICK,
    ELLIPSE,
    OUTLINE,
    POLYGON,
    SCRIBBLE,
)
from napari_hqsam.viewer.tools.edit import EDIT
from napari_hqsam.viewer.tools.tool import Tool

NO_TOOL = "none"
"""Name where the mouse does something else, such as panning."""

TOOLS: dict[str, Tool] = {
    tool.name: tool
    for tool in (
        CLICK,
        BOX,
        SCRIBBLE,
        OUTLINE,
        POLYGON,
        ELLIPSE,
        EDIT,
    )
}
"""By name, in the order of the panel."""


def tool_named(name: str) -> Tool:
    """Return a tool.

    Raises
    ------
    PromptError
        There is none of this name.
    """
    if name not in TOOLS:
        known = ", ".join(TOOLS)
        raise PromptError(f"there is no tool {shown(name)}; use one of {known}")
    return TOOLS[name]


__all__ = ["BOX", "CLICK", "EDIT", "NO_TOOL", "TOOLS", "Tool", "tool_named"]
