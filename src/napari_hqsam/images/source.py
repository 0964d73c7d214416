"""The common result of all format readers: lazily read arrays with their metadata.

Nothing above the format modules depends on the file format.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_hqsam.geometry import Space


class LazyArray(Protocol):
    """Interface of arrays: numpy, zarr, dask and many others have it."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each dimension."""

    @property
    def dtype(self) -> Any:  # noqa: ANN401 - each library has its own dtypes
        """Data type, in a form that ``numpy.dtype`` understands."""

    def __getitem__(self, key: Any) -> Any:  # noqa: ANN401
        """Index with ints and slices; the data may be loaded only here."""


class Reduced(NamedTuple):
    """A copy of an image at lower resolution that lies beside it.

    Attributes
    ----------
    array : LazyArray
        Its pixels; the dimensions are those of the image.
    factors : tuple of float or None
        Its pixel size over that of the image for each dimension, as the file
        declares them, all positive; None where the file does not say.
    """

    array: LazyArray
    factors: tuple[float, ...] | None = None


@dataclass(frozen=True, eq=False)
class Source:
    """An array and what its file says about it.

    Attributes
    ----------
    array : LazyArray
        The pixels at full resolution, read on indexing.
    name : str
        Name of the file, or "array".
    axes : str or None
        Axes letters (see `geometry.axes`); None where the file does not say.
    is_rgb : bool or None
        Whether the channels are colour samples; None where the file does not
        say and the layout must decide.
    has_alpha : bool
        Whether the last channel is opacity rather than colour.
    reduced : tuple of Reduced
        Copies at lower resolution, of any factor; see ``images.pyramid``.
    space : Space or None
        Where the pixels are, as far as the file tells it, under the letters `axes`.
        Where these are None, its letters stand for the dimensions in their order.
    note : mapping or None
        What this package has noted beside, see `space_note`.
    file_axes : str
        Letters of the axes in the file: those of the array, and others of length 1.
    assumed : str
        What was taken for granted of the axes, where the file does not say for sure.
    is_labels : bool
        Whether the file says that it holds labels, most of which are background.
    """

    array: LazyArray
    name: str
    axes: str | None = None
    is_rgb: bool | None = None
    has_alpha: bool = False
    reduced: tuple[Reduced, ...] = ()
    space: Space | None = None
    note: Mapping[str, Any] | None = None
    file_axes: str = ""
    assumed: str = ""
    is_labels: bool = False
