"""`napari-hqsam segment`: objects of an image from prompts."""

from __future__ import annotations

import math
import warnings
from contextlib import ExitStack
from pathlib import Path  # noqa: TC003 - typer reads it
from typing import TYPE_CHECKING, Annotated, Any, Literal, Unpack

import typer

from napari_hqsam.cli import options as opt  # noqa: TC001 - typer reads it
from napari_hqsam.cli.arguments import (
    all_prompts,
    by_plane,
    cache_of,
    check_all,
    limits_of,
    normalized,
    plane_of,
    segment_options,
)
from napari_hqsam.cli.console import timed
from napari_hqsam.cli.interrupts import report_interrupt
from napari_hqsam.cli.loading import load_told, open_told
from napari_hqsam.errors import HqsamWarning
from napari_hqsam.jobs.outputs import check_file_to_write, check_labels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_hqsam.images import Image, Normalization
    from napari_hqsam.labels import PromptPainter
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.segmentation import Segmenter
    from napari_hqsam.segmentation.options import OptionArgs

OVERLAY_SIDE = 4096
"""Larger planes are drawn smaller, by a power of 2, to at most this side."""


def segment(
    image: Annotated[Path, typer.Argument(help="TIFF, PNG, zarr, npy, ...")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Labels: .tif or .zarr.")],
    prompts: Annotated[
        Path | None, typer.Option(help="Prompts: .csv, .geojson or .json.")
    ] = None,
    point: Annotated[
        list[str] | None, typer.Option(help="Click y,x; one object each.")
    ] = None,
    box: Annotated[
        list[str] | None, typer.Option(help="Box y0,x0,y1,x1; one object each.")
    ] = None,
    plane: Annotated[
        str | None, typer.Option(help="Plane of a stack, such as 12 or t=0,z=12.")
    ] = None,
    key: opt.KeyOption = None,
    axes: opt.AxesOption = None,
    channels: opt.ChannelsOption = None,
    normalization: opt.NormalizationOption = "percentile",
    level: opt.LevelOption = "auto",
    overlay: Annotated[
        Path | None, typer.Option(help="Also draw the outlines to this .png.")
    ] = None,
    output: opt.OutputOption = "sam+hq",
    clean: Annotated[bool, typer.Option(help="Drop specks, fill pinholes.")] = True,
    overlap: Annotated[
        str, typer.Option(help="Pixels of two objects: keep or overwrite.")
    ] = "keep",
    model: opt.ModelOption = "micro",
    device: opt.DeviceOption = "auto",
    precision: opt.PrecisionOption = "auto",
    cache: opt.CacheOption = None,
    overwrite: opt.OverwriteOption = False,
) -> None:
    """Segment objects of an image from clicks, boxes or masks."""
    run(
        image,
        out,
        prompts_file=prompts,
        points=point or [],
        boxes=box or [],
        plane=plane,
        key=key,
        axes=axes,
        channels=channels,
        normalization=normalization,
        level=level,
        overlay=overlay,
        output=output,
        clean=clean,
        overlap=overlap,
        model=model,
        device=device,
        precision=precision,
        cache=cache,
        overwrite=overwrite,
    )


def run(
    image_path: Path,
    out: Path,
    *,
    prompts_file: Path | None = None,
    points: Sequence[str] = (),
    boxes: Sequence[str] = (),
    plane: str | None = None,
    key: str | None = None,
    axes: str | None = None,
    channels: str | None = None,
    normalization: str = "percentile",
    level: str = "auto",
    overlay: Path | None = None,
    output: str = "sam+hq",
    clean: bool = True,
    overlap: Any = "keep",  # noqa: ANN401 - checked by paint
    model: str = "micro",
    device: str = "auto",
    precision: str = "auto",
    cache: str | None = None,
    overwrite: bool = False,
) -> None:
    """Read, segment, write: the main job, said step by step."""
    from napari_hqsam.labels import PromptPainter, label_ids
    from napari_hqsam.sessions import in_place_of_session

    check_labels(out, prompts_file, overwrite=overwrite, image=image_path)
    check_file_to_write(
        overlay, out, prompts_file, overwrite=overwrite, suffix=".png", image=image_path
    )
    limits = limits_of(normalization)
    options, store = segment_options(level, output, clean=clean), cache_of(cache)
    image = open_told(image_path, key, axes, channels)
    index = None if plane is None else plane_of(plane, image)
    groups = by_plane(all_prompts(prompts_file, points, boxes, image), index, image)
    ids = label_ids(groups)
    check_all(image, groups, out, overlap)
    shown_plane = next(iter(groups))
    small = None
    with report_interrupt(f"{out} is as it was before"):
        how = normalized(image, limits)
        segmenter = _segmenter(image, model, device, precision, how, store)
        with ExitStack() as open_labels:
            open_labels.enter_context(in_place_of_session(out))
            labels = open_labels.enter_context(
                _labels_of(image, out, ids, overwrite=overwrite)
            )
            for index, group in groups.items():
                painter = PromptPainter(labels, ids[index], overlap, index=index)
                _segment_plane(
                    segmenter,
                    group,
                    painter,
                    **options,
                )
            if overlay is not None:
                small = _reduced(labels, shown_plane)
            with timed("write the labels") as details:
                open_labels.close()
                details.append(str(out))
    if small is not None and overlay is not None:
        with (
            report_interrupt(f"{out} is complete, {overlay} was not written"),
            timed("draw the overlay") as details,
        ):
            _draw(segmenter, small, shown_plane, groups[shown_plane], overlay)
            details.append(str(overlay))


def _segmenter(
    image: Image,
    model: str,
    device: str,
    precision: str,
    normalization: Normalization,
    cache: Path | Literal[False] | None,
) -> Segmenter:
    """Load the model; that takes seconds, so all else was checked before."""
    with timed("import torch"):
        from napari_hqsam.segmentation import Segmenter

    loaded = load_told(model, device, precision)
    return Segmenter(image, loaded, normalization=normalization, cache=cache)


def _labels_of(
    image: Image, out: Path, ids: dict[tuple[int, ...], list[int]], *, overwrite: bool
) -> Any:  # noqa: ANN401
    """Labels of all planes of an image, on the disk, all 0."""
    from napari_hqsam.geometry.space import space_of_image
    from napari_hqsam.labels import id_dtype, labels_on_disk

    axes = f"{image.leading_axes}yx"
    scale, units = space_of_image(axes, image.scale, image.units)
    return labels_on_disk(
        out,
        (*image.leading_shape, *image.plane_shape),
        dtype=id_dtype(max(map(max, ids.values()))),
        axes=axes,
        scale=scale,
        units=units,
        overwrite=overwrite or None,
    )


def _segment_plane(
    segmenter: Segmenter,
    prompts: list[Prompt],
    painter: PromptPainter,
    **options: Unpack[OptionArgs],
) -> None:
    """Segment the prompts of a plane, and paint each mask as it comes."""
    from tqdm import tqdm

    index = tuple(painter.index)
    where = f" plane {','.join(map(str, index))}" if index else ""
    known = segmenter.source.encoded
    with timed(f"encode, decode{where}") as details:
        masks = segmenter.iter_many(
            prompts, plane=segmenter.image.index_at(index), **options
        )
        for number, mask in tqdm(
            masks, total=len(prompts), unit="prompt", leave=False, disable=None
        ):
            painter.paint(number, mask.bbox, mask.data)
        details.append(f"{len(prompts)} prompts")
        details.append(f"{segmenter.source.encoded - known} tiles encoded")
    lost = sum(not painter.pixels(n) for n in range(len(prompts)))
    if lost:
        warnings.warn(
            f"{lost} of {len(prompts)} prompts{where} gave no pixels of their own: "
            "an empty mask, or all of it taken by other objects",
            HqsamWarning,
            stacklevel=2,
        )


def _overlay_level(plane_shape: Sequence[int]) -> int:
    """Level at which a plane is drawn."""
    return max(0, math.ceil(math.log2(max(plane_shape) / OVERLAY_SIDE)))


def _reduced(labels: Any, index: tuple[int, ...]) -> NDArray[Any]:  # noqa: ANN401
    """Labels of a plane as they are drawn: of each square of pixels the first."""
    step = 1 << _overlay_level(labels.shape[-2:])
    small: NDArray[Any] = labels[
        (*index, slice(None, None, step), slice(None, None, step))
    ]
    return small


def _draw(
    segmenter: Segmenter,
    labels: NDArray[Any],
    index: tuple[int, ...],
    prompts: list[Prompt],
    path: Path,
) -> None:
    """Overlay of a plane, labels and prompts, at the level of its labels."""
    from PIL.PngImagePlugin import PngInfo

    from napari_hqsam.files import replacing
    from napari_hqsam.images import read_rgb8
    from napari_hqsam.labels import draw_overlay
    from napari_hqsam.labels.ours import MADE_BY

    level = _overlay_level(segmenter.image.plane_shape)
    rows, cols = labels.shape
    rgb = read_rgb8(
        segmenter.image,
        segmenter.normalization,
        index,
        (0, 0, rows << level, cols << level),
        level,
    )

    def seen(*coordinates: float) -> tuple[Any, ...]:
        return tuple((c + 0.5) / 2**level - 0.5 for c in coordinates)

    picture = draw_overlay(
        rgb,
        labels,
        [seen(*p) for prompt in prompts for p in prompt.points],
        [label for prompt in prompts for label in prompt.point_labels],
        [seen(*prompt.box) for prompt in prompts if prompt.box],
    )
    made_by = PngInfo()
    made_by.add_text("Software", MADE_BY)
    with replacing(path) as partial:
        picture.save(partial, format="PNG", pnginfo=made_by)
