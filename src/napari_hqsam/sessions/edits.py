"""What changes of objects do to labels, as events.

How masks are made is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.errors import PromptError
from napari_hqsam.geometry import Plane
from napari_hqsam.geometry.planes import resolve_plane
from napari_hqsam.masks.algebra import crop_of
from napari_hqsam.sessions.journal.records import Accept, Edit, MaskRecord
from napari_hqsam.sessions.patches import change, check_box, painted, relabelled
from napari_hqsam.sessions.strokes import stroke_patches

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from numpy.typing import NDArray

    from napari_hqsam.geometry import Box, PlaneIndex
    from napari_hqsam.labels.painting import Overlap
    from napari_hqsam.masks import Mask
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.sessions.edit_log import EditLog
    from napari_hqsam.sessions.journal.headers import Setup
    from napari_hqsam.sessions.journal.records import AcceptOptions
    from napari_hqsam.sessions.objects import ObjectTable
    from napari_hqsam.sessions.patches import Patch
    from napari_hqsam.sessions.strokes import Stroke

    OnPlane: TypeAlias = Plane | PlaneIndex | None

MOST_LOOKED_AT = 2**26
"""Pixels that are looked at for ids; of uint32 that takes about 10 ms."""


class EditBuilder:
    """Computes what changes do to the labels, as events for an `EditLog`.

    Nothing is changed by it. Parameters and errors of its methods are those of
    `Session`.

    Parameters
    ----------
    log : EditLog
        Of the labels.
    """

    def __init__(self, log: EditLog) -> None:
        self._log = log

    # --- objects ---------------------------------------------------------

    @property
    def table(self) -> ObjectTable:
        """The objects."""
        return self._log.history.table

    def reopen(self, label_id: int, plane: OnPlane = None) -> tuple[Accept, ...]:
        """Return the masks that an object was made from, with their prompts."""
        self._check_known(label_id)
        made = self.table.made.get(label_id, {})
        if plane is not None:
            return made.get(self._plane(plane), ())
        return tuple(accept for masks in made.values() for accept in masks)

    def new_id(self, plane: OnPlane = None, box: Box = (0, 0, 0, 0)) -> int:
        """Return the next id that no object has had and no pixel has.

        Others, such as a plugin, may have written ids into the labels without telling.
        Labels in memory of up to `MOST_LOOKED_AT` pixels are looked at as a whole,
        else the box alone.
        """
        array = self._array
        if not isinstance(array, np.ndarray) or array.size > MOST_LOOKED_AT:
            where = self._plane(plane) if plane is not None else None
            ids = np.zeros(0, np.int64) if where is None else where.read(array, box)
        else:
            ids = array
        new_id = self.table.highest + 1
        if ids.size and int(ids.max()) >= new_id:
            for taken in np.unique(ids[ids >= new_id]).tolist():
                if taken > new_id:
                    break
                new_id += 1
        return new_id

    def pixels(
        self, label_id: int, plane: OnPlane = None
    ) -> tuple[Box, NDArray[np.bool_]]:
        """Return the pixels of an object on a plane, as the labels have them now."""
        where = self._plane(plane)
        box = self.table.box_on(label_id, where)
        return box, where.read(self._array, box) == label_id

    # --- changes ---------------------------------------------------------

    def accept(
        self,
        mask: Mask,
        prompt: Prompt,
        options: AcceptOptions,
        setup: Setup,
        *,
        plane: OnPlane,
        label_id: int | None,
        replaces: bool,
    ) -> Accept:
        """Make an object of a mask, or add it to one."""
        where = self._plane(prompt.plane if plane is None else plane)
        if label_id is None:
            label_id = prompt.label_id or self.new_id(where, mask.bbox)
        patches, pixels = painted(
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
        made = MaskRecord.of(mask)
        return Accept(label_id, where, prompt, options, setup, made, replaces, patches)

    def delete(self, label_id: int, plane: OnPlane = None) -> Edit:
        """Remove an object from a plane, or from everywhere."""
        self._check_known(label_id)
        where = None if plane is None else self._plane(plane)
        patches = self._renamed((label_id,), 0, where)
        return Edit("delete", (label_id,), where, patches)

    def merge(self, label_ids: Sequence[int]) -> Edit:
        """Make one object of several, everywhere."""
        ids = tuple(dict.fromkeys(map(int, label_ids)))
        if len(ids) < 2 or ids[0] < 1:
            raise PromptError(f"objects {ids}: give two or more to merge them")
        for label_id in ids[1:]:
            self._check_known(label_id)
        return Edit("merge", ids, None, self._renamed(ids[1:], ids[0], None))

    def split(
        self,
        label_id: int,
        bbox: Box,
        data: NDArray[np.bool_],
        plane: OnPlane = None,
    ) -> Edit:
        """Make the part of an object under a mask an object of its own."""
        where = self._plane(plane)
        check_box(where.size(self._array.shape), bbox, data)
        new_id = self.new_id(where, bbox)
        box, pixels = self.pixels(label_id, where)
        part = pixels & crop_of(bbox, data, box)
        if part.sum() in (0, pixels.sum()):
            raise PromptError(
                f"{'none' if not part.any() else 'all'} of object {label_id} lies "
                "under the mask; draw it over a part"
            )
        patches, _ = painted(self._array, where, box, part, new_id, "overwrite")
        return Edit("split", (label_id, new_id), where, patches)

    def reshape(
        self,
        label_id: int,
        bbox: Box,
        data: NDArray[np.bool_],
        plane: OnPlane = None,
        *,
        overlap: Overlap = "keep",
    ) -> Edit:
        """Give an object other pixels on a plane."""
        self._check_known(label_id)
        where = self._plane(plane)
        patches, _ = painted(
            self._array,
            where,
            bbox,
            data,
            label_id,
            overlap,
            instead_of=self.table.box_on(label_id, where),
        )
        return Edit("reshape", (label_id,), where, patches)

    def derive(
        self,
        label_id: int,
        bbox: Box,
        data: NDArray[np.bool_],
        plane: OnPlane = None,
        *,
        confidence: float | None,
    ) -> Edit:
        """Give an object pixels on a plane where it has no prompts."""
        where = self._plane(plane)
        if confidence is None:
            bbox, data = (0, 0, 0, 0), np.zeros((0, 0), np.bool_)
        patches, pixels = painted(
            self._array,
            where,
            bbox,
            data,
            label_id,
            "keep",
            instead_of=self.table.box_on(label_id, where),
        )
        sure = confidence if pixels else None
        return Edit("derive", (label_id,), where, patches, sure)

    def is_news(self, derived: Edit) -> bool:
        """Whether what was derived differs from what there is."""
        assert derived.plane is not None
        known = self.table.derived.get(derived.ids[0], {}).get(derived.plane)
        return bool(derived.patches) or derived.confidence != known

    def brush(self, strokes: Sequence[Stroke]) -> Edit | None:
        """Take note of what others did to the labels; None if that is nothing."""
        patches = stroke_patches(self._log.header.labels.shape, strokes)
        return Edit("brush", (), None, patches) if patches else None

    def replaced(self, before: Any) -> Edit | None:  # noqa: ANN401
        """Take note that others have replaced all labels; None if none differs."""
        array = self._array
        shape = tuple(map(int, array.shape))
        patches: list[Patch] = []
        for index in np.ndindex(shape[:-2]):
            plane = Plane.of(shape, index)
            whole = (0, 0, *plane.size(shape))
            read = partial(_read, array, plane)
            patches.extend(change(before, plane, whole, read))
        return Edit("brush", (), None, tuple(patches)) if patches else None

    def again(self, edit: Edit) -> Edit:
        """Do an edit of another session, pixel by pixel, whatever is there now."""
        again = (patch.onto(self._array) for patch in edit.patches)
        patches = tuple(patch for patch in again if patch is not None)
        return replace(edit, patches=patches)

    # --- how -------------------------------------------------------------

    @property
    def _array(self) -> Any:  # noqa: ANN401 - as `Target.array`
        return self._log.target.array

    def _plane(self, given: OnPlane) -> Plane:
        """Return the plane that is meant; axes of one plane need not be named."""
        shape, axes = self._array.shape, self._log.header.labels.space.axes
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
            for patch in relabelled(self._array, where, box, label_id, new_id)
        )


def _read(array: Any, plane: Plane, _: NDArray[Any], box: Box) -> NDArray[Any]:  # noqa: ANN401
    """Return the ids that are in a window, whatever was there before."""
    return plane.read(array, box)
