"""Stacks: objects followed through slices, and batches over slices.

Has the worker do what was chosen (`Tasks`), slice by slice so that clicks are
answered in between, and what comes put into the target (`Placer`), as one step of
the session.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from psygnal import Signal
from qtpy.QtCore import QObject

from napari_hqsam.errors import HqsamError
from napari_hqsam.viewer.main_thread import tell, timer
from napari_hqsam.viewer.stack import plans as stack_plans
from napari_hqsam.viewer.stack.placing import Placer
from napari_hqsam.viewer.stack.results import Results
from napari_hqsam.viewer.stack.stack_axis import OnePlane
from napari_hqsam.viewer.stack.state import StackState
from napari_hqsam.viewer.stack.tasks import Tasks
from napari_hqsam.viewer.stack.tracks_layer import add_tracks
from napari_hqsam.viewer.time_left import TimeLeft
from napari_hqsam.worker import Priority

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Layer

    from napari_hqsam.sessions.journal.headers import Setup
    from napari_hqsam.viewer.session.accept import Acceptor
    from napari_hqsam.viewer.stack.run import Run
    from napari_hqsam.viewer.stack.stack_axis import Walk
    from napari_hqsam.viewer.stack.state import Cell
    from napari_hqsam.viewer.stack.work import Slice

BUDGET = 0.015
"""Seconds for which the main thread puts objects into the target at a time."""
_BUSY = "Slices are being worked on; cancel that first"


class Stacks(QObject):
    """Work on many slices of the image shown.

    Parameters
    ----------
    objects : Acceptor
    """

    progress = Signal(int, int)
    """Slices that are done, and how many there are; (0, 0): over."""
    advanced = Signal(float, str)
    """Share of the work that is done, and what to say of it."""
    changed = Signal()
    """What is known of the slices, or which slices there are."""

    def __init__(self, objects: Acceptor) -> None:
        super().__init__(objects)
        self._objects, self._labelling = objects, objects.labelling
        self._controller, self._scene = objects.controller, objects.scene
        self.state = StackState()
        self.results = Results(self._labelling, self.state)
        self._tasks = Tasks(objects, self.state, self.results)
        self._placer = Placer(objects, self.state)
        self._run: Run | None = None
        self._revised: tuple[Walk, int] | None = None  # slice to be corrected
        self._left = TimeLeft()
        self._jumped: int | None = None  # slice that was gone to as the worst
        self._soon = timer(self, 0, self._place_some)
        self._connect()

    def _connect(self) -> None:
        self._labelling.changed.connect(self._on_labelling)
        self._scene.image_changed.connect(self._on_image)
        self._scene.data_changed.connect(self._on_data)
        self._scene.plane_changed.connect(self._on_plane)
        events = self._objects.settings.events
        for name in ("model", "device", "channel_axis"):
            getattr(events, name).connect(self._on_other)

    @property
    def running(self) -> bool:
        """Whether something is under way."""
        return self._run is not None

    @property
    def on_one_plane(self) -> bool:
        """Whether that is on the plane alone that was shown when it began."""
        return self._run is not None and isinstance(self._run.walk, OnePlane)

    @property
    def has_slices(self) -> bool:
        """Whether the image has several slices in the orientation shown."""
        try:
            self.walk()
        except HqsamError:
            return False
        return True

    def walk(self) -> Walk:
        """Slices to be worked on.

        Raises
        ------
        ImageError
            No plane is shown, or there is one slice.
        """
        return self._tasks.walk()

    def cells(self) -> list[Cell]:
        """Tell what is known of the object shown, for each slice that has it."""
        try:
            return self.results.cells(self.walk())
        except HqsamError:
            return []

    # --- begin -----------------------------------------------------------------

    def start(self, source: Layer | None = None) -> None:
        """Do what was chosen.

        Parameters
        ----------
        source : Layer, optional
            Where the prompts of a batch are; None: the widget's own.
        """
        self._start(lambda: self._tasks.make(source))

    def find_all(self) -> None:
        """Find all objects of the plane shown, of a stack or of a single plane."""
        self._start(self._tasks.find_all)

    def _start(self, make: Callable[[], Run]) -> None:
        if self.running:
            self._objects.said.emit(_BUSY)
            return
        try:
            run = make()
            session = self._labelling.ready(
                run.request, lambda: self._start(make), lambda _: None
            )
            if session is not None:
                self._tasks.give_session(run, session)
                self._go(run)
        except HqsamError as error:
            tell(error)

    def tracks(self) -> None:
        """Add a Tracks layer of the labels: an id is one object on all slices."""
        if self.running:
            self._objects.said.emit(_BUSY)
            return
        try:
            self._go(self._tasks.tracks())
        except HqsamError as error:
            tell(error)

    # --- slice by slice ----------------------------------------------------------

    def _go(self, run: Run) -> None:
        self._run, self._jumped = run, None
        self._take_prompts(run)
        self._left = TimeLeft()
        run.told_tiles = lambda done, total: self._on_tiles(run, done, total)
        self.progress.emit(0, run.total)
        self._tell_progress(run)
        self._next(run)

    def _next(self, run: Run) -> None:
        """Have the worker do the next slice."""
        engine, request = self._controller.engine, run.request

        def step(_: object) -> tuple[Slice | None, Setup]:
            engine.segmenter(request.image, request.model)  # is kept for being used
            if run.slices_to_come is None:
                run.slices_to_come = run.steps(engine)
            return next(run.slices_to_come, None), engine.setup(request)

        try:
            run.before()
        except HqsamError as error:
            self._fail(run, error)
            return
        run.ticket = self._controller.worker.submit(
            Priority.BATCH,
            "stack",
            step,
            lambda found: self._on_slice(run, *found),
            lambda error: self._fail(run, error),
            replace=False,
        )

    def _on_slice(self, run: Run, found: Slice | None, setup: Setup) -> None:
        if run is not self._run:
            return
        if found is None:
            self._done(run)
            return
        if found.tracks is not None:
            run.told = add_tracks(self._scene.viewer, run, found.tracks)
        if found.boxes is not None and run.session is not None:
            run.session.table.look(run.walk.plane(found.z), found.boxes)
        run.setup = setup
        if not found.partial:
            run.done.add(found.z)
            if not self.on_one_plane:
                run.tiles = 0, 0
        run.waiting.extend((found.z, item) for item in found.items)
        self._place_some()

    def _place_some(self) -> None:
        """Put objects into the target, no longer than the window can wait."""
        run = self._run
        if run is None:
            return
        until = time.perf_counter() + BUDGET
        try:
            while run.waiting and time.perf_counter() < until:
                self._placer.place(run, *run.waiting.popleft())
        except HqsamError as error:
            self._fail(run, error)
            return
        if run.waiting:
            self._soon.start()
            return
        self._show_one_of(run)
        self.progress.emit(len(run.done), max(run.total, len(run.done)))
        self._tell_progress(run)
        self.changed.emit()
        self._next(run)

    def _on_tiles(self, run: Run, done: int, total: int) -> None:
        """Tell how far the slice under way is."""
        if run is self._run:
            run.tiles = done, total
            self._tell_progress(run)

    def _tell_progress(self, run: Run) -> None:
        """Say how far the work is and how long it may still take."""
        (tile, tiles), done = run.tiles, len(run.done)
        total = max(run.total, done)
        share = (done + (tile / tiles if tiles else 0.0)) / max(total, 1)
        parts = []
        if not self.on_one_plane:
            parts.append(f"{done} of {total} slices")
        if tiles:
            parts.append(f"{tile} of {tiles} tiles")
        elif self.on_one_plane:
            parts.append("choosing the scale")
        if self.on_one_plane and run.ids:
            parts.append(f"{len(run.ids)} objects")
        left = self._left.text(share)
        self.advanced.emit(share, ", ".join([*parts, left] if left else parts))

    def _show_one_of(self, run: Run) -> None:
        """Have the strip show an object that is worked on."""
        ids = list(run.ids.values())
        if ids and self.results.shown_object() not in ids:
            self.state.object_id = ids[0]

    # --- the end -----------------------------------------------------------------

    def cancel(self) -> None:
        """Stop; what was done stays, and is undone as one step."""
        if self._run is not None:
            self._end(self._run, "Cancelled; what was done stays")

    def _done(self, run: Run) -> None:
        for key in run.kept.keys() | {key for _, key in run.accepted}:
            slices = {z for z, k in run.accepted if k == key}
            slices |= run.kept.get(key, frozenset())
            self.results.note_followed(run.ids[key], run.walk, frozenset(slices))
        self._end(run, run.told or self._summary(run))

    def _fail(self, run: Run, error: Exception) -> None:
        if run is self._run:
            self._end(run, f"Stopped after {len(run.done)} slices")
            tell(error)

    def _end(self, run: Run, text: str) -> None:
        run.stop()
        self._run = None
        self._soon.stop()
        self.progress.emit(0, 0)
        self._give_prompts_back(run)
        if run.session is not None and self._labelling.session is run.session:
            self._labelling.note_objects(run.ids.values())
            self._labelling.show_rows()
            self._labelling.changed.emit()
        self._objects.said.emit(text)
        self.changed.emit()

    def _summary(self, run: Run) -> str:
        """Say what came of it, and where to look."""
        ids = list(run.ids.values())
        if not ids:
            return "Nothing was found"
        name = f"Object {ids[0]}" if len(ids) == 1 else f"{len(ids)} objects"
        if isinstance(run.walk, OnePlane):
            return f"{name} found"
        text = f"{name} found on {len(run.filled)} slices"
        worst = self.results.worst_of(ids, run.walk)
        if worst is None:
            return text
        return (
            f"{text}; least sure of object {worst.label_id} on slice {worst.z} "
            f"({worst.sure:.2f})"
        )

    def _take_prompts(self, run: Run) -> None:
        """Take the prompts off their slices: they belong to the objects now."""
        if not run.prompts:
            return
        for z, _ in run.prompts:
            self._scene.quietly_remove(run.walk.own(z))
        self._objects.current.label_id = None
        self._revised = None
        self._controller.clear_current()

    def _give_prompts_back(self, run: Run) -> None:
        """Lay prompts again that nothing came of."""
        scene = self._scene
        same_image = (
            scene.key == run.key and scene.channel_axis == run.walk.view.channel_axis
        )
        if scene.image is None or not same_image:
            return
        left = {at: p for at, p in run.prompts.items() if at not in run.accepted}
        if not left:
            return
        there = stack_plans.own_prompts(scene, run.walk)
        for (z, _), prompt in left.items():
            if z not in there:
                scene.put_prompt(prompt, run.walk.own(z))
        if run.reopened is not None and not run.accepted:
            self._objects.current.label_id = run.reopened
        self._controller.predict_soon()

    # --- where to look ---------------------------------------------------------------

    def worst(self) -> None:
        """Go to the slice that the object is least sure on; there, to the next one."""
        try:
            walk = self.walk()
        except HqsamError as error:
            tell(error)
            return
        after = walk.z if walk.z == self._jumped else None
        cell, label_id = self.results.worst_cell(walk, after), self.state.object_id
        if cell is None:
            self._objects.said.emit("Follow an object through the stack first")
            return
        self.go_to(cell.z)
        self._jumped = cell.z
        self._objects.said.emit(
            f"Object {label_id}, slice {cell.z}: confidence {cell.sure:.2f}. Click to "
            "correct it, then follow it again"
        )
        if not stack_plans.own_prompts(self._scene, walk):
            self._objects.current.label_id = label_id
            self._revised = walk, cell.z

    def go_to(self, z: int) -> None:
        """Show a slice."""
        with suppress(HqsamError):
            self._scene.go_to(self.walk().at(z))

    # --- what happens -----------------------------------------------------------------

    def _on_labelling(self) -> None:
        """Stop where the labels are gone, or what was done has been undone."""
        run, session = self._run, self._labelling.session
        if run is not None:
            gone = self._labelling.target is not run.target
            if run.session is not None and session is not None:
                gone |= session is not run.session
                gone |= run.begun and bool(session.history.to_redo)
            if gone:
                self.cancel()
        self.changed.emit()

    def _on_image(self) -> None:
        self.cancel()
        self.results.forget()
        self.state.forget()
        self.changed.emit()

    def _on_data(self) -> None:
        """Stop if the pixels are others; other contrast limits count from now on."""
        if self._run is not None and self._scene.key != self._run.key:
            self.cancel()
        self.changed.emit()

    def _on_other(self) -> None:
        self.cancel()
        self.changed.emit()

    def _on_plane(self) -> None:
        """Prompts elsewhere than where was jumped to are of other objects."""
        if self._revised is not None:
            walk, z = self._revised
            with suppress(HqsamError):
                if self._scene.view() != walk.at(z) and not self._scene_has_prompts():
                    self._objects.current.label_id = None
                    self._revised = None
        self.changed.emit()

    def _scene_has_prompts(self) -> bool:
        own = self._scene.points, self._scene.shapes
        return any(layer is not None and len(layer.data) > 0 for layer in own)
