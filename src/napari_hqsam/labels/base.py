"""The labels that were there before a session began."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.errors import ImageError
from napari_hqsam.labels.patches import Plane, windows
from napari_hqsam.labels.writing import id_dtype, labels_on_disk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_hqsam.labels.patches import Key
    from napari_hqsam.labels.space import Space


def keep_base(array: Any, path: Path, space: Space) -> int:  # noqa: ANN401
    """Copy labels to a TIFF, unless there are none.

    Parameters
    ----------
    array : array-like
        Integers, ``(..., h, w)``; read window by window.
    path : pathlib.Path
        The file, ``.tif``.
    space : Space
        Axes, pixel size and units.

    Returns
    -------
    int
        The highest id; 0 if there are no labels, and no file then.

    Raises
    ------
    ImageError
        If an id is below 0 or too high for a file.
    OutputError
        If the file cannot be written.
    """
    extremes = [(int(w.min()), int(w.max())) for _, w in _windows(array)]
    lowest, highest = min(n for n, _ in extremes), max(n for _, n in extremes)
    if lowest < 0:
        raise ImageError(f"label id {lowest} is below 0; relabel")
    if highest:
        with labels_on_disk(
            path,
            array.shape,
            dtype=id_dtype(highest),
            axes=space.axes,
            scale=space.scale,
            units=space.units,
        ) as kept:
            copy_labels(array, kept)
    return highest


def copy_labels(array: Any, to: Any) -> None:  # noqa: ANN401
    """Copy labels into others of the same shape, window by window."""
    for key, window in _windows(array):
        to[key] = window.astype(to.dtype)


def _windows(array: Any) -> Iterator[tuple[Key, np.ndarray]]:  # noqa: ANN401
    """Yield the windows of all planes, and their indices."""
    for index in np.ndindex(tuple(array.shape[:-2])):
        plane = Plane.of(array.shape, index)
        for box in windows(array, plane, (0, 0, *plane.size(array.shape))):
            yield plane.key(box), np.asarray(array[plane.key(box)])
