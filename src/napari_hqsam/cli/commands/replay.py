"""`napari-hqsam replay`: the labels of a session, made again from its journal."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path  # noqa: TC003 - typer reads it
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from napari_hqsam.cli.arguments import cache_of, integers
from napari_hqsam.cli.console import say, timed
from napari_hqsam.cli.interrupts import report_interrupt
from napari_hqsam.cli.loading import load_told
from napari_hqsam.cli.options import (  # noqa: TC001 - typer reads them
    CacheOption,
    DeviceOption,
    KeyOption,
    OverwriteOption,
    PrecisionOption,
)
from napari_hqsam.errors import HqsamWarning, ImageError, OutputError
from napari_hqsam.jobs.outputs import check_labels

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from napari_hqsam.geometry import Plane
    from napari_hqsam.images import Image
    from napari_hqsam.masks import Mask
    from napari_hqsam.models import Model
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.segmentation import Segmenter
    from napari_hqsam.sessions import Accept, AcceptOptions, Corrected, Recorded, Remade


def replay(
    journal: Annotated[Path, typer.Argument(help="NAME.journal.jsonl of a session.")],
    image: Annotated[Path, typer.Argument(help="The image that was segmented.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Labels: .tif or .zarr.")],
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            help="Segment all prompts again with this model. [default: take the "
            "masks as they were accepted]",
        ),
    ] = None,
    key: KeyOption = None,
    axes: Annotated[
        str | None, typer.Option(help="Axes of the image. [default: the journal's]")
    ] = None,
    channels: Annotated[
        str | None,
        typer.Option(help="Channels shown as red, green, blue. [default: the same]"),
    ] = None,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    cache: CacheOption = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Make the labels of a session again, from its journal alone."""
    from napari_hqsam.labels import check_axes_fit
    from napari_hqsam.sessions import in_place_of_session, read_session

    check_labels(out, journal, overwrite=overwrite, image=image)
    shown = None if channels is None else integers(channels, "--channels")
    store = cache_of(cache)
    with timed("read the journal") as details:
        recorded = read_session(journal)
        details.append(_summary(recorded))
    check_axes_fit(out, recorded.header.labels.axes)
    check_labels(out, *_sources(recorded), overwrite=overwrite)
    with timed("open the image") as details:
        opened = _open(recorded, image, key, axes, shown)
        details.append(f"{opened.name}, {opened.axes} {opened.shape}, {opened.dtype}")
    _check_same(recorded, opened)
    with report_interrupt(f"{out} is as it was before"):
        if model is None:
            with (
                in_place_of_session(out) as replaced,
                _labels(recorded, out, overwrite=overwrite) as labels,
            ):
                _rebuild(recorded, labels)
                replaced.made_from = journal
            told = f"{_objects(recorded)} as they were accepted, in {out}"
        else:
            loaded = load_told(model, device, precision)
            _tell_other_weights(recorded, loaded)
            again = SegmentAgain(opened, image, recorded, loaded, shown, store, key)
            with (
                in_place_of_session(out) as replaced,
                _labels(recorded, out, overwrite=overwrite) as labels,
            ):
                remade = _remake(recorded, labels, again)
                if not any(each.pixels or each.lost for each in remade):
                    replaced.made_from = journal
            told = f"{_comparison(remade)}\nmasks of {loaded.name} in {out}"
    say(told)


class SegmentAgain:
    """Makes the mask of accepted prompts anew, shown as then.

    Parameters
    ----------
    image : Image
        The image, with its axes as they are.
    path : pathlib.Path
        Its file: opened again for other channels and orientations.
    recorded : Recorded
        The session.
    model : Model
        The model.
    channels : sequence of int, optional
        Channels to show instead of those of the session.
    cache : path, False or None
        As for `Segmenter`.
    key : str, optional
        Which image of several in the file.
    """

    def __init__(
        self,
        image: Image,
        path: Path,
        recorded: Recorded,
        model: Model,
        channels: Sequence[int] | None,
        cache: Path | Literal[False] | None,
        key: str | None = None,
    ) -> None:
        self.image, self.path, self.model, self.key = image, path, model, key
        self.letters = _letters(recorded, image)
        self.channels, self.cache = channels, cache
        self._segmenters: dict[object, Segmenter] = {}

    def __call__(self, accept: Accept) -> Mask:
        """Segment as it was done."""
        how, segmenter = accept.options, self._segmenter(accept)
        options: dict[str, Any] = {
            "plane": self._index(accept.plane, segmenter.image),
            **how.segmentation.arguments(),
        }
        prompt = replace(accept.prompt, plane=None)  # the label image's, maybe turned
        for answer in how.corrects:
            mask = _chosen(segmenter, prompt.first(answer.points), answer, options)
            prompt = replace(prompt, logits=mask.logits)
        return _chosen(segmenter, prompt, how, options)

    def _segmenter(self, accept: Accept) -> Segmenter:
        """Segmenter that shows the image as an accepted mask was made."""
        from napari_hqsam.geometry import Reslice
        from napari_hqsam.images import open_image
        from napari_hqsam.segmentation import Segmenter

        setup, plane = accept.setup, accept.plane
        key = setup.channels, setup.limits, plane.axes
        if key not in self._segmenters:
            shown = self.channels or setup.channels
            axes = Reslice(self.letters, plane.axes).letters(self.image.axes)
            # A channel without contrast has no limits that could be given.
            flat = any(low >= high for low, high in setup.limits)
            self._segmenters[key] = Segmenter(
                open_image(self.path, key=self.key, axes=axes, channels=shown),
                self.model,
                normalization="percentile" if flat else setup.limits,
                cache=self.cache,
            )
        return self._segmenters[key]

    def _index(self, plane: Plane, image: Image) -> dict[str, int]:
        """Index of a plane in the image, which does not count axes of length 1."""
        from napari_hqsam.geometry import Reslice

        found = Reslice(self.letters, plane.axes).index(plane)
        return {a: number for a, number in found.items() if a in image.leading_axes}


def _chosen(
    segmenter: Segmenter,
    prompt: Prompt,
    how: AcceptOptions | Corrected,
    options: dict[str, Any],
) -> Mask:
    """Return the mask that was chosen among the answers to a prompt."""
    asked = {**options, "output": how.output}
    if how.candidate is None:
        return segmenter.segment(prompt, **asked)
    candidates = segmenter.candidates(prompt, **asked)
    return candidates[min(how.candidate, len(candidates) - 1)]


# --- what there is ----------------------------------------------------------


def _summary(recorded: Recorded) -> str:
    header = recorded.header
    return f"{_objects(recorded)} in {header.image.name}, with {header.setup.model}"


def _objects(recorded: Recorded) -> str:
    count = len(recorded.history.table.ids)
    return f"{count} object{'s' * (count != 1)}"


def _sources(recorded: Recorded) -> list[Path]:
    """Files beside the journal that are read; raise if one is missing."""
    if recorded.base is None:
        return []
    if not recorded.base.exists():
        raise OutputError(
            f"{recorded.base} is missing: the session started from these labels, so "
            "put the file back beside the journal"
        )
    return [recorded.base]


def _open(
    recorded: Recorded,
    path: Path,
    key: str | None,
    axes: str | None,
    channels: Sequence[int] | None,
) -> Image:
    from napari_hqsam.images import open_image

    return open_image(
        path,
        key=key,
        axes=axes or recorded.header.image.axes,
        channels=channels or recorded.header.setup.channels,
    )


def _letters(recorded: Recorded, image: Image) -> str:
    """Axis of the image along each dimension of the labels."""
    shape = recorded.header.labels.shape
    sizes = dict(zip(image.axes, image.shape, strict=True))
    spatial = [letter for letter in image.axes if letter != "c"]
    for letters in (spatial, [a for a in spatial if a in "yx" or sizes[a] > 1]):
        if tuple(sizes[a] for a in letters) == shape:
            return "".join(letters)
    raise ImageError(
        f"{image.name} has {image.axes} {image.shape}, the labels of the session have "
        f"shape {shape}; give the image that was segmented, or --axes"
    )


def _check_same(recorded: Recorded, image: Image) -> None:
    """Raise if the image does not fit the labels; warn if its pixels differ."""
    from napari_hqsam.images import fingerprint

    _letters(recorded, image)
    if fingerprint(image) != recorded.header.image.fingerprint:
        warnings.warn(
            f"{image.name} is not quite the image of the session, "
            f"{recorded.header.image.name}: pixels, axes or channels differ",
            HqsamWarning,
            stacklevel=2,
        )


def _tell_other_weights(recorded: Recorded, model: Model) -> None:
    """Warn if objects were accepted from a model of this name with other weights."""
    from napari_hqsam.sessions import other_weights

    text = other_weights(recorded.history.events, model)
    if text:
        warnings.warn(
            f"{text}; to repeat it, give the former weights: --model FILE",
            HqsamWarning,
            stacklevel=2,
        )


# --- what is made -----------------------------------------------------------


def _labels(
    recorded: Recorded, out: Path, *, overwrite: bool
) -> AbstractContextManager[Any]:
    """Labels on the disk, all 0."""
    from napari_hqsam.labels import id_dtype, labels_on_disk

    header = recorded.header.labels
    return labels_on_disk(
        out,
        header.shape,
        dtype=id_dtype(recorded.history.table.highest),
        axes=header.axes,
        scale=header.scale,
        units=header.units,
        overwrite=overwrite or None,
    )


def _copy_base(recorded: Recorded, labels: Any) -> None:  # noqa: ANN401
    """Begin with the labels that the session began with."""
    from napari_hqsam.labels import copy_labels

    base = recorded.read_base()
    if base is not None:
        copy_labels(base, labels)


def _rebuild(recorded: Recorded, labels: Any) -> None:  # noqa: ANN401
    """Put the accepted masks into labels, and do all edits."""
    from napari_hqsam.sessions import ArrayTarget, rebuild

    with timed("paint the masks") as details:
        _copy_base(recorded, labels)
        unfit = rebuild(recorded, ArrayTarget(labels))
        details.append(f"{sum(1 for _ in recorded.history.events)} steps")
    if unfit:
        warnings.warn(
            f"{unfit} steps found other labels than then: something changed them in "
            "the session that the journal does not know of",
            HqsamWarning,
            stacklevel=2,
        )


def _remake(recorded: Recorded, labels: Any, segment: SegmentAgain) -> list[Remade]:  # noqa: ANN401
    """Segment all prompts, put the masks into labels, and do all edits."""
    from tqdm import tqdm

    from napari_hqsam.sessions import ArrayTarget, remake

    with timed("segment again") as details:
        _copy_base(recorded, labels)
        with tqdm(unit="mask", leave=False, disable=None) as progress:

            def one(accept: Accept) -> Mask:
                progress.update()
                return segment(accept)

            remade = remake(recorded, ArrayTarget(labels), one)
        details.append(f"{len(remade)} masks")
    return remade


def _comparison(remade: list[Remade]) -> str:
    """Tell how the masks compare to those that were accepted."""
    lost = sorted({each.accept.label_id for each in remade if each.lost})
    if lost:
        warnings.warn(
            f"{len(lost)} masks gave no pixels of their own, of objects "
            f"{', '.join(map(str, lost[:8]))}{' ...' if len(lost) > 8 else ''}",
            HqsamWarning,
            stacklevel=2,
        )
    differing = [each for each in remade if each.pixels]
    text = f"{len(differing)} of {len(remade)} masks differ from those accepted"
    if not differing:
        return text
    worst = min(differing, key=lambda each: each.iou)
    return (
        f"{text}; most of all that of object {worst.accept.label_id}, by "
        f"{worst.pixels} pixels (IoU {worst.iou:.3f})"
    )
