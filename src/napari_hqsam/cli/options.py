"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ImageArgument = Annotated[Path, typer.Argument(help="TIFF, PNG, zarr, npy, ...")]
LabelsOption = Annotated[
    Path, typer.Option("--out", "-o", help="Labels: .tif or .zarr.")
]
OverlayOption = Annotated[
    Path | None, typer.Option(help="Also draw the outlines to this .png.")
]
KeyOption = Annotated[
    str | None,
    typer.Option(
        help="Which of several images: path in a zarr, number of a TIFF series."
    ),
]
AxesOption = Annotated[
    str | None, typer.Option(help="Axes of the image, such as zyx or cyx.")
]
ScaleOption = Annotated[
    str | None,
    typer.Option(
        help="Size of a pixel, instead of the file's: z=2,y=0.25,x=0.25, or one number "
        "for each axis."
    ),
]
UnitsOption = Annotated[
    str | None,
    typer.Option(help="Units of the sizes, instead of the file's: um, or z=nm,t=s."),
]
ChannelsOption = Annotated[
    str | None, typer.Option(help="Channels shown as red, green, blue: 2 or 0,2,1.")
]
AllowMissingOption = Annotated[
    bool,
    typer.Option(
        "--allow-missing", help="Read missing parts of a TIFF as 0, with a warning."
    ),
]
NormalizationOption = Annotated[
    str,
    typer.Option(
        help="Pixel values shown as black and white: percentile, none (8-bit as it "
        "is), or low,high."
    ),
]
ModelOption = Annotated[
    str, typer.Option("--model", "-m", help="Name (see `models`) or weights file.")
]
InstanceDecoderOption = Annotated[
    Path | None,
    typer.Option(help="File of an instance decoder, as micro-sam saves it."),
]
ProposerOption = Annotated[
    str,
    typer.Option(
        help="Where prompts come from: apg (automatic prompt generation: points of the "
        "instance decoder), ais (automatic instance segmentation: a watershed on its "
        "maps), grid (a grid of points, any model). [default: apg where there is an "
        "instance decoder, else grid]",
        show_default=False,
    ),
]
TypicalSizeOption = Annotated[
    float | None, typer.Option(help="Longer side of an object, pixels.")
]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")]
PrecisionOption = Annotated[str, typer.Option(help="auto, float32 or bfloat16.")]
OutputOption = Annotated[str, typer.Option(help="Which mask: sam+hq, sam or hq.")]
CleanOption = Annotated[bool, typer.Option(help="Drop specks, fill pinholes.")]
OverwriteOption = Annotated[
    bool,
    typer.Option(
        "--overwrite", help="Also replace files that this program did not write."
    ),
]
CacheOption = Annotated[
    str | None,
    typer.Option(help="Folder for embeddings; none: keep none. [default: the user's]"),
]
LevelOption = Annotated[
    str,
    typer.Option(
        help="Scale: auto, whole (the plane in one tile), or k (2^k image pixels per "
        "network pixel)."
    ),
]
StoresOption = Annotated[
    Path | None, typer.Option(help="Folder of stored embeddings. [default: the user's]")
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        help="Processes, each with a model of its own, for many images or the blocks "
        "of one. "
        "[default: 1]"
    ),
]
SchedulerOption = Annotated[
    str | None,
    typer.Option(help="Address of a dask scheduler, instead of processes."),
]
SchedulerFileOption = Annotated[
    Path | None, typer.Option(help="File of a dask scheduler, instead of processes.")
]
