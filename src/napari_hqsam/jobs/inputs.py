"""The inputs of jobs: image, model, prompts."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from napari_hqsam.errors import PromptError
from napari_hqsam.jobs.reporter import Reporter
from napari_hqsam.segmentation.options import OptionArgs, SegmentOptions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_hqsam.geometry import PlaneIndex
    from napari_hqsam.images import Image, Normalization, NormalizationSpec
    from napari_hqsam.models import Model
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.segmentation import Segmenter

PathLike: TypeAlias = "str | os.PathLike[str]"
Cache: TypeAlias = "PathLike | Literal[False] | None"
PromptSource: TypeAlias = "PathLike | Prompt | Sequence[PathLike | Prompt]"
"""A file of prompts, a prompt, or several of these."""


class JobArgs(OptionArgs, total=False):
    """Keywords of `JobSetup` and of `SegmentOptions`, for signatures that take them."""

    key: str | None
    axes: str | None
    scale: Sequence[float] | Mapping[str, float] | None
    units: str | Sequence[str | None] | Mapping[str, str | None] | None
    channels: int | Sequence[int] | None
    allow_missing: bool
    normalization: NormalizationSpec
    model: PathLike | Model
    instance_decoder: PathLike | None
    device: str
    precision: str
    cache: Cache
    reporter: Reporter


@dataclass(frozen=True, kw_only=True)
class JobSetup:
    """The image, model and reporter of a job.

    Attributes
    ----------
    key, axes, scale, units, channels, allow_missing
        As of `open_image`.
    normalization
        As of `Segmenter`.
    model : str, path or Model
        As of `load_model`, or a model that is loaded.
    instance_decoder, device, precision
        As of `load_model`.
    cache
        As of `Segmenter`.
    reporter : Reporter
        Receives steps and progress.
    options : dict
        Keywords of `SegmentOptions`.
    """

    key: str | None = None
    axes: str | None = None
    scale: Sequence[float] | Mapping[str, float] | None = None
    units: str | Sequence[str | None] | Mapping[str, str | None] | None = None
    channels: int | Sequence[int] | None = None
    allow_missing: bool = False
    normalization: NormalizationSpec = "percentile"
    model: PathLike | Model = "micro"
    instance_decoder: PathLike | None = None
    device: str = "auto"
    precision: str = "auto"
    cache: Cache = None
    reporter: Reporter = field(default_factory=Reporter)
    options: OptionArgs = field(default_factory=OptionArgs)

    @classmethod
    def from_keywords(cls, keywords: JobArgs) -> JobSetup:
        """Make a setup from the keywords of a job.

        Raises
        ------
        PromptError
            An option of the segmentation cannot be used.
        """
        own = {each.name for each in fields(cls)} - {"options"}
        setup = {name: value for name, value in keywords.items() if name in own}
        options: Any = {n: value for n, value in keywords.items() if n not in own}
        SegmentOptions(**options)
        return cls(**setup, options=options)  # type: ignore[arg-type]

    def open_image(self, path: PathLike) -> Image:
        """Open the image of a job."""
        with self.reporter.step("open the image") as details:
            image = self.reopen_image(path)
            details.append(f"{image.name}, {image.axes} {image.shape}, {image.dtype}")
            if image.assumed:
                details.append(image.assumed)
        return image

    def reopen_image(self, path: PathLike, **changed: Any) -> Image:  # noqa: ANN401
        """Open the image again, with some keywords of `open_image` changed."""
        from napari_hqsam.images import open_image

        own: dict[str, Any] = {
            "key": self.key,
            "axes": self.axes,
            "scale": self.scale,
            "units": self.units,
            "channels": self.channels,
            "allow_missing": self.allow_missing,
        }
        return open_image(path, **own | changed)

    def normalize(self, image: Image) -> Normalization:
        """Sample the normalisation of an image."""
        from napari_hqsam.images import normalization

        with self.reporter.step("sample the pixels") as details:
            found = normalization(image, self.normalization)
            pairs = dict.fromkeys(zip(found.lows, found.highs, strict=True))
            details += [f"shown from {low:g} to {high:g}" for low, high in pairs]
        return found

    def load_model(self) -> Model:
        """Load the model; takes seconds, so check everything else before."""
        from napari_hqsam.models import load_model

        if not isinstance(self.model, str | os.PathLike):
            return self.model
        with self.reporter.step("load the model") as details:
            model = load_model(
                self.model,
                instance_decoder=self.instance_decoder,
                device=self.device,
                precision=self.precision,
            )
            dtype = str(model.dtype).removeprefix("torch.")
            details.append(f"{model.name}, {model.device} {dtype}")
        return model

    def segmenter(self, image: Image) -> Segmenter:
        """Sample the normalisation, load the model, make the segmenter of an image."""
        normalization = self.normalize(image)
        with self.reporter.step("import torch"):
            from napari_hqsam.segmentation import Segmenter
        model = self.load_model()
        return Segmenter(image, model, normalization=normalization, cache=self.cache)


def prompt_files(prompts: PromptSource) -> list[Path]:
    """List the files among sources of prompts."""
    return [Path(each) for each in _listed(prompts) if _is_path(each)]


def collect_prompts(prompts: PromptSource, image: Image) -> list[Prompt]:
    """Read and list prompts for an image.

    Raises
    ------
    PromptError
        A file does not exist, or is no file of prompts.
    """
    from napari_hqsam.prompts import read_prompts

    collected: list[Prompt] = []
    for each in _listed(prompts):
        if not _is_path(each):
            collected.append(each)
            continue
        if not Path(each).exists():
            raise PromptError(f"{each}: no such file; check the path of the prompts")
        collected += read_prompts(each, image.plane_shape, image.axes)
    return collected


def _listed(prompts: PromptSource) -> list[Any]:
    return list(prompts) if isinstance(prompts, list | tuple) else [prompts]


def _is_path(source: object) -> bool:
    return isinstance(source, str | os.PathLike)


def position_of(plane: str | PlaneIndex | None, image: Image) -> tuple[int, ...] | None:
    """Return a plane's position from its index, or text such as "12" or "t=0,z=12"."""
    from napari_hqsam.geometry.plane_text import plane_of_text

    if plane is None:
        return None
    if isinstance(plane, str):
        return plane_of_text(plane, image.leading_axes, image.leading_shape, image.name)
    return image.position(plane)


def group_by_plane(
    prompts: Sequence[Prompt], plane: tuple[int, ...] | None, image: Image
) -> dict[tuple[int, ...], list[Prompt]]:
    """Group prompts by plane: their own, else the one given, else the only one.

    Raises
    ------
    PromptError
        A prompt on a stack has no plane.
    """
    groups: dict[tuple[int, ...], list[Prompt]] = defaultdict(list)
    for prompt in prompts:
        index = plane if prompt.plane is None else image.position(prompt.plane)
        if index is None and image.leading_axes:
            sizes = dict(zip(image.leading_axes, image.leading_shape, strict=True))
            raise PromptError(
                f"{image.name} is a stack ({sizes}) and a prompt names no plane: "
                "give the plane, or columns for these axes in the prompts file",
                parameter="plane",
            )
        groups[index or ()].append(prompt)
    return dict(groups)


def check_prompts(image: Image, groups: dict[tuple[int, ...], list[Prompt]]) -> None:
    """Raise ImageError or PromptError if prompts lie outside the image.

    Called before a model is loaded, which takes seconds.
    """
    for index, group in groups.items():
        image.check_position(index)
        for prompt in group:
            prompt.check_on(image.plane_shape)
