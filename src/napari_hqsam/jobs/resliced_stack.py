"""An image resliced, so that its planes lie across the axis of a propagation."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_hqsam.errors import HqsamWarning, ImageError, PromptError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_hqsam.geometry import Reslice
    from napari_hqsam.images import Image
    from napari_hqsam.jobs.inputs import JobSetup
    from napari_hqsam.segmentation.propagation import StackSlice


@dataclass(frozen=True, eq=False)
class ReslicedStack:
    """An image, and the same with its planes across the axis of propagation.

    Attributes
    ----------
    image, resliced : Image
        As in the file; and as it is propagated through.
    reslice : Reslice
        Position of the planes of `resliced` in `image`.
    axis : str
        Letter of the axis of propagation in `resliced`.
    """

    image: Image
    resliced: Image
    reslice: Reslice
    axis: str

    @classmethod
    def open(cls, setup: JobSetup, source: Path, across: str | None) -> ReslicedStack:
        """Open an image with its planes across an axis; by default the last leading.

        Raises
        ------
        ImageError
            It is a single plane.
        PromptError
            It has no such axis.
        """
        from napari_hqsam.geometry import Reslice

        image = setup.open_image(source)
        leading = image.leading_axes
        if not leading:
            raise ImageError(
                f"{image.name} is one plane ({image.axes} {image.shape}): use `segment`"
            )
        if across is not None and across not in (*leading, "y", "x"):
            raise PromptError(
                f"{image.name} has no axis {across!r} to propagate along: choose one "
                f"of {', '.join((*leading, 'y', 'x'))}",
                parameter="across",
            )
        along = leading[-1] if across is None else across
        reslice = Reslice.across(f"{leading}yx", along)
        letters = reslice.letters(image.axes)
        resliced = setup.reopen_image(source, axes=letters, scale=None, units=None)
        # Sizes that the caller gives are for the letters of the image.
        resliced = replace(resliced, space=image.space.renamed(letters))
        return cls(image, resliced, reslice, reslice.names[along])

    def spacing(self) -> float:
        """Return the spacing of slices from the image's metadata, in pixels.

        Warns
        -----
        HqsamWarning
            It is unknown, and taken as 1.
        """
        from napari_hqsam.segmentation.propagation import spacing_of

        found = spacing_of(self.resliced.space, self.axis)
        if found is None:
            warnings.warn(
                HqsamWarning(
                    f"the metadata of {self.resliced.name} have no spacing of slices: "
                    "one pixel is assumed; give the spacing (z spacing over pixel "
                    "size)",
                    parameter="spacing",
                ),
                stacklevel=3,
            )
        return found or 1.0

    def paint(
        self,
        labels: Any,  # noqa: ANN401 - a zarr array
        found: StackSlice,
        ids: Sequence[int],
    ) -> None:
        """Write the masks of a slice, which are disjoint, in one assignment.

        Parameters
        ----------
        labels : array-like
            With the axes of `image`.
        found : StackSlice
        ids : sequence of int
            Label id of each object, by its number.
        """
        masks = {ids[i]: o.mask for i, o in found.objects.items() if o.mask.area}
        if not masks:
            return
        boxes = [mask.bbox for mask in masks.values()]
        y0, x0 = (min(box[k] for box in boxes) for k in (0, 1))
        y1, x1 = (max(box[k] for box in boxes) for k in (2, 3))
        where = self.reslice.plane(self.resliced.index_at(found.plane))
        key = where.key((y0, x0, y1, x1))
        window = labels[key]
        for label_id, mask in masks.items():
            a, b, c, d = mask.bbox
            window[a - y0 : c - y0, b - x0 : d - x0][mask.data] = label_id
        labels[key] = window
