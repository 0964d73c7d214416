"""Existing labels of an image, read plane by plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_hqsam.errors import ImageError, reason

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_hqsam.geometry import Space
    from napari_hqsam.images import Image


@dataclass(frozen=True, eq=False)
class OldLabels:
    """Labels in a file that fit an image.

    Attributes
    ----------
    path : Path
    array : array-like
        As in the file; dimensions of length 1 that the image lacks are there, too.
    dims : tuple of int
        Dimensions of the array that the image has: its leading axes, y and x.
    space : Space or None
        Where the file puts them, along `dims`; None where it does not tell.
    """

    path: Path
    array: Any
    dims: tuple[int, ...]
    space: Space | None

    @classmethod
    def open(cls, path: Path, image: Image, key: str | None = None) -> OldLabels:
        """Open labels, and check that they fit an image; no pixels are read.

        Parameters
        ----------
        path : Path
            As of `read_labels`.
        image : Image
        key : str, optional
            Which image of several in the file.

        Raises
        ------
        ImageError
            They cannot be read, or have another shape, other axes, or colours.
        """
        import numpy as np

        from napari_hqsam.images import open_source

        source = open_source(path, key=key, keep_indices=True)
        dtype = np.dtype(source.array.dtype)
        if source.is_rgb or dtype.kind not in "biuf":
            what = "a colour picture" if source.is_rgb else f"{dtype}"
            raise ImageError(
                f"{path} is {what}; labels must be integers, one id per pixel"
            )
        sizes = tuple(map(int, source.array.shape))
        dims = [n for n in range(len(sizes)) if sizes[n] > 1 or n >= len(sizes) - 2]
        wanted = (*image.leading_shape, *image.plane_shape)
        axes = f"{image.leading_axes}yx"
        if tuple(sizes[n] for n in dims) != wanted:
            raise ImageError(
                f"{path} has the shape {sizes}; labels of {image.name} must have "
                f"{axes} {wanted}"
            )
        if source.axes and len(source.axes) == len(sizes):
            own = "".join(source.axes[n] for n in dims)
            if sorted(own) == sorted(axes) and own != axes:
                raise ImageError(
                    f"{path} has the axes {own}, its image {axes}: save it with its "
                    "axes in the order of the image"
                )
        space = source.space
        if space is not None and len(space.axes) == len(sizes):
            letters = "".join(space.axes[n] for n in dims)
            space = space.select(letters).renamed(axes)
        else:
            space = None
        return cls(path, source.array, tuple(dims), space)

    def plane(self, index: tuple[int, ...]) -> NDArray[Any]:
        """Read the ids (h, w) of a plane.

        Raises
        ------
        ImageError
            They cannot be read, are not whole, negative, or too high for a file.
        """
        return self.read((*index, slice(None), slice(None)))

    def read(self, key: Sequence[int | slice]) -> NDArray[Any]:
        """Read the ids at an index of the image's leading axes, y and x.

        Raises
        ------
        ImageError
            As of `plane`.
        """
        import numpy as np

        from napari_hqsam.labels import MAX_ID, whole_ids

        full: list[int | slice] = [0] * len(self.array.shape)
        for n, each in zip(self.dims, key, strict=True):
            full[n] = each
        try:
            pixels = np.asarray(self.array[tuple(full)])
        except MemoryError:
            raise
        except Exception as error:  # each format and codec has its own errors
            raise ImageError(
                f"{self.path}: its pixels cannot be read ({reason(error)}); it may be "
                "damaged"
            ) from error
        labels = whole_ids(pixels, str(self.path))
        lowest, highest = int(labels.min(initial=0)), int(labels.max(initial=0))
        if lowest < 0 or highest > MAX_ID:
            raise ImageError(
                f"{self.path} has the id {lowest if lowest < 0 else highest}; ids must "
                f"be from 0 (background) to {MAX_ID}: relabel them"
            )
        return labels
