"""All ways to segment an image, in one class: the heart of the package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_hqsam.segmentation.automatic import (
    iter_everything,
    make_disjoint,
    quality,
)
from napari_hqsam.segmentation.plane.segmenter import PlaneSegmenter
from napari_hqsam.segmentation.propagation import iter_propagate, propagate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_hqsam.geometry import PlaneIndex
    from napari_hqsam.masks.mask import Mask
    from napari_hqsam.segmentation.propagation import StackObject, StackSlice
    from napari_hqsam.segmentation.propagation.plan import Fixed


class Segmenter(PlaneSegmenter):
    """Prompts in, masks out: on a plane, through a stack, or without prompts.

    Parameters as for `PlaneSegmenter`.
    """

    def segment_everything(
        self,
        *,
        plane: PlaneIndex = (),
        disjoint: bool = True,
        **how: Any,  # noqa: ANN401 - as iter_everything takes it
    ) -> list[Mask]:
        """Find the objects of a plane without prompts; the best first.

        Parameters
        ----------
        plane : mapping of str to int, or tuple of int
            Such as ``{"z": 12}``; see `geometry.PlaneIndex`.
        disjoint : bool
            Give each pixel to the best mask only.
        **how
            As for `automatic.iter_everything`, with its errors: ``level``,
            ``region``, ``taken``, ``typical_size``, ...
        """
        found = list(iter_everything(self, plane=plane, **how))
        if disjoint:
            return make_disjoint(found)
        return sorted(found, key=lambda mask: -quality(mask))

    def iter_propagate(
        self,
        objects: Fixed | Sequence[Fixed],
        **options: Any,  # noqa: ANN401 - those of `iter_propagate`
    ) -> Iterator[StackSlice]:
        """Follow objects through a stack; yield each slice as soon as it is final.

        Parameters, what is yielded and errors as for `propagation.iter_propagate`.
        """
        return iter_propagate(self, objects, **options)

    def propagate(
        self,
        objects: Fixed | Sequence[Fixed],
        **options: Any,  # noqa: ANN401 - those of `iter_propagate`
    ) -> list[StackObject]:
        """Follow objects through a stack; one `StackObject` for each.

        Parameters and errors as for `propagation.iter_propagate`.
        """
        return propagate(self, objects, **options)
