"""What is known of objects in labels, and what can be done with them.

It computes what each change does to the labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.errors import PromptError
from napari_hqsam.geometry import Plane
from napari_hqsam.geometry.planes import resolve_plane
from napari_hqsam.masks.algebra import crop_of
from napari_hqsam.sessions.features import feature_row, feature_table
from napari_hqsam.sessions.journal.records import Edit
from napari_hqsam.sessions.patches import check_box, painted, relabelled
from napari_hqsam.sessions.steps import Steps
from napari_hqsam.sessions.strokes import stroke_patches

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from numpy.typing import NDArray

    from napari_hqsam.geometry import Box, PlaneIndex
    from napari_hqsam.labels.painting import Overlap
    from napari_hqsam.sessions.journal.records import Accept
    from napari_hqsam.sessions.objects import ObjectTable
    from napari_hqsam.sessions.patches import Patch
    from napari_hqsam.sessions.strokes import Stroke

    OnPlane: TypeAlias = Plane | PlaneIndex | None


class Editing(Steps):
    """Objects that are there, and changes of them.

    Every method that changes the labels leaves all as it was if it raises.
    """

    # --- objects ---------------------------------------------------------

    @property
    def table(self) -> ObjectTable:
        """The objects."""
        return self.history.table

    @property
    def next_id(self) -> int:
        """The id that the next new object gets."""
        return self.table.highest + 1

    def features(self) -> dict[str, list[Any]]:
        """Tell what is known of all objects; see `feature_table`."""
        return feature_table(self.table)

    def feature_row(self, label_id: int) -> list[Any]:
        """Tell what is known of one object; see `features.feature_row`."""
        return feature_row(self.table, label_id)

    def reopen(self, label_id: int, plane: OnPlane = None) -> tuple[Accept, ...]:
        """Return the masks that an object was made from, with their prompts.

        To change it, segment again with other prompts and `accept` the mask
        with ``replaces=True``.

        Parameters
        ----------
        label_id : int
            Which object.
        plane : Plane or mapping of str to int, optional
            On which plane; None: on all.

        Returns
        -------
        tuple of Accept
            Each with plane, prompt, settings and mask. Several where parts were
            added or objects merged; none where it was made by hand.

        Raises
        ------
        PromptError
            If there is no such object.
        """
        self._check_known(label_id)
        made = self.table.made.get(label_id, {})
        if plane is not None:
            return made.get(self._plane(plane), ())
        return tuple(accept for masks in made.values() for accept in masks)

    def pixels(
        self, label_id: int, plane: OnPlane = None
    ) -> tuple[Box, NDArray[np.bool_]]:
        """Return the pixels of an object on a plane, as the labels have them now.

        Returns
        -------
        bbox : tuple of int
            A box ``(y0, x0, y1, x1)`` that holds them, not always the smallest.
        data : ndarray
            bool, of the size of the box.
        """
        where = self._plane(plane)
        box = self.table.box_on(label_id, where)
        return box, where.read(self.target.array, box) == label_id

    # --- changes ---------------------------------------------------------

    def delete(self, label_id: int, plane: OnPlane = None) -> None:
        """Remove an object from a plane, or from everywhere.

        Raises
        ------
        PromptError
            If there is no such object.
        OutputError
            If the journal or the labels cannot be written to.
        """
        self._check_known(label_id)
        where = None if plane is None else self._plane(plane)
        patches = self._renamed((label_id,), 0, where)
        self.do(Edit("delete", (label_id,), where, patches))

    def merge(self, label_ids: Sequence[int]) -> int:
        """Make one object of several, everywhere.

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
            If there are less than two, or another than the first is unknown.
        OutputError
            If the journal or the labels cannot be written to.
        """
        ids = tuple(dict.fromkeys(map(int, label_ids)))
        if len(ids) < 2 or ids[0] < 1:
            raise PromptError(f"objects {ids}: give two or more to merge them")
        for label_id in ids[1:]:
            self._check_known(label_id)
        self.do(Edit("merge", ids, None, self._renamed(ids[1:], ids[0], None)))
        return ids[0]

    def split(
        self,
        label_id: int,
        bbox: Box,
        data: NDArray[np.bool_],
        plane: OnPlane = None,
    ) -> int:
        """Make the part of an object that lies under a mask an object of its own.

        Parameters
        ----------
        label_id : int
            The object.
        bbox, data
            The mask, as for `paint`.
        plane : Plane or mapping of str to int, optional
            Where; by default the only plane.

        Returns
        -------
        int
            The id of the new object.

        Raises
        ------
        PromptError
            If none or all of the object's pixels on the plane lie under the mask.
        ImageError
            If the mask does not fit the plane, or no id is left.
        OutputError
            If the journal or the labels cannot be written to.
        """
        where, new_id = self._plane(plane), self.next_id
        check_box(where.size(self.target.array.shape), bbox, data)
        box, pixels = self.pixels(label_id, where)
        part = pixels & crop_of(bbox, data, box)
        if part.sum() in (0, pixels.sum()):
            raise PromptError(
                f"{'none' if not part.any() else 'all'} of object {label_id} lies "
                "under the mask; draw it over a part"
            )
        patches, _ = painted(self.target.array, where, box, part, new_id, "overwrite")
        self.do(Edit("split", (label_id, new_id), where, patches))
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
        """Give an object other pixels on a plane, such as after cleaning it.

        Its prompts stay as they are.

        Parameters
        ----------
        label_id : int
            The object.
        bbox, data, overlap
            The mask that takes the place of its pixels, as for `paint`.
        plane : Plane or mapping of str to int, optional
            Where; by default the only plane.

        Raises
        ------
        PromptError
            If there is no such object.
        ImageError
            If the mask does not fit the plane.
        OutputError
            If the journal or the labels cannot be written to.
        """
        self._check_known(label_id)
        where = self._plane(plane)
        patches, _ = painted(
            self.target.array,
            where,
            bbox,
            data,
            label_id,
            overlap,
            instead_of=self.table.box_on(label_id, where),
        )
        self.do(Edit("reshape", (label_id,), where, patches))

    def derive(
        self,
        label_id: int,
        bbox: Box,
        data: NDArray[np.bool_],
        plane: OnPlane = None,
        *,
        confidence: float | None,
    ) -> bool:
        """Give an object pixels on a plane that nobody has prompted it on.

        As where it was followed from other planes, or found automatically. They
        take the place of its pixels there; those of other objects are kept.

        Parameters
        ----------
        label_id : int
            The object; it may be new.
        bbox, data
            The mask, as for `paint`.
        plane : Plane or mapping of str to int, optional
            Where; by default the only plane.
        confidence : float or None
            How sure it is, 0..1. None: the object was not found there, and what it
            has there goes; the mask does not count.

        Returns
        -------
        bool
            Whether the object has pixels there now.

        Raises
        ------
        ImageError
            If the id, the plane or the mask do not fit the labels.
        OutputError
            If the journal or the labels cannot be written to.
        """
        where = self._plane(plane)
        if confidence is None:
            bbox, data = (0, 0, 0, 0), np.zeros((0, 0), np.bool_)
        patches, pixels = painted(
            self.target.array,
            where,
            bbox,
            data,
            label_id,
            "keep",
            instead_of=self.table.box_on(label_id, where),
        )
        sure = confidence if pixels else None
        known = self.table.derived.get(label_id, {}).get(where)
        if patches or sure != known:
            self.do(Edit("derive", (label_id,), where, patches, sure))
        return bool(pixels)

    def record(self, strokes: Sequence[Stroke]) -> None:
        """Take note of what others did to the labels, such as napari's brush.

        The labels have it already. It can be undone as all else.

        Parameters
        ----------
        strokes : sequence of Stroke
            In order.

        Raises
        ------
        OutputError
            If the journal cannot be written to.
        """
        patches = stroke_patches(self.header.labels.shape, strokes)
        if patches:
            self.do(Edit("brush", (), None, patches), written=True)

    def repeat(self, edit: Edit) -> None:
        """Do an edit of another session, pixel by pixel, whatever is there now.

        Raises
        ------
        OutputError
            If the journal or the labels cannot be written to.
        """
        array = self.target.array
        again = (patch.onto(array) for patch in edit.patches)
        patches = tuple(patch for patch in again if patch is not None)
        self.do(replace(edit, patches=patches))

    # --- how -------------------------------------------------------------

    def _plane(self, given: OnPlane) -> Plane:
        """Return the plane that is meant; axes of one plane need not be named."""
        shape, axes = self.target.array.shape, self.header.labels.axes
        if given is None or isinstance(given, Plane):
            return Plane.of(shape, given)
        single = {a: 0 for a, n in zip(axes[:-2], shape[:-2], strict=True) if n == 1}
        if isinstance(given, Mapping):
            given = single | dict(given)
        elif len(single) >= len(shape) - 3:
            return Plane.of(shape, given)
        at = resolve_plane(given, axes[:-2], shape[:-2], "the labels")
        return Plane.of(shape, at)

    def _check_known(self, label_id: int) -> None:
        """Raise if there is no such object."""
        if not self.table.knows(label_id):
            raise PromptError(f"there is no object {label_id}; choose another")

    def _renamed(
        self, label_ids: Sequence[int], new_id: int, plane: Plane | None
    ) -> tuple[Patch, ...]:
        """Patches that give the pixels of objects another id."""
        return tuple(
            patch
            for label_id in label_ids
            for where, box in (
                self.table.places(label_id)
                if plane is None
                else [(plane, self.table.box_on(label_id, plane))]
            )
            for patch in relabelled(self.target.array, where, box, label_id, new_id)
        )
