"""Existing labels that a propagation must not overwrite."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_hqsam.errors import HqsamWarning, PromptError
from napari_hqsam.jobs.files.old_labels import OldLabels

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
    labels : OldLabels
        The labels, of the image.
    resliced : Image
        The image as it is propagated through.
    reslice : Reslice
        Position of its planes in the image.
    highest : int
        Highest id of the labels.
    """

    labels: OldLabels
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
            They do not fit the image, or are no ids; see `OldLabels`.
        PromptError
            A new id exists in them already.

        Warns
        -----
        HqsamWarning
            Their file puts them in another place than the image's.
        """
        import numpy as np

        labels = OldLabels.open(path, image)
        highest = 0
        for index in np.ndindex(image.leading_shape):
            used = np.unique(labels.plane(index))
            highest = max(highest, int(used[-1]))
            if (both := np.intersect1d(used, list(new))).size:
                raise PromptError(
                    f"object {both[0]} is in {path} already; give the prompts other ids"
                )
        _warn_if_elsewhere(labels, image)
        return cls(labels, resliced, reslice, highest)

    def region(
        self, plane: tuple[int, ...], box: tuple[int, int, int, int]
    ) -> NDArray[Any]:
        """Read the labels in a box of a plane of `resliced`."""
        where = self.reslice.plane(self.resliced.index_at(plane))
        return self.labels.read(where.key(box))


def _warn_if_elsewhere(labels: OldLabels, image: Image) -> None:
    """Warn of labels whose file puts them in another place than their image."""
    place, own = image.space.select(f"{image.leading_axes}yx"), labels.space
    if own is None or own.is_plain or place.is_plain:
        return  # one of them does not tell
    off = place.distance(own, (*image.leading_shape, *image.plane_shape))
    if off >= _SAME_PLACE and not math.isinf(off):
        warnings.warn(
            f"{labels.path} lies up to {off:.1f} pixels from {image.name} by the "
            "metadata of both; its labels are kept pixel by pixel",
            HqsamWarning,
            stacklevel=3,
        )
