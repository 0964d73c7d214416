"""Recreate the labels of a session from its journal."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_hqsam.errors import HqsamWarning, OutputError
from napari_hqsam.jobs.files.outputs import check_labels
from napari_hqsam.jobs.inputs import Cache, JobSetup, PathLike
from napari_hqsam.jobs.reporter import Reporter
from napari_hqsam.jobs.resegment import Resegmenter, label_axes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from napari_hqsam.images import Image
    from napari_hqsam.masks import Mask
    from napari_hqsam.models import Model
    from napari_hqsam.sessions import Accept, RecordedSession, ResegmentedMask


@dataclass(frozen=True)
class ReplayResult:
    """Result of `replay_file`.

    Attributes
    ----------
    objects : int
        Objects of the session.
    model : str or None
        Name of the model that segmented again; None: the accepted masks were used.
    resegmented : tuple of ResegmentedMask
        How each new mask compares with the accepted one.
    """

    objects: int
    model: str | None = None
    resegmented: tuple[ResegmentedMask, ...] = ()


def replay_file(
    journal: PathLike,
    image: PathLike,
    out: PathLike,
    *,
    model: PathLike | Model | None = None,
    key: str | None = None,
    axes: str | None = None,
    channels: int | Sequence[int] | None = None,
    allow_missing: bool = False,
    device: str = "auto",
    precision: str = "auto",
    cache: Cache = None,
    overwrite: bool = False,
    reporter: Reporter | None = None,
) -> ReplayResult:
    """Recreate the labels of a session from its journal: `napari-hqsam replay`.

    Parameters
    ----------
    journal : path
        ``NAME.journal.jsonl`` of a session.
    image : path
        The image that was segmented.
    out : path
        Labels, ``.tif``, ``.ome.tif``, ``.zarr`` or ``.ome.zarr``.
    model : str, path or Model, optional
        Segment all prompts again with it; None: use the accepted masks.
    key, axes, channels, allow_missing
        As of `open_image`; axes and channels are by default those of the session.
    device, precision, cache, reporter
        As of `JobSetup`.
    overwrite : bool
        Replace labels that this package did not write, too.

    Raises
    ------
    JournalError, ImageError, ModelError
        The input cannot be used.
    OutputError
        The labels cannot, or must not, be written.

    Warns
    -----
    HqsamWarning
        Image, weights or labels are not those of the session.
    """
    from napari_hqsam.labels import check_axes_fit
    from napari_hqsam.sessions import read_session

    journal, source, out = Path(journal), Path(image), Path(out)
    reporter = reporter or Reporter()
    check_labels(out, journal, overwrite=overwrite, image=source)
    with reporter.step("read the journal") as details:
        recorded = read_session(journal)
        objects = len(recorded.history.table.ids)
        header = recorded.header
        details.append(
            f"{objects} object{'s' * (objects != 1)} in {header.image.name}, with "
            f"{header.setup.model}"
        )
    check_axes_fit(out, header.labels.space.axes)
    check_labels(out, *_sources(recorded), overwrite=overwrite)
    setup = JobSetup(
        key=key,
        axes=axes or header.image.axes,
        channels=channels or header.setup.channels,
        allow_missing=allow_missing,
        model=model or "",
        device=device,
        precision=precision,
        cache=cache,
        reporter=reporter,
    )
    opened = setup.open_image(source)
    _check_same(recorded, opened)
    again = None
    with reporter.on_interrupt(f"{out} is as it was before"):
        if model is not None:
            loaded = setup.load_model()
            _warn_of_other_weights(recorded, loaded)
            shown = (channels,) if isinstance(channels, int) else channels
            again = Resegmenter(
                opened,
                source,
                recorded,
                loaded,
                shown,
                cache,
                key,
                allow_missing=allow_missing,
            )
        return _replay(recorded, again, out, overwrite=overwrite, reporter=reporter)


def _replay(
    recorded: RecordedSession,
    again: Resegmenter | None,
    out: Path,
    *,
    overwrite: bool,
    reporter: Reporter,
) -> ReplayResult:
    """Write the labels of a session, as accepted or segmented again."""
    from napari_hqsam.sessions import archiving_session

    objects = len(recorded.history.table.ids)
    with (
        archiving_session(out) as archiving,
        _labels(recorded, out, overwrite=overwrite) as labels,
    ):
        if again is None:
            _rebuild(recorded, labels, reporter)
            archiving.made_from = recorded.path
            return ReplayResult(objects)
        masks = _resegment(recorded, labels, again, reporter)
        if not any(each.pixels or each.lost for each in masks):
            archiving.made_from = recorded.path
    _warn_of_lost(masks)
    return ReplayResult(objects, again.model.name, tuple(masks))


def _sources(recorded: RecordedSession) -> list[Path]:
    """List the files beside the journal that are read; raise if one is missing."""
    if recorded.base is None:
        return []
    if not recorded.base.exists():
        raise OutputError(
            f"{recorded.base} is missing: the session started from these labels, so "
            "put the file back beside the journal"
        )
    return [recorded.base]


def _check_same(recorded: RecordedSession, image: Image) -> None:
    """Raise ImageError if the axes differ; warn if only the pixels do."""
    from napari_hqsam.images import fingerprint

    label_axes(recorded, image)
    if fingerprint(image) != recorded.header.image.fingerprint:
        warnings.warn(
            f"{image.name} differs from the image of the session, "
            f"{recorded.header.image.name}, in pixels, axes or channels",
            HqsamWarning,
            stacklevel=3,
        )


def _warn_of_other_weights(recorded: RecordedSession, model: Model) -> None:
    """Warn if objects were accepted from a model of this name with other weights."""
    from napari_hqsam.sessions import weights_difference

    text = weights_difference(recorded.history.events, model)
    if text:
        warnings.warn(
            HqsamWarning(
                f"{text}; to repeat it, give the file of the former weights as model",
                parameter="model",
            ),
            stacklevel=3,
        )


def _labels(
    recorded: RecordedSession, out: Path, *, overwrite: bool
) -> AbstractContextManager[Any]:
    """Create labels like those of the session on the disk, all background."""
    from napari_hqsam.labels import id_dtype, labels_on_disk

    header = recorded.header.labels
    return labels_on_disk(
        out,
        header.shape,
        dtype=id_dtype(recorded.history.table.highest),
        space=header.space,
        overwrite=overwrite or None,
    )


def _copy_base(recorded: RecordedSession, labels: Any) -> None:  # noqa: ANN401
    """Copy the labels that the session began with, if there were any."""
    from napari_hqsam.labels import copy_labels

    base = recorded.read_base()
    if base is not None:
        copy_labels(base, labels)


def _rebuild(recorded: RecordedSession, labels: Any, reporter: Reporter) -> None:  # noqa: ANN401
    """Paint the accepted masks into labels, and apply all edits."""
    from napari_hqsam.sessions import ArrayTarget, rebuild

    with reporter.step("paint the masks") as details:
        _copy_base(recorded, labels)
        unfit = rebuild(recorded, ArrayTarget(labels))
        details.append(f"{sum(1 for _ in recorded.history.events)} steps")
    if unfit:
        warnings.warn(
            f"{unfit} steps do not fit the labels before them: another program changed "
            "the labels during the session without recording it",
            HqsamWarning,
            stacklevel=3,
        )


def _resegment(
    recorded: RecordedSession,
    labels: Any,  # noqa: ANN401 - a zarr array
    segment: Resegmenter,
    reporter: Reporter,
) -> list[ResegmentedMask]:
    """Segment all prompts, paint the masks into labels, and apply all edits."""
    from napari_hqsam.sessions import ArrayTarget, resegment

    with reporter.step("segment again") as details:
        _copy_base(recorded, labels)
        with reporter.progress("mask") as advance:

            def segment_one(accept: Accept) -> Mask:
                advance(1)
                return segment(accept)

            resegmented = resegment(recorded, ArrayTarget(labels), segment_one)
        details.append(f"{len(resegmented)} masks")
    return resegmented


def _warn_of_lost(resegmented: Sequence[ResegmentedMask]) -> None:
    """Warn if masks have no pixels."""
    lost = sorted({each.accept.label_id for each in resegmented if each.lost})
    if lost:
        warnings.warn(
            f"{len(lost)} masks gave no pixels of their own, of objects "
            f"{', '.join(map(str, lost[:8]))}{' ...' if len(lost) > 8 else ''}",
            HqsamWarning,
            stacklevel=3,
        )
