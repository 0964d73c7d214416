"""Iterate over an array chunk by chunk (or shard by shard).

A lazily stored array is read and written a whole chunk at a time. Iterating
chunk by chunk reads each once, holds one at a time, and when a write
fails no other is still under way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_IN_MEMORY = 1024
"""Side of the squares into which an array without chunks is divided."""


def blocks(
    array: Any,  # noqa: ANN401 - numpy, zarr, h5py or another
    box: tuple[int, int, int, int],
) -> Iterator[tuple[slice, slice]]:
    """Yield the (y, x) slices of a box of a plane, cut at chunk borders.

    Parameters
    ----------
    array : array-like
        Shape ``(..., h, w)``; its ``shards`` or ``chunks``, if it has any, are
        what is written as one.
    box : tuple of int
        ``(y0, x0, y1, x1)``, half-open, plane pixels.

    Yields
    ------
    tuple of slice
        Row by row, from the top left.
    """
    height, width = _unit(array)
    y0, x0, y1, x1 = box
    for y in _cuts(y0, y1, height):
        for x in _cuts(x0, x1, width):
            yield y, x


def _unit(array: Any) -> tuple[int, int]:  # noqa: ANN401
    """Return the height and width of a shard, else of a chunk."""
    stored = getattr(array, "shards", None) or getattr(array, "chunks", None)
    match stored:
        case (*_, int(height), int(width)):
            return height, width
    return _IN_MEMORY, _IN_MEMORY


def _cuts(start: int, stop: int, step: int) -> Iterator[slice]:
    """Cut a range at the multiples of a step."""
    while start < stop:
        end = min(stop, start - start % step + step)
        yield slice(start, end)
        start = end


def clear_plane(labels: Any, index: tuple[int, ...]) -> None:  # noqa: ANN401 - zarr
    """Set a plane to background, chunk by chunk."""
    h, w = labels.shape[-2:]
    for window in blocks(labels, (0, 0, h, w)):
        labels[(*index, *window)] = 0


def write_plane(stored: Any, index: tuple[int, ...], labels: Any) -> None:  # noqa: ANN401
    """Write a plane (h, w) of labels, chunk by chunk."""
    for window in blocks(stored, (0, 0, *labels.shape)):
        stored[(*index, *window)] = labels[window].astype(stored.dtype)
