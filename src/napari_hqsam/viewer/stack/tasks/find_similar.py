"""Find all objects of the plane shown that are like those accepted last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_hqsam.errors import PromptError
from napari_hqsam.masks.mask import Mask
from napari_hqsam.sessions import recent_objects
from napari_hqsam.viewer.planes import layer_shape
from napari_hqsam.viewer.stack.tasks.find_all import FindAllOnPlane, slice_options

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from napari_hqsam.geometry import Box
    from napari_hqsam.segmentation.exemplars import Example
    from napari_hqsam.segmentation.options import Level
    from napari_hqsam.sessions.session import Session
    from napari_hqsam.viewer.session.target.layer_target import LayerTarget
    from napari_hqsam.viewer.stack.plan import SliceJob

MOST = 5
"""Examples that are used: more tell little, and each is looked at."""
REMEDY = (
    "Accept an object first, or a few: what is like them is searched for then, on any "
    "slice of the same orientation"
)


class FindSimilarOnPlane(FindAllOnPlane):
    """Finds the objects of the plane shown that are like those accepted last.

    The examples are the objects accepted by hand as they are in the labels now, of the
    plane shown or of other slices in the same orientation.
    """

    def begin(self, target: LayerTarget, session: Session | None) -> None:
        """Read the examples.

        Raises
        ------
        PromptError
            No object was accepted yet.
        """
        super().begin(target, session)
        assert session is not None
        self._examples = list(self._accepted(session))
        if not self._examples:
            raise PromptError(REMEDY)

    def masks(
        self,
        job: SliceJob,
        region: Box,
        earlier: Collection[int],
        level: Level | None,
    ) -> Iterator[Mask]:
        """Yield the masks of objects like the examples in a region."""
        from napari_hqsam.segmentation.exemplars import iter_similar

        request = job.plan.request
        found = iter_similar(
            job.engine.segmenter(request.image, request.model),
            self._examples,
            region=region,
            **slice_options(job, 0, earlier, level),
        )
        yield from (match.mask for match in found)

    def _accepted(self, session: Session) -> Iterator[Example]:
        """Yield the objects accepted last, the last one first."""
        from napari_hqsam.segmentation.exemplars import Example

        image, view = self.plan.request.image, self.inputs.scene.view()
        shape = layer_shape(self.inputs.scene.image)
        axes = view.labels_plane.axes
        for label_id, plane in recent_objects(session.history, axes, MOST):
            (y0, x0, _, _), on = session.pixels(label_id, plane)
            if on.any():  # not painted over since
                index = view.at_labels(plane.index).index(shape)
                mask = Mask.from_crop(on, (y0, x0), 1.0, 1.0)
                yield Example(mask, image.index_at(index))
