"""Propagate objects through a stack, and write the labels."""

from __future__ import annotations

import warnings
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from napari_hqsam.errors import HqsamWarning, ImageError, PromptError
from napari_hqsam.jobs.confidence_table import ConfidenceTable
from napari_hqsam.jobs.inputs import (
    JobArgs,
    JobSetup,
    PathLike,
    PromptSource,
    check_prompts,
    collect_prompts,
    group_by_plane,
    position_of,
    prompt_files,
)
from napari_hqsam.jobs.kept_labels import KeptLabels
from napari_hqsam.jobs.new_labels import new_labels
from napari_hqsam.jobs.outputs import check_file_to_write, check_labels

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from napari_hqsam.geometry import PlaneIndex, Reslice
    from napari_hqsam.images import Image
    from napari_hqsam.jobs.reporter import Reporter
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.segmentation.propagation import (
        Direction,
        StackSlice,
        StopRules,
    )


def propagate_file(
    image: PathLike,
    out: PathLike,
    prompts: PromptSource,
    *,
    plane: str | PlaneIndex | None = None,
    across: str | None = None,
    z_range: tuple[int, int] | None = None,
    direction: Direction = "both",
    spacing: float | None = None,
    keep: PathLike | None = None,
    confidence: PathLike | None = None,
    rules: StopRules | None = None,
    overwrite: bool = False,
    **keywords: Unpack[JobArgs],
) -> None:
    """Follow objects through a stack from prompted slices: `napari-hqsam propagate`.

    Parameters
    ----------
    image : path
        A stack, as of `open_image`.
    out : path
        Labels, ``.tif``, ``.ome.tif``, ``.zarr`` or ``.ome.zarr``. They are there
        when they are complete; until then, whatever was there before.
    prompts : path, Prompt, or sequence of these
        Prompts with the same ``label_id`` on several slices are one object.
    plane : str, mapping of str to int, or tuple of int, optional
        Plane of the prompts that have none, such as ``"z=12"`` or ``{"z": 12}``.
    across : str, optional
        Axis along which objects are followed, such as "z", "t", "y" or "x"; by
        default the last before y and x.
    z_range, direction, rules
        As of `iter_propagate`.
    spacing : float, optional
        Distance of slices over the size of a pixel; by default the image's own.
    keep : path, optional
        Labels accepted already: copied, and never overwritten.
    confidence : path, optional
        Also write the confidence by object and slice to this ``.csv``.
    overwrite : bool
        Replace files that this package did not write, too.
    **keywords
        Keywords of `JobSetup` and of `SegmentOptions`.

    Raises
    ------
    ImageError, PromptError, ModelError
        The input cannot be used.
    OutputError
        A file cannot, or must not, be written.

    Warns
    -----
    HqsamWarning
        Objects gave no pixels, or the image does not tell its spacing.
    """
    from napari_hqsam.geometry import Reslice
    from napari_hqsam.labels import check_axes_fit, copy_labels
    from napari_hqsam.segmentation.propagation import plan_propagation
    from napari_hqsam.sessions import archiving_session

    setup, source, out = JobSetup.from_keywords(keywords), Path(image), Path(out)
    files, reporter = prompt_files(prompts), setup.reporter
    kept_path = None if keep is None else Path(keep)
    table = ConfidenceTable(None if confidence is None else Path(confidence))
    check_labels(out, *files, overwrite=overwrite, image=source)
    check_file_to_write(
        table.path,
        *(out, *files, kept_path),
        overwrite=overwrite,
        suffix=".csv",
        image=source,
    )
    opened = setup.open_image(source)
    followed = _axis_to_follow(opened, across)
    resliced = Reslice.across(f"{opened.leading_axes}yx", followed)
    turned = setup.reopen_image(source, axes=resliced.letters(opened.axes))
    axis = resliced.names[followed]
    given = collect_prompts(prompts, turned)
    groups = group_by_plane(given, position_of(plane, turned), turned)
    objects, others = _objects(groups, turned, axis)
    check_axes_fit(out, f"{turned.leading_axes}yx")
    check_prompts(turned, groups)
    ids, fixed = list(objects), list(objects.values())
    where: dict[str, Any] = {
        "axis": axis,
        "index": others,
        "z_range": z_range,
        "direction": direction,
        "spacing": _spacing_of(turned, axis) if spacing is None else spacing,
    }
    plan_propagation(turned, fixed, **where)  # before a model is loaded
    kept = None
    if kept_path is not None:
        kept = KeptLabels.read(kept_path, opened, turned, resliced, ids)
    segmenter = setup.segmenter(turned, setup.normalize(turned))
    from napari_hqsam.segmentation.propagation import iter_propagate

    slices = iter_propagate(
        segmenter,
        fixed,
        rules=rules,
        taken=None if kept is None else kept.region,
        **where,
        **setup.options,
    )
    highest = max(*ids, 0 if kept is None else kept.highest)
    with (
        reporter.on_interrupt(f"{out} is as it was before"),
        ExitStack() as open_labels,
    ):
        open_labels.enter_context(archiving_session(out))
        labels = open_labels.enter_context(
            new_labels(opened, out, highest, overwrite=overwrite or None)
        )
        if kept is not None:
            copy_labels(kept.labels.array, labels)
        with reporter.step("encode, decode") as details:
            count = _paint_slices(
                slices, labels, ids, turned, resliced, table, reporter
            )
            details.append(f"{len(ids)} objects, {count} slices")
            details.append(f"{segmenter.source.encoded} tiles encoded")
        with reporter.step("write the labels") as details:
            open_labels.close()
            details.append(str(out))
    table.write()


def _axis_to_follow(image: Image, across: str | None) -> str:
    """Check the axis along which objects are followed; by default the last."""
    leading = image.leading_axes
    if not leading:
        raise ImageError(
            f"{image.name} is one plane ({image.axes} {image.shape}): use `segment`"
        )
    if across is not None and across not in (*leading, "y", "x"):
        known = ", ".join((*leading, "y", "x"))
        raise PromptError(f"--across {across!r} is no axis of {image.name}: {known}")
    return leading[-1] if across is None else across


def _spacing_of(image: Image, axis: str) -> float:
    """Distance of slices over the size of a pixel; 1 with a warning if unknown."""
    from napari_hqsam.segmentation.propagation import spacing_of

    found = spacing_of(image.space, axis)
    if found is None:
        warnings.warn(
            f"{image.name} does not tell how far apart its slices are: taken as one "
            "pixel; give --spacing, z spacing over pixel size",
            HqsamWarning,
            stacklevel=2,
        )
    return found or 1.0


def _objects(
    groups: Mapping[tuple[int, ...], Sequence[Prompt]], image: Image, axis: str
) -> tuple[dict[int, dict[int, Prompt]], dict[str, int]]:
    """Prompts of each object by slice, and the index over the other axes."""
    from napari_hqsam.labels import label_ids

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
    return objects, dict(zip(rest, others.pop(), strict=True))


def _paint_slices(
    slices: Iterator[StackSlice],
    labels: Any,  # noqa: ANN401 - a zarr array
    ids: Sequence[int],
    image: Image,
    resliced: Reslice,
    table: ConfidenceTable,
    reporter: Reporter,
) -> int:
    """Paint slices as they come; return their number."""
    pixels, count = dict.fromkeys(range(len(ids)), 0), 0
    for count, each in enumerate(  # noqa: B007 - it is returned
        reporter.track(slices, "slice"), start=1
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
