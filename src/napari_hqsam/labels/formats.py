"""The formats of label files, in one table: suffixes, and what they can hold.

A new format is a line here, and what writes it (see `writing`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_hqsam.errors import ImageError, OutputError
from napari_hqsam.geometry.axes import label_axes

if TYPE_CHECKING:
    import os


@dataclass(frozen=True)
class LabelFormat:
    """A format of label files.

    Attributes
    ----------
    name : str
    suffixes : tuple of str
        How names of its files end, in lower case; the longest that fits counts.
    axes : str or None
        Letters that it has, besides y and x; None: any.
    ordered : bool
        Whether its axes must come in the order of `axes`.
    is_folder : bool
        Whether it is a folder of chunks, not a file.
    """

    name: str
    suffixes: tuple[str, ...]
    axes: str | None = None
    ordered: bool = False
    is_folder: bool = False

    def check_axes(self, axes: str | None, ndim: int) -> str:
        """Return the axes of labels, in lower case, if the format can hold them.

        Parameters and errors as for `geometry.axes.label_axes`.
        """
        letters = label_axes(axes, ndim)
        if self.axes is None:
            return letters
        if not letters.endswith("yx"):
            raise ImageError(f'axes "{axes}" of labels must end in yx; transpose them')
        in_order = "".join(letter for letter in self.axes if letter in letters)
        if not set(letters) <= set(self.axes) or (self.ordered and letters != in_order):
            known = ", ".join(self.axes)
            order = (
                " in this order; rename or transpose" if self.ordered else "; rename"
            )
            raise ImageError(
                f'axes "{axes}" do not fit {self.name}, which has {known}{order} them, '
                "or write .tif"
            )
        return letters

    def stem(self, name: str) -> str:
        """Return the name of a file without the suffix."""
        suffix = next(s for s in self.suffixes if name.lower().endswith(s))
        return name[: -len(suffix)]


OME_ZARR = LabelFormat(
    "OME-Zarr", (".ome.zarr", ".zarr"), "tczyx", ordered=True, is_folder=True
)
OME_TIFF = LabelFormat("OME-TIFF", (".ome.tif", ".ome.tiff"), "tczyx")
TIFF = LabelFormat("TIFF", (".tif", ".tiff"))
FORMATS = (OME_ZARR, OME_TIFF, TIFF)


def format_of(path: str | os.PathLike[str]) -> LabelFormat:
    """Tell the format of a label file by its name.

    Raises
    ------
    OutputError
        The suffix is unknown.
    """
    target = Path(path)
    name = target.name.lower()
    for each in FORMATS:
        if name.endswith(each.suffixes):
            return each
    raise OutputError(
        f"{target}: cannot tell the format from {target.suffix or 'no suffix'!r}; "
        "use .tif, .ome.tif or .ome.zarr"
    )
