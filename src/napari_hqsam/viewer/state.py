"""Models of the settings and of the current object; no napari, no Qt.

Each field has an event (psygnal). Views show fields and assign to them, controllers act
on the events; no other copy is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from psygnal import SignalGroupDescriptor

from napari_hqsam.masks.finishing import MAX_SMOOTHING
from napari_hqsam.viewer.tools import NO_TOOL
from napari_hqsam.viewer.widget_options import widget_options

if TYPE_CHECKING:
    from napari_hqsam.labels import Overlap
    from napari_hqsam.masks import Mask
    from napari_hqsam.network import Output
    from napari_hqsam.viewer.planes import PlaneView

Stretch = Literal["percentile", "contrast limits"]
Scale = Literal["auto", "view", "whole"]
Uncertainty = Literal["", "score", "negative"]

OUTPUTS: tuple[Output, ...] = ("sam+hq", "sam", "hq")


@dataclass
class Settings:
    """Everything that can be chosen in the widget.

    Attributes
    ----------
    stretch : {"percentile", "contrast limits"}
        Normalisation: by percentiles of the image, or by the layer's contrast limits.
    channel_axis : int or None
        Data axis of the image layer that holds channels.
    channels : tuple of int
        Which channels become R, G, B; empty: the default of `open_image`.
    more_layers : tuple of str
        Names of up to two further Image layers, which become G and B.
    model : str
        Registered name, or path of a checkpoint.
    device : str
    output : {"sam+hq", "sam", "hq"}
    scale : {"auto", "view", "whole"}
        What chooses the level for a click: the objects accepted so far, the zoom of
        the view, or the size of the image.
    clean : bool
        Drop specks and fill pinholes.
    fill : bool
        Fill all holes.
    smooth : int
        Radius in pixels by which the edge of an object is smoothed.
    overlap : {"keep", "overwrite", "empty"}
        What an accepted object does where others are, see `labels.paint`.
    hover : bool
        Outline the object under the resting cursor.
    prefetch : bool
        Encode tiles near the view while nothing else is to be done.
    tool : str
        Name of the active tool, see `tools.TOOLS`.
    accept_on_click : bool
        A click outside the outline accepts the object and begins the next.
    negative : bool
        New clicks and scribbles are negative.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    stretch: Stretch = field(
        default="percentile",
        metadata=widget_options(
            "How pixel values become grey for the model: once for the whole image,\n"
            "the same in every tile and slice",
            choices=(
                ("percentiles", "percentile", "0.1 % to 99.9 % of a sample"),
                (
                    "contrast limits",
                    "contrast limits",
                    "Those of the layer: what you see",
                ),
            ),
        ),
    )
    channel_axis: int | None = None
    channels: tuple[int, ...] = ()
    more_layers: tuple[str, ...] = ()
    model: str = "micro"
    device: str = field(
        default="auto",
        metadata=widget_options(
            "Where the model computes",
            choices=(
                ("automatic", "auto", "A GPU if there is one"),
                ("CPU", "cpu", ""),
                ("CUDA", "cuda", "NVIDIA GPU"),
                ("MPS", "mps", "Apple GPU"),
            ),
        ),
    )
    output: Output = field(
        default="sam+hq",
        metadata=widget_options(
            "Which mask is shown",
            choices=(
                ("SAM + HQ", "sam+hq", "As in the HQ-SAM paper"),
                ("SAM", "sam", "Without the HQ token"),
                ("HQ", "hq", "The HQ token alone"),
            ),
        ),
    )
    scale: Scale = field(
        default="auto",
        metadata=widget_options(
            "How closely the model looks at a click; a box sets it by its size",
            choices=(
                ("automatic", "auto", "By the objects accepted so far, else by trying"),
                (
                    "the view's zoom",
                    "view",
                    "A cell should fill about a third of the view",
                ),
                ("the whole image", "whole", "As the original SAM does"),
            ),
        ),
    )
    clean: bool = field(
        default=True,
        metadata=widget_options("Drop specks and fill pinholes", text="clean"),
    )
    fill: bool = field(
        default=False, metadata=widget_options("Fill all holes", text="fill holes")
    )
    smooth: int = field(
        default=0,
        metadata=widget_options(
            "Smooth ripples of the edge up to this size away",
            maximum=MAX_SMOOTHING,
            unit="px",
        ),
    )
    overlap: Overlap = field(
        default="keep",
        metadata=widget_options(
            "What happens where an object overlaps others",
            choices=(
                ("keep the others", "keep", "The object gets what is free"),
                ("overwrite others", "overwrite", "The object gets all its pixels"),
                ("only where empty", "empty", "No pixel that has an id is changed"),
            ),
        ),
    )
    hover: bool = field(
        default=True,
        metadata=widget_options(
            "Outline the object under the resting cursor", text="hover"
        ),
    )
    prefetch: bool = True
    tool: str = NO_TOOL
    negative: bool = field(
        default=False,
        metadata=widget_options(
            "The next clicks and scribbles mark what is not the object\n"
            "(as Shift does for one)",
            text="negative",
        ),
    )
    accept_on_click: bool = field(
        default=False,
        metadata=widget_options(
            "One action an object: a click outside the outline accepts it and begins\n"
            "the next; inside, or with Shift or Ctrl, it corrects",
            text="click accepts",
        ),
    )


@dataclass
class CurrentObject:
    """The object that is being segmented on the plane shown.

    Attributes
    ----------
    masks : tuple of Mask
        SAM's single mask, then its candidates if they were requested.
    chosen : int
        Which of them is shown.
    choices : tuple of int
        Those of them that differ from one another; see `segmentation.mask_checks`.
    uncertainty : {"", "score", "negative"}
        Why the mask shown is uncertain: its low score, or a negative click inside.
    label_id : int or None
        Id of the accepted object that was reopened; None: a new one.
    opened_on : PlaneView or None
        Plane of the labels that it was reopened on: `label_id` is valid there only.
        None: it is valid on any plane, as for corrections on slices of a stack.
    waiting : bool
        Whether a request is being answered.
    seconds : float
        How long the last answer took.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    masks: tuple[Mask, ...] = field(default=())
    chosen: int = 0
    choices: tuple[int, ...] = ()
    uncertainty: Uncertainty = ""
    label_id: int | None = None
    opened_on: PlaneView | None = None
    waiting: bool = False
    seconds: float = 0.0

    def __post_init__(self) -> None:
        """Clear `opened_on` when an id is set without a plane: it is valid on all."""
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
