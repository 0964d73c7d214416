"""Size of a compressed picture (JPEG, JPEG 2000, JPEG XL, ...), by its header alone.

The strips and tiles of a TIFF may be such pictures. Each has a size of its own, which
a decoder makes room for before anybody compares it with that of the tile: 400 bytes of
JPEG 2000 may say 60,000 x 60,000 pixels.

Knows the bytes of the formats, and nothing of TIFF.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_NO_SOF = (0xC4, 0xC8, 0xCC)  # DHT, JPG, DAC: within the range of the SOF markers
_JPEG_LS_SOF = 0xF7
_JXL_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))


class PictureSize(NamedTuple):
    """Size of a picture when decoded: rows, columns, samples per pixel."""

    height: int
    width: int
    samples: int


class UnknownPictureError(ValueError):
    """The header cannot be read, or declares more than one picture."""


def picture_size(compression: int, data: bytes) -> PictureSize | None:
    """Read the size of a picture.

    Parameters
    ----------
    compression : int
        What TIFF calls its format.
    data : bytes
        The picture, at least its header.

    Returns
    -------
    PictureSize or None
        None: the format has no size of its own. A JPEG's may be 0 x 0, which stands
        for that of the tile.

    Raises
    ------
    UnknownPictureError
        It is not of that format, is cut short, or is an animation.
    """
    read = _READERS.get(compression)
    try:
        return None if read is None else read(data)
    except (struct.error, IndexError, ValueError, OverflowError) as error:
        raise UnknownPictureError(str(error)) from error


def _jpeg(data: bytes) -> PictureSize:
    """Read a JPEG's frame header (SOF; ITU T.81, annex B)."""
    _begins(data, b"\xff\xd8")
    at = 2
    while True:
        while data[at : at + 2] == b"\xff\xff":  # filling
            at += 1
        mark, code, length = struct.unpack_from(">BBH", data, at)
        # Those from RST0 to EOI have no length: decoders go on right behind them.
        if mark != 0xFF or code < 0xC0 or 0xD0 <= code <= 0xD9 or length < 2:
            raise ValueError("it is no sequence of JPEG segments")
        is_sof = 0xC0 <= code <= 0xCF and code not in _NO_SOF
        if is_sof or code == _JPEG_LS_SOF:
            return PictureSize(*struct.unpack_from(">HHB", data, at + 5))
        at += 2 + length


def _jpeg_2000(data: bytes) -> PictureSize:
    """Read the SIZ marker of JPEG 2000 (ISO 15444-1, annex A.5.1), in a JP2 or not."""
    if data.startswith(b"\0\0\0\x0cjP  "):
        start = _box(data, b"jp2c")
        if b"pclr" in data[:start]:
            raise ValueError("it has a palette")
        data = data[start:]
    _begins(data, b"\xff\x4f\xff\x51")
    right, bottom, left, top = struct.unpack_from(">4I", data, 8)
    (samples,) = struct.unpack_from(">H", data, 40)
    return PictureSize(bottom - top, right - left, samples)


def _jpeg_xl(data: bytes) -> PictureSize:
    """Read SizeHeader and ImageMetadata of JPEG XL (ISO 18181-1; 18181-2: boxes)."""
    if data.startswith(b"\0\0\0\x0cJXL "):
        start = _box(data, b"jxlc", b"jxlp")  # the latter: in parts
        data = data[start:]
    _begins(data, b"\xff\x0a")
    bits = _Bits(data[2:64])
    height, width = _jxl_size(bits)
    if bits.take(1):  # all as by default: RGB
        return PictureSize(height, width, 3)
    if bits.take(1):
        bits.take(3)  # orientation
        if any(bits.take(1) for _ in range(3)):
            raise ValueError("it has an intrinsic size, a preview or an animation")
    if bits.take(1):  # floating point
        bits.choose((0, 32), (0, 16), (0, 24), (6, 1))
        bits.take(4)
    else:
        bits.choose((0, 8), (0, 10), (0, 12), (6, 1))
    bits.take(1)
    return PictureSize(height, width, 3 + bits.choose((0, 0), (0, 1), (4, 2), (12, 1)))


def _jxl_size(bits: _Bits) -> tuple[int, int]:
    def side() -> int:
        if small:
            return 8 * (bits.take(5) + 1)
        return bits.choose((9, 1), (13, 1), (18, 1), (30, 1))

    small = bits.take(1)
    height = side()
    ratio = bits.take(3)
    if not ratio:
        return height, side()
    over, under = _JXL_RATIOS[ratio - 1]
    return height, height * over // under


class _Bits:
    """Bit reader: numbers of a few bits each, least significant first."""

    def __init__(self, data: bytes) -> None:
        self._left, self._count = int.from_bytes(data, "little"), 8 * len(data)

    def take(self, count: int) -> int:
        self._count -= count
        if self._count < 0:
            raise ValueError("it is cut short")
        value = self._left & ((1 << count) - 1)
        self._left >>= count
        return value

    def choose(self, *ways: tuple[int, int]) -> int:
        """Read a JPEG XL U32: a selector of 2 bits, then bits plus an offset."""
        count, plus = ways[self.take(2)]
        return self.take(count) + plus


def _box(data: bytes, *names: bytes) -> int:
    """Return where the content of the first box with one of these names begins.

    ISO 14496-12.
    """
    at = 0
    while True:
        size, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, at + 8)
            head = 16
        if kind in names:
            return at + head
        if size < head:
            raise ValueError("it is no sequence of boxes")
        at += size


def _webp(data: bytes) -> PictureSize:
    """Read the header of a WebP (RFC 9649)."""
    _begins(data, b"RIFF")
    _begins(data[8:], b"WEBP")
    match data[12:16]:
        case b"VP8X":
            if data[20] & 2:
                raise ValueError("it is an animation")
            width, height = (
                int.from_bytes(data[n : n + 3], "little") for n in (24, 27)
            )
            return PictureSize(height + 1, width + 1, 4)
        case b"VP8 ":
            width, height = struct.unpack_from("<HH", data, 26)
            return PictureSize(height & 0x3FFF, width & 0x3FFF, 3)
        case b"VP8L":
            (packed,) = struct.unpack_from("<I", data, 21)
            return PictureSize((packed >> 14 & 0x3FFF) + 1, (packed & 0x3FFF) + 1, 4)
    raise ValueError("it begins with none of the chunks of a picture")


def _png(data: bytes) -> PictureSize:
    """Read the IHDR chunk of a PNG, always the first (W3C PNG)."""
    _begins(data, b"\x89PNG\r\n\x1a\n")
    _begins(data[12:], b"IHDR")
    width, height = struct.unpack_from(">II", data, 16)
    return PictureSize(height, width, 4)


def _jpeg_xr(data: bytes) -> PictureSize:
    """Read the IMAGE_HEADER of JPEG XR (ITU T.832, 8.3; annex A: its tags)."""
    _begins(data, b"II\xbc")
    (table,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, table)
    entries = struct.iter_unpack("<HHII", data[table + 2 : table + 2 + 12 * count])
    tags = {tag: value for tag, _, _, value in entries}
    width, height, start = (tags.get(tag, 0) for tag in (0xBC80, 0xBC81, 0xBCC0))
    _begins(data[start:], b"WMPHOTO\0")
    form = ">HH" if data[start + 10] & 0x80 else ">II"
    columns, rows = struct.unpack_from(form, data, start + 12)
    return PictureSize(max(height, rows + 1), max(width, columns + 1), 4)


def _lerc(data: bytes) -> PictureSize:
    """Read the header of the single blob of a Lerc2."""
    _begins(data, b"Lerc2 ")
    (version,) = struct.unpack_from("<i", data, 6)
    at = 14 if version >= 3 else 10  # after a checksum
    height, width = struct.unpack_from("<II", data, at)
    samples = struct.unpack_from("<I", data, at + 8)[0] if version >= 4 else 1
    (blob,) = struct.unpack_from("<I", data, at + (20 if version >= 4 else 16))
    if blob < len(data):
        raise ValueError("it is more than one picture")
    return PictureSize(height, width, samples)


def _begins(data: bytes, start: bytes) -> None:
    if not data.startswith(start):
        raise ValueError("it does not begin like one")


_READERS: Mapping[int, Callable[[bytes], PictureSize]] = {
    **dict.fromkeys((6, 7, 33007, 34892), _jpeg),
    **dict.fromkeys((33003, 33004, 33005, 34712), _jpeg_2000),
    **dict.fromkeys((50002, 52546), _jpeg_xl),
    **dict.fromkeys((22610, 34934), _jpeg_xr),
    34887: _lerc,
    34933: _png,
    50001: _webp,
}
