"""Existing labels that a propagation must not overwrite."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_hqsam.errors import HqsamWarning, ImageError, PromptError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_hqsam.geometry import Reslice
    from napari_hqsam.images import Image

_SAME_PLACE = 0.5
"""Pixels that labels may lie from their image."""


@dataclass(frozen=True, eq=False)
class KeptLabels:
    """Labels of accepted objects, which new objects must not overwrite.

    Attributes
    ----------
    labels : Image
        The labels, with the axes of the image.
    resliced : Image
        The image as it is propagated through.
    reslice : Reslice
        Position of its planes in the image.
    highest : int
        Highest id of the labels.
    """

    labels: Image
    resliced: Image
    reslice: Reslice
    highest: int

    @classmethod
    def read(
        cls,
        path: Path,
        image: Image,
        resliced: Image,
        reslice: Reslice,
        new: Sequence[int],
    ) -> KeptLabels:
        """Open labels, and check that they fit the image and the new ids.

        Raises
        ------
        ImageError
            They are not ids from 0 on in the shape and axes of the image.
        PromptError
            A new id exists in them already.

        Warns
        -----
        HqsamWarning
            Their file puts them in another place than the image's.
        """
        import numpy as np

        from napari_hqsam.images import open_image
        from napari_hqsam.labels import MAX_ID, whole_ids

        axes = f"{image.leading_axes}yx"
        _check_order(path, axes)
        labels = open_image(path, axes=axes)
        wanted = (*image.leading_shape, *image.plane_shape)
        if labels.shape != wanted or labels.dtype.kind not in "iuf":
            raise ImageError(
                f"{path} is {labels.dtype} {labels.shape}; labels to keep must be "
                f"integers of shape {wanted}"
            )
        highest = 0
        for index in np.ndindex(labels.leading_shape):
            used = np.unique(whole_ids(labels.read_at(index), str(path)))
            if used[0] < 0 or used[-1] > MAX_ID:
                wrong = used[0] if used[0] < 0 else used[-1]
                raise ImageError(
                    f"{path} has the id {wrong}; ids must be from 0 to {MAX_ID}"
                )
            highest = max(highest, int(used[-1]))
            if (both := np.intersect1d(used, list(new))).size:
                raise PromptError(
                    f"object {both[0]} is in {path} already; give the prompts other ids"
                )
        _warn_if_elsewhere(path, labels, image, axes)
        return cls(labels, resliced, reslice, highest)

    def region(
        self, plane: tuple[int, ...], box: tuple[int, int, int, int]
    ) -> NDArray[Any]:
        """Read the labels in a box of a plane of `resliced`."""
        where = self.reslice.plane(self.resliced.index_at(plane))
        found: NDArray[Any] = self.labels.array[where.key(box)]
        return found if found.dtype.kind in "iu" else found.astype("u4")


def _warn_if_elsewhere(path: Path, labels: Image, image: Image, axes: str) -> None:
    """Warn of labels whose file puts them in another place than their image."""
    own, place = labels.space.select(axes), image.space.select(axes)
    if own.is_plain or place.is_plain:
        return  # one of them does not tell
    off = place.distance(own, labels.shape)
    if off >= _SAME_PLACE and not math.isinf(off):
        warnings.warn(
            f"{path} lies up to {off:.1f} pixels from {image.name}, by what both files "
            "tell of their place; its labels are kept pixel by pixel",
            HqsamWarning,
            stacklevel=3,
        )


def _check_order(path: Path, axes: str) -> None:
    """Raise ImageError if labels have named axes in another order."""
    from napari_hqsam.images import open_source

    own = open_source(path, keep_indices=True).axes or axes
    common = [letter for letter in own if letter in axes]
    if common != [letter for letter in axes if letter in own]:
        raise ImageError(
            f"{path} has the axes {own}, its image {axes}: save it with its axes in "
            "the order of the image"
        )
