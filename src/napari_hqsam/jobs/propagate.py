"""Propagate objects through the stack of an image file, and write the labels."""

from __future__ import annotations

import warnings
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from napari_hqsam.errors import HqsamWarning, PromptError
from napari_hqsam.jobs.files.confidence_table import ConfidenceTable
from napari_hqsam.jobs.files.kept_labels import KeptLabels
from napari_hqsam.jobs.files.new_labels import new_labels
from napari_hqsam.jobs.files.outputs import check_file_to_write, check_labels
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
from napari_hqsam.jobs.resliced_stack import ReslicedStack

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from napari_hqsam.geometry import PlaneIndex
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
    """Propagate objects through a stack from prompted slices: `napari-hqsam propagate`.

    Parameters
    ----------
    image : path
        A stack, as of `open_image`.
    out : path
        Labels, ``.tif``, ``.ome.tif``, ``.zarr`` or ``.ome.zarr``; replaced only
        when the new ones are complete.
    prompts : path, Prompt, or sequence of these
        Prompts with the same ``label_id`` on several slices are one object.
    plane : str, mapping of str to int, or tuple of int, optional
        Plane of the prompts that have none, such as ``"z=12"`` or ``{"z": 12}``.
    across : str, optional
        Axis to propagate along, such as "z", "t", "y" or "x"; by default the last
        before y and x.
    z_range, direction, rules
        As of `iter_propagate`.
    spacing : float, optional
        Distance between slices in pixels; by default from the image's metadata.
    keep : path, optional
        Existing labels: copied to the output, and never overwritten.
    confidence : path, optional
        Also write the confidence by object and slice to this ``.csv``.
    overwrite : bool
        Also replace files that this package did not write.
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
        Objects have no pixels, or the image's metadata have no spacing.
    """
    from napari_hqsam.labels import check_axes_fit

    setup, source, out = JobSetup.from_keywords(keywords), Path(image), Path(out)
    files = prompt_files(prompts)
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
    stack = ReslicedStack.open(setup, source, across)
    given = collect_prompts(prompts, stack.resliced)
    groups = group_by_plane(given, position_of(plane, stack.resliced), stack.resliced)
    objects, others = _objects(groups, stack)
    check_axes_fit(out, f"{stack.resliced.leading_axes}yx")
    check_prompts(stack.resliced, groups)
    where: dict[str, Any] = {
        "axis": stack.axis,
        "index": others,
        "z_range": z_range,
        "direction": direction,
        "spacing": stack.spacing() if spacing is None else spacing,
    }
    _check_plan(stack, objects, where)  # before a model is loaded
    kept = None
    if kept_path is not None:
        kept = KeptLabels.read(
            kept_path, stack.image, stack.resliced, stack.reslice, list(objects)
        )
    _propagate(
        setup, stack, objects, where | {"rules": rules}, kept, table, out, overwrite
    )
    table.write()


def _check_plan(
    stack: ReslicedStack,
    objects: Mapping[int, Mapping[int, Prompt]],
    where: dict[str, Any],
) -> None:
    """Raise PromptError unless the objects can be propagated as asked."""
    from napari_hqsam.segmentation.propagation import plan_propagation

    plan_propagation(stack.resliced, list(objects.values()), **where)


def _propagate(
    setup: JobSetup,
    stack: ReslicedStack,
    objects: Mapping[int, Mapping[int, Prompt]],
    keywords: dict[str, Any],
    kept: KeptLabels | None,
    table: ConfidenceTable,
    out: Path,
    overwrite: bool,
) -> None:
    """Propagate objects, and write the labels slice by slice.

    Parameters
    ----------
    setup : JobSetup
    stack : ReslicedStack
    objects : mapping of int to mapping of int to Prompt
        By label id: prompts by slice.
    keywords : dict
        Keywords of `iter_propagate`.
    kept : KeptLabels, optional
        Labels to begin with.
    table : ConfidenceTable
        Receives the confidences.
    out : Path
        The labels.
    overwrite : bool
        As of `propagate_file`.
    """
    import numpy as np

    from napari_hqsam.labels import write_plane
    from napari_hqsam.segmentation.propagation import iter_propagate
    from napari_hqsam.sessions import archiving_session

    ids, reporter = list(objects), setup.reporter
    segmenter = setup.segmenter(stack.resliced)
    slices = iter_propagate(
        segmenter,
        list(objects.values()),
        taken=None if kept is None else kept.region,
        **keywords,
        **setup.options,
    )
    highest = max(*ids, 0 if kept is None else kept.highest)
    with (
        reporter.on_interrupt(f"{out} is as it was before"),
        ExitStack() as open_labels,
    ):
        open_labels.enter_context(archiving_session(out))
        labels = open_labels.enter_context(
            new_labels(stack.image, out, highest, overwrite=overwrite or None)
        )
        if kept is not None:
            for index in np.ndindex(stack.image.leading_shape):
                write_plane(labels, index, kept.labels.plane(index))
        with reporter.step("encode, decode") as details:
            count = _paint_slices(slices, labels, ids, stack, table, reporter)
            details.append(f"{len(ids)} objects, {count} slices")
            details.append(f"{segmenter.source.encoded} tiles encoded")
        with reporter.step("write the labels") as details:
            open_labels.close()
            details.append(str(out))


def _objects(
    groups: Mapping[tuple[int, ...], Sequence[Prompt]], stack: ReslicedStack
) -> tuple[dict[int, dict[int, Prompt]], dict[str, int]]:
    """Return the prompts of each label id by slice, and the index of other axes."""
    from napari_hqsam.labels import label_ids

    image, axis = stack.resliced, stack.axis

    place = image.leading_axes.index(axis)
    others = {index[:place] + index[place + 1 :] for index in groups}
    if len(others) > 1:
        raise PromptError(
            f"prompts at {len(others)} positions along the other axes: propagate one "
            "after another"
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
    stack: ReslicedStack,
    table: ConfidenceTable,
    reporter: Reporter,
) -> int:
    """Paint slices as they become final; return their number."""
    pixels, count = dict.fromkeys(range(len(ids)), 0), 0
    for count, each in enumerate(  # noqa: B007 - it is returned
        reporter.track(slices, "slice"), start=1
    ):
        stack.paint(labels, each, ids)
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
