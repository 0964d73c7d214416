"""Measure a model on folders of images and labels, as a user would prompt it.

Prompts are simulated from the true labels (`clicking`), and the masks scored against
them (`scoring`), next to those of classical methods for the same prompts
(`baselines`). `report` makes tables of the scores.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

from napari_hqsam.datasets.folders import find_folders
from napari_hqsam.errors import HqsamWarning, ImageError
from napari_hqsam.evaluation.clicking import KINDS, check_kinds
from napari_hqsam.evaluation.levels import level_scores, view_scores
from napari_hqsam.evaluation.scoring import (
    MIN_AREA,
    ImageScores,
    choose_objects,
    score_objects,
)
from napari_hqsam.images import open_image, open_source
from napari_hqsam.labels import read_labels
from napari_hqsam.segmentation import Segmenter
from napari_hqsam.segmentation.options import check_level

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from napari_hqsam.datasets.folders import ImageLabelPair, LabelledFolder, Part
    from napari_hqsam.models import Model
    from napari_hqsam.segmentation.options import Level

    Job = tuple[LabelledFolder, ImageLabelPair]
    Progress = Callable[[Sequence[Job]], Iterable[Job]]


def evaluate(
    model: Model,
    folders: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    part: Part = "test",
    prompts: str | Sequence[str] = KINDS,
    level: Level = "auto",
    baselines: bool = True,
    levels: bool = False,
    max_objects: int | None = None,
    seed: int = 0,
    allow_missing: bool = False,
    progress: Progress | None = None,
) -> list[ImageScores]:
    """Measure a model on folders of images with labels.

    Parameters
    ----------
    model : Model
        From `load_model`.
    folders : path or sequence of path
        Folders with ``images/`` and ``labels/``, or data sets, or folders of data
        sets; see `find_folders`.
    part : {"test", "train", "validation"}
        The part of each data set that has parts.
    prompts : {"box", "click", "clicks3", "clicks5"} or several of them
        See `clicking`.
    level : {"auto", "whole"} or int
        Scale of the network input; see `Segmenter.segment`.
    baselines : bool
        Also score classical methods on the same prompts.
    levels : bool
        Also score one click at every level, and in views of several zooms; see
        `level_scores` and `view_scores`.
    max_objects : int, optional
        Most objects per image, drawn at random.
    seed : int
        Seed of the draw: the same images give the same objects.
    allow_missing : bool
        As of `open_image`.
    progress : callable, optional
        Wraps the list of (data set, pair), such as tqdm.

    Returns
    -------
    list of ImageScores
        In order of data sets and file names; `report` makes tables of them.

    Raises
    ------
    ImageError
        There are no images with labels, a pair cannot be read or does not fit
        together, or there is no object to measure. All pairs are checked before
        the first is measured.
    PromptError
        The kinds of prompts or the level are unknown.
    """
    kinds = check_kinds([prompts] if isinstance(prompts, str) else prompts)
    check_level(level)
    if max_objects is not None and max_objects < 1:
        raise ImageError(f"at most {max_objects} objects leave nothing to measure")
    given = [folders] if isinstance(folders, str | os.PathLike) else folders
    jobs = jobs_in(
        find_folders([Path(f) for f in given], part), allow_missing=allow_missing
    )
    scores = []
    with warnings.catch_warnings():
        # warnings about single masks: the scores show what they would say
        warnings.simplefilter("ignore", HqsamWarning)
        for data_set, pair in progress(jobs) if progress else jobs:
            draw = seed, crc32(f"{data_set.name}/{pair.image.name}".encode())
            objects, skipped = choose_objects(_labels_of(pair), max_objects, draw)
            found = ImageScores(
                data_set.name,
                pair.image.name,
                pair.modality,
                data_set.trained,
                len(objects),
                skipped,
            )
            scores.append(found)
            if objects:
                image = open_image(pair.image, allow_missing=allow_missing)
                segmenter = Segmenter(image, model, cache=False)
                found.means = score_objects(
                    segmenter, objects, kinds, level=level, baselines=baselines
                )
                if levels:
                    found.levels = level_scores(segmenter, objects)
                    found.views = view_scores(segmenter, objects)
    if not any(s.objects for s in scores):
        raise ImageError(
            f"the labels hold no object of {MIN_AREA} pixels or more: "
            "nothing to measure"
        )
    return scores


def jobs_in(
    data_sets: Sequence[LabelledFolder], *, allow_missing: bool = False
) -> list[Job]:
    """List all pairs of data sets, after a check that they are planes of equal size.

    Raises
    ------
    ImageError
        A pair cannot be read or differs in size: found here, not after hours of work.
    """
    jobs = [(data_set, pair) for data_set in data_sets for pair in data_set.pairs]
    for _, pair in jobs:
        image = open_image(pair.image, allow_missing=allow_missing)
        labels = _labels_of(pair)
        if image.leading_axes or labels.shape != image.plane_shape:
            shape = image.leading_shape + image.plane_shape
            raise ImageError(
                f"{pair.labels} has shape {labels.shape}, its image {shape}: "
                "they must be planes of the same size"
            )
    return jobs


def _labels_of(pair: ImageLabelPair) -> NDArray[Any]:
    """Read the labels of an image, y before x as its planes have it."""
    labels = read_labels(pair.labels)
    stored = open_source(pair.labels, keep_indices=True).axes or ""
    return labels.T if labels.ndim == 2 and stored.endswith("xy") else labels
