"""Find all objects of an image file that are like examples, and write the labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from napari_hqsam.errors import PromptError
from napari_hqsam.jobs.batches.result import BatchResult
from napari_hqsam.jobs.files.new_labels import new_labels
from napari_hqsam.jobs.files.old_labels import OldLabels
from napari_hqsam.jobs.files.outputs import check_outputs
from napari_hqsam.jobs.files.overlay import draw_overlay_file, reduced_labels
from napari_hqsam.jobs.inputs import JobArgs, JobSetup, PathLike
from napari_hqsam.jobs.planes import parse_planes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_hqsam.geometry import PlaneIndex
    from napari_hqsam.images import Image
    from napari_hqsam.masks.mask import Mask
    from napari_hqsam.segmentation import Example, Segmenter

Index = tuple[int, ...]


def similar_file(
    image: PathLike,
    examples: PathLike,
    out: PathLike,
    *,
    unlike: PathLike | None = None,
    planes: str | Sequence[PlaneIndex] | None = None,
    overlay: PathLike | None = None,
    overwrite: bool = False,
    **keywords: Unpack[JobArgs],
) -> BatchResult:
    """Find all objects that are like examples: the command `napari-hqsam similar`.

    The new labels hold the examples with their ids, and what is like them with the ids
    that follow, plane by plane, the best match first; objects are not linked from plane
    to plane. All masks are in memory until the labels are written.

    Parameters
    ----------
    image : path
        As of `open_image`.
    examples : path
        Labels of the shape of the image: every object in them, on any plane, is an
        example.
    out : path
        Labels, ``.tif``, ``.ome.tif``, ``.zarr`` or ``.ome.zarr``.
    unlike : path, optional
        Labels of the same shape: what is more similar to one of these objects than to
        any example is left out.
    planes : str or sequence of mapping of str to int, optional
        Planes to search, such as ``"z=0:40"`` (see `parse_planes`); by default all.
    overlay : path, optional
        Also draw the outlines to this ``.png``; only for a single plane.
    overwrite : bool
        Also replace files that this package did not write.
    **keywords
        Keywords of `JobSetup` (``model``, ``axes``, ``cache``, ...) and of
        `SegmentOptions`.

    Raises
    ------
    ImageError, PromptError, ModelError
        The input cannot be used; or there is no example.
    OutputError
        A file cannot, or must not, be written.
    """
    from napari_hqsam.labels import check_axes_fit
    from napari_hqsam.sessions import archiving_session

    setup, source, out = JobSetup.from_keywords(keywords), Path(image), Path(out)
    files = [Path(each) for each in (examples, unlike) if each is not None]
    picture = None if overlay is None else Path(overlay)
    check_outputs(out, {".png": picture}, source, *files, overwrite=overwrite)
    opened = setup.open_image(source)
    todo = _planes(opened, planes)
    if picture is not None and len(todo) > 1:
        raise PromptError(
            "an overlay is of one plane: name it, such as --planes z=12",
            parameter="overlay",
        )
    check_axes_fit(out, f"{opened.leading_axes}yx")
    given = OldLabels.open(Path(examples), opened)
    counter = None if unlike is None else OldLabels.open(Path(unlike), opened)
    with setup.reporter.on_interrupt(f"{out} is as it was before"):
        like, highest = _read(given, opened)
        if not like:
            raise PromptError(f"{given.path} holds no object: give at least one")
        other = [] if counter is None else _read(counter, opened)[0]
        segmenter = setup.segmenter(opened)
        found = {
            index: _search(segmenter, index, like, other, given, setup)
            for index in todo
        }
        total = sum(map(len, found.values()))
        small: Any = None
        with (
            setup.reporter.step("write the labels") as details,
            archiving_session(out),
            new_labels(
                opened, out, highest + total, overwrite=overwrite or None
            ) as labels,
        ):
            _write(labels, found, highest, given, opened)
            if picture is not None:
                small = reduced_labels(labels, todo[0])
            details.append(str(out))
    if picture is not None:
        with setup.reporter.step("draw the overlay") as details:
            draw_overlay_file(segmenter, small, todo[0], [], picture)
            details.append(str(picture))
    return BatchResult(True, len(todo), 0, total, 0, opened.name)


def _planes(image: Image, planes: str | Sequence[PlaneIndex] | None) -> list[Index]:
    import numpy as np

    if planes is None:
        return list(np.ndindex(image.leading_shape))
    named = parse_planes(planes, image) if isinstance(planes, str) else planes
    return [image.position(each) for each in named]


def _read(labels: OldLabels, image: Image) -> tuple[list[Example], int]:
    """Return the objects of labels as examples, and the highest id."""
    import numpy as np

    from napari_hqsam.masks.linking import masks_of
    from napari_hqsam.segmentation import Example

    found, highest = [], 0
    for index in np.ndindex(image.leading_shape):
        masks = masks_of(labels.plane(index))
        found += [Example(mask, image.index_at(index)) for mask in masks.values()]
        highest = max([highest, *masks])
    return found, highest


def _search(
    segmenter: Segmenter,
    index: Index,
    like: list[Example],
    other: list[Example],
    given: OldLabels,
    setup: JobSetup,
) -> list[Mask]:
    """Search a plane; report tile by tile."""
    encoded, done = segmenter.source.encoded, 0
    where = f" plane {','.join(map(str, index))}" if index else ""
    with (
        setup.reporter.step(f"find all like the examples{where}") as details,
        setup.reporter.progress("tile") as advance,
    ):

        def report(tiles: int, _: int) -> None:
            nonlocal done
            advance(tiles - done)
            done = tiles

        masks = segmenter.segment_similar(
            like,
            unlike=other,
            plane=segmenter.image.index_at(index),
            taken=given.plane(index),
            progress=report,
            **setup.options,
        )
        details.append(f"{len(masks)} objects")
        details.append(f"{segmenter.source.encoded - encoded} tiles encoded")
    return masks


def _write(
    labels: Any,  # noqa: ANN401 - a zarr array
    found: dict[Index, list[Mask]],
    highest: int,
    given: OldLabels,
    image: Image,
) -> None:
    """Write the examples of all planes, and the matches with the ids that follow."""
    import numpy as np

    from napari_hqsam.labels import paint_masks

    for index in np.ndindex(image.leading_shape):
        labels[index] = given.plane(index)
        masks = found.get(index, [])
        paint_masks(labels, dict(enumerate(masks, highest + 1)), index=index)
        highest += len(masks)
