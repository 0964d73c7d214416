"""A session: objects in labels, and what can be done with them.

It computes what each change does to the labels. How masks are made is not known
here.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_hqsam.errors import ImageError, PromptError
from napari_hqsam.geometry.space import check_axes, make_space
from napari_hqsam.labels.base import keep_base
from napari_hqsam.sessions.editing import Editing
from napari_hqsam.sessions.journal.file import Journal, base_path
from napari_hqsam.sessions.journal.headers import Header, LabelsRecord
from napari_hqsam.sessions.journal.records import Accept, MaskRecord, Settings
from napari_hqsam.sessions.patches import painted
from napari_hqsam.sessions.recorded import understand

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from typing import TypeAlias

    from napari_hqsam.geometry import Plane, PlaneIndex
    from napari_hqsam.masks import Mask
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.sessions.journal.file import Json
    from napari_hqsam.sessions.journal.headers import ImageRecord, Setup
    from napari_hqsam.sessions.patches import Target

    OnPlane: TypeAlias = Plane | PlaneIndex | None


class Session(Editing):
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
        base, made = base_path(path), False
        header: Header

        def first() -> Json:
            nonlocal header, made
            highest = keep_base(array, base, space) if found else 0
            made = highest > 0
            name = base.name if made else None
            labels = LabelsRecord(
                shape, space.axes, space.scale, space.units, name, highest
            )
            header = Header(image, labels, setup)
            return {"package": version("napari-hqsam"), **header.to_json()}

        try:
            # The journal is locked before anything is written beside it.
            journal = Journal.create(path, first)
        except BaseException:
            if made:
                base.unlink(missing_ok=True)
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
        session = cls(target, recorded.header, recorded.history, journal)
        session.context = recorded.context
        return session

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
        plane : Plane or mapping of str to int, optional
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
