"""Model of the batch section: what can be chosen in it; no Qt."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from psygnal import SignalGroupDescriptor

from napari_hqsam.labels.formats import FORMATS
from napari_hqsam.viewer.widget_options import widget_options

Source = Literal["image", "beside", "folder"]


@dataclass
class BatchState:
    """Which images, where the labels go, and how many processes.

    Attributes
    ----------
    source : {"image", "beside", "folder"}
        The file of the image shown, all images of its folder, or of another folder.
    folder : str
        The other folder.
    labels : str
        Folder of the labels; "": ``labels``, beside or in the images.
    suffix : str
        Format of the labels.
    workers : int
        Processes, each with a model of its own.
    restart : bool
        Do again what earlier runs have done.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    source: Source = field(
        default="image",
        metadata=widget_options(
            "Which image files; all planes of stacks",
            choices=(
                ("the image shown", "image", "The file of the image, as it is saved"),
                (
                    "all of its folder",
                    "beside",
                    "The images of the same format beside it, and in subfolders",
                ),
                ("another folder ...", "folder", "All images in it and in subfolders"),
            ),
        ),
    )
    folder: str = ""
    labels: str = ""
    suffix: str = field(
        default=".ome.zarr",
        metadata=widget_options(
            "Format of the labels",
            choices=tuple((each.name, each.suffixes[0], each.use) for each in FORMATS),
        ),
    )
    workers: int = 1
    restart: bool = field(
        default=False,
        metadata=widget_options(
            "Do again what earlier runs have done; else only what is left,\n"
            "has changed or has failed",
            text="start over",
        ),
    )
