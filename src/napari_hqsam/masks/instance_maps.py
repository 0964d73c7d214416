"""The maps that an instance decoder learns, computed from labels.

As in torch-em's PerObjectDistanceTransform. Labels in, arrays out; must not know
networks.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage


def instance_targets(labels: np.ndarray) -> np.ndarray:
    """Compute the maps to learn.

    Parameters
    ----------
    labels : ndarray
        (h, w) int, 0 background, one id per object.

    Returns
    -------
    ndarray
        (3, h, w) float32 in 0..1: foreground; distance to the centre; inverted
        distance to the boundary. Distances are divided by their largest value in
        the object; the background has distance 1. The centre is the centroid, or
        the innermost pixel where the centroid lies outside. Objects that touch have
        boundaries between them, the border of the image is none.
    """
    pieces = _connected(labels)
    count = int(pieces.max())
    foreground = pieces > 0
    maps = np.ones((3, *labels.shape), np.float32)
    maps[0] = foreground
    if not count:
        return maps
    ids = np.arange(1, count + 1)
    depth = ndimage.distance_transform_edt(~_boundary(pieces))
    depth[~foreground] = 0
    centres = np.round(ndimage.center_of_mass(foreground, pieces, ids)).astype(int)
    outside = pieces[centres[:, 0], centres[:, 1]] != ids
    if outside.any():
        innermost = ndimage.maximum_position(depth, pieces, ids[outside])
        centres[outside] = np.asarray(innermost)
    at = np.nonzero(foreground)
    index = pieces[at] - 1
    to_centre = np.hypot(at[0] - centres[index, 0], at[1] - centres[index, 1])
    inner = depth[at]
    farthest, innermost_depth = np.zeros(count), np.zeros(count)
    np.maximum.at(farthest, index, to_centre)
    np.maximum.at(innermost_depth, index, inner)
    maps[1][at] = to_centre / np.maximum(farthest[index], 1e-7)
    inverted = innermost_depth[index] - inner
    maps[2][at] = inverted / np.maximum(innermost_depth[index], 1e-7)
    return maps


def _connected(labels: np.ndarray) -> np.ndarray:
    """Give each 8-connected component of equal labels an id; 0 stays 0."""
    pieces = np.zeros(labels.shape, np.int32)
    largest = 0
    for value, box in enumerate(ndimage.find_objects(labels), 1):
        if box is not None:
            found, count = ndimage.label(labels[box] == value, np.ones((3, 3)))
            pieces[box] = np.where(found > 0, found + largest, pieces[box])
            largest += count
    return pieces


def _boundary(pieces: np.ndarray) -> np.ndarray:
    """Return the pixels of objects that have a 4-neighbour of another id."""
    edge = np.zeros(pieces.shape, bool)
    for axis in (0, 1):
        differs = np.diff(pieces, axis=axis) != 0
        before = [(0, int(a == axis)) for a in (0, 1)]
        after = [(int(a == axis), 0) for a in (0, 1)]
        edge |= np.pad(differs, before) | np.pad(differs, after)
    return edge & (pieces > 0)
