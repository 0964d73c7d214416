"""The facade for all ways to segment an image.

Prompted, through stacks, automatically, and from labels that there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_hqsam.segmentation.automatic import (
    iter_everything,
    make_disjoint,
    quality,
)
from napari_hqsam.segmentation.exemplars import iter_similar
from napari_hqsam.segmentation.plane.segmenter import PlaneSegmenter
from napari_hqsam.segmentation.propagation import iter_propagate, propagate
from napari_hqsam.segmentation.refinement import iter_refine, refine

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_hqsam.geometry import PlaneIndex
    from napari_hqsam.masks.mask import Mask
    from napari_hqsam.segmentation.exemplars import Example
    from napari_hqsam.segmentation.propagation import StackObject, StackSlice
    from napari_hqsam.segmentation.propagation.plan import KnownSlices
    from napari_hqsam.segmentation.refinement import RefinedPlane


class Segmenter(PlaneSegmenter):
    """Segments objects of an image: on a plane, in a stack, without prompts, or anew.

    Parameters as for `PlaneSegmenter`.
    """

    def segment_everything(
        self,
        *,
        plane: PlaneIndex = (),
        disjoint: bool = True,
        **options: Any,  # noqa: ANN401 - those of `iter_everything`
    ) -> list[Mask]:
        """Segment all objects of a plane without prompts, best quality first.

        Parameters
        ----------
        plane : mapping of str to int, or tuple of int
            Such as ``{"z": 12}``; see `geometry.PlaneIndex`.
        disjoint : bool
            Give each pixel to the best mask only.
        **options
            As for `automatic.iter_everything`, with its errors: ``level``,
            ``region``, ``taken``, ``typical_size``, ...
        """
        found = list(iter_everything(self, plane=plane, **options))
        if disjoint:
            return make_disjoint(found)
        return sorted(found, key=lambda mask: -quality(mask))

    def segment_similar(
        self,
        examples: Sequence[Example | Mask],
        *,
        disjoint: bool = True,
        **options: Any,  # noqa: ANN401 - those of `iter_similar`
    ) -> list[Mask]:
        """Segment all objects of a plane that are like a few examples, best rank first.

        The rank is the similarity to the nearest example times the quality of the mask.

        Parameters
        ----------
        examples : sequence of Example or Mask
            At least one object, such as of `segment`; an `Example` names its plane.
        disjoint : bool
            Give each pixel to the best mask only; pixels of examples to none.
        **options
            As for `exemplars.iter_similar`, with its errors: ``unlike``, ``plane``,
            ``region``, ``taken``, ...
        """
        found = sorted(
            iter_similar(self, examples, **options), key=lambda match: -match.rank
        )
        masks = [match.mask for match in found]
        return make_disjoint(masks) if disjoint else masks

    def iter_propagate(
        self,
        objects: KnownSlices | Sequence[KnownSlices],
        **options: Any,  # noqa: ANN401 - those of `iter_propagate`
    ) -> Iterator[StackSlice]:
        """Propagate objects through a stack; yield each slice once it is final.

        Parameters, return value and errors as for `propagation.iter_propagate`.
        """
        return iter_propagate(self, objects, **options)

    def propagate(
        self,
        objects: KnownSlices | Sequence[KnownSlices],
        **options: Any,  # noqa: ANN401 - those of `iter_propagate`
    ) -> list[StackObject]:
        """Propagate objects through a stack; return one `StackObject` for each.

        Parameters and errors as for `propagation.iter_propagate`.
        """
        return propagate(self, objects, **options)

    def refine(
        self,
        labels: Any,  # noqa: ANN401 - any array that is read by slices
        **options: Any,  # noqa: ANN401 - those of `iter_refine`
    ) -> NDArray[Any]:
        """Refine the outlines of existing labels, object by object.

        Parameters, return value and errors as for `refinement.refine`.
        """
        return refine(self, labels, **options)

    def iter_refine(
        self,
        labels: Any,  # noqa: ANN401 - any array that is read by slices
        **options: Any,  # noqa: ANN401 - those of `iter_refine`
    ) -> Iterator[RefinedPlane]:
        """Refine labels; yield each plane with a table of its objects.

        Parameters and errors as for `refinement.iter_refine`.
        """
        return iter_refine(self, labels, **options)
