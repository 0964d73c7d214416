"""The formats of label files, in one table: suffixes, what they hold, who writes them.

A new format is a module with its writer (see `label_image.Writer`) and a line here.
Reading goes by the content of a file, see `images.formats`.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_hqsam.errors import HqsamWarning, ImageError, OutputError
from napari_hqsam.geometry.axes import label_axes
from napari_hqsam.labels.formats.in_image import image_of
from napari_hqsam.labels.formats.losses import losses
from napari_hqsam.labels.formats.ome_tiff import OmeTiffWriter
from napari_hqsam.labels.formats.ome_zarr import OmeZarrWriter
from napari_hqsam.labels.formats.tiff import tiff_writer

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from napari_hqsam.labels.formats.label_image import LabelImage, Writer


@dataclass(frozen=True)
class LabelFormat:
    """A format of label files.

    Attributes
    ----------
    name : str
    suffixes : tuple of str
        How names of its files end, in lower case; the longest that fits counts.
    writer : callable
        Makes what writes labels, from a `LabelImage`.
    axes : str or None
        Letters that it has; None: any.
    is_folder : bool
        Whether it is a folder of chunks, not a file.
    use : str
        When to choose it, for users.
    """

    name: str
    suffixes: tuple[str, ...]
    writer: Callable[[LabelImage], Writer]
    axes: str | None = None
    is_folder: bool = False
    use: str = ""

    def check_axes(self, axes: str | None, ndim: int) -> str:
        """Return the axes of labels, in lower case, if the format can hold them.

        Their order does not matter: they are transposed to that of the format.
        Parameters and errors as for `geometry.axes.label_axes`.
        """
        letters = label_axes(axes, ndim)
        if self.axes is not None and not set(letters) <= set(self.axes):
            raise ImageError(
                f'axes "{axes}" do not fit {self.name}, which has '
                f"{', '.join(self.axes)}; rename them, or write .tif"
            )
        return letters

    def stem(self, name: str) -> str:
        """Return the name of a file without the suffix, if it has one."""
        fitting = (s for s in self.suffixes if name.lower().endswith(s))
        return name[: len(name) - len(next(fitting, ""))]


OME_ZARR = LabelFormat(
    "OME-Zarr",
    (".ome.zarr", ".zarr"),
    OmeZarrWriter,
    "tczyx",
    is_folder=True,
    use="For images of any size",
)
OME_TIFF = LabelFormat("OME-TIFF", (".ome.tif", ".ome.tiff"), OmeTiffWriter, "tczyx")
TIFF = LabelFormat("TIFF", (".tif", ".tiff"), tiff_writer)
FORMATS = (
    OME_ZARR,
    OME_TIFF,
    TIFF,
)


def label_suffixes() -> tuple[str, ...]:
    """Return how names of label files may end, those of one format together."""
    return tuple(suffix for each in FORMATS for suffix in each.suffixes)


def format_of(path: str | os.PathLike[str]) -> LabelFormat:
    """Find the format of a label file by its suffix, and by its folder.

    Raises
    ------
    OutputError
        The suffix is unknown, and the file would not be among the labels of an
        OME-Zarr image, which need none.
    """
    target = Path(path)
    name = target.name.lower()
    for each in FORMATS:
        if name.endswith(each.suffixes):
            return each
    if not target.suffix and image_of(target) is not None:
        return OME_ZARR
    raise OutputError(
        f"{target}: cannot tell the format from {target.suffix or 'no suffix'!r}; "
        f"use {', '.join(label_suffixes())}"
    )


def keeps_order(path: str | os.PathLike[str], axes: str) -> bool:
    """Whether chunks are stored as they are written: not transposed, one level.

    Such labels may be written elsewhere, and moved to the path when complete.
    """
    kind = format_of(path)
    if not kind.is_folder or image_of(Path(path)) is not None:
        return False
    return "".join(a for a in kind.axes or axes if a in axes) == axes


def warn_of_losses(kind: LabelFormat, image: LabelImage, writer: Writer) -> None:
    """Warn once of all that a format cannot hold of labels.

    Warns
    -----
    HqsamWarning
        If there is anything.
    """
    lost = losses(image.space, writer.stored_space, image.shape) + writer.losses
    notes = [writer.remark] if writer.remark else []
    if lost:
        notes.insert(0, f"{kind.name} has no place for {', '.join(lost)}")
    if notes:
        warnings.warn(
            f"{image.target.name}: {'; '.join(notes)}", HqsamWarning, stacklevel=4
        )
