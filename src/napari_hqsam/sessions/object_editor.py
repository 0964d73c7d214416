"""Edit the objects of a session: accept, delete, merge, split, reshape."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.errors import PromptError
from napari_hqsam.geometry import Plane
from napari_hqsam.masks.algebra import crop_of
from napari_hqsam.sessions.changes.patching import (
    check_box,
    paint_patches,
    patches_of,
    relabel_patches,
)
from napari_hqsam.sessions.changes.strokes import stroke_patches
from napari_hqsam.sessions.journal.accept_options import AcceptOptions
from napari_hqsam.sessions.journal.events import Accept, Edit
from napari_hqsam.sessions.journal.mask_record import MaskRecord
from napari_hqsam.sessions.object_reader import ObjectReader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_hqsam.geometry import Box
    from napari_hqsam.labels.painting import Overlap
    from napari_hqsam.masks import Mask
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.sessions.changes.patches import Patch
    from napari_hqsam.sessions.changes.strokes import Stroke
    from napari_hqsam.sessions.journal.headers import ModelRecord
    from napari_hqsam.sessions.object_reader import OnPlane


class ObjectEditor(ObjectReader):
    """Edits objects: computes the patches of each edit, and applies them to the log.

    Every method leaves labels and journal unchanged if it raises. All raise
    OutputError if the journal or the labels cannot be written to.
    """

    def accept(
        self,
        mask: Mask,
        prompt: Prompt,
        *,
        plane: OnPlane = None,
        label_id: int | None = None,
        options: AcceptOptions | None = None,
        setup: ModelRecord | None = None,
        replaces: bool = False,
    ) -> int:
        """Make an object of a mask, or add the mask to an object.

        Parameters
        ----------
        mask : Mask
            The mask.
        prompt : Prompt
            The prompt that it was segmented from.
        plane : Plane or mapping of str to int, optional
            Its plane; by default the prompt's own, or the only one.
        label_id : int, optional
            The object; by default the prompt's own, or a new one.
        options : AcceptOptions, optional
            How the mask was made, and how its overlaps are resolved.
        setup : ModelRecord, optional
            The model, if it is not that of the header.
        replaces : bool
            Whether the mask replaces the pixels that the object has on this plane.
            Not with the overlap "empty", which never changes a pixel with an id.

        Returns
        -------
        int
            The object's id.

        Raises
        ------
        PromptError
            The object would have no pixels.
        ImageError
            The id, the plane or the mask does not fit the labels.
        """
        options = options or AcceptOptions()
        where = self._plane(prompt.plane if plane is None else plane)
        if label_id is None:
            label_id = prompt.label_id or self._new_id(where, mask.bbox)
        patches, pixels = paint_patches(
            self._array,
            where,
            mask.bbox,
            mask.data,
            label_id,
            options.overlap,
            instead_of=self.table.box_on(label_id, where) if replaces else None,
        )
        if not pixels:
            raise PromptError(
                "the mask has no pixels of its own: other objects have them all; "
                "overwrite them, or prompt elsewhere"
                if mask.area
                else "the mask is empty; give other prompts"
            )
        self.log.do(
            Accept(
                label_id,
                where,
                prompt,
                options,
                setup or self.log.header.setup,
                MaskRecord.of(mask),
                replaces,
                patches,
            )
        )
        return label_id

    def delete(self, label_id: int, plane: OnPlane = None) -> None:
        """Remove an object from one plane, or from all.

        Raises
        ------
        PromptError
            There is no such object.
        """
        self._check_known(label_id)
        where = None if plane is None else self._plane(plane)
        patches = self._relabelled((label_id,), 0, where)
        self.log.do(Edit("delete", (label_id,), where, patches))

    def merge(self, label_ids: Sequence[int]) -> int:
        """Merge objects into one, on all planes.

        Parameters
        ----------
        label_ids : sequence of int
            The first gives its id, even if it has no pixels.

        Returns
        -------
        int
            The id.

        Raises
        ------
        PromptError
            There are less than two, or another than the first is unknown.
        """
        ids = tuple(dict.fromkeys(map(int, label_ids)))
        if len(ids) < 2 or ids[0] < 1:
            raise PromptError(f"objects {ids}: give two or more to merge them")
        for label_id in ids[1:]:
            self._check_known(label_id)
        self.log.do(Edit("merge", ids, None, self._relabelled(ids[1:], ids[0], None)))
        return ids[0]

    def split(
        self,
        label_id: int,
        bbox: Box,
        data: NDArray[np.bool_],
        plane: OnPlane = None,
    ) -> int:
        """Make a new object of the part of an object that lies under a mask.

        Parameters
        ----------
        label_id : int
            The object.
        bbox, data
            The mask, as for `paint`.
        plane : Plane or mapping of str to int, optional
            Which plane; by default the only one.

        Returns
        -------
        int
            The id of the new object.

        Raises
        ------
        PromptError
            None or all of the object's pixels on the plane lie under the mask.
        ImageError
            The mask does not fit the plane, or no id is left.
        """
        where = self._plane(plane)
        check_box(where.size(self._array.shape), bbox, data)
        new_id = self._new_id(where, bbox)
        box, pixels = self.pixels(label_id, where)
        part = pixels & crop_of(bbox, data, box)
        if part.sum() in (0, pixels.sum()):
            raise PromptError(
                f"{'none' if not part.any() else 'all'} of object {label_id} lies "
                "under the mask; draw it over a part"
            )
        patches, _ = paint_patches(self._array, where, box, part, new_id, "overwrite")
        self.log.do(Edit("split", (label_id, new_id), where, patches))
        return new_id

    def reshape(
        self,
        label_id: int,
        bbox: Box,
        data: NDArray[np.bool_],
        plane: OnPlane = None,
        *,
        overlap: Overlap = "keep",
    ) -> None:
        """Replace the pixels of an object on a plane; its prompts stay.

        Parameters
        ----------
        label_id : int
            The object.
        bbox, data, overlap
            The mask that replaces its pixels, as for `paint`.
        plane : Plane or mapping of str to int, optional
            Which plane; by default the only one.

        Raises
        ------
        PromptError
            There is no such object.
        ImageError
            The mask does not fit the plane.
        """
        self._check_known(label_id)
        where = self._plane(plane)
        patches, _ = self._replaced(label_id, bbox, data, where, overlap)
        self.log.do(Edit("reshape", (label_id,), where, patches))

    def derive(
        self,
        label_id: int,
        bbox: Box,
        data: NDArray[np.bool_],
        plane: OnPlane = None,
        *,
        confidence: float | None,
    ) -> bool:
        """Give an object pixels on a plane where it has no prompts.

        Such as where it was propagated from other planes, or found automatically.
        They replace its pixels there; pixels of other objects are not changed.

        Parameters
        ----------
        label_id : int
            The object; it may be new.
        bbox, data
            The mask, as for `paint`.
        plane : Plane or mapping of str to int, optional
            Which plane; by default the only one.
        confidence : float or None
            Confidence, 0..1. None: the object was not found there, and its pixels
            are removed; the mask is ignored.

        Returns
        -------
        bool
            Whether the object has pixels there now.

        Raises
        ------
        ImageError
            The id, the plane or the mask does not fit the labels.
        """
        where = self._plane(plane)
        if confidence is None:
            bbox, data = (0, 0, 0, 0), np.zeros((0, 0), np.bool_)
        patches, pixels = self._replaced(label_id, bbox, data, where, "keep")
        known = self.table.derived.get(label_id, {}).get(where)
        new = confidence if pixels else None
        if patches or new != known:
            self.log.do(Edit("derive", (label_id,), where, patches, new))
        return new is not None

    def record_strokes(self, strokes: Sequence[Stroke]) -> None:
        """Record changes that others made to the labels, such as napari's brush.

        The labels have them already. They can be undone like any edit.

        Parameters
        ----------
        strokes : sequence of Stroke
            In order.
        """
        patches = stroke_patches(self.log.header.labels.shape, strokes)
        if patches:
            self.log.do(Edit("brush", (), None, patches), written=True)

    def record_replacement(self, before: Any) -> bool:  # noqa: ANN401
        """Record that others have replaced all labels.

        The target has the new ones already. It can be undone like any edit.

        Parameters
        ----------
        before : array-like
            The previous labels, of the same shape; read window by window.

        Returns
        -------
        bool
            Whether a pixel differs.
        """
        array = self._array
        shape = tuple(map(int, array.shape))
        patches: list[Patch] = []
        for index in np.ndindex(shape[:-2]):
            plane = Plane.of(shape, index)
            whole = (0, 0, *plane.size(shape))
            read = partial(_read, array, plane)
            patches.extend(patches_of(before, plane, whole, read))
        if patches:
            self.log.do(Edit("brush", (), None, tuple(patches)), written=True)
        return bool(patches)

    def repeat(self, edit: Edit) -> None:
        """Apply an edit of another session pixel by pixel, whatever is there now."""
        onto = (patch.onto(self._array) for patch in edit.patches)
        patches = tuple(patch for patch in onto if patch is not None)
        self.log.do(replace(edit, patches=patches))

    def _replaced(
        self,
        label_id: int,
        bbox: Box,
        data: NDArray[np.bool_],
        plane: Plane,
        overlap: Overlap,
    ) -> tuple[tuple[Patch, ...], int]:
        """Return patches that replace an object on a plane, and its new pixel count."""
        return paint_patches(
            self._array,
            plane,
            bbox,
            data,
            label_id,
            overlap,
            instead_of=self.table.box_on(label_id, plane),
        )

    def _relabelled(
        self, label_ids: Sequence[int], new_id: int, plane: Plane | None
    ) -> tuple[Patch, ...]:
        """Return the patches that give the pixels of objects another id."""
        return tuple(
            patch
            for label_id in label_ids
            for where, box in (
                self.table.places(label_id)
                if plane is None
                else [(plane, self.table.box_on(label_id, plane))]
            )
            for patch in relabel_patches(self._array, where, box, label_id, new_id)
        )


def _read(array: Any, plane: Plane, _: NDArray[Any], box: Box) -> NDArray[Any]:  # noqa: ANN401
    """Return the ids in a window of an array, whatever was there before."""
    return plane.read(array, box)
