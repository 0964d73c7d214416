"""A Labels layer as target of a session.

All changes go through napari's own history, so that Ctrl+Z on the layer works;
what napari undoes, and what its brush paints, is told to the session.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from psygnal import Signal

from napari_hqsam.errors import OutputError
from napari_hqsam.masks.algebra import tight_box
from napari_hqsam.sessions.changes.strokes import Stroke
from napari_hqsam.viewer.canvas.layer_placing import Placing
from napari_hqsam.viewer.files.label_files import FLAT, without_step
from napari_hqsam.viewer.planes import layer_shape, shape_without, without_axis

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari.layers import Image, Labels
    from numpy.typing import NDArray

    from napari_hqsam.geometry import Box, Plane
    from napari_hqsam.sessions.changes.patches import Patch
    from napari_hqsam.sessions.changes.target import Write
    from napari_hqsam.sessions.journal.events import Event
    from napari_hqsam.sessions.session import Session
    from napari_hqsam.viewer.planes import PlaneView

_REACH = 256
"""How far an object is looked for at first, pixels."""


def check_target(layer: Labels, image: Image, channel_axis: int | None) -> None:
    """Raise unless objects of an image can go to a Labels layer.

    Raises
    ------
    OutputError
        It has another shape or lies elsewhere; it cannot be written to.
    """
    whole = layer_shape(image)
    shape, wanted = layer_shape(layer), shape_without(whole, channel_axis)
    remedy = "choose another target, or a new one"
    if shape != wanted:
        raise OutputError(
            f"{layer.name} has shape {shape}, {image.name} needs {wanted}; {remedy}"
        )
    count = whole[channel_axis or 0]
    place = Placing.of(image).without(channel_axis, count)
    if not Placing.of(layer).agrees(place, wanted):
        raise OutputError(
            f"{layer.name} lies elsewhere than {image.name} (scale, translation or "
            f"rotation); {remedy}"
        )
    if layer.multiscale:
        raise OutputError(
            f"{layer.name} is multiscale, which napari cannot edit; {remedy}"
        )
    flags = getattr(layer.data, "flags", None)
    read_only = flags is not None and not getattr(flags, "writeable", True)
    if channel_axis and not isinstance(layer.data, np.ndarray):
        raise OutputError(
            f"{layer.name} is on the disk, where labels of an image with channels "
            f"within its axes cannot be written; {remedy}"
        )
    if read_only or getattr(layer.data, "read_only", False) or not layer.editable:
        raise OutputError(f"{layer.name} is read-only; {remedy}")


class LayerTarget:
    """The labels of a layer, for a session to change.

    Parameters
    ----------
    layer : Labels
    flat : int, optional
        Axis of the layer with one step for all channels: the session lacks it.
    """

    undone = Signal()
    """napari's own undo or redo changed the labels: it does not tell where."""

    def __init__(self, layer: Labels, flat: int | None = None) -> None:
        self.layer, self.flat = layer, flat
        if flat is not None:
            layer.metadata = {**layer.metadata, FLAT: flat}
        self.writing = False
        """Whether changes come from here."""
        self._data = layer.data
        self._redoable = 0
        self.note_history()

    @property
    def array(self) -> Any:  # noqa: ANN401 - numpy, zarr or another
        """The labels to be read."""
        return self._without_step(self.layer.data)

    def _without_step(self, data: Any) -> Any:  # noqa: ANN401
        return data if self.flat is None else data[self._step]

    def replaced(self) -> NDArray[Any] | None:
        """Return the labels that others have replaced since last asked, if any.

        Those in memory alone: to compare others might take forever.
        """
        before, self._data = self._data, self.layer.data
        now = self._data
        if before is now or not isinstance(before, np.ndarray):
            return None
        if not isinstance(now, np.ndarray) or before.shape != now.shape:
            return None
        labels: NDArray[Any] = self._without_step(before)
        return labels

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the labels."""
        return without_axis(layer_shape(self.layer), self.flat)

    @property
    def attributes(self) -> dict[str, Any]:
        """Those of the layer, as napari hands them to writers, for the labels."""
        return without_step(self.layer.as_layer_data_tuple()[1], self.flat)

    @property
    def _step(self) -> tuple[Any, ...]:
        return (*[slice(None)] * (self.flat or 0), 0)

    def write(self, writes: Iterable[Write]) -> None:
        """Write all that one step changes, as one step of napari's undo."""
        self.writing = True
        try:
            with self.layer.block_history():
                for write in writes:
                    indices = list(write.indices)
                    if self.flat is not None:
                        indices.insert(self.flat, np.zeros_like(indices[0]))
                    self.layer.data_setitem(tuple(indices), write.ids)
        finally:
            self.writing = False

    def napari_step(self, which: Literal["undo", "redo"]) -> None:
        """Undo or redo what was done in the layer before there was a session."""
        getattr(self.layer, which)()
        self.undone.emit()

    def show(self, labels: NDArray[Any] | None) -> None:
        """Show labels that were put together elsewhere.

        Parameters
        ----------
        labels : ndarray or None
            None: what the layer has on the disk has changed.
        """
        self.writing = True
        try:
            if labels is not None and labels is not self.layer.data:
                if self.flat is not None:
                    labels = np.expand_dims(labels, self.flat)
                self.layer.data = labels  # to copy them would take too long
                self._data = self.layer.data
            self.layer.refresh()
        finally:
            self.writing = False

    def looks_like(self, step: Sequence[Event], *, undone: bool) -> bool:
        """Whether the pixels that a step changes are as before it, or as after it.

        Of a pixel that is in several patches, the first tells what was before the
        step, the last what is after it.
        """
        patches = [patch for event in step for patch in event.patches]
        told: defaultdict[Plane, list[Patch]] = defaultdict(list)
        for patch in patches if undone else reversed(patches):
            wanted = patch.write(self.array.dtype, back=undone)
            counts = wanted.changed.copy()
            for other in told[patch.plane]:
                _take_out(counts, patch, other)
            now = np.asarray(self.array[wanted.key])
            if not (now == wanted.values)[counts].all():
                return False
            told[patch.plane].append(patch)
        return bool(patches)

    def napari_strokes(self) -> list[Stroke]:
        """Return what napari's undo and redo did to the labels since last asked."""
        if self.layer._staged_history:
            return []  # the brush is down, and tells when it is up
        before = self._redoable
        self.note_history()
        count = self._redoable - before
        if not count:
            return []
        history = self.layer._redo_history if count > 0 else self.layer._undo_history
        strokes = [
            stroke
            for item in list(history)[-abs(count) :]
            for stroke in self.strokes_of(item)
        ]
        if count < 0:
            return strokes
        return [Stroke(s.indices, s.after, s.before) for s in strokes]

    def strokes_of(self, atoms: Sequence[Any]) -> list[Stroke]:
        """Return what napari's paint event tells, in the words of the session.

        Raises
        ------
        ValueError
            As `strokes_of`.
        """
        strokes = strokes_of(atoms)
        if self.flat is None:
            return strokes
        return [
            Stroke(without_axis(s.indices, self.flat), s.before, s.after)
            for s in strokes
        ]

    def note_history(self) -> None:
        """Remember where napari's undo stands now: it does not tell of undoing."""
        self._redoable = len(self.layer._redo_history)


def reconcile(session: Session, target: LayerTarget) -> bool:
    """Take over what napari's own undo and redo did to the labels.

    Where that is no whole step of the session, it is taken for the brush's.

    Returns
    -------
    bool
        Whether there was anything.

    Raises
    ------
    OutputError
        The journal cannot be written to.
    """
    strokes = target.napari_strokes()
    if not strokes:
        return False
    target.undone.emit()
    happened = False
    while target.looks_like(session.history.to_undo, undone=True):
        session.undo()
        happened = True
    while not happened and target.looks_like(session.history.to_redo, undone=False):
        session.redo()
        return True
    if not happened:
        session.record_strokes(strokes)
    return True


def _take_out(counts: NDArray[np.bool_], patch: Patch, other: Patch) -> None:
    """Let pixels of a patch count no more that another one of the plane changes."""
    y0, x0 = np.maximum(patch.bbox[:2], other.bbox[:2])
    y1, x1 = np.minimum(patch.bbox[2:], other.bbox[2:])
    if y0 < y1 and x0 < x1:
        before, after = other.crops(np.int64)
        top, left = other.bbox[:2]
        changed = (before != after)[y0 - top : y1 - top, x0 - left : x1 - left]
        top, left = patch.bbox[:2]
        shown = patch.plane.oriented(counts)  # a view: (y, x)
        shown[y0 - top : y1 - top, x0 - left : x1 - left] &= ~changed


def strokes_of(atoms: Sequence[Any]) -> list[Stroke]:
    """Return what napari's paint event tells, in the words of the session.

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


def box_at(layer: Labels, view: PlaneView, point: Sequence[float]) -> Box:
    """Box round the object at a plane position, which lies on one.

    Looks no further than it must: pieces of it far from the one at the position may
    be left out.

    Returns
    -------
    tuple of int
        ``(y0, x0, y1, x1)``, half-open.
    """
    y, x = (int(np.floor(v + 0.5)) for v in point)
    label_id = id_at(layer, view, point)
    h, w = (layer_shape(layer)[axis] for axis in view.axes)
    reach = _REACH
    while True:
        top, left = max(y - reach, 0), max(x - reach, 0)
        bottom, right = min(y + reach, h), min(x + reach, w)
        window = view.window((top, left, bottom, right))
        here = np.asarray(layer.data[window]) == label_id
        y0, x0, y1, x1 = found = tight_box(here, (top, left))
        if not (
            (y0 == top > 0) or (x0 == left > 0) or y1 == bottom < h or x1 == right < w
        ):
            return found
        reach *= 2


def id_at(layer: Labels, view: PlaneView, point: Sequence[float]) -> int:
    """Id at a plane position; 0 off the plane."""
    y, x = (int(np.floor(v + 0.5)) for v in point)
    shape = layer_shape(layer)
    if not (0 <= y < shape[view.axes[0]] and 0 <= x < shape[view.axes[1]]):
        return 0
    pixel: NDArray[Any] = np.asarray(layer.data[view.window((y, x, y + 1, x + 1))])
    return int(pixel.ravel()[0])
