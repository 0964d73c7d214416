"""Shapes of objects, and their placement in an image.

A piece is a bool array with one shape; `paste` writes it into an int32 label
image without overwriting other objects, so that neighbours touch and never
overlap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import ndimage
from skimage import measure

from napari_hqsam.training.synthetic.noise import SIDE, pixels, smooth

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


class Piece(NamedTuple):
    """One shape: `mask` (h, w) bool, its upper left corner relative to its centre."""

    mask: NDArray[np.bool_]
    y: int
    x: int


def blob(
    rng: np.random.Generator,
    radius: float,
    aspect: float = 1.0,
    roughness: float = 0.0,
    angle: float | None = None,
    orders: int = 5,
) -> Piece:
    """Draw an ellipse whose radius is modulated by low harmonics.

    Parameters
    ----------
    rng : numpy.random.Generator
        Random generator.
    radius : float
        Geometric mean of the half axes, pixels.
    aspect : float
        Ratio of the axes, at least 1.
    roughness : float
        Deviation of the radius as a share of it.
    angle : float, optional
        Direction of the long axis from x, radians; random by default.
    orders : int
        Highest harmonic.
    """
    r = int(radius * np.sqrt(aspect) * (1 + 2.5 * roughness) + 2)
    c = np.arange(-r, r + 1, dtype=np.float32)
    angle = rng.uniform(0, np.pi) if angle is None else angle
    cos, sin = np.cos(angle), np.sin(angle)
    u = (c[None] * cos + c[:, None] * sin) / np.float32(np.sqrt(aspect))
    v = (c[:, None] * cos - c[None] * sin) * np.float32(np.sqrt(aspect))
    limit: NDArray[Any] | float = radius
    if roughness:
        theta = np.linspace(-np.pi, np.pi, 129)
        n = np.arange(2, orders + 1)
        amplitude = rng.normal(0, 1, len(n)) / n
        amplitude *= roughness / (np.sqrt((amplitude**2).sum() / 2) + 1e-9)
        phase = rng.uniform(0, 2 * np.pi, len(n))
        wave = (amplitude * np.cos(n * theta[:, None] + phase)).sum(1)
        profile = radius * np.clip(1 + wave, 0.4, 1 + 2.5 * roughness)
        turn = (np.arctan2(v, u) + np.pi) * (128 / (2 * np.pi))
        limit = profile.astype(np.float32)[np.rint(turn).astype(np.intp)]
    return Piece(np.asarray(u**2 + v**2 <= limit**2), -r, -r)


def polygon(rng: np.random.Generator, radius: float, corners: int) -> Piece:
    """Draw a convex polygon: the intersection of half planes around a centre."""
    r = int(radius * 1.5 + 2)
    c = np.arange(-r, r + 1, dtype=np.float32)
    angles = (np.arange(corners) + rng.uniform(-0.25, 0.25, corners)) * 2 * np.pi
    angles = angles / corners + rng.uniform(0, 2 * np.pi)
    mask = np.hypot(c[:, None], c[None]) <= 1.35 * radius
    for a, d in zip(angles, radius * rng.uniform(0.7, 1.0, corners), strict=True):
        mask &= c[None] * np.cos(a) + c[:, None] * np.sin(a) <= d
    return Piece(mask, -r, -r)


def tube(points: NDArray[Any], radii: NDArray[Any] | float) -> Piece:
    """Draw discs along a polyline (n, 2) of y, x, joined: a bent rod or a worm.

    The corner is relative to the origin of `points`. Neighbouring points lie
    closer than their radii.
    """
    radii = np.broadcast_to(np.asarray(radii, np.float32), (len(points),))
    reach = float(radii.max()) + 1
    y0, x0 = np.floor(points.min(0) - reach).astype(int)
    y1, x1 = np.ceil(points.max(0) + reach).astype(int) + 1
    mask = np.zeros((y1 - y0, x1 - x0), bool)
    k = int(np.ceil(reach))
    d = np.arange(-k, k + 1)
    base = np.rint(points).astype(int)
    iy = base[:, 0, None, None] + d[:, None]
    ix = base[:, 1, None, None] + d[None]
    distance = (iy - points[:, 0, None, None]) ** 2 + (
        ix - points[:, 1, None, None]
    ) ** 2
    near = distance <= np.maximum(radii, 0.75)[:, None, None] ** 2
    iy, ix = np.broadcast_arrays(iy - y0, ix - x0)
    mask[np.clip(iy[near], 0, y1 - y0 - 1), np.clip(ix[near], 0, x1 - x0 - 1)] = True
    return Piece(mask, int(y0), int(x0))


def track(
    rng: np.random.Generator,
    length: float,
    bend: float,
    tightest: float = 8.0,
    heading: float | None = None,
) -> NDArray[np.float64]:
    """Draw a smooth random path from the origin, (n, 2) y, x in pixels.

    Parameters
    ----------
    rng : numpy.random.Generator
        Random generator.
    length : float
        Length of the path, pixels; neighbouring points are 1 pixel apart.
    bend : float
        Deviation of the heading over 100 pixels, radians.
    tightest : float
        Smallest radius of curvature, pixels.
    heading : float, optional
        At the origin, radians from x towards y; random by default.
    """
    sigma = 12.0
    turn = ndimage.gaussian_filter1d(rng.normal(0, 1, max(2, int(length))), sigma)
    # unit deviation, correlated over 2 sqrt(pi) sigma pixels
    turn *= np.sqrt(2 * np.sqrt(np.pi) * sigma)
    curvature = turn * bend / np.sqrt(100 * 2 * np.sqrt(np.pi) * sigma)
    start = rng.uniform(0, 2 * np.pi) if heading is None else heading
    angles = start + np.cumsum(np.clip(curvature, -1 / tightest, 1 / tightest))
    return np.cumsum(np.stack([np.sin(angles), np.cos(angles)], 1), 0)


def paste(
    labels: NDArray[np.int32],
    piece: Piece,
    centre: tuple[float, float] | NDArray[Any],
    index: int,
    overlap: float = 0.0,
    minimum: int = 12,
) -> bool:
    """Write a piece into the free pixels of a label image.

    Refused, and False returned, where more than the share `overlap` of its
    visible part is taken, or less than `minimum` pixels would be seen.
    """
    h, w = piece.mask.shape
    y, x = round(centre[0]) + piece.y, round(centre[1]) + piece.x
    ys, xs = slice(max(y, 0), min(y + h, SIDE)), slice(max(x, 0), min(x + w, SIDE))
    if ys.stop <= ys.start or xs.stop <= xs.start:
        return False
    part = piece.mask[ys.start - y : ys.stop - y, xs.start - x : xs.stop - x]
    area = labels[ys, xs]
    free = part & (area == 0)
    seen, left = int(part.sum()), int(free.sum())
    if left < minimum or seen - left > overlap * seen:
        return False
    area[free] = index
    return True


def scatter(
    rng: np.random.Generator,
    shape: Callable[[], Piece],
    count: int,
    overlap: float = 0.0,
    clumps: int = 0,
    spread: float = 30.0,
    blocked: NDArray[np.bool_] | None = None,
) -> NDArray[np.int32]:
    """Try to place a shape at `count` random positions; (SIDE, SIDE) int32 labels.

    Parameters
    ----------
    rng : numpy.random.Generator
        Random generator.
    shape : callable
        Draws a `Piece`.
    count : int
        Tries.
    overlap : float
        Share of a piece that earlier ones may cover.
    clumps : int
        Number of centres around which objects gather; 0: everywhere.
    spread : float
        Deviation of the distance from the centre of a clump, pixels.
    blocked : ndarray, optional
        (SIDE, SIDE) bool: where nothing may lie.
    """
    labels = np.zeros((SIDE, SIDE), np.int32)
    if blocked is not None:
        labels[blocked] = -1
    if clumps:
        middles = rng.uniform(0, SIDE, (clumps, 2))
        places = middles[rng.integers(clumps, size=count)]
        places = places + rng.normal(0, spread, (count, 2))
    else:
        places = rng.uniform(-5, SIDE + 5, (count, 2))
    for index, place in enumerate(places, 1):
        paste(labels, shape(), place, index, overlap)
    return tidy(np.maximum(labels, 0))


def tidy(labels: NDArray[np.int32], minimum: int = 12) -> NDArray[np.int32]:
    """Keep the largest connected part of each object, if not tiny; number densely.

    Called before an image is drawn, so that what is removed is never seen.
    """
    parts = measure.label(labels, background=0, connectivity=1)
    owner = np.zeros(int(parts.max()) + 1, np.int64)
    owner[parts] = labels
    areas = np.bincount(parts.ravel())
    areas[0] = 0
    order = np.argsort(areas, kind="stable")
    best = np.zeros(int(labels.max()) + 1, np.int64)
    best[owner[order]] = order  # the last one written is the largest
    best[0] = 0
    chosen = best[(best > 0) & (areas[best] >= minimum)]
    number = np.zeros(len(areas), np.int32)
    number[chosen] = np.arange(1, len(chosen) + 1, dtype=np.int32)
    return np.asarray(number[parts])


def voronoi(
    rng: np.random.Generator,
    spacing: float,
    wobble: float = 0.0,
    stretch: float = 1.0,
    unequal: float = 0.0,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Fill the image with cells: Voronoi cells of a jittered, turned grid.

    Parameters
    ----------
    rng : numpy.random.Generator
        Random generator.
    spacing : float
        Mean diameter, pixels.
    wobble : float
        How far borders are bent, share of `spacing`, below 0.3.
    stretch : float
        Elongation of the cells.
    unequal : float
        0 to 1: variety of sizes (additive weights of a power diagram).

    Returns
    -------
    cells, margin : ndarray
        (SIDE, SIDE) int32 from 1, and float32 the distance to the next cell, pixels
        (approximately, where borders are bent).
    """
    y, x = pixels()
    if wobble:
        y = y + smooth(rng, spacing * 0.35) * np.float32(wobble * spacing / 2)
        x = x + smooth(rng, spacing * 0.35) * np.float32(wobble * spacing / 2)
    angle = rng.uniform(0, 2 * np.pi)
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    s = np.float32(np.sqrt(stretch))
    u = ((x * cos + y * sin) / (s * spacing)).astype(np.float32)
    v = ((y * cos - x * sin) * s / spacing).astype(np.float32)
    u, v = u - u.min() + 2, v - v.min() + 2
    shape = (int(v.max()) + 3, int(u.max()) + 3)
    seeds = rng.uniform(0.1, 0.9, (2, *shape)).astype(np.float32)
    weight = (rng.uniform(-1, 1, shape) * 0.3 * unequal).astype(np.float32)
    iv, iu = v.astype(np.intp), u.astype(np.intp)
    fv, fu = v - iv, u - iu
    flat = iv * shape[1] + iu
    sv, su, sw = seeds[0].ravel(), seeds[1].ravel(), weight.ravel()
    power = np.empty((9, SIDE, SIDE), np.float32)
    offsets = [(dv, du) for dv in (-1, 0, 1) for du in (-1, 0, 1)]
    for k, (dv, du) in enumerate(offsets):
        at = flat + (dv * shape[1] + du)
        power[k] = (sv[at] + (dv - fv)) ** 2 + (su[at] + (du - fu)) ** 2 - sw[at]
    jump = np.array([dv * shape[1] + du for dv, du in offsets])
    first = power.argmin(0)
    index = first[None]
    nearest = np.take_along_axis(power, index, 0)[0]
    np.put_along_axis(power, index, np.float32(np.inf), 0)
    second = power.argmin(0)
    gap = np.take_along_axis(power, second[None], 0)[0] - nearest
    a, b = flat + jump[first], flat + jump[second]
    rows = np.asarray(offsets, np.float32)
    between = np.hypot(
        sv[a] - sv[b] + rows[first, 0] - rows[second, 0],
        su[a] - su[b] + rows[first, 1] - rows[second, 1],
    )
    margin = gap / (2 * np.maximum(between, 0.05)) * np.float32(spacing)
    return (a + 1).astype(np.int32), margin.astype(np.float32)
