"""Model of the proposals' choices; no napari, no Qt."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from psygnal import SignalGroupDescriptor

from napari_hqsam.viewer.widget_options import widget_options

ReviewTool = Literal["click", "box", "brush"]
TOOLS: dict[ReviewTool, tuple[str, str]] = {
    "click": ("Click", "Click on a proposal; dragging moves the view"),
    "box": ("Box", "Drag a box: proposals count with more than half of them inside"),
    "brush": ("Brush", "Drag across proposals"),
}
"""Title and tip of each, in the order of the panel."""


@dataclass
class ProposalState:
    """Which proposals are shown, and what the mouse does with them.

    Attributes
    ----------
    least : float
        Quality from which on proposals are shown, 0..1.
    tool : {"click", "box", "brush"}
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    least: float = field(
        default=0.0,
        metadata=widget_options(
            "Show proposals of this quality and above: the IoU that the model\n"
            "predicts, times the root of the stability"
        ),
    )
    tool: ReviewTool = "click"
