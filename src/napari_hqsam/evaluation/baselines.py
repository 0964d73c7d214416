"""Baselines: classical click and box segmentation without a network.

Methods of scikit-image with usual settings, the same for every image; none has
been tuned on the images of a benchmark. All click methods have one signature
(`ClickMethod`), and so have all box methods (`BoxMethod`). The slow ones run on a
bounded number of pixels, as one would use them by hand. Works on planes only; must
not know labels, scores or networks.
"""

# mypy: disable-error-code="no-untyped-call"
# scikit-image is installed, hence followed, but has no annotations.

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from scipy import ndimage
from skimage import draw, filters, segmentation, transform

from napari_hqsam.errors import PromptError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_hqsam.geometry import FloatBox, Point

Window = tuple[slice, slice]

REACH = 128
"""Half the side of a click method's window, pixels; an object should fit in it."""
WALKER_PIXELS, CONTOUR_PIXELS = 129**2, 256**2
"""Most pixels given to the random walker and the active contour: they take a tenth
and a third of a second. Larger windows are downsampled to that."""


class ClickMethod(Protocol):
    """A method that segments an object from one click."""

    def __call__(self, plane: NDArray[Any], click: Point) -> NDArray[np.bool_]:
        """Segment.

        Parameters
        ----------
        plane : (h, w) array
            Grey values, integer or float.
        click : (y, x)
            In pixels, on the object.

        Returns
        -------
        (h, w) bool array

        Raises
        ------
        PromptError
            If the click is outside the plane.
        """


class BoxMethod(Protocol):
    """A method that segments an object from its bounding box."""

    def __call__(self, plane: NDArray[Any], box: FloatBox) -> NDArray[np.bool_]:
        """Segment.

        Parameters
        ----------
        plane : (h, w) array
            Grey values, integer or float.
        box : (y0, x0, y1, x1)
            Continuous pixel coordinates.

        Returns
        -------
        (h, w) bool array
            False outside the box.

        Raises
        ------
        PromptError
            If the box covers no pixel of the plane.
        """


def otsu_component(plane: NDArray[Any], click: Point) -> NDArray[np.bool_]:
    """Segment by Otsu threshold: the clicked connected component, bright or dark."""
    pixel = _pixel(plane, click)
    bright = plane > filters.threshold_otsu(plane)
    return np.asarray(segmentation.flood(bright, pixel, connectivity=1))


def flood_fill(
    plane: NDArray[Any], click: Point, tolerance: float = 0.25
) -> NDArray[np.bool_]:
    """Segment by flood fill (magic wand): connected pixels similar to the clicked one.

    `tolerance` is the largest difference, as a fraction of the contrast (1st to 99th
    percentile) within `REACH` of the click.
    """
    pixel = _pixel(plane, click)
    low, high = np.percentile(plane[_window_around(plane, pixel)], [1, 99])
    difference = tolerance * float(high - low)
    return np.asarray(
        segmentation.flood(plane, pixel, tolerance=difference, connectivity=1)
    )


def watershed(plane: NDArray[Any], click: Point) -> NDArray[np.bool_]:
    """Segment by watershed on the gradient; seeds: click and frame of the window."""
    pixel = _pixel(plane, click)
    window = _window_around(plane, pixel)
    crop = plane[window]
    slopes = filters.sobel(filters.gaussian(crop, sigma=1))
    seeds = _seeds(crop.shape, _within(pixel, window))
    return _on_plane(plane, window, segmentation.watershed(slopes, seeds) == 1)


def random_walker(plane: NDArray[Any], click: Point) -> NDArray[np.bool_]:
    """Segment by random walker (Grady 2006); seeds: click and frame of the window."""
    pixel = _pixel(plane, click)
    window = _window_around(plane, pixel)
    crop, step = _smaller(plane[window], WALKER_PIXELS)
    if np.ptp(crop) == 0:  # a constant window: the walker meets no edge
        return _on_plane(plane, window, np.ones(plane[window].shape, np.bool_))
    y, x = _within(pixel, window)
    seeds = _seeds(crop.shape, (y // step, x // step))
    walked = segmentation.random_walker(crop, seeds, mode="bf")  # direct
    return _on_plane(plane, window, _larger(walked == 1, step, plane[window].shape))


def inscribed_ellipse(plane: NDArray[Any], box: FloatBox) -> NDArray[np.bool_]:
    """Return the ellipse that touches the sides of the box; the image is ignored."""
    _box_window(plane, box)
    y0, x0, y1, x1 = box
    mask = np.zeros(plane.shape, np.bool_)
    mask[
        draw.ellipse(
            (y0 + y1) / 2, (x0 + x1) / 2, (y1 - y0) / 2, (x1 - x0) / 2, plane.shape
        )
    ] = True
    return mask


def otsu_in_box(plane: NDArray[Any], box: FloatBox) -> NDArray[np.bool_]:
    """Segment by Otsu: the largest component of the class rarer on the box's border."""
    window = _box_window(plane, box)
    crop = plane[window]
    bright = crop > filters.threshold_otsu(crop)
    rim = np.concatenate([bright[0], bright[-1], bright[:, 0], bright[:, -1]])
    pieces, count = ndimage.label(~bright if rim.mean() > 0.5 else bright)
    if count > 1:
        pieces = pieces == np.argmax(np.bincount(pieces.ravel())[1:]) + 1
    return _on_plane(plane, window, ndimage.binary_fill_holes(pieces))


def chan_vese_in_box(plane: NDArray[Any], box: FloatBox) -> NDArray[np.bool_]:
    """Run a morphological active contour without edges from the inscribed ellipse.

    Marquez-Neila, Baumela, Alvarez 2014; Chan and Vese's energy, 50 iterations.
    """
    window = _box_window(plane, box)
    crop, step = _smaller(plane[window], CONTOUR_PIXELS)
    ellipse = inscribed_ellipse(plane, box)[window]
    found = segmentation.morphological_chan_vese(
        crop, 50, init_level_set=ellipse[::step, ::step], smoothing=1
    )
    return _on_plane(plane, window, _larger(found > 0, step, ellipse.shape))


CLICK_BASELINES: dict[str, ClickMethod] = {
    "Otsu": otsu_component,
    "flood fill": flood_fill,
    "watershed": watershed,
    "random walker": random_walker,
}

BOX_BASELINES: dict[str, BoxMethod] = {
    "ellipse": inscribed_ellipse,
    "Otsu": otsu_in_box,
    "Chan-Vese": chan_vese_in_box,
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


def _within(pixel: tuple[int, int], window: Window) -> tuple[int, int]:
    """Return the same pixel, relative to the window's first pixel."""
    return pixel[0] - window[0].start, pixel[1] - window[1].start


def _seeds(shape: tuple[int, ...], pixel: tuple[int, int]) -> NDArray[np.int32]:
    """Make the seeds of a window: 1 at the pixel and 2 on the frame."""
    seeds = np.full(shape, 2, np.int32)
    seeds[1:-1, 1:-1] = 0
    seeds[pixel] = 1
    return seeds


def _smaller(crop: NDArray[Any], max_pixels: int) -> tuple[NDArray[np.float64], int]:
    """Downsample a window by a whole factor, to no more than `max_pixels` pixels."""
    step = max(1, math.ceil(math.sqrt(crop.size / max_pixels)))
    h, w = (-(-side // step) for side in crop.shape)
    crop = crop.astype(np.float64)
    if step > 1:
        crop = transform.resize(crop, (h, w), anti_aliasing=True)
    return crop, step


def _larger(
    mask: NDArray[np.bool_], step: int, shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    """Upsample a mask of a downsampled window to the window's own pixels."""
    h, w = shape
    return mask.repeat(step, 0).repeat(step, 1)[:h, :w]


def _box_window(plane: NDArray[Any], box: FloatBox) -> Window:
    """Return the window of the pixels whose centres lie in a box."""
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
