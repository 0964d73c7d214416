"""TIFF in all its dialects, by tifffile, read page by page or tile by tile.

Uncompressed data are mapped into memory; all else goes through tifffile's zarr
store, which decodes only the chunks asked for, and those once for several reads.
"""

from __future__ import annotations

import math
import warnings
import weakref
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
import zarr

from napari_hqsam.errors import HqsamWarning, ImageError, reason
from napari_hqsam.geometry.axes import COLOUR_SAMPLES, axes_from_names
from napari_hqsam.images.formats.tiff.companion import (
    image_number,
    read_companion,
    whole_set,
)
from napari_hqsam.images.formats.tiff.decoded import CachingStore, ChunkCache
from napari_hqsam.images.formats.tiff.meanings import warn_of_meaning
from napari_hqsam.images.formats.tiff.missing import (
    check_complete,
    check_missing,
    collect_complaints,
    lies_in_file,
    padded,
)
from napari_hqsam.images.formats.tiff.pictures import bound_pictures
from napari_hqsam.images.formats.tiff.planes import check_planes
from napari_hqsam.images.formats.tiff.space import tiff_space
from napari_hqsam.images.formats.tiff.tables import check_tables
from napari_hqsam.images.memory import check_decoded, check_fits
from napari_hqsam.images.orientation import warn_if_turned
from napari_hqsam.images.source import LazyArray, Reduced, Source
from napari_hqsam.images.space_note import note_of_tiff

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from napari_hqsam.geometry import Space

# A page up to this size is decoded whole: faster than one request per strip.
# Larger ones are read strip by strip, so that a small region stays cheap,
_WHOLE_PAGE_BYTES = 2**22
# but for those whose strips are so small that requests take longer than decoding.
_SMALL_STRIP_BYTES = 2**15
_WHOLE_PAGE_BYTES_OF_SMALL_STRIPS = 2**26
# Decoded strips, tiles and pages that are kept of a file: a page may be one strip.
_KEPT_BYTES = 2**27
_THUMBNAIL = 16
"""By how much fewer pixels than the image a plane has that is no image of its own."""
_EXTRAS = ("Thumbnail", "Label", "Macro", "Map")
"""Names of series in slides; others are marked by their tags as reduced."""
_COLOUR_PHOTOMETRICS = ("RGB", "YCBCR", "CIELAB")
_RGB = 2  # TIFF tag PhotometricInterpretation
_ALPHA_SAMPLES = (1, 2)  # TIFF tag ExtraSamples: associated, unassociated alpha


def open_companion(
    path: Path, key: str | None = None, *, allow_missing: bool = False
) -> Source:
    """Open an OME-TIFF set by its companion file; as `open_tiff`."""
    first, text = read_companion(path)
    source = open_tiff(first, key, allow_missing=allow_missing, ome_xml=text)
    return replace(source, name=path.name)


def open_tiff(
    path: Path,
    key: str | None = None,
    *,
    allow_missing: bool = False,
    ome_xml: str | None = None,
) -> Source:
    """Open one series of a TIFF, with the levels of its pyramid.

    Parameters
    ----------
    path : pathlib.Path
        A TIFF, BigTIFF, OME-TIFF, ImageJ hyperstack, slide, ...
    key : str, optional
        Number of the series; the first by default.
    allow_missing : bool
        Read what is missing as 0, with a warning.
    ome_xml : str, optional
        From its companion file, instead of its own.

    Returns
    -------
    Source
        The array; its axes where the metadata name them. The file stays open
        for as long as an array lives that could not be mapped.

    Raises
    ------
    ImageError
        If the file is damaged, cut short, has no such series, lacks planes, or is
        compressed in a way that needs a package that is not installed.
    """
    with collect_complaints() as complaints, ExitStack() as stack:
        try:
            smallest = check_tables(path)
            tif = stack.enter_context(tifffile.TiffFile(path, omexml=ome_xml))
            described = None if ome_xml else whole_set(tif, path, allow_missing)
            if described is not None:
                first, text = described
                key = image_number(text, path) if key is None else key
                return open_tiff(first, key, allow_missing=allow_missing, ome_xml=text)
            check_planes(tif, path, smallest)
            series = _choose_series(tif, key, path)
            check_missing(series, complaints, path, allowed=allow_missing)
            for level in series.levels:
                check_complete(level, path, allowed=allow_missing)
                _check_codec(level.keyframe, path)
                bound_pictures(level)
            cache = ChunkCache(_KEPT_BYTES)
            numbers = range(len(series.levels))
            arrays = [_open_level(series, n, path, cache) for n in numbers]
            letters = _letters(series, arrays[0].shape)
            number = tif.series.index(series)
            space = tiff_space(tif, number, letters)
            note = note_of_tiff(tif, number)
            stores = [array for array in arrays if isinstance(array, zarr.Array)]
            if stores:
                _after_all(stores, stack.pop_all().close)
        except (ImageError, HqsamWarning):
            raise
        except Exception as error:  # tifffile lets errors of any kind through
            raise ImageError(
                f"{path} cannot be read as TIFF ({reason(error)}); it may be damaged"
            ) from error
    if complaints:
        _warn(f"{path.name}: {complaints[0]}; check its planes and axes")
    return replace(_describe(arrays, series, path, space), note=note)


def _choose_series(
    tif: tifffile.TiffFile, key: str | None, path: Path
) -> tifffile.TiffPageSeries:
    """Return the series numbered ``key``."""
    count = len(tif.series)
    if count == 0:
        raise ImageError(f"{path} holds no image; it may be damaged")
    number = 0 if key is None else int(key) if key.isdecimal() else -1
    if not 0 <= number < count:
        raise ImageError(
            f"{path} has no series {key!r}; pass a number from 0 to {count - 1} as key",
            parameter="key",
        )
    if key is None:
        _tell_others(tif.series, path)
    return tif.series[number]


def _tell_others(every: Sequence[tifffile.TiffPageSeries], path: Path) -> None:
    """Warn of images beside the first, unless they are small, as thumbnails are."""
    height, width = _plane_size(every[0])
    others = {
        number: _plane_size(series)
        for number, series in enumerate(every)
        if number and not (series.keyframe.is_reduced or series.name in _EXTRAS)
    }
    own = height * width
    large = {
        n: size for n, size in others.items() if math.prod(size) * _THUMBNAIL > own
    }
    if not large:
        return
    number, size = max(large.items(), key=lambda item: math.prod(item[1]))
    other = f"; {number} has {size[0]} x {size[1]}" if math.prod(size) > own else ""
    warnings.warn(
        HqsamWarning(
            f"{path.name} holds {len(large) + 1} images, of which 0 ({height} x "
            f"{width} pixels) is read{other}: pass key for another",
            parameter="key",
        ),
        stacklevel=6,
    )


def _plane_size(series: tifffile.TiffPageSeries) -> tuple[int, int]:
    page = series.keyframe
    return int(page.imagelength), int(page.imagewidth)


def _check_codec(page: tifffile.TiffPage, path: Path) -> None:
    """Raise on opening, not at the first click, if the codec is not available."""
    if page.compression == 1 or page.compression in tifffile.TIFF.DECOMPRESSORS:
        return
    name = getattr(page.compression, "name", page.compression)
    raise ImageError(
        f"{path} is compressed with {name}, which needs another package; "
        "pip install imagecodecs, or save it uncompressed"
    )


def _open_level(
    series: tifffile.TiffPageSeries, number: int, path: Path, cache: ChunkCache
) -> LazyArray:
    """Memory-map a level that is stored contiguously; else decode it on demand."""
    level = series.levels[number]
    page = level.keyframe
    if level.dataoffset is None or series.transform or not page.is_memmappable:
        return _open_store(series, number, cache)
    if not lies_in_file(level):
        return padded(level, path)
    return np.memmap(
        path,
        dtype=np.dtype(page.parent.byteorder + level.dtype.char),
        mode="r",
        offset=level.dataoffset,
        shape=level.shape,
    )


def _open_store(
    series: tifffile.TiffPageSeries, number: int, cache: ChunkCache
) -> LazyArray:
    """Return an array whose chunks tifffile decodes on demand."""
    level = series.levels[number]
    page = level.keyframe
    whole_pages = _is_decoded_whole(page)
    chunk = math.prod(page.shape if whole_pages else page.chunks)
    size = chunk * level.dtype.itemsize
    check_decoded(size, f"a piece of {page.parent.filehandle.name}")
    if 1 in (*level.shape[-2:], page.imagelength, page.imagewidth):
        # Of planes one pixel high or wide tifffile's store loses track, for they
        # may share a page or a tile; they are small enough to read whole.
        check_fits(
            math.prod(level.shape) * level.dtype.itemsize,
            f"the planes of {page.parent.filehandle.name}, of shape {level.shape},",
            "save it as OME-Zarr",
        )
        whole: LazyArray = series.asarray(level=number)
        return whole
    decoder = series.aszarr(level=number, chunkmode="page" if whole_pages else None)
    store = CachingStore(decoder, cache, number, size)
    return zarr.open_array(store, mode="r")


def _is_decoded_whole(page: tifffile.TiffPage) -> bool:
    """Whether a page is better decoded as one piece than by its strips."""
    if page.is_tiled:
        return False
    strips = len(page.dataoffsets)
    if strips == 1 or page.nbytes <= _WHOLE_PAGE_BYTES:
        return True
    small = page.nbytes < strips * _SMALL_STRIP_BYTES
    return small and page.nbytes <= _WHOLE_PAGE_BYTES_OF_SMALL_STRIPS


def _after_all(arrays: Sequence[LazyArray], close: Callable[[], None]) -> None:
    """Close the file when the last of the arrays that read through it is gone."""
    alive = set(range(len(arrays)))

    def forget(number: int) -> None:
        alive.discard(number)
        if not alive:
            close()

    for number, array in enumerate(arrays):
        weakref.finalize(array, forget, number)


def _describe(
    arrays: list[LazyArray],
    series: tifffile.TiffPageSeries,
    path: Path,
    space: Space,
) -> Source:
    """Add axes and colour from the tags to a source."""
    array, *coarser = arrays
    page = series.keyframe
    letters = _named(series.axes, array.shape)
    samples = dict(zip(letters, array.shape, strict=False)).get("S", 1)
    photometric = getattr(page.photometric, "name", "")
    warn_of_meaning(page, path.name)
    warn_if_turned(path.name, page.tags.valueof("Orientation", 1))
    return Source(
        array,
        path.name,
        axes=axes_from_names(letters or None),
        is_rgb=samples in COLOUR_SAMPLES and photometric in _COLOUR_PHOTOMETRICS,
        has_alpha=samples > 1 and _ends_in_alpha(page),
        reduced=tuple(map(Reduced, coarser)),
        space=space,
        file_axes=_all_axes(series),
        assumed=_assumed(series, letters),
    )


def _assumed(series: tifffile.TiffPageSeries, letters: str) -> str:
    """Describe what was assumed about axes that the file does not name."""
    if letters.startswith("S") and series.keyframe.photometric == _RGB:
        size = series.shape[0]  # what tifffile makes of 3 or 4 planes without names
        return f"it is read as one colour picture; to read {size} slices: --axes zyx"
    if letters and letters != series.axes:
        return f"its axes have no names and are taken as {letters.lower()}"
    return ""


def _all_axes(series: tifffile.TiffPageSeries) -> str:
    """Return the axis letters of a series, length 1 included; "" if unclear."""
    letters, shape = series.get_axes(squeeze=False), series.get_shape(squeeze=False)
    # Planes of several channels and pixels of several samples are one axis here.
    sizes = zip(letters, shape, strict=False)
    kept = [a for a, n in sizes if not (a == "S" and n == 1 and "C" in letters)]
    return axes_from_names(kept) or ""


def _letters(series: tifffile.TiffPageSeries, shape: tuple[int, ...]) -> str:
    """Return a letter for each dimension; any unused one where there is no name."""
    named = _named(series.axes, shape)
    axes = axes_from_names(named or None)
    if axes is not None:
        return axes
    free = iter("abdefghijklmnopqruvw")
    known = [a.lower() if a in "XY" else next(free) for a in named or "Q" * len(shape)]
    return "".join(known)


def _named(letters: Any, shape: tuple[int, ...]) -> str:  # noqa: ANN401
    """Return tifffile's axes, the one that it could not name as ``Z``; "" if none fit.

    They may be of any type, as are the metadata.
    """
    if not isinstance(letters, str) or len(letters) != len(shape):
        return ""
    unnamed = [letter for letter in letters if letter in "IQ"]
    if len(unnamed) == 1 and "Z" not in letters:
        return letters.replace(unnamed[0], "Z")
    return letters


def _ends_in_alpha(page: tifffile.TiffPage) -> bool:
    """Whether the last sample of a pixel is opacity."""
    return bool(page.extrasamples) and page.extrasamples[-1] in _ALPHA_SAMPLES


def _warn(text: str) -> None:
    """Warn the caller of ``open_image``."""
    warnings.warn(text, HqsamWarning, stacklevel=6)
