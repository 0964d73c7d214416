"""``propagate``: from a few prompted slices to the whole stack."""

from __future__ import annotations

import csv
import warnings
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - typer reads it
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_hqsam.cli import options as opt  # noqa: TC001 - typer reads it
from napari_hqsam.cli.arguments import (
    cache_of,
    check_all,
    floats,
    integers,
    limits_of,
    normalized,
    plane_of,
    prompts_of,
    segment_options,
)
from napari_hqsam.cli.console import timed
from napari_hqsam.cli.interrupts import report_interrupt
from napari_hqsam.cli.loading import load_told, open_told
from napari_hqsam.errors import HqsamWarning, ImageError, PromptError
from napari_hqsam.jobs.outputs import check_file_to_write, check_labels

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_hqsam.geometry import Reslice
    from napari_hqsam.images import Image
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.segmentation.propagation import StackSlice

COLUMNS = (
    *("object", "slice", "confidence", "stability", "overlap", "likeness"),
    *("agreement", "origin", "pixels", "ended"),
)


def propagate(
    image: Annotated[Path, typer.Argument(help="A stack: TIFF, zarr, npy, ...")],
    prompts: Annotated[
        Path,
        typer.Argument(
            help="Prompts with their slices: .csv, .geojson or .json. Prompts with "
            "the same object id on several slices are one object."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Labels: .tif or .zarr.")],
    plane: Annotated[
        str | None,
        typer.Option(help="Plane of prompts that name none, such as 12 or t=0,z=12."),
    ] = None,
    across: Annotated[
        str | None,
        typer.Option(help="Axis to walk along, such as z, t, y or x. [default: last]"),
    ] = None,
    range_: Annotated[
        str | None, typer.Option("--range", help="Slices first,end; the end counts not")
    ] = None,
    direction: Annotated[str, typer.Option(help="both, forward or backward.")] = "both",
    spacing: Annotated[
        str | None,
        typer.Option(help="z spacing over pixel size. [default: the image's own]"),
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(help="Labels accepted already: copied, and never overwritten."),
    ] = None,
    confidence: Annotated[
        Path | None, typer.Option(help="Table of confidence by object and slice: .csv.")
    ] = None,
    likeness: Annotated[
        float, typer.Option(help="An object ends below this likeness, 0 to 1.")
    ] = 0.55,
    stability: Annotated[
        float | None,
        typer.Option(
            help="An object ends below this stability. [default: the model's]"
        ),
    ] = None,
    overlap: Annotated[
        float, typer.Option(help="An object ends below this IoU with its neighbour.")
    ] = 0.4,
    area_jump: Annotated[
        float, typer.Option(help="An object ends where its area changes by more.")
    ] = 2.5,
    patience: Annotated[
        int, typer.Option(help="Failing slices in a row that are stepped over.")
    ] = 1,
    key: opt.KeyOption = None,
    axes: opt.AxesOption = None,
    channels: opt.ChannelsOption = None,
    normalization: opt.NormalizationOption = "percentile",
    level: opt.LevelOption = "auto",
    output: opt.OutputOption = "sam+hq",
    clean: Annotated[bool, typer.Option(help="Drop specks, fill pinholes.")] = True,
    model: opt.ModelOption = "micro",
    device: opt.DeviceOption = "auto",
    precision: opt.PrecisionOption = "auto",
    cache: opt.CacheOption = None,
    overwrite: opt.OverwriteOption = False,
) -> None:
    """Follow objects through a stack from a few prompted slices."""
    from napari_hqsam.geometry import Reslice
    from napari_hqsam.images import open_image

    check_labels(out, prompts, overwrite=overwrite, image=image)
    check_file_to_write(
        confidence,
        *(out, prompts, keep),
        overwrite=overwrite,
        suffix=".csv",
        image=image,
    )
    shown = None if channels is None else integers(channels, "--channels")
    limits, store = limits_of(normalization), cache_of(cache)
    options = segment_options(level, output, clean=clean)
    opened = open_told(image, key, axes, channels)
    walked = _walked(opened, across)
    resliced = Reslice.across(f"{opened.leading_axes}yx", walked)
    letters = resliced.letters(opened.axes)
    turned = open_image(image, key=key, axes=letters, channels=shown)
    axis = resliced.names[walked]
    default = None if plane is None else plane_of(plane, turned)
    given = prompts_of(prompts, turned)
    objects, others, groups = _objects(given, default, turned, axis)
    check_all(turned, groups, out, "keep")
    from napari_hqsam.segmentation.propagation import (
        StopRules,
        check_walk,
        iter_propagate,
    )

    ids = list(objects)
    rules = StopRules(likeness, stability, overlap, area_jump, patience)
    where: dict[str, Any] = {
        "axis": axis,
        "index": others,
        "z_range": None if range_ is None else _pair(range_),
        "direction": direction,
        "spacing": _spacing(spacing, turned, axis),
    }
    check_walk(turned, list(objects.values()), **where)  # before a model is loaded
    kept = None if keep is None else _Kept.read(keep, opened, turned, resliced, ids)
    how = normalized(turned, limits)
    from napari_hqsam.labels import copy_labels
    from napari_hqsam.segmentation import Segmenter
    from napari_hqsam.sessions import in_place_of_session

    loaded = load_told(model, device, precision)
    segmenter = Segmenter(turned, loaded, normalization=how, cache=store)
    taken = None if kept is None else kept.region
    slices = iter_propagate(
        segmenter, list(objects.values()), rules=rules, taken=taken, **where, **options
    )
    table = _Table(confidence)
    highest = max(*ids, 0 if kept is None else kept.highest)
    with (
        report_interrupt(f"{out} is as it was before"),
        ExitStack() as open_labels,
    ):
        open_labels.enter_context(in_place_of_session(out))
        labels = open_labels.enter_context(
            _labels(opened, out, highest, overwrite=overwrite)
        )
        if kept is not None:
            copy_labels(kept.labels.array, labels)
        with timed("encode, decode") as details:
            found = _painted(slices, labels, ids, turned, resliced, table)
            details.append(f"{len(ids)} objects, {found} slices")
            details.append(f"{segmenter.source.encoded} tiles encoded")
        with timed("write the labels") as details:
            open_labels.close()
            details.append(str(out))
    table.write()


def _painted(
    slices: Iterator[StackSlice],
    labels: Any,  # noqa: ANN401 - a zarr array
    ids: Sequence[int],
    image: Image,
    resliced: Reslice,
    table: _Table,
) -> int:
    """Paint slices as they come; return how many there were."""
    from tqdm import tqdm

    pixels, count = dict.fromkeys(range(len(ids)), 0), 0
    for count, each in enumerate(  # noqa: B007 - how many there were
        tqdm(slices, unit="slice", leave=False, disable=None), start=1
    ):
        _paint(labels, each, ids, image, resliced)
        table.add(each, ids)
        for i, found in each.objects.items():
            pixels[i] += found.mask.area
    if lost := sum(not n for n in pixels.values()):
        warnings.warn(
            f"{lost} of {len(ids)} objects gave no pixels: an empty mask, or all of it "
            "taken by other objects",
            HqsamWarning,
            stacklevel=2,
        )
    return count


# --- which way the stack is cut ---------------------------------------------


def _walked(image: Image, across: str | None) -> str:
    """Axis of an image that is walked."""
    leading = image.leading_axes
    if not leading:
        raise ImageError(
            f"{image.name} is one plane ({image.axes} {image.shape}): use `segment`"
        )
    if across is not None and across not in (*leading, "y", "x"):
        known = ", ".join((*leading, "y", "x"))
        raise PromptError(f"--across {across!r} is no axis of {image.name}: {known}")
    return leading[-1] if across is None else across


def _spacing(text: str | None, image: Image, axis: str) -> float:
    """Distance of slices over the size of a pixel; 1 if nobody tells."""
    if text is not None:
        return floats(text, 1, "--spacing", "2.5")[0]
    from napari_hqsam.segmentation.propagation import spacing_of

    found = spacing_of(image.scale, image.units, axis)
    if found is None:
        warnings.warn(
            f"{image.name} does not tell how far apart its slices are: taken as one "
            "pixel; give --spacing, z spacing over pixel size",
            HqsamWarning,
            stacklevel=2,
        )
    return found or 1.0


# --- what goes in -------------------------------------------------------------


def _objects(
    prompts: list[Prompt], plane: tuple[int, ...] | None, image: Image, axis: str
) -> tuple[
    dict[int, dict[int, Prompt]], dict[str, int], dict[tuple[int, ...], list[Prompt]]
]:
    """Prompts of each object by slice; index over the axes not walked; by plane."""
    from napari_hqsam.cli.arguments import by_plane
    from napari_hqsam.labels import label_ids

    groups = by_plane(prompts, plane, image)
    place = image.leading_axes.index(axis)
    others = {index[:place] + index[place + 1 :] for index in groups}
    if len(others) > 1:
        raise PromptError(
            f"prompts at {len(others)} places along the axes that are not walked: "
            "propagate one after another"
        )
    objects: dict[int, dict[int, Prompt]] = {}
    for index, ids in label_ids(groups).items():
        if len(index) != len(image.leading_axes):
            raise PromptError(
                f"a prompt on plane {index}; {image.name} has the leading axes "
                f"{image.leading_axes!r}"
            )
        for prompt, label_id in zip(groups[index], ids, strict=True):
            objects.setdefault(label_id, {})[index[place]] = prompt
    rest = image.leading_axes.replace(axis, "")
    return objects, dict(zip(rest, others.pop(), strict=True)), groups


@dataclass(frozen=True, eq=False)
class _Kept:
    """Labels of objects that are accepted already."""

    labels: Image
    turned: Image
    resliced: Reslice
    highest: int

    @classmethod
    def read(
        cls,
        path: Path,
        image: Image,
        turned: Image,
        resliced: Reslice,
        new: Sequence[int],
    ) -> _Kept:
        """Open labels, and see that they fit the image and the new ids."""
        import numpy as np

        from napari_hqsam.images import open_image

        axes = f"{image.leading_axes}yx"
        _check_order(path, axes)
        labels = open_image(path, axes=axes)
        wanted = (*image.leading_shape, *image.plane_shape)
        if labels.shape != wanted or labels.dtype.kind not in "iu":
            raise ImageError(
                f"{path} is {labels.dtype} {labels.shape}; labels to keep must be "
                f"integers of shape {wanted}"
            )
        highest = 0
        for index in np.ndindex(labels.leading_shape):
            used = np.unique(labels.read_at(index))
            if used[0] < 0:
                raise ImageError(
                    f"{path} has the id {used[0]}; ids must not be negative"
                )
            highest = max(highest, int(used[-1]))
            if (both := np.intersect1d(used, list(new))).size:
                raise PromptError(
                    f"object {both[0]} is in {path} already; give the prompts other ids"
                )
        return cls(labels, turned, resliced, highest)

    def region(
        self, plane: tuple[int, ...], box: tuple[int, int, int, int]
    ) -> NDArray[Any]:
        """Labels in a box of a plane."""
        where = self.resliced.plane(self.turned.index_at(plane))
        found: NDArray[Any] = self.labels.array[where.key(box)]
        return found


def _check_order(path: Path, axes: str) -> None:
    """Raise if labels name axes that lie in another order, whatever their shape."""
    from napari_hqsam.images import open_source

    own = open_source(path, keep_indices=True).axes or axes
    common = [letter for letter in own if letter in axes]
    if common != [letter for letter in axes if letter in own]:
        raise ImageError(
            f"{path} has the axes {own}, its image {axes}: save it with its axes in "
            "the order of the image"
        )


# --- what comes out -----------------------------------------------------------


def _labels(image: Image, out: Path, highest: int, *, overwrite: bool) -> Any:  # noqa: ANN401
    """Labels of all planes of an image, on the disk, all 0."""
    from napari_hqsam.geometry.space import space_of_image
    from napari_hqsam.labels import id_dtype, labels_on_disk

    axes = f"{image.leading_axes}yx"
    scale, units = space_of_image(axes, image.scale, image.units)
    return labels_on_disk(
        out,
        (*image.leading_shape, *image.plane_shape),
        dtype=id_dtype(highest),
        axes=axes,
        scale=scale,
        units=units,
        overwrite=overwrite or None,
    )


def _paint(
    labels: Any,  # noqa: ANN401 - a zarr array
    found: StackSlice,
    ids: Sequence[int],
    image: Image,
    resliced: Reslice,
) -> None:
    """Write the masks of a slice, which are disjoint, at once."""
    masks = {ids[i]: each.mask for i, each in found.objects.items() if each.mask.area}
    if not masks:
        return
    boxes = [mask.bbox for mask in masks.values()]
    y0, x0 = (min(box[k] for box in boxes) for k in (0, 1))
    y1, x1 = (max(box[k] for box in boxes) for k in (2, 3))
    where = resliced.plane(image.index_at(found.plane))
    key = where.key((y0, x0, y1, x1))
    window = labels[key]
    for label_id, mask in masks.items():
        a, b, c, d = mask.bbox
        window[a - y0 : c - y0, b - x0 : d - x0][mask.data] = label_id
    labels[key] = window


class _Table:
    """Confidence of each object and slice, in a file that is whole or not there."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._rows: list[tuple[Any, ...]] = []

    def add(self, found: StackSlice, ids: Sequence[int]) -> None:
        """Take in a slice."""
        for i, each in found.objects.items():
            sure = each.confidence
            parts = (
                sure.combined,
                sure.stability,
                sure.overlap,
                sure.likeness,
                sure.agreement,
            )
            shown = ("" if part is None else f"{part:.3f}" for part in parts)
            area = each.mask.area
            self._rows.append((ids[i], found.z, *shown, each.origin, area, ""))
        for i, reason in found.ended.items():
            self._rows.append((ids[i], found.z, *[""] * 6, 0, reason))

    def write(self) -> None:
        """Write the table, by object and slice."""
        if self.path is None:
            return
        from napari_hqsam.files import replacing

        rows = sorted(self._rows, key=lambda row: row[:2])
        with (
            replacing(self.path) as partial,
            partial.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows(rows)


def _pair(text: str) -> tuple[int, int]:
    """Parse --range."""
    numbers = integers(text, "--range")
    if len(numbers) != 2:
        raise PromptError(f"--range {text!r} is not two whole numbers such as 10,40")
    return numbers[0], numbers[1]
