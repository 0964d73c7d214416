"""Models of the settings and of the current object; no napari, no Qt.

Views show and change them, controllers act on their events; no other copy is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from psygnal import SignalGroupDescriptor

from napari_hqsam.viewer.tools import NO_TOOL

if TYPE_CHECKING:
    from napari_hqsam.labels import Overlap
    from napari_hqsam.masks import Mask
    from napari_hqsam.network import Output
    from napari_hqsam.viewer.planes import PlaneView

Stretch = Literal["percentile", "contrast limits"]
Scale = Literal["auto", "view", "whole"]
Doubt = Literal["", "score", "negative"]

OUTPUTS: tuple[Output, ...] = ("sam+hq", "sam", "hq")


@dataclass
class Settings:
    """Everything that can be chosen in the widget.

    Attributes
    ----------
    stretch : {"percentile", "contrast limits"}
        How pixel values become what the network sees.
    channel_axis : int or None
        Data axis of the image layer that holds channels.
    channels : tuple of int
        Which channels become R, G, B; empty: the default of `open_image`.
    more_layers : tuple of str
        Names of up to two further Image layers, shown as G and B.
    model : str
        Name or path.
    device : str
    output : {"sam+hq", "sam", "hq"}
    scale : {"auto", "view", "whole"}
        Scale at which the network looks at a click.
    clean : bool
        Drop specks and fill pinholes.
    fill : bool
        Fill all holes.
    smooth : int
        Pixels up to which ripples of an object's edge are smoothed away.
    overlap : {"keep", "overwrite", "empty"}
        What an accepted object does where others are, see `labels.paint`.
    hover, prefetch : bool
    tool : str
        What the mouse does on the canvas.
    accept_on_click : bool
        A click outside the outline accepts the object and begins the next.
    negative : bool
        Clicks and scribbles say what is not the object.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    stretch: Stretch = "percentile"
    channel_axis: int | None = None
    channels: tuple[int, ...] = ()
    more_layers: tuple[str, ...] = ()
    model: str = "micro"
    device: str = "auto"
    output: Output = "sam+hq"
    scale: Scale = "auto"
    clean: bool = True
    fill: bool = False
    smooth: int = 0
    overlap: Overlap = "keep"
    hover: bool = True
    prefetch: bool = True
    tool: str = NO_TOOL
    negative: bool = False
    accept_on_click: bool = False


@dataclass
class CurrentObject:
    """The object that is being made on the plane shown.

    Attributes
    ----------
    masks : tuple of Mask
        What can be chosen from: SAM's one mask, then its candidates if asked.
    chosen : int
        Which of them is shown.
    choices : tuple of int
        Those of them that differ from one another; see `segmentation.mask_checks`.
    doubt : {"", "score", "negative"}
        Why the mask shown is doubtful: its score, or a negative click it holds.
    label_id : int or None
        Of the accepted object that was reopened; None: a new one.
    opened_on : PlaneView or None
        Plane of the labels that it was reopened on, where alone `label_id` holds;
        None: it holds on any, as where slices of a stack are corrected.
    waiting : bool
        Whether an answer is under way.
    seconds : float
        How long the last answer took.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    masks: tuple[Mask, ...] = field(default=())
    chosen: int = 0
    choices: tuple[int, ...] = ()
    doubt: Doubt = ""
    label_id: int | None = None
    opened_on: PlaneView | None = None
    waiting: bool = False
    seconds: float = 0.0

    def __post_init__(self) -> None:
        """Clear `opened_on` when an id is set without a plane: it holds on all."""
        self.events.label_id.connect(self._clear_plane)

    @property
    def mask(self) -> Mask | None:
        """The mask that is shown, if there is any pixel of it."""
        if self.chosen >= len(self.masks):
            return None
        mask = self.masks[self.chosen]
        return mask if mask.area else None

    def id_on(self, layer_view: PlaneView) -> int | None:
        """Return the id of the accepted object that prompts on a plane belong to."""
        return self.label_id if self.opened_on in (None, layer_view) else None

    def reopen(self, label_id: int | None, layer_view: PlaneView) -> None:
        """Correct an accepted object on a plane of the labels; None: a new one."""
        self.label_id = label_id
        self.opened_on = None if label_id is None else layer_view

    def _clear_plane(self) -> None:
        self.opened_on = None
