"""Check the size of compressed pictures in a TIFF before they are decoded.

tifffile decodes a picture of any size, and compares it with the tile only afterwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_hqsam.errors import ImageError
from napari_hqsam.images.formats.picture_headers import (
    PictureSize,
    UnknownPictureError,
    picture_size,
)
from napari_hqsam.images.memory import check_decoded

if TYPE_CHECKING:
    import tifffile

_MOST_SAMPLES = 4
"""Of a pixel, where the TIFF says less: colours and opacity."""
_WIDE = (22610, 33003, 33004, 33005, 34712, 34934, 50002, 52546)
_WIDE_BYTES = 4
"""Of a sample, while pictures of those formats are decoded, whatever they hold."""


def bound_pictures(series: tifffile.TiffPageSeries) -> None:
    """Check the pictures in all pages of a level before they are decoded."""
    if picture_format(series.keyframe):
        keyframes = [page.keyframe for page in series.pages if page is not None]
        for page in {id(page): page for page in keyframes}.values():
            if page is not None:
                _bound(page)


def picture_format(page: tifffile.TiffPage) -> bool:
    """Whether the strips or tiles of a page are pictures with a size of their own."""
    try:
        return picture_size(int(page.compression), b"") is not None
    except UnknownPictureError:
        return True


def _bound(page: tifffile.TiffPage) -> None:
    """Wrap `page.decode`, which tifffile calls for each picture, in a size check."""
    decode = page.decode
    compression = int(page.compression)
    name = getattr(page.compression, "name", compression)
    file = page.parent.filehandle.name
    length = page.tilelength if page.is_tiled else page.rowsperstrip
    width = page.tilewidth if page.is_tiled else page.imagewidth
    most = PictureSize(length, width, max(page.samplesperpixel, _MOST_SAMPLES))
    if compression in _WIDE:
        size = length * width * page.samplesperpixel * _WIDE_BYTES
        check_decoded(size, f"a piece of {file}")

    def bounded(data: bytes | None, index: int, /, **more: Any) -> Any:  # noqa: ANN401
        if data is not None:
            header = more.get("jpegheader") or b""
            try:
                found = picture_size(compression, header + data)
            except UnknownPictureError as error:
                raise ImageError(
                    f"{file} is damaged: one of its {name} pieces cannot be read "
                    f"({error})"
                ) from None
            if found and any(a > b for a, b in zip(found, most, strict=True)):
                raise ImageError(
                    f"{file} is damaged: one of its {name} pieces has {found.height} x "
                    f"{found.width} pixels with {found.samples} samples, where there "
                    f"is room for {length} x {width} with {page.samplesperpixel}"
                )
        return decode(data, index, **more)

    page.decode = bounded
