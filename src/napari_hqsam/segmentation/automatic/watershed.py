"""Segment objects in the maps of an instance decoder by a seeded watershed.

Arrays in, arrays out; must not know tiles or networks. Seeds by thresholds and the
watershed are those of micro-sam's automatic instance segmentation (AIS; Archit et
al., "Segment Anything for Microscopy", Nature Methods 2025).
"""

# mypy: disable-error-code="no-untyped-call"
# scikit-image is installed, hence followed, but has no annotations.

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import ndimage

from napari_hqsam.segmentation.automatic.stitching import PITCH

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_hqsam.models import InstanceTuning

FOREGROUND_SIGMA = 0.6
"""Share of the smoothing that the foreground gets: micro-sam's 1.0 of 1.6."""
EIGHT = np.ones((3, 3), bool)


class Seeds(NamedTuple):
    """Markers of a seeded watershed, with its elevation map and its mask.

    Attributes
    ----------
    labels : ndarray
        (h, w) int32: 0, and 1..n on n parts that do not touch one another.
    elevation : ndarray
        (h, w) float32: what is flooded; low inside objects, high where they meet.
    foreground : ndarray
        (h, w) float32: of objects, 0..1.
    """

    labels: NDArray[np.int32]
    elevation: NDArray[np.float32]
    foreground: NDArray[np.float32]


def find_seeds(maps: NDArray[np.float32], tuning: InstanceTuning) -> Seeds:
    """Find the markers of the watershed: one connected region inside each object.

    By thresholds: connected foreground where both distances are small. By depth: the
    basins of the mean of both distances at least `depth` deep (h-minima; Soille,
    "Morphological Image Analysis", 6.3), independent of the absolute values.

    Parameters
    ----------
    maps : (3, h, w) float32 array
        Foreground, distance to the centre and to the boundary, in 0..1; see
        `network.InstanceDecoder`.
    tuning : InstanceTuning
    """
    foreground, centre, boundary = maps
    if sigma := tuning.sigma / PITCH:
        foreground = ndimage.gaussian_filter(foreground, sigma * FOREGROUND_SIGMA)
        centre, boundary = (
            ndimage.gaussian_filter(each, sigma) for each in (centre, boundary)
        )
    inside = foreground > tuning.foreground
    if tuning.depth is None:
        inner = inside & (centre < tuning.centre) & (boundary < tuning.boundary)
        elevation = boundary
    else:
        elevation = (centre + boundary) / 2
        inner = _deep_basins(elevation, inside, tuning.depth)
    labels, _ = ndimage.label(inner, EIGHT, output=np.int32)
    return Seeds(labels, elevation, foreground)


def _deep_basins(
    elevation: NDArray[np.float32], inside: NDArray[np.bool_], depth: float
) -> NDArray[np.bool_]:
    """Find the basins that are at least `depth` deep (h-minima transform)."""
    from skimage.morphology import local_minima, reconstruction

    if not inside.any():
        return np.zeros_like(inside)
    walled = np.where(inside, elevation, elevation.max() + depth).astype(np.float32)
    filled = reconstruction(walled + depth, walled, method="erosion")
    return np.asarray(local_minima(filled) & inside)


def grow_seeds(
    seeds: Seeds, tuning: InstanceTuning, least_area: int
) -> NDArray[np.int32]:
    """Grow seeds to objects by a seeded watershed within the foreground.

    Parameters
    ----------
    seeds : Seeds
    tuning : InstanceTuning
    least_area : int
        Pixels of the maps; smaller objects are left out.

    Returns
    -------
    (h, w) int32 array
        The seeds' labels.
    """
    from skimage.segmentation import watershed

    inside = seeds.foreground > tuning.foreground
    labels = watershed(seeds.elevation, seeds.labels, mask=inside).astype(np.int32)
    small = np.bincount(labels.ravel()) < least_area
    labels[small[labels]] = 0
    return np.asarray(labels)


def innermost_points(labels: NDArray[np.int32]) -> NDArray[np.intp]:
    """Find the pixel of each object that is farthest from its boundary.

    Parameters
    ----------
    labels : (h, w) int array
        Ids 1..n that do not touch one another; the border is no boundary.

    Returns
    -------
    (n, 2) int array
        (row, column), in the order of the ids.
    """
    count = int(labels.max(initial=0))
    if not count:
        return np.zeros((0, 2), np.intp)
    depth = ndimage.distance_transform_edt(np.pad(labels > 0, 1, mode="edge"))
    places = ndimage.maximum_position(depth[1:-1, 1:-1], labels, range(1, count + 1))
    return np.array(places, np.intp).reshape(-1, 2)


def object_logits(
    labels: NDArray[np.int32],
    which: int,
    foreground: NDArray[np.float32],
    least: float,
) -> NDArray[np.float32]:
    """Make the soft mask (logits) of one object, for smooth upsampling.

    Parameters
    ----------
    labels, foreground : (h, w) arrays
    which : int
        The object's label.
    least : float
        Foreground from which something is inside.

    Returns
    -------
    (h, w) float32 array
        Above 0 on the object; falls smoothly towards the background, abruptly towards
        other objects.
    """
    above = foreground - least
    own = np.maximum(above, 1e-3)
    none = np.minimum(above, -1e-3)
    soft = np.where(labels == which, own, np.where(labels == 0, none, -own))
    return np.asarray(soft * 8, np.float32)  # slopes as steep as SAM's logits
