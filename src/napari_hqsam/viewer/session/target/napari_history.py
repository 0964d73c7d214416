"""The undo history of a Labels layer: what napari changed in it, as strokes.

The only module that reads the layer's private undo and redo lists: napari emits no
event that says what its undo changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from psygnal import Signal

from napari_hqsam.sessions.changes.strokes import Stroke
from napari_hqsam.viewer.planes import without_axis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Labels


class NapariHistory:
    """Reads the changes that napari's brush, undo and redo make to a layer.

    Parameters
    ----------
    layer : Labels
    flat : int or None
        Axis of the layer with one step for all channels, which strokes lack.
    """

    undone = Signal()
    """napari's own undo or redo changed the labels, at pixels that are not known."""

    def __init__(self, layer: Labels, flat: int | None) -> None:
        self._layer, self._flat = layer, flat
        self._redoable = 0
        self.mark()

    def mark(self) -> None:
        """Remember the present position in the history, for `strokes_since_mark`."""
        self._redoable = len(self._layer._redo_history)

    def strokes_since_mark(self) -> list[Stroke]:
        """Return what undo and redo changed since the last mark, and mark again.

        Nothing while a brush stroke is under way: the paint event has it at the end.
        """
        if self._layer._staged_history:
            return []
        before = self._redoable
        self.mark()
        count = self._redoable - before
        if not count:
            return []
        undone = count > 0
        history = self._layer._redo_history if undone else self._layer._undo_history
        strokes = [
            stroke
            for item in list(history)[-abs(count) :]
            for stroke in self.strokes_of(item)
        ]
        if undone:
            return [Stroke(s.indices, s.after, s.before) for s in strokes]
        return strokes

    def strokes_of(self, atoms: Sequence[Any]) -> list[Stroke]:
        """Convert the value of napari's paint event to strokes on the session's labels.

        Raises
        ------
        ValueError
            As `strokes_of`.
        """
        strokes = strokes_of(atoms)
        if self._flat is None:
            return strokes
        return [
            Stroke(without_axis(s.indices, self._flat), s.before, s.after)
            for s in strokes
        ]

    def step(self, which: Literal["undo", "redo"]) -> None:
        """Undo or redo what was done in the layer before there was a session."""
        getattr(self._layer, which)()
        self.undone.emit()


def strokes_of(atoms: Sequence[Any]) -> list[Stroke]:
    """Convert the value of napari's paint event to strokes.

    Parameters
    ----------
    atoms : sequence of tuple
        Of 3: indices, values before and after. Of 4 (napari 0.8): slices of a
        box, mask in it or None, values before, the value painted.

    Raises
    ------
    ValueError
        They are something else: another version of napari.
    """
    strokes = []
    for atom in atoms:
        if len(atom) == 3:
            strokes.append(Stroke(tuple(atom[0]), atom[1], atom[2]))
            continue
        slices, mask, before, after = atom
        sizes = [s.stop - s.start for s in slices]
        inside = np.nonzero(np.ones(sizes, bool) if mask is None else mask)
        indices = tuple(i + s.start for i, s in zip(inside, slices, strict=True))
        strokes.append(Stroke(indices, np.asarray(before).ravel(), after))
    return strokes
