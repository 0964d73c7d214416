"""The dataclasses of a job: one for each section of its file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from napari_hqsam.errors import JobError
from napari_hqsam.jobs.description.actions import Action, Automatic


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """The images of a job, and how they are read.

    Attributes
    ----------
    paths : tuple of str
        Files, folders (with their subfolders), glob patterns, OME-Zarr images, plates
        and series; relative to the job's file.
    pattern : tuple of str
        Names to take from folders, such as "*.tif"; by default all images.
    key, axes, scale, units, channels, allow_missing
        As of `open_image`.
    normalization : "percentile", "none" or (low, high)
        As of `Segmenter`; sampled for each image.
    planes : str, optional
        Planes of stacks, such as "z=0:40"; see `parse_planes`.
    """

    SHORTHAND: ClassVar[str] = "paths"

    paths: tuple[str, ...]
    pattern: tuple[str, ...] = ()
    key: str | None = None
    axes: str | None = None
    scale: dict[str, float] | tuple[float, ...] | None = None
    units: str | dict[str, str] | tuple[str, ...] | None = None
    channels: tuple[int, ...] | None = None
    allow_missing: bool = False
    normalization: Literal["percentile", "none"] | tuple[float, float] = "percentile"
    planes: str | None = None

    def __post_init__(self) -> None:
        if not self.paths:
            raise JobError("inputs.paths is empty: name a file, a folder or a pattern")


@dataclass(frozen=True, kw_only=True)
class ModelChoice:
    """The model of a job, and where it computes.

    Attributes
    ----------
    name : str
        Name of a model, or a file of weights; see `load_model`.
    instance_decoder : str, optional
        As of `load_model`.
    device : tuple of str
        As of `load_model`; of several, each worker process takes the next.
    precision : str
        As of `load_model`.
    cache : str
        Folder of embeddings, or "none": images of a batch are rarely seen twice.
    """

    SHORTHAND: ClassVar[str] = "name"

    name: str = "micro"
    instance_decoder: str | None = None
    device: tuple[str, ...] = ("auto",)
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    cache: str = "none"


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options of the segmentation, as of `SegmentOptions`."""

    level: Literal["auto", "whole"] | int = "auto"
    output: Literal["sam+hq", "sam", "hq"] = "sam+hq"
    clean: bool = True
    typical_size: float | None = None


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """Where the labels go.

    Attributes
    ----------
    folder : str
        Created if missing; has the subfolders of the inputs.
    name : str
        Name of the labels of an image; ``{stem}`` and ``{name}`` stand for those of the
        image.
    suffix : str
        Their format: one of `labels.formats.label_suffixes`.
    tracks : bool
        Also write the tracks of stacks as CSV, in actions that link planes.
    overwrite : bool
        Replace labels that this package did not write, too.
    """

    SHORTHAND: ClassVar[str] = "folder"

    folder: str
    name: str = "{stem}"
    suffix: str = ".ome.zarr"
    tracks: bool = False
    overwrite: bool = False

    def __post_init__(self) -> None:
        from napari_hqsam.labels.formats import label_suffixes

        if self.suffix not in label_suffixes():
            raise JobError(
                f"outputs.suffix is {self.suffix!r}: use {', '.join(label_suffixes())}"
            )


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Where the tasks of a job run; changes no label.

    Attributes
    ----------
    executor : {"auto", "serial", "processes", "dask"}
        "auto": dask if a scheduler is named, else by the number of workers.
    workers : int
        Processes, each with a model of its own.
    scheduler, scheduler_file : str, optional
        Address, or file, of a running dask scheduler; without, dask starts its own.
    resources : mapping of str to float
        What a task needs of a dask worker, such as ``{"GPU": 1}``.
    retries : int
        How often a task is tried again if its worker dies, or for an error that is not
        of its input.
    """

    SHORTHAND: ClassVar[str] = "workers"

    executor: Literal["auto", "serial", "processes", "dask"] = "auto"
    workers: int = 1
    scheduler: str | None = None
    scheduler_file: str | None = None
    resources: dict[str, float] = field(default_factory=dict)
    retries: int = 2

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise JobError(f"run.workers is {self.workers}: at least 1 is needed")
        if self.retries < 0:
            raise JobError(f"run.retries is {self.retries}: give 0 or more")
        if self.scheduler and self.scheduler_file:
            raise JobError("run.scheduler and run.scheduler_file: give one of them")


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job: what to do with which images, with which model, and where to."""

    inputs: Inputs
    outputs: Outputs
    action: Action = field(default_factory=Automatic)
    model: ModelChoice = field(default_factory=ModelChoice)
    options: Options = field(default_factory=Options)
    run: RunOptions = field(default_factory=RunOptions)
