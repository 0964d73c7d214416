"""Read the objects of a session: their masks, prompts and pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from napari_hqsam.errors import PromptError
from napari_hqsam.geometry import Plane
from napari_hqsam.geometry.planes import resolve_plane
from napari_hqsam.sessions.features import feature_row, feature_table
from napari_hqsam.sessions.new_ids import new_ids

if TYPE_CHECKING:
    from typing import TypeAlias

    import numpy as np
    from numpy.typing import NDArray

    from napari_hqsam.geometry import Box, PlaneIndex
    from napari_hqsam.sessions.edit_log import EditLog
    from napari_hqsam.sessions.journal.events import Accept
    from napari_hqsam.sessions.objects import ObjectTable

    OnPlane: TypeAlias = Plane | PlaneIndex | None


class ObjectReader:
    """Reads the objects of the labels of an `EditLog`; changes nothing.

    Parameters
    ----------
    log : EditLog
        Labels, history and journal.
    """

    def __init__(self, log: EditLog) -> None:
        self.log = log

    @property
    def table(self) -> ObjectTable:
        """The objects."""
        return self.log.history.table

    @property
    def next_id(self) -> int:
        """The id that the next new object gets."""
        return self._new_id()

    def next_ids(self, count: int) -> list[int]:
        """Return the ids that the next new objects get, ascending."""
        return new_ids(self.table.highest, self._array, count=count)

    def features(self) -> dict[str, list[Any]]:
        """Return the features of all objects; see `features.feature_table`."""
        return feature_table(self.table)

    def feature_row(self, label_id: int) -> list[Any]:
        """Return the features of one object; see `features.feature_row`."""
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
            Each with plane, prompt, options and mask. Several where parts were
            added or objects merged; none where it was made by hand.

        Raises
        ------
        PromptError
            There is no such object.
        """
        self._check_known(label_id)
        made = self.table.made.get(label_id, {})
        if plane is not None:
            return made.get(self._plane(plane), ())
        return tuple(accept for masks in made.values() for accept in masks)

    def pixels(
        self, label_id: int, plane: OnPlane = None
    ) -> tuple[Box, NDArray[np.bool_]]:
        """Return the current pixels of an object on a plane.

        Parameters
        ----------
        label_id : int
            Which object.
        plane : Plane or mapping of str to int, optional
            Which plane; by default the only one.

        Returns
        -------
        bbox : tuple of int
            A box ``(y0, x0, y1, x1)`` that holds them, not always the smallest.
        data : ndarray
            bool, of the size of the box.
        """
        where = self._plane(plane)
        box = self.table.box_on(label_id, where)
        return box, where.read(self._array, box) == label_id

    @property
    def _array(self) -> Any:  # noqa: ANN401 - as `Target.array`
        return self.log.target.array

    def _new_id(self, plane: OnPlane = None, box: Box = (0, 0, 0, 0)) -> int:
        """Return the id of a new object; see `new_ids`."""
        where = None if plane is None else self._plane(plane)
        return new_ids(self.table.highest, self._array, where, box)[0]

    def _plane(self, given: OnPlane) -> Plane:
        """Resolve a plane; axes of length 1 may be left out."""
        shape, axes = self._array.shape, self.log.header.labels.space.axes
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
        """Raise PromptError if there is no such object."""
        if not self.table.knows(label_id):
            raise PromptError(f"there is no object {label_id}; choose another")
