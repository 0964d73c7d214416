"""Convert outlines to boxes, points and mask crops.

Vertices are (y, x) in plane pixels, pixel centres at integers, so that pixel i covers
[i - 0.5, i + 0.5]. A mask is a crop with the (y, x) of its first pixel, so that its
memory does not depend on the size of the plane.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.errors import PromptError
from napari_hqsam.masks.algebra import tight_box

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_hqsam.geometry import FloatBox, Point

MAX_COORDINATE = 1e9
"""No plane is larger; also keeps arithmetic on pixel indices exact."""

MAX_CROP_PIXELS = 2**28
"""Most pixels (0.25 GB) of a mask crop made from an outline."""

_BAND_PIXELS = 2**20
"""Pixels, or crossings of edges with rows, that are computed at once."""

SCRIBBLE_POINTS = 10
"""Most points sampled from a scribble: HQ-SAM was trained with ten (paper, 3.3)."""


def vertex_array(
    vertices: Sequence[Sequence[float]] | NDArray[Any],
) -> NDArray[np.float64]:
    """Validate vertices and return them as an array.

    Parameters
    ----------
    vertices : (n, 2) array-like of float
        (y, x) in plane pixels.

    Returns
    -------
    (n, 2) float64 array

    Raises
    ------
    PromptError
        If they are not pairs of numbers within `MAX_COORDINATE`, or none at all.
    """
    try:
        array = np.array(vertices, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        array = np.empty(0)
    if array.ndim != 2 or array.shape[1] != 2 or not len(array):
        raise PromptError("coordinates are not pairs of numbers")
    if not (np.abs(array) <= MAX_COORDINATE).all():
        raise PromptError(
            f"a coordinate is not finite or beyond {MAX_COORDINATE:g}; give pixels"
        )
    return array


def outline_box(vertices: NDArray[np.float64]) -> FloatBox:
    """Return the box (y0, x0, y1, x1) that encloses (n, 2) vertices."""
    (y0, x0), (y1, x1) = vertices.min(axis=0), vertices.max(axis=0)
    return float(y0), float(x0), float(y1), float(x1)


def axis_aligned_box(vertices: NDArray[np.float64]) -> FloatBox | None:
    """Return the axis-aligned rectangle of four vertices; None if they are none.

    Parameters
    ----------
    vertices : (n, 2) float array
        (y, x) in drawing order, with or without the first one repeated at the end.
    """
    ring = vertices[:-1] if np.array_equal(vertices[0], vertices[-1]) else vertices
    if len(ring) != 4:
        return None
    box = outline_box(ring)
    tolerance = 1e-6  # rounding by a layer's affine
    on_low = np.abs(ring - box[:2]) <= tolerance
    on_high = np.abs(ring - box[2:]) <= tolerance
    # along an axis-aligned rectangle, each edge changes exactly one coordinate
    steps = on_low != np.roll(on_low, 1, axis=0)
    upright = (on_low ^ on_high).all() and (steps.sum(axis=1) == 1).all()
    return box if upright else None


def polygon_mask(
    rings: Sequence[NDArray[np.float64]], plane_shape: tuple[int, int] | None = None
) -> tuple[NDArray[np.bool_], tuple[int, int]]:
    """Rasterise a polygon, with holes or several parts, within its own box.

    Even-odd rule, by scan lines: a pixel is inside if its centre lies inside an odd
    number of rings, or on an outline. Same result as `skimage.draw.polygon2mask` for
    one ring, in time proportional to area + outline instead of area x vertices.

    Parameters
    ----------
    rings : sequence of (n, 2) float arrays
        (y, x) vertices, n >= 3, closed implicitly.
    plane_shape : (h, w), optional
        Size of the plane, where it is known: no more than that is drawn.

    Returns
    -------
    mask : (h, w) bool array, never empty of pixels
    offset : (y, x) of its first pixel on the plane

    Raises
    ------
    PromptError
        If a ring has fewer than three vertices, the box is larger than
        `MAX_CROP_PIXELS`, or the polygon covers no pixel centre of the plane.
    """
    if min(len(ring) for ring in rings) < 3:
        raise PromptError("a polygon has fewer than 3 vertices; give points instead")
    offset, shape = _crop(outline_box(np.concatenate(rings)), plane_shape)
    starts = np.concatenate(rings) - offset
    ends = np.concatenate([np.roll(ring, -1, axis=0) for ring in rings]) - offset

    # a centre exactly on an outline is inside as seen from one side at least
    mask = _inside(starts, ends, shape, from_above=True)
    mask |= _inside(starts, ends, shape, from_above=False)
    on_centres = (starts == np.rint(starts)).all(axis=1)
    inside = ((starts >= 0) & (starts < shape)).all(axis=1)
    corners = starts[on_centres & inside].astype(np.intp)
    mask[corners[:, 0], corners[:, 1]] = True
    return _trimmed(mask, offset)


def ellipse_mask(
    corners: NDArray[np.float64], plane_shape: tuple[int, int] | None = None
) -> tuple[NDArray[np.bool_], tuple[int, int]]:
    """Rasterise the ellipse inscribed in a rectangle, which may be rotated.

    Parameters
    ----------
    corners : (4, 2) float array
        (y, x) corners in drawing order, as a napari ellipse has them.
    plane_shape : (h, w), optional
        Size of the plane, where it is known: no more than that is drawn.

    Returns
    -------
    mask : (h, w) bool array
    offset : (y, x) of its first pixel on the plane

    Raises
    ------
    PromptError
        If there are not four corners, they span no area, or no pixel is covered.
    """
    if len(corners) != 4:
        raise PromptError(
            f"an ellipse of {len(corners)} corners; give the 4 of its box"
        )
    half_axes = np.column_stack([corners[1] - corners[0], corners[3] - corners[0]]) / 2
    if np.isclose(np.linalg.det(half_axes), 0):
        raise PromptError("an ellipse spans no area; give points instead")
    offset, (height, width) = _crop(outline_box(corners), plane_shape)
    centre = corners.mean(axis=0) - offset
    # in coordinates of its half axes every ellipse is the unit circle
    to_circle = np.linalg.inv(half_axes)
    x = np.arange(width)[None, :] - centre[1]
    on_outline = 1e-9  # tolerance for centres exactly on the outline
    mask = np.empty((height, width), np.bool_)
    for rows in _bands((height, width)):
        y = np.arange(rows.start, rows.stop)[:, None] - centre[0]
        u, v = (row[0] * y + row[1] * x for row in to_circle)
        mask[rows] = u * u + v * v <= 1 + on_outline
    return _trimmed(mask, offset)


def path_points(
    vertices: NDArray[np.float64], count: int = SCRIBBLE_POINTS
) -> tuple[Point, ...]:
    """Return points evenly spaced along a scribble.

    The midpoints of `count` segments of equal length, without the ends of the stroke,
    which may lie outside the object. Short scribbles give about one per pixel.

    Parameters
    ----------
    vertices : (n, 2) float array
        (y, x) along the stroke.
    count : int
        Most points wanted.

    Returns
    -------
    tuple of (y, x)
    """
    lengths = np.hypot(*np.diff(vertices, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    count = int(np.clip(np.ceil(along[-1]), 1, count))
    wanted = (np.arange(count) + 0.5) / count * along[-1]
    ys, xs = (np.interp(wanted, along, column) for column in vertices.T)
    return tuple((float(y), float(x)) for y, x in zip(ys, xs, strict=True))


def _bands(shape: tuple[int, int]) -> Iterator[slice]:
    """Yield the rows of a mask in bands of about `_BAND_PIXELS`."""
    height, width = shape
    step = max(_BAND_PIXELS // width, 1)
    for start in range(0, height, step):
        yield slice(start, min(start + step, height))


def _crop(
    box: FloatBox, plane_shape: tuple[int, int] | None
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the offset and shape of the pixels whose centres may lie in `box`."""
    y0, x0, y1, x1 = box
    if plane_shape is not None:
        h, w = plane_shape
        y0, x0, y1, x1 = max(y0, 0), max(x0, 0), min(y1, h - 1), min(x1, w - 1)
        if y0 > y1 or x0 > x1:
            raise PromptError(
                f"an outline lies outside the plane of {h} x {w} pixels; coordinates "
                "are data pixels, row first"
            )
    if (y1 - y0 + 1) * (x1 - x0 + 1) > MAX_CROP_PIXELS:
        raise PromptError(
            f"an outline spans {y1 - y0:.0f} x {x1 - x0:.0f} pixels, the limit is "
            f"{MAX_CROP_PIXELS} in all; give a box or points instead"
        )
    offset = int(np.floor(y0)), int(np.floor(x0))
    return offset, (int(np.ceil(y1)) - offset[0] + 1, int(np.ceil(x1)) - offset[1] + 1)


def _inside(
    starts: NDArray[np.float64],
    ends: NDArray[np.float64],
    shape: tuple[int, int],
    *,
    from_above: bool,
) -> NDArray[np.bool_]:
    """Fill by scan lines: each crossing of an edge toggles all pixels right of it.

    Half-open edges, so that a vertex is crossed once: with `from_above` they include
    their upper end, and centres on the edge lie right of it; otherwise their lower
    end, and such centres lie left of it.
    """
    height, width = shape
    after = np.ceil if from_above else lambda x: np.floor(x) + 1
    turned = (starts[:, 0] > ends[:, 0])[:, None]
    top, bottom = np.where(turned, ends, starts), np.where(turned, starts, ends)
    first = np.maximum(after(top[:, 0]), 0)
    past = np.minimum(after(bottom[:, 0]), height)
    counts = np.maximum(past - first, 0).astype(np.intp)
    changes = np.zeros((height, width + 1), np.bool_)
    # in batches of edges: each may cross every row of the crop
    parts = np.cumsum(counts) // _BAND_PIXELS
    for part in np.unique(parts[counts > 0]):
        few = np.flatnonzero((parts == part) & (counts > 0))
        edge = np.repeat(few, counts[few])
        begins = np.repeat(np.cumsum(counts[few]) - counts[few], counts[few])
        rows = first[edge] + np.arange(len(edge)) - begins
        run, rise = (bottom - top)[edge, 1], (bottom - top)[edge, 0]
        # multiply before dividing: crossings at pixel centres are then exact
        columns = after(top[edge, 1] + (rows - top[edge, 0]) * run / rise)
        # crossings left of the crop toggle all of the row, right of it nothing
        columns = np.clip(columns, 0, width)
        at = rows.astype(np.intp), columns.astype(np.intp)
        np.logical_xor.at(changes, at, True)
    for rows in _bands((height, width + 1)):
        np.logical_xor.accumulate(changes[rows], axis=1, out=changes[rows])
    return changes[:, :-1]


def _trimmed(
    mask: NDArray[np.bool_], offset: tuple[int, int]
) -> tuple[NDArray[np.bool_], tuple[int, int]]:
    """Trim empty rows and columns at the edges."""
    y0, x0, y1, x1 = tight_box(mask)
    if y0 == y1:
        raise PromptError("an outline covers no pixel centre; give a point instead")
    return mask[y0:y1, x0:x1].copy(), (offset[0] + y0, offset[1] + x0)
