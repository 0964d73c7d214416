"""Check that the page tables of a TIFF can be read in bounded time and memory.

A TIFF is a chain of tables (IFDs), each with the offset of the next, and some with
those of further tables (SubIFDs). A few bytes of them may lead in a circle, or name
the same values thousands of times. tifffile follows them without limit, so they
are traversed here first: once, reading nothing but the tables.

Knows nothing of what the tags mean; see `planes` for the metadata in them.
"""

from __future__ import annotations

import math
import os
import struct
from typing import TYPE_CHECKING

from tifffile import TIFF

from napari_hqsam.errors import ImageError

if TYPE_CHECKING:
    from io import FileIO
    from pathlib import Path
    from typing import Any, Literal

_MOST_TAGS = 4096
"""Of a table; tifffile takes no more."""
_DEEPEST = 16
"""SubIFDs in SubIFDs; pyramids have one level of them."""
_SHARED_BYTES = 2**24
_TIMES = 4
"""Values of tags may add up to this multiple of the file size: pages may share them."""
_SIDES = (256, 257)
_SUB_IFDS = 330
_VERSIONS = {b"II*\0": ("<", 42), b"MM\0*": (">", 42)} | {
    b"II+\0": ("<", 43),
    b"MM\0+": (">", 43),
}


def check_tables(path: Path) -> int:
    """Raise ImageError if the page tables of a TIFF are cyclic or overlap.

    Reads each table once and no values but the offsets of SubIFDs. What tifffile
    itself refuses or reports (a truncated chain, invalid tags) is left to it.

    Parameters
    ----------
    path : pathlib.Path
        A TIFF or BigTIFF, or whatever is named like one.

    Returns
    -------
    int
        Pixels of its smallest page.

    Raises
    ------
    ImageError
        It is no TIFF; the chain of pages leads in a circle; tables overlap; or tags
        name the same bytes of the file again and again.
    OSError
        The file cannot be read.
    """
    with path.open("rb", buffering=0) as file:
        header = file.read(16)
        try:
            if len(header) < 16 or header[:4] not in _VERSIONS:
                raise _BadTables("it does not begin like one")
            return _Tables(file, header, path).check()
        except _BadTables as why:
            raise ImageError(
                f"{path} cannot be read as TIFF ({why}); it is damaged"
            ) from None


class _BadTables(Exception):
    """The tables are invalid in a way that no writer of TIFF produces."""


class _Tables:
    """Traverses the tables of an open TIFF, and counts the bytes that they take."""

    def __init__(self, file: FileIO, header: bytes, path: Path) -> None:
        self._file = file
        self._size = os.fstat(file.fileno()).st_size
        order, version = _VERSIONS[header[:4]]
        self._order: Literal["little", "big"] = "little" if order == "<" else "big"
        self._form = _form(order, version, path)
        self._tag = struct.Struct(f"{order}HH{'Q8s' if version == 43 else 'I4s'}")
        # Hamamatsu's slides add the high bits of the values after the table.
        self._high = 4 if self._form is TIFF.NDPI_LE else 0
        at = 8 if version == 43 else 4
        (self._first,) = struct.unpack_from(self._form.offsetformat, header, at)
        self._length = 256
        """Of the table read last: the next is as long, as a rule."""
        self._table_bytes = self._value_bytes = 0

    def check(self) -> int:
        """Follow the chain of pages, and their SubIFDs.

        Returns
        -------
        int
            Pixels of the smallest page, at least 1.
        """
        smallest = math.inf
        offset = marked = self._first
        steps, until = 0, 1
        while 0 < offset < self._size:
            found = self._read(offset)
            if found is None:
                break
            offset, inner, pixels = found
            if pixels:
                smallest = min(smallest, pixels)
            if inner:
                self._check_inner(inner)
            # Brent's algorithm: a circle comes back to a mark, set ever more rarely.
            if offset == marked:
                raise _BadTables("its pages lead in a circle")
            steps += 1
            if steps == until:
                marked, steps, until = offset, 0, 2 * until
        return int(smallest) if smallest < math.inf else 1

    def _check_inner(self, offsets: tuple[int, ...]) -> None:
        """Traverse the SubIFDs; raise if they are nested too deep, as in a circle."""
        waiting = [(offset, 1) for offset in offsets]
        while waiting:
            offset, depth = waiting.pop()
            if depth > _DEEPEST:
                raise _BadTables("its SubIFDs lead in a circle")
            found = self._read(offset) if 0 < offset < self._size else None
            if found is not None:
                waiting += ((inner, depth + 1) for inner in found[1])

    def _read(self, offset: int) -> tuple[int, tuple[int, ...], int] | None:
        """Read a table: offset of the next, offsets of those within it, its pixels.

        None where the chain is truncated.
        """
        form = self._form
        self._file.seek(offset)
        data = self._file.read(self._length)
        if len(data) < form.tagnosize:
            return None
        (number,) = struct.unpack_from(form.tagnoformat, data)
        if number > _MOST_TAGS:
            return None
        end = form.tagnosize + number * form.tagsize
        self._length = end + form.offsetsize + self._high * number
        if len(data) < self._length:
            data += self._file.read(self._length - len(data))
        self._table_bytes += self._length
        if self._table_bytes > self._size:
            raise _BadTables("the tables of its pages overlap")
        if len(data) < end + form.offsetsize:
            return None
        inner, pixels = self._values(data[form.tagnosize : end])
        (following,) = struct.unpack_from(form.offsetformat, data, end)
        return following, inner, pixels

    def _values(self, tags: bytes) -> tuple[tuple[int, ...], int]:
        """Add up the values that tifffile reads at once.

        Returns
        -------
        tuple of int
            Offsets of SubIFDs.
        int
            Width times height.
        """
        inner: tuple[int, ...] = ()
        pixels = 1
        for code, kind, count, value in self._tag.iter_unpack(tags):
            if code in _SIDES and kind in _BYTES:
                pixels *= int.from_bytes(value[: _BYTES[kind]], self._order)
            if code not in TIFF.TAG_LOAD or kind not in _BYTES:
                continue
            size = count * _BYTES[kind]
            if size > self._size:  # tifffile passes over it
                continue
            if size > self._form.tagoffsetthreshold:
                self._value_bytes += size
                if self._value_bytes > _SHARED_BYTES + _TIMES * self._size:
                    raise _BadTables("its tags name the same bytes again and again")
            if code == _SUB_IFDS and count:
                inner += self._offsets(kind, count, value)
        return inner, pixels

    def _offsets(self, kind: int, count: int, value: bytes) -> tuple[int, ...]:
        """Return the offsets that a tag holds or points to."""
        if kind not in _LETTERS:
            return ()
        layout = struct.Struct(f"{self._form.byteorder}{count}{_LETTERS[kind]}")
        if layout.size > len(value):
            (at,) = struct.unpack(
                f"{self._form.byteorder}{_POINTER[len(value)]}", value
            )
            self._file.seek(at)
            value = self._file.read(layout.size)
        return layout.unpack_from(value) if len(value) >= layout.size else ()


_BYTES = {int(kind): struct.calcsize(form) for kind, form in TIFF.DATA_FORMATS.items()}
"""Size of a value by the type of a tag."""
_LETTERS = {3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
"""How numbers and offsets are stored, by the type of a tag."""
_POINTER = {4: "I", 8: "Q"}
"""How a tag stores where its values are, by the length of that."""


def _form(order: str, version: int, path: Path) -> Any:  # noqa: ANN401
    """Return tifffile's description of the layout."""
    if version == 43:
        return TIFF.BIG_LE if order == "<" else TIFF.BIG_BE
    if order == ">":
        return TIFF.CLASSIC_BE
    return TIFF.NDPI_LE if path.suffix.lower() == ".ndpi" else TIFF.CLASSIC_LE
