"""A session: objects in labels, and what can be done with them.

It computes what each change does to the labels. How masks are made is not known
here.
"""

from __future__ import annotations

from importlib.metadata import version
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.errors import ImageError, OutputError, PromptError
from napari_hqsam.labels.base import keep_base
from napari_hqsam.labels.features import feature_row, feature_table
from napari_hqsam.labels.journal import SUFFIX, Journal
from napari_hqsam.labels.patches import Plane, check_box, crop_of, painted, relabelled
from napari_hqsam.labels.recorded import understand
from napari_hqsam.labels.records import (
    Accept,
    Edit,
    Header,
    LabelsRecord,
    MaskRecord,
    Settings,
)
from napari_hqsam.labels.space import check_axes, make_space
from napari_hqsam.labels.steps import Steps
from napari_hqsam.labels.strokes import stroke_patches

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from typing import TypeAlias

    from numpy.typing import NDArray

    from napari_hqsam.labels.objects import ObjectTable
    from napari_hqsam.labels.painting import Overlap
    from napari_hqsam.labels.patches import Box, Patch, Target
    from napari_hqsam.labels.records import ImageRecord, Setup
    from napari_hqsam.labels.strokes import Stroke
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.segmentation import Mask

    OnPlane: TypeAlias = Plane | Sequence[int] | int | None


class Session(Steps):
    """Objects in labels, each with the prompts it was made from.

    Made by `create` or `open`; without a journal also directly, from what
    `Steps` takes. One thread at a time. Every method that changes the labels
    leaves all as it was if it raises.
    """

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        target: Target,
        *,
        image: ImageRecord,
        setup: Setup,
        axes: str | None = None,
        scale: Sequence[float] | None = None,
        units: str | Sequence[str | None] | None = None,
        found: bool = True,
    ) -> Session:
        """Begin a session and its journal.

        Parameters
        ----------
        path : str or os.PathLike
            The journal, which must not exist; see `journal_path`.
        target : Target
            The labels.
        image : ImageRecord
            What is segmented.
        setup : Setup
            With which model.
        axes, scale, units
            Of the labels, as for `write_labels`.
        found : bool
            Whether the labels may hold objects already. They are read once, and
            if there are any, copied to a TIFF beside the journal, from which
            they can be replayed. False saves the reading where they are new.

        Raises
        ------
        OutputError
            If the journal exists or cannot be written.
        ImageError
            If axes, scale or units do not fit the labels, or those are no
            integers.
        """
        path, array = Path(path), target.array
        shape = tuple(map(int, array.shape))
        if np.dtype(array.dtype).kind not in "iu":
            raise ImageError(f"labels are {array.dtype}; convert them to integers")
        space = make_space(check_axes(axes, len(shape), "labels.tif"), scale, units)
        base = path.with_name(f"{path.name.removesuffix(SUFFIX)}.base.tif")
        if path.exists():
            raise OutputError(
                f"{path} exists: open that session again, or choose another name"
            )
        highest = keep_base(array, base, space) if found else 0
        labels = LabelsRecord(
            shape,
            space.axes,
            space.scale,
            space.units,
            base.name if highest else None,
            highest,
        )
        header = Header(image, labels, setup)
        try:
            journal = Journal.create(
                path, {"package": version("napari-hqsam"), **header.to_json()}
            )
        except BaseException:
            if highest:
                base.unlink()
            raise
        return cls(target, header, journal=journal)

    @classmethod
    def open(cls, path: str | os.PathLike[str], target: Target) -> Session:
        """Go on with a session; the labels are not touched, see `restore`.

        Parameters
        ----------
        path : str or os.PathLike
            Its journal.
        target : Target
            Its labels, of the same shape as before.

        Raises
        ------
        JournalError
            If the journal cannot be read, is damaged or in use.
        ImageError
            If the labels are of another shape.

        Warns
        -----
        HqsamWarning
            If the last line of the journal was cut short.
        """
        journal, lines = Journal.reopen(path)
        try:
            recorded = understand(journal.path, lines)
            shape = recorded.header.labels.shape
            if tuple(target.array.shape) != shape:
                raise ImageError(
                    f"the labels have shape {tuple(target.array.shape)}, those of "
                    f"{path} {shape}; open it with its own"
                )
        except BaseException:
            journal.close()
            raise
        return cls(target, recorded.header, recorded.history, journal)

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
        plane : Plane, int or sequence of int, optional
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

    def accept(
        self,
        mask: Mask,
        prompt: Prompt,
        *,
        plane: OnPlane = None,
        label_id: int | None = None,
        settings: Settings | None = None,
        setup: Setup | None = None,
        replaces: bool = False,
    ) -> int:
        """Make an object of a mask, or add it to one.

        Parameters
        ----------
        mask : Mask
            The mask.
        prompt : Prompt
            What it was made from.
        plane : Plane, int or sequence of int, optional
            Where; by default the prompt's own plane, or the only one.
        label_id : int, optional
            The object; by default the prompt's own, or a new one.
        settings : Settings, optional
            How the mask was made, and who gets pixels that are taken.
        setup : Setup, optional
            With which model, where not with that of the header.
        replaces : bool
            Whether the mask takes the place of what the object has on this
            plane: it loses its other pixels there, unless the overlap is
            "empty", which never changes a pixel that has an id.

        Returns
        -------
        int
            The object's id.

        Raises
        ------
        PromptError
            If the object would have no pixels.
        ImageError
            If the id, the plane or the mask do not fit the labels.
        OutputError
            If the journal or the labels cannot be written to.
        """
        settings, setup = settings or Settings(), setup or self.header.setup
        where = self._plane(prompt.plane if plane is None else plane)
        if label_id is None:
            label_id = prompt.label_id or self.next_id
        patches, pixels = painted(
            self.target.array,
            where,
            mask.bbox,
            mask.data,
            label_id,
            settings.overlap,
            instead_of=self.table.box_on(label_id, where) if replaces else None,
        )
        if not pixels:
            raise PromptError(
                "the mask has no pixels of its own: other objects have them all; "
                "overwrite them, or prompt elsewhere"
                if mask.area
                else "the mask is empty; give other prompts"
            )
        self.do(
            Accept(
                label_id,
                where,
                prompt,
                settings,
                setup,
                MaskRecord.of(mask),
                replaces,
                patches,
            )
        )
        return label_id

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
        plane : Plane, int or sequence of int, optional
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
        plane : Plane, int or sequence of int, optional
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
        plane : Plane, int or sequence of int, optional
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
        return Plane.of(self.target.array.shape, given)

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
