"""Refine the labels of an image file, and write the new ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from napari_hqsam.jobs.files.new_labels import new_labels
from napari_hqsam.jobs.files.old_labels import OldLabels
from napari_hqsam.jobs.files.outputs import check_outputs
from napari_hqsam.jobs.files.refinement_table import write_refinement
from napari_hqsam.jobs.inputs import JobArgs, JobSetup, PathLike
from napari_hqsam.jobs.planes import parse_planes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_hqsam.geometry import PlaneIndex
    from napari_hqsam.images import Image
    from napari_hqsam.segmentation import (
        RefinedObject,
        RefinedPlane,
        RefineRules,
        Segmenter,
    )


@dataclass(frozen=True)
class RefineResult:
    """Result of `refine_file`.

    Attributes
    ----------
    objects : tuple of RefinedObject
        All of them, plane by plane, in the order of their ids.
    planes : int
        Planes that were refined.
    """

    objects: tuple[RefinedObject, ...]
    planes: int

    @property
    def refined(self) -> int:
        """Number of objects that got a new outline; the others kept theirs."""
        return sum(not each.kept for each in self.objects)


def refine_file(
    image: PathLike,
    labels: PathLike,
    out: PathLike,
    *,
    planes: str | Sequence[PlaneIndex] | None = None,
    table: PathLike | None = None,
    labels_key: str | None = None,
    rules: RefineRules | None = None,
    overwrite: bool = False,
    **keywords: Unpack[JobArgs],
) -> RefineResult:
    """Refine the labels of an image file: `napari-hqsam refine`.

    Parameters
    ----------
    image : path
        As of `open_image`.
    labels : path
        Labels of any program, of the shape of the image; as of `read_labels`.
    out : path
        New labels, ``.tif``, ``.ome.tif``, ``.zarr`` or ``.ome.zarr``; replaced only
        when they are complete.
    planes : str or sequence of mapping of str to int, optional
        Such as ``"t=3,z=0:40"`` (see `parse_planes`); by default all. The others are
        copied.
    table : path, optional
        Also write what became of each object to this ``.csv``; see
        `files.refinement_table`.
    labels_key : str, optional
        Which image of several in the file of labels.
    rules : RefineRules, optional
        When an object keeps its shape.
    overwrite : bool
        Also replace files that this package did not write.
    **keywords
        Keywords of `JobSetup` (``model``, ``axes``, ``cache``, ...) and of
        `SegmentOptions`.

    Raises
    ------
    ImageError, PromptError, ModelError
        The input cannot be used.
    OutputError
        A file cannot, or must not, be written.
    """
    from napari_hqsam.labels import check_axes_fit

    setup, source = JobSetup.from_keywords(keywords), Path(image)
    old_path, out = Path(labels), Path(out)
    rows = None if table is None else Path(table)
    check_outputs(out, {".csv": rows}, source, old_path, overwrite=overwrite)
    opened = setup.open_image(source)
    named = parse_planes(planes, opened) if isinstance(planes, str) else planes
    chosen = None if named is None else {opened.position(each) for each in named}
    check_axes_fit(out, f"{opened.leading_axes}yx")
    old = OldLabels.open(old_path, opened, labels_key)
    counts, highest = _count(old, opened, setup)
    with setup.reporter.on_interrupt(f"{out} is as it was before"):
        segmenter = setup.segmenter(opened)
        todo = [each for each in counts if chosen is None or each in chosen]
        total = sum(counts[each] for each in todo)
        job = _Refinement(segmenter, old, rules, setup)
        objects = job.write(out, todo, total, highest, overwrite=overwrite)
    if rows is not None:
        with setup.reporter.step("write the table") as details:
            write_refinement(rows, objects, opened.leading_axes)
            details.append(str(rows))
    return RefineResult(objects, len(todo))


def _count(
    old: OldLabels, image: Image, setup: JobSetup
) -> tuple[dict[tuple[int, ...], int], int]:
    """Read all labels; return the objects of each plane, and the highest id."""
    import numpy as np

    counts, highest = {}, 0
    with setup.reporter.step("read the labels") as details:
        for index in np.ndindex(image.leading_shape):
            ids = np.unique(old.plane(index))
            counts[index] = int(np.count_nonzero(ids))
            highest = max(highest, int(ids[-1]))
        details.append(f"{sum(counts.values())} objects in {old.path.name}")
    return counts, highest


@dataclass(frozen=True, eq=False)
class _Refinement:
    """Refines labels plane by plane, and writes each at once."""

    segmenter: Segmenter
    old: OldLabels
    rules: RefineRules | None
    setup: JobSetup

    def write(
        self,
        out: Path,
        planes: Sequence[tuple[int, ...]],
        objects: int,
        highest: int,
        *,
        overwrite: bool,
    ) -> tuple[RefinedObject, ...]:
        """Write the new labels; planes that are not to be refined are copied."""
        import numpy as np

        from napari_hqsam.labels import write_plane
        from napari_hqsam.sessions import archiving_session

        image, reporter = self.segmenter.image, self.setup.reporter
        found: list[RefinedObject] = []
        with (
            reporter.step("refine") as details,
            reporter.progress("decoding", 2 * objects) as advance,
            archiving_session(out),
            new_labels(image, out, highest, overwrite=overwrite or None) as stored,
        ):
            for index in np.ndindex(image.leading_shape):
                labels = self.old.plane(index)
                if index in planes:
                    refined = self._refine(index, labels, advance)
                    labels = refined.labels
                    found += refined.objects
                if labels.any():
                    write_plane(stored, index, labels)
            details.append(f"{len(found)} objects on {len(planes)} planes")
            details.append(f"{self.segmenter.source.encoded} tiles encoded")
            details.append(str(out))
        return tuple(found)

    def _refine(
        self,
        index: tuple[int, ...],
        labels: NDArray[Any],
        advance: Callable[[int], object],
    ) -> RefinedPlane:
        """Refine the labels (h, w) of a plane, and report each decoding."""
        finished = 0

        def report(done: int, _: int) -> None:
            nonlocal finished
            advance(done - finished)
            finished = done

        (refined,) = self.segmenter.iter_refine(
            labels,
            plane=self.segmenter.image.index_at(index),
            rules=self.rules,
            progress=report,
            **self.setup.options,
        )
        return refined
