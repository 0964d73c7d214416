"""Open a source as an `Image`: choose axes and channels, and validate them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from napari_hqsam.errors import ImageError
from napari_hqsam.geometry import Space
from napari_hqsam.geometry.axes import COLOUR_SAMPLES, guess_axes, parse_axes
from napari_hqsam.geometry.planes import as_ints
from napari_hqsam.images.formats import open_source
from napari_hqsam.images.formats.zarr.chunks import watched
from napari_hqsam.images.image import Image
from napari_hqsam.images.pyramid import pyramid_levels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_hqsam.images.source import Source

T = TypeVar("T")


def open_image(
    source: object,
    *,
    axes: str | None = None,
    channels: int | Sequence[int] | None = None,
    scale: Sequence[float] | Mapping[str, float] | None = None,
    units: str | Sequence[str | None] | Mapping[str, str | None] | None = None,
    translate: Sequence[float] | Mapping[str, float] | None = None,
    key: str | None = None,
    allow_missing: bool = False,
) -> Image:
    """Open a file or wrap an array as an image; no pixels are read yet.

    Parameters
    ----------
    source : str, os.PathLike, array-like or sequence of array-likes
        A TIFF, a zarr folder (OME-Zarr or plain), a ``.npy`` file, a PNG, JPEG
        or other picture; or a numpy, zarr, dask, xarray or similar array; or
        such arrays from fine to coarse, as napari's multiscale layers hold
        them. Pyramid levels of OME-Zarr and TIFF files are used as well.
    axes : str, optional
        What the dimensions are, in their order, such as "yx", "yxc", "cyx",
        "zyx", "tczyx". By default taken from the file, or from the ``dims`` of
        an xarray array; else guessed where there is no doubt: two dimensions
        are ``yx``; three of uint8 or uint16 whose last has length 3 or 4 are
        ``yxc``.
    channels : int or sequence of 1 to 3 ints, optional
        Which channels become the network's R, G and B. One channel c is shown
        as grey (c, c, c). Two are shown as (a, b, b), red against cyan, grey
        where they agree. By default: grey (0, 0, 0); two channels (0, 1, 1);
        colour and three or more channels (0, 1, 2). Alpha is not shown unless
        asked for by its number.
    scale : sequence of float or mapping of str to float, optional
        Size of a pixel along each axis, or along those that are named such as
        ``{"z": 2, "y": 0.25, "x": 0.25}``. By default the file's own, as are the two
        that follow.
    units : str, sequence of str, or mapping of str to str, optional
        Unit of each axis, such as "micrometer" or "s"; one name stands for the axes
        z, y and x.
    translate : sequence of float or mapping of str to float, optional
        World coordinates of the centre of the first pixel.
    key : str, optional
        Which image of several: a path inside a zarr group ("labels/cells"), or
        the number of a TIFF series.
    allow_missing : bool
        Read planes as 0 whose files are not there (an OME-TIFF may be spread over
        several), with a warning. By default that is an error.

    Returns
    -------
    Image
        Planes of shape (h, w) addressed over the leading axes.

    Raises
    ------
    ImageError
        If the file cannot be read, is damaged or cut short; if the array is
        empty or not of numbers; if the axes are unclear or do not fit; if a
        channel is out of range.
    """
    opened = open_source(source, key=key, allow_missing=allow_missing)
    shape = _check_array(opened)
    dtype = np.dtype(opened.array.dtype)
    if axes is not None:
        letters = parse_axes(axes, shape)
    else:
        named = opened.axes if len(opened.axes or "") == len(shape) else None
        letters = named or guess_axes(shape, dtype)
    assumed = "" if axes is not None else opened.assumed
    if axes is None and named is None and len(shape) > 2:
        assumed = f"its axes have no names and are taken as {letters}"
    if assumed:
        assumed += "; to say otherwise: --axes (from Python axes=)"
    n_channels = dict(zip(letters, shape, strict=True)).get("c", 1)
    is_rgb = n_channels in COLOUR_SAMPLES and (
        letters[-1] == "c" if opened.is_rgb is None else opened.is_rgb
    )
    if channels is None:
        mapping = _default_mapping(n_channels - opened.has_alpha)
    else:
        mapping = _check_mapping(channels, n_channels, opened.name)
    pyramid = pyramid_levels(opened.array, letters, opened.reduced)
    array, *coarser = watched(
        [opened.array, *pyramid.values()], opened.name, sparse=opened.is_labels
    )
    pyramid = dict(zip(pyramid, coarser, strict=True))
    space = _space(opened, letters, scale, units, translate)
    # With axes of the caller, those of the file do not count.
    file_axes = opened.file_axes if letters == opened.axes else ""
    name = opened.name
    return Image(array, name, space, mapping, is_rgb, pyramid, file_axes, assumed)


def _space(
    opened: Source,
    letters: str,
    scale: Sequence[float] | Mapping[str, float] | None,
    units: str | Sequence[str | None] | Mapping[str, str | None] | None,
    translate: Sequence[float] | Mapping[str, float] | None,
) -> Space:
    """Return the space: as the caller gives it, else as in the file, else in pixels."""
    own = opened.space
    if own is None or len(own.axes) != len(letters):
        own = Space.pixels(letters)
    own = own.renamed(letters)
    if scale is None and units is None and translate is None:
        return own
    if not own.affine.is_diagonal:
        raise ImageError(
            f"{opened.name} is rotated or sheared: scale, units and translate of a "
            "caller would not fit; leave them out"
        )
    if isinstance(units, str):
        units = dict.fromkeys((a for a in letters if a in "zyx"), units)
    return Space.of(
        letters,
        scale=_by_axis("scale", scale, letters, own.scale),
        units=_by_axis("units", units, letters, own.units),
        translate=_by_axis("translate", translate, letters, own.translation),
    )


def _by_axis(
    name: str,
    given: Sequence[T] | Mapping[str, T] | None,
    letters: str,
    own: Sequence[T],
) -> Sequence[T]:
    """Return a value for each axis: those given by letter, else the image's own."""
    if given is None:
        return own
    if not isinstance(given, Mapping):
        return given
    if strange := sorted(set(given) - set(letters)):
        raise ImageError(
            f"{name} names the axis {', '.join(strange)}, the image has "
            f"{', '.join(letters)}",
            parameter=name,
        )
    return [given.get(a, value) for a, value in zip(letters, own, strict=True)]


def _check_array(opened: Source) -> tuple[int, ...]:
    """Return the shape; raise if the array is empty or not of real numbers."""
    shape = tuple(int(size) for size in opened.array.shape)
    try:
        dtype = np.dtype(opened.array.dtype)
    except TypeError:
        dtype = np.dtype(object)
    if dtype.kind not in "buif" or dtype.itemsize > 8:
        raise ImageError(
            f"{opened.name} has data type {opened.array.dtype}; an image must be of "
            "bool, integers or floats of at most 8 bytes; convert it"
        )
    if 0 in shape:
        raise ImageError(f"{opened.name} is empty: its shape is {shape}")
    return shape


def _default_mapping(n_channels: int) -> tuple[int, int, int]:
    """Return the default channel mapping."""
    if n_channels == 1:
        return 0, 0, 0
    return (0, 1, 1) if n_channels == 2 else (0, 1, 2)


def _check_mapping(
    channels: int | Sequence[int], n_channels: int, name: str
) -> tuple[int, int, int]:
    """Validate a channel mapping, and expand it to three channel numbers."""
    numbers = as_ints(channels, f"channels={channels!r} must be 1 to 3 ints")
    if not 1 <= len(numbers) <= 3:
        raise ImageError(
            f"channels={channels!r} names {len(numbers)} channels; pass 1 to 3"
        )
    for number in numbers:
        if not 0 <= number < n_channels:
            raise ImageError(
                f"channel {number} is out of range; {name} has {n_channels}, counted "
                "from 0"
            )
    first, second, third = (*numbers, numbers[-1], numbers[-1])[:3]
    return first, second, third
