"""What one would click with offline and without a network, to compare with.

Each takes a grey plane and either a click or a box, and returns a mask of the
plane. All are classical methods of scikit-image with settings that are usual
and the same for every image; none has been tuned on the images of a benchmark.
"""

# mypy: disable-error-code="no-untyped-call"
# scikit-image is installed, hence followed, but has no annotations.

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage
from skimage import draw, filters, segmentation

from napari_hqsam.errors import PromptError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_hqsam.prompts.geometry import Box, Point

Window = tuple[slice, slice]

REACH = 128
"""Pixels that a click method looks at on each side; an object should fit in."""


def otsu_component(plane: NDArray[Any], click: Point) -> NDArray[np.bool_]:
    """Otsu threshold; the connected pixels on the click's side of it.

    Parameters
    ----------
    plane : (h, w) float array
        Grey values.
    click : (y, x)
        In pixels.

    Returns
    -------
    (h, w) bool array

    Raises
    ------
    PromptError
        If the click is outside the plane.
    """
    pixel = _pixel(plane, click)
    bright = plane > filters.threshold_otsu(plane)
    return np.asarray(segmentation.flood(bright, pixel, connectivity=1))


def flood_fill(
    plane: NDArray[Any], click: Point, tolerance: float = 0.25
) -> NDArray[np.bool_]:
    """Magic wand: the connected pixels that are as grey as the clicked one.

    Parameters
    ----------
    plane : (h, w) float array
        Grey values.
    click : (y, x)
        In pixels.
    tolerance : float
        Greatest difference, as a share of the contrast (1st to 99th
        percentile) within `REACH` of the click.

    Returns
    -------
    (h, w) bool array

    Raises
    ------
    PromptError
        If the click is outside the plane.
    """
    pixel = _pixel(plane, click)
    low, high = np.percentile(plane[_window_around(plane, pixel)], [1, 99])
    difference = tolerance * float(high - low)
    return np.asarray(
        segmentation.flood(plane, pixel, tolerance=difference, connectivity=1)
    )


def watershed(plane: NDArray[Any], click: Point) -> NDArray[np.bool_]:
    """Watershed on the gradient, from the click against the window's frame.

    Parameters
    ----------
    plane : (h, w) float array
        Grey values.
    click : (y, x)
        In pixels; its object must lie within `REACH` of it.

    Returns
    -------
    (h, w) bool array

    Raises
    ------
    PromptError
        If the click is outside the plane.
    """
    window, seeds = _seeds(plane, click)
    slopes = filters.sobel(filters.gaussian(plane[window], sigma=1))
    return _on_plane(plane, window, segmentation.watershed(slopes, seeds) == 1)


def random_walker(plane: NDArray[Any], click: Point) -> NDArray[np.bool_]:
    """Random walker (Grady 2006), from the click against the window's frame.

    Parameters
    ----------
    plane : (h, w) float array
        Grey values.
    click : (y, x)
        In pixels; its object must lie within `REACH` of it.

    Returns
    -------
    (h, w) bool array

    Raises
    ------
    PromptError
        If the click is outside the plane.
    """
    window, seeds = _seeds(plane, click)
    crop = np.asarray(plane[window], np.float64)
    if np.ptp(crop) == 0:  # nothing to hold the walker back: all alike
        return _on_plane(plane, window, np.ones(crop.shape, np.bool_))
    walked = segmentation.random_walker(
        crop, seeds, mode="cg_j", tol=1e-5, prob_tol=0.05
    )
    return _on_plane(plane, window, walked == 1)


def inscribed_ellipse(plane: NDArray[Any], box: Box) -> NDArray[np.bool_]:
    """Ellipse that touches the sides of the box, whatever the image shows.

    Parameters
    ----------
    plane : (h, w) float array
        Only its shape is used.
    box : (y0, x0, y1, x1)
        Continuous pixel coordinates.

    Returns
    -------
    (h, w) bool array

    Raises
    ------
    PromptError
        If the box covers no pixel of the plane.
    """
    _box_window(plane, box)
    y0, x0, y1, x1 = box
    mask = np.zeros(plane.shape, np.bool_)
    mask[
        draw.ellipse(
            (y0 + y1) / 2, (x0 + x1) / 2, (y1 - y0) / 2, (x1 - x0) / 2, plane.shape
        )
    ] = True
    return mask


def otsu_in_box(plane: NDArray[Any], box: Box) -> NDArray[np.bool_]:
    """Otsu threshold within the box; the largest piece that its rim is not.

    Parameters
    ----------
    plane : (h, w) float array
        Grey values.
    box : (y0, x0, y1, x1)
        Continuous pixel coordinates.

    Returns
    -------
    (h, w) bool array

    Raises
    ------
    PromptError
        If the box covers no pixel of the plane.
    """
    window = _box_window(plane, box)
    crop = plane[window]
    bright = crop > filters.threshold_otsu(crop)
    rim = np.concatenate([bright[0], bright[-1], bright[:, 0], bright[:, -1]])
    pieces, count = ndimage.label(~bright if rim.mean() > 0.5 else bright)
    if count > 1:
        pieces = pieces == np.argmax(np.bincount(pieces.ravel())[1:]) + 1
    return _on_plane(plane, window, ndimage.binary_fill_holes(pieces))


def chan_vese_in_box(
    plane: NDArray[Any], box: Box, iterations: int = 50
) -> NDArray[np.bool_]:
    """Morphological Chan-Vese within the box, from its inscribed ellipse.

    Marquez-Neila, Baumela, Alvarez 2014: active contours without edges.

    Parameters
    ----------
    plane : (h, w) float array
        Grey values.
    box : (y0, x0, y1, x1)
        Continuous pixel coordinates.
    iterations : int

    Returns
    -------
    (h, w) bool array

    Raises
    ------
    PromptError
        If the box covers no pixel of the plane.
    """
    window = _box_window(plane, box)
    start = inscribed_ellipse(plane, box)[window]
    found = segmentation.morphological_chan_vese(
        plane[window], iterations, init_level_set=start, smoothing=1
    )
    return _on_plane(plane, window, found > 0)


CLICK_BASELINES: dict[str, Callable[[NDArray[Any], Point], NDArray[np.bool_]]] = {
    "otsu component": otsu_component,
    "flood fill": flood_fill,
    "watershed": watershed,
    "random walker": random_walker,
}

BOX_BASELINES: dict[str, Callable[[NDArray[Any], Box], NDArray[np.bool_]]] = {
    "inscribed ellipse": inscribed_ellipse,
    "otsu in box": otsu_in_box,
    "Chan-Vese in box": chan_vese_in_box,
}


def _pixel(plane: NDArray[Any], click: Point) -> tuple[int, int]:
    """Return the pixel that a click hits."""
    y, x = (int(np.floor(c + 0.5)) for c in click)
    h, w = plane.shape
    if not (0 <= y < h and 0 <= x < w):
        raise PromptError(
            f"the click (y, x) = {click} is outside the plane of {h} x {w} pixels"
        )
    return y, x


def _window_around(plane: NDArray[Any], pixel: tuple[int, int]) -> Window:
    rows, columns = (
        slice(max(c - REACH, 0), min(c + REACH + 1, side))
        for c, side in zip(pixel, plane.shape, strict=True)
    )
    return rows, columns


def _seeds(plane: NDArray[Any], click: Point) -> tuple[Window, NDArray[np.int32]]:
    """Window round a click, and in it 1 at the click and 2 on the frame."""
    pixel = _pixel(plane, click)
    window = _window_around(plane, pixel)
    seeds = np.full(plane[window].shape, 2, np.int32)
    seeds[1:-1, 1:-1] = 0
    seeds[pixel[0] - window[0].start, pixel[1] - window[1].start] = 1
    return window, seeds


def _box_window(plane: NDArray[Any], box: Box) -> Window:
    """Pixels of the plane whose centres lie in a box."""
    y0, x0, y1, x1 = box
    h, w = plane.shape
    rows = slice(max(int(np.ceil(y0)), 0), min(int(np.floor(y1)) + 1, h))
    columns = slice(max(int(np.ceil(x0)), 0), min(int(np.floor(x1)) + 1, w))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        raise PromptError(
            f"the box {tuple(box)} covers no pixel of the plane of {h} x {w} pixels"
        )
    return rows, columns


def _on_plane(
    plane: NDArray[Any], window: Window, crop: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    mask = np.zeros(plane.shape, np.bool_)
    mask[window] = crop
    return mask
