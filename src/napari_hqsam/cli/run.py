"""The main job of the command line: read, segment, write, said step by step."""

from __future__ import annotations

import time
import warnings
from typing import TYPE_CHECKING, Any

from napari_hqsam.cli.arguments import (
    all_prompts,
    by_plane,
    check_all,
    check_outputs,
    integers,
    label_ids,
    limits_of,
)
from napari_hqsam.cli.saying import timed
from napari_hqsam.errors import HqsamWarning

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_hqsam.prompts import Prompt


def run(
    image_path: Path,
    out: Path,
    *,
    prompts_file: Path | None = None,
    points: Sequence[str] = (),
    boxes: Sequence[str] = (),
    plane: str | None = None,
    axes: str | None = None,
    channels: str | None = None,
    normalization: str = "percentile",
    overlay: Path | None = None,
    output: Any = "sam+hq",  # noqa: ANN401 - checked by the segmenter
    clean: bool = True,
    overlap: Any = "keep",  # noqa: ANN401 - checked by paint
    model: str = "micro",
    device: str = "auto",
    precision: str = "auto",
) -> None:
    """Read, segment, write: the main job, said step by step."""
    from napari_hqsam.images import open_image

    check_outputs(out, overlay, image_path)
    shown = None if channels is None else integers(channels, "--channels")
    limits = limits_of(normalization)
    index = None if plane is None else integers(plane, "--plane")
    with timed("open the image") as details:
        image = open_image(image_path, axes=axes, channels=shown)
        details.append(f"{image.name}, {image.axes} {image.shape}, {image.dtype}")
    groups = by_plane(all_prompts(prompts_file, points, boxes), index, image)
    ids = label_ids(groups)
    check_all(image, groups, out, output, overlap)
    start = time.perf_counter()
    from napari_hqsam.labels import write_labels
    from napari_hqsam.models import load_model
    from napari_hqsam.segmentation import Segmenter

    imported = time.perf_counter() - start
    with timed("load the model") as details:
        loaded = load_model(model, device=device, precision=precision)
        dtype = str(loaded.dtype).removeprefix("torch.")
        details.append(f"{loaded.name}, {loaded.device} {dtype}")
        details.append(f"after {imported:.1f} s for importing torch")
    segmenter = Segmenter(image, loaded, normalization=limits)
    labels = _segment_groups(segmenter, groups, ids, output, overlap, clean=clean)
    with timed("write the labels") as details:
        write_labels(out, labels, axes=f"{image.leading_axes}yx")
        details.append(str(out))
    if overlay is not None:
        with timed("draw the overlay") as details:
            _draw(segmenter, labels, groups, overlay)
            details.append(str(overlay))


def _segment_groups(
    segmenter: Any,  # noqa: ANN401 - not imported before it is needed
    groups: dict[tuple[int, ...], list[Prompt]],
    ids: dict[tuple[int, ...], list[int]],
    output: Any,  # noqa: ANN401
    overlap: Any,  # noqa: ANN401
    *,
    clean: bool,
) -> Any:  # noqa: ANN401
    """Segment plane by plane into one label image of the image's planes."""
    import numpy as np

    from napari_hqsam.labels import paint

    image = segmenter.image
    labels = np.zeros((*image.leading_shape, *image.plane_shape), np.uint32)
    for index, group in groups.items():
        where = f" plane {','.join(map(str, index))}" if index else ""
        with timed(f"encode{where}") as details:
            segmenter.prepare(index)
            details.append(f"{segmenter.model.input_size} px tile")
        with timed(f"decode{where}") as details:
            masks = segmenter.segment_many(
                group, plane=index, output=output, clean=clean
            )
            details.append(f"{len(masks)} prompts")
        lost = 0
        for mask, label_id in zip(masks, ids[index], strict=True):
            drawn = mask.area and paint(
                labels, mask.bbox, mask.data, label_id, overlap, index=index
            )
            lost += not drawn
        if lost:
            warnings.warn(
                f"{lost} of {len(masks)} prompts{where} gave no pixels of their own: "
                "an empty mask, or all of it taken by other objects",
                HqsamWarning,
                stacklevel=2,
            )
    return labels


def _draw(
    segmenter: Any,  # noqa: ANN401
    labels: Any,  # noqa: ANN401
    groups: dict[tuple[int, ...], list[Prompt]],
    path: Path,
) -> None:
    """Overlay of the first plane that has prompts."""
    from napari_hqsam.labels import draw_overlay, replacing

    index, group = next(iter(groups.items()))
    rgb = segmenter.normalization.to_rgb8(segmenter.image.read_plane(index))
    picture = draw_overlay(
        rgb,
        labels[index],
        [p for prompt in group for p in prompt.points],
        [label for prompt in group for label in prompt.point_labels],
        [prompt.box for prompt in group if prompt.box],
    )
    with replacing(path) as partial:
        picture.save(partial, format="PNG")
