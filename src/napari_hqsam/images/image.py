"""An image as planes: leading axes by index, channels by mapping, levels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.errors import HqsamWarning, ImageError, reason
from napari_hqsam.geometry.planes import as_ints, check_position, resolve_plane

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_hqsam.geometry import PlaneIndex, Space
    from napari_hqsam.images.source import LazyArray


@dataclass(frozen=True, eq=False)
class Image:
    """A lazily read image of any number of planes. Made by `opening.open_image`.

    Attributes
    ----------
    array : LazyArray
        The source as it is; never written to.
    name : str
        Name of the file, or "array".
    space : Space
        Axes of the source, and where its pixels are, as far as it or the caller tells.
    channels : tuple of int
        Channel mapping: which channels become the network's R, G and B.
    is_rgb : bool
        Whether the channels are the samples of a colour picture.
    pyramid : mapping of int to LazyArray
        The image at lower resolution, as its file has it: a pixel at level k
        covers 2^k pixels of `array` along y and along x, and no other axis
        differs. Empty for most images; `scaled.read_rgb8` needs none.
    file_axes : str
        Letters of the axes in the file: those of `array`, and others of length 1. Empty
        where they are the same.
    assumed : str
        What was assumed about the axes, and how to correct it, in one line;
        empty where file or caller name them.
    """

    array: LazyArray
    name: str
    space: Space
    channels: tuple[int, int, int]
    is_rgb: bool
    pyramid: Mapping[int, LazyArray] = field(default_factory=dict)
    file_axes: str = ""
    assumed: str = ""

    @property
    def axes(self) -> str:
        """One letter per dimension of the source; see `geometry.axes`."""
        return self.space.axes

    @property
    def scale(self) -> dict[str, float]:
        """Size of a pixel by axis letter, where it is known; positive."""
        return self.space.sizes

    @property
    def units(self) -> dict[str, str]:
        """Unit of `scale` by axis letter, by its OME-Zarr name: "micrometer"."""
        units = zip(self.axes, self.space.units, strict=True)
        return {letter: unit for letter, unit in units if unit is not None}

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the source, one number per letter of `axes`."""
        return tuple(int(size) for size in self.array.shape)

    @property
    def dtype(self) -> np.dtype:
        """Data type of the planes: that of the source in native byte order."""
        dtype: np.dtype = np.dtype(self.array.dtype).newbyteorder("=")
        return dtype

    @property
    def plane_shape(self) -> tuple[int, int]:
        """Height and width of a plane in pixels."""
        return self.level_shape(0)

    @property
    def levels(self) -> tuple[int, ...]:
        """Levels at which there are pixels to read: 0, then those of `pyramid`."""
        return 0, *sorted(self.pyramid)

    def level_shape(self, level: int) -> tuple[int, int]:
        """Return the height and width of a plane at one of `levels`, in its own pixels.

        That is the height and width at level 0 by 2^level, rounded down or up.
        """
        height, width = self._planar(self._at(level).shape)
        return int(height), int(width)

    def chunk_shape(self, level: int) -> tuple[int, int]:
        """Return the height and width of a chunk of a plane.

        (1, 1) where the array at this level does not tell its chunks.
        """
        chunks = getattr(self._at(level), "chunks", None)
        if not isinstance(chunks, tuple):
            return 1, 1
        # dask lists the length of every chunk along an axis.
        height, width = (np.max(sizes) for sizes in self._planar(chunks))
        return int(height), int(width)

    @property
    def leading_axes(self) -> str:
        """Letters of the axes that a plane index covers; those of length 1 not."""
        sizes = self._sizes
        return "".join(a for a in self.axes if a not in "yxc" and sizes[a] > 1)

    @property
    def leading_shape(self) -> tuple[int, ...]:
        """Length of each leading axis."""
        return tuple(self._sizes[letter] for letter in self.leading_axes)

    @property
    def n_channels(self) -> int:
        """Number of channels of the source, alpha included; 1 if grey."""
        return self._sizes.get("c", 1)

    @property
    def shown_channels(self) -> tuple[int, ...]:
        """The distinct channels of the mapping, in order of appearance."""
        return tuple(dict.fromkeys(self.channels))

    def read_plane(
        self,
        index: PlaneIndex = (),
        region: tuple[int, int, int, int] | None = None,
        level: int = 0,
    ) -> np.ndarray:
        """Read a plane, or a region of it, and nothing else.

        Parameters
        ----------
        index : mapping of str to int, sequence of int, or int
            Position along each of the leading axes, such as ``{"z": 12}``; () for a
            single plane. Where there is exactly one, its number alone will do.
        region : tuple of int, optional
            ``(y0, x0, y1, x1)``, half-open and inside the plane, in pixels of
            the level; the whole plane by default.
        level : int
            One of `levels`.

        Returns
        -------
        numpy.ndarray
            Pixels ``(h, w, k)`` in the source's data type (native byte order):
            one channel for each of `shown_channels`. Read-only, since it may
            be a view of the source.

        Raises
        ------
        ImageError
            If the index or the region is missing, malformed or out of range,
            or the file cannot be read there.
        """
        return self.read_at(self.position(index), region, level)

    def read_at(
        self,
        position: Sequence[int] | int,
        region: tuple[int, int, int, int] | None = None,
        level: int = 0,
    ) -> np.ndarray:
        """Read from the plane at a position along each leading axis, in their order.

        Parameters, what is returned and errors as for `read_plane`.
        """
        chosen: dict[str, int | slice] = {
            **self.index_at(self.check_position(position))
        }
        y0, x0, y1, x1 = self._check_region(region, level)
        spans: dict[str, int | slice] = {"y": slice(y0, y1), "x": slice(x0, x1)}
        if self.axes[-1] == "c":
            # Interleaved samples lie in the same chunks: read once, then choose.
            block = self._read(level, chosen | spans | {"c": slice(None)}, "yxc")
            if self.shown_channels != tuple(range(self.n_channels)):
                block = block[..., list(self.shown_channels)]
        else:
            bands = [
                self._read(level, chosen | spans | {"c": channel}, "yx")
                for channel in self.shown_channels
            ]
            block = bands[0][..., None] if len(bands) == 1 else np.stack(bands, -1)
        block = block.view()
        block.flags.writeable = False
        return block

    def position(self, index: PlaneIndex) -> tuple[int, ...]:
        """Return where a plane is along each of the leading axes; nothing is read.

        Parameters
        ----------
        index : mapping of str to int, sequence of int, or int
            See `geometry.PlaneIndex`.

        Raises
        ------
        ImageError
            If it is malformed or out of range.
        """
        others = "".join(a for a in self.file_axes or self.axes if a not in "yx")
        axes, shape = self.leading_axes, self.leading_shape
        return resolve_plane(index, axes, shape, self.name, others)

    def check_position(self, position: Sequence[int] | int) -> tuple[int, ...]:
        """Return a position along each leading axis, in their order, if it is there.

        Raises
        ------
        ImageError
            If it is malformed or out of range.
        """
        axes, shape = self.leading_axes, self.leading_shape
        return check_position(position, axes, shape, self.name)

    def index_at(self, position: Sequence[int]) -> dict[str, int]:
        """Name a position along the leading axes by axis letters."""
        return dict(zip(self.leading_axes, position, strict=True))

    @property
    def _sizes(self) -> dict[str, int]:
        return dict(zip(self.axes, self.shape, strict=True))

    def _at(self, level: int) -> LazyArray:
        return self.pyramid[level] if level else self.array

    def _planar(self, values: Sequence[Any]) -> tuple[Any, Any]:
        """Select the values along y and x from one value per dimension."""
        return values[self.axes.index("y")], values[self.axes.index("x")]

    def _read(
        self, level: int, chosen: dict[str, int | slice], order: str
    ) -> np.ndarray:
        """Index an array; return its remaining axes in the given order."""
        key = tuple(chosen.get(letter, 0) for letter in self.axes)
        try:
            block = np.asarray(self._at(level)[key])
        except (MemoryError, HqsamWarning):  # a warning, where these are errors
            raise
        except Exception as error:  # each format and codec has its own errors
            raise ImageError(
                f"{self.name}: the pixels at {_text(key)}"
                f"{f' of level {level}' if level else ''} cannot be read "
                f"({reason(error)}); the file may be damaged: copy it again"
            ) from error
        left = [letter for letter in self.axes if letter in order]
        block = block.transpose([left.index(letter) for letter in order])
        return block.astype(self.dtype, copy=False)

    def _check_region(
        self, region: tuple[int, int, int, int] | None, level: int
    ) -> tuple[int, int, int, int]:
        """Return the region, or the whole plane."""
        if level not in self.levels:
            raise ImageError(
                f"{self.name} has no pixels at level {level!r}; choose from "
                f"{self.levels}"
            )
        height, width = self.level_shape(level)
        if region is None:
            return 0, 0, height, width
        complaint = (
            f"region {region!r} must be ints (y0, x0, y1, x1) inside the plane of "
            f"shape {(height, width)}, and not empty"
        )
        numbers = as_ints(region, complaint)
        if len(numbers) != 4:
            raise ImageError(complaint)
        y0, x0, y1, x1 = numbers
        if not (0 <= y0 < y1 <= height and 0 <= x0 < x1 <= width):
            raise ImageError(complaint)
        return y0, x0, y1, x1


def _text(key: tuple[int | slice, ...]) -> str:
    """Write an index as in source code."""
    parts = (
        f"{part.start or 0}:{'' if part.stop is None else part.stop}"
        if isinstance(part, slice)
        else str(part)
        for part in key
    )
    return f"[{', '.join(parts)}]"
