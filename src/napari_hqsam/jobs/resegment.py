"""Segment the prompts of a recorded session again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_hqsam.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_hqsam.geometry import Plane
    from napari_hqsam.images import Image
    from napari_hqsam.jobs.inputs import Cache
    from napari_hqsam.masks import Mask
    from napari_hqsam.models import Model
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.segmentation import Segmenter
    from napari_hqsam.sessions import (
        Accept,
        AcceptOptions,
        CorrectedPrediction,
        RecordedSession,
    )


class Resegmenter:
    """Segments accepted prompts again, with the channels and limits of their session.

    Parameters
    ----------
    image : Image
        The image, with the axes of its file.
    path : pathlib.Path
        Its file; opened again for other channels and orientations.
    recorded : RecordedSession
        The session.
    model : Model
        The model.
    channels : sequence of int, optional
        Channels to show instead of those of the session.
    cache : path, False or None
        As for `Segmenter`.
    key : str, optional
        Which image of several in the file.
    allow_missing : bool
        As of `open_image`.
    """

    def __init__(
        self,
        image: Image,
        path: Path,
        recorded: RecordedSession,
        model: Model,
        channels: Sequence[int] | None,
        cache: Cache,
        key: str | None = None,
        *,
        allow_missing: bool = False,
    ) -> None:
        self.image, self.path, self.model = image, path, model
        self._opening: dict[str, Any] = {"key": key, "allow_missing": allow_missing}
        self.letters = label_axes(recorded, image)
        self.channels, self.cache = channels, cache
        self._segmenters: dict[object, Segmenter] = {}

    def __call__(self, accept: Accept) -> Mask:
        """Segment the prompts of an accepted object, with its options."""
        options, segmenter = accept.options, self._segmenter(accept)
        keywords: dict[str, Any] = {
            "plane": self._index(accept.plane, segmenter.image),
            **options.segmentation.arguments(),
        }
        if self._is_repeated(accept):  # how a level is found may change, levels do not
            keywords["level"] = accept.mask.level
        prompt = replace(accept.prompt, plane=None)  # the label image's, maybe resliced
        for step in options.corrects:
            mask = _chosen(segmenter, prompt.first(step.points), step, keywords)
            prompt = replace(prompt, logits=mask.logits)
        return _chosen(segmenter, prompt, options, keywords)

    def _is_repeated(self, accept: Accept) -> bool:
        """Whether the level that was found then is that of the same model now."""
        from napari_hqsam.segmentation.plane.levels import is_searched

        options = accept.options.segmentation
        return (
            options.level == "auto"
            and accept.mask.level is not None
            and accept.setup.digest == self.model.digest
            and not accept.options.corrects
            and is_searched(accept.prompt, self.model.tuning, options.typical_size)
        )

    def _segmenter(self, accept: Accept) -> Segmenter:
        """Return a segmenter with the channels and limits of an accepted mask."""
        from napari_hqsam.geometry import Reslice
        from napari_hqsam.images import open_image
        from napari_hqsam.segmentation import Segmenter

        setup, plane = accept.setup, accept.plane
        key = setup.channels, setup.limits, plane.axes
        if key not in self._segmenters:
            shown = self.channels or setup.channels
            axes = Reslice(self.letters, plane.axes).letters(self.image.axes)
            # a constant channel has no valid limits
            flat = any(low >= high for low, high in setup.limits)
            self._segmenters[key] = Segmenter(
                open_image(self.path, axes=axes, channels=shown, **self._opening),
                self.model,
                normalization="percentile" if flat else setup.limits,
                cache=self.cache,
            )
        return self._segmenters[key]

    def _index(self, plane: Plane, image: Image) -> dict[str, int]:
        """Return a plane's index in the image, which drops axes of length 1."""
        from napari_hqsam.geometry import Reslice

        found = Reslice(self.letters, plane.axes).index(plane)
        return {a: number for a, number in found.items() if a in image.leading_axes}


def _chosen(
    segmenter: Segmenter,
    prompt: Prompt,
    options: AcceptOptions | CorrectedPrediction,
    keywords: dict[str, Any],
) -> Mask:
    """Segment a prompt, and return the candidate that was chosen."""
    keywords = {**keywords, "output": options.output}
    if options.candidate is None:
        return segmenter.segment(prompt, **keywords)
    candidates = segmenter.candidates(prompt, **keywords)
    return candidates[min(options.candidate, len(candidates) - 1)]


def label_axes(recorded: RecordedSession, image: Image) -> str:
    """Return the axis letter of the image for each dimension of a session's labels.

    Raises
    ------
    ImageError
        The image has another shape than the labels.
    """
    shape = recorded.header.labels.shape
    sizes = dict(zip(image.axes, image.shape, strict=True))
    spatial = [letter for letter in image.axes if letter != "c"]
    for letters in (spatial, [a for a in spatial if a in "yx" or sizes[a] > 1]):
        if tuple(sizes[a] for a in letters) == shape:
            return "".join(letters)
    raise ImageError(
        f"{image.name} has {image.axes} {image.shape}, the labels of the session have "
        f"shape {shape}; give the image that was segmented, or its axes",
        parameter="axes",
    )
