"""Accept, reject, undo, reopen, merge, split, delete; batches; saving.

What becomes of the current object once the user is content with it. What
labels, journal and undo are is the business of `labels.session`.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from psygnal import Signal
from qtpy.QtCore import QObject

from napari_hqsam.errors import HqsamError, OutputError, PromptError
from napari_hqsam.labels.records import Settings
from napari_hqsam.prompts import Prompt, from_labels
from napari_hqsam.viewer import layers
from napari_hqsam.viewer.controller import tell
from napari_hqsam.viewer.journaling import begin_session, journal_file
from napari_hqsam.viewer.prompting import layer_prompts, plane_size
from napari_hqsam.viewer.scene import Connections
from napari_hqsam.viewer.target import (
    LayerTarget,
    check_target,
    id_at,
    plane_of,
    reconcile,
    strokes_of,
)
from napari_hqsam.viewer.worker import InferenceWorker, Urgency

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari.layers import Labels, Layer

    from napari_hqsam.labels.records import Setup
    from napari_hqsam.labels.session import Session
    from napari_hqsam.segmentation import Mask
    from napari_hqsam.viewer.controller import Controller
    from napari_hqsam.viewer.engine import Answer, Request
    from napari_hqsam.viewer.planes import PlaneView
    from napari_hqsam.viewer.worker import Ticket


class Objects(QObject):
    """Accepted objects of one viewer.

    Parameters
    ----------
    controller : Controller
    """

    changed = Signal()
    """The target, or what can be undone."""
    progress = Signal(int, int)
    """Objects of a batch that are done, and how many there are; (0, 0): over."""
    said = Signal(str)
    """Something went well."""

    def __init__(self, controller: Controller) -> None:
        super().__init__(controller)
        self.controller = controller
        self.scene = controller.scene
        self.current = controller.current
        self.settings = controller.settings
        self.files = InferenceWorker(
            controller.to_main, synchronous=controller.worker.synchronous
        )
        self.session: Session | None = None
        self.target: LayerTarget | None = None
        self._batch: Ticket | None = None
        self._of_target = Connections()
        self._opening: list[Callable[[], None]] | None = None
        self._is_new = False
        self.scene.layers_changed.connect(self._on_layers)
        self.scene.image_changed.connect(self._on_image)

    # --- the target ----------------------------------------------------------

    def use_target(self, layer: Labels | None) -> None:
        """Send accepted objects to a Labels layer; None: to a new one, if any."""
        if self.target is not None and layer == self.target.layer:
            return
        self._let_go()
        if layer is None or self.scene.image is None:
            return
        try:
            check_target(layer, self.scene.image, self.scene.dropped)
        except HqsamError as error:
            tell(error)
            self.changed.emit()
            return
        self._take(layer, is_new=False)

    def new_target(self) -> Labels:
        """Add an empty Labels layer and use it.

        Raises
        ------
        ImageError
            There is no image, or no memory for its labels.
        """
        scene, viewer = self.scene, self.scene.viewer
        scene.view()
        image = scene.image
        assert image is not None
        active = viewer.layers.selection.active
        layer = layers.add_target(viewer, image, scene.dropped, f"{image.name} labels")
        # Below the prompts, and without taking the tool out of the hand.
        viewer.layers.move(viewer.layers.index(layer), viewer.layers.index(image) + 1)
        viewer.layers.selection.active = active
        self._let_go()
        self._take(layer, is_new=True)
        return layer

    def _take(self, layer: Labels, *, is_new: bool) -> None:
        self.target = LayerTarget(layer)
        self._is_new = is_new
        self._of_target.add(layer.events.set_data, self._on_target_data)
        self._of_target.add(layer.events.paint, self._on_paint)
        self.changed.emit()

    def _let_go(self) -> None:
        self._of_target.close()
        self.target = None
        self._opening = None
        session, self.session = self.session, None
        if session is not None:
            session.close()
        self.changed.emit()

    def _ready_session(
        self, request: Request, then: Callable[[], None]
    ) -> Session | None:
        """Return the session to write to; None if it must be begun: `then` follows.

        Raises
        ------
        HqsamError
            The target cannot be written to.
        """
        image = self.scene.image
        assert image is not None
        if self.target is None:
            self.new_target()
        assert self.target is not None
        check_target(self.target.layer, image, self.scene.dropped)
        if self.session is None:
            if self._opening is None:
                self._opening = []
                self._begin_session(request, self.target)
            if self._opening is not None:
                self._opening.append(then)
        return self.session

    def _begin_session(self, request: Request, target: LayerTarget) -> None:
        """Begin a journal: labels and image are looked at in the background."""
        engine, is_new = self.controller.engine, self._is_new
        place = target.layer.as_layer_data_tuple()[1]
        path = journal_file(target.layer.name)

        def work(_: Ticket) -> Session:
            return begin_session(
                path,
                target,
                engine.image_record(request),
                engine.setup(request),
                place,
                found=not is_new,
            )

        def done(session: Session) -> None:
            if self.target is not target:
                session.close()
                return
            self.session = session
            waiting, self._opening = self._opening or [], None
            self.changed.emit()
            for call in waiting:
                call()

        def failed(error: Exception) -> None:
            self._opening = None
            tell(error)

        self.controller.worker.submit(Urgency.CLICK, "session", work, done, failed)

    # --- the current object -----------------------------------------------------

    def accept(self, *, merge: int | None = None, split: int | None = None) -> None:
        """Put the current object into the target, and begin the next.

        Parameters
        ----------
        merge : int, optional
            Id of an object to add it to.
        split : int, optional
            Id of the object to take it out of.
        """
        controller, current = self.controller, self.current
        how = partial(
            self._place,
            chosen=current.chosen,
            label_id=current.label_id,
            merge=merge,
            split=split,
        )
        if current.waiting and controller.asked is not None:
            # The next click belongs to the next object already.
            view, request = controller.asked
            self._begin_next(view.without(self.scene.dropped))
            controller.worker.submit(
                Urgency.CLICK,
                "accept",
                lambda _: controller.engine.answer(request),
                lambda answer: how(view, answer),
                tell,
                replace=False,
            )
        elif current.mask is not None and controller.shown is not None:
            view, answer = controller.shown
            self._begin_next(view.without(self.scene.dropped))
            how(view, answer)
        elif self._has_prompts():
            tell(PromptError("no object was found at these prompts; add or move some"))
        else:
            self.said.emit("Nothing to accept yet: click on an object")

    def _place(
        self,
        view: PlaneView,
        answer: Answer,
        *,
        chosen: int,
        label_id: int | None,
        merge: int | None,
        split: int | None,
    ) -> None:
        """Put an object into the target; its prompts come back if that fails."""
        own = view.without(self.scene.dropped)
        mask = answer.masks[min(chosen, len(answer.masks) - 1)]
        again = partial(
            self._place,
            view,
            answer,
            chosen=chosen,
            label_id=label_id,
            merge=merge,
            split=split,
        )
        try:
            session = self._ready_session(answer.request, again)
            if session is None:
                return
            if split is not None:
                number = session.split(split, mask.bbox, mask.data, plane_of(own))
            else:
                number = session.accept(
                    mask,
                    answer.request.prompt,
                    plane=plane_of(own),
                    label_id=label_id if merge is None else merge,
                    settings=self._settings(answer.request, chosen),
                    setup=answer.setup,
                    replaces=merge is None and label_id is not None,
                )
        except HqsamError as error:
            tell(error)
            if not self._has_prompts() and self.scene.image is not None:
                self.current.chosen, self.current.label_id = chosen, label_id
                put_prompt(self.controller, answer.request.prompt, own)
                self.controller.predict()
            return
        if mask.level is not None:
            self.controller.levels.append(mask.level)
        self._show_features()
        self.said.emit(f"Object {number} accepted")
        self.changed.emit()

    def _settings(self, request: Request, chosen: int) -> Settings:
        """Tell the journal how a mask was asked for."""
        return Settings(
            output=request.output,
            candidate=chosen - 1 if chosen else None,
            level=request.level,
            typical_size=request.typical_size,
            clean=request.clean,
            overlap=self.settings.overlap,
        )

    def _show_features(self) -> None:
        """Set the features table of the target: one row for each object."""
        import pandas as pd

        if self.session is None or self.target is None:
            return
        layer = self.target.layer
        if len(layer.features.columns) and "index" not in layer.features:
            return  # somebody's table whose rows go by position: not ours to change
        layer.features = pd.DataFrame(self.session.features())

    def _begin_next(self, own: PlaneView) -> None:
        self.scene.quietly_remove(own)
        self.current.label_id = None
        self.current.chosen = 0
        self.controller.clear_current()

    def reject(self) -> None:
        """Drop the current object and its prompts; a reopened one stays as it was."""
        try:
            view = self.scene.view()
        except HqsamError as error:
            tell(error)
            return
        self._begin_next(view.without(self.scene.dropped))

    def undo(self) -> None:
        """Take the last prompt back; if there is none, the last accepted object."""
        if self._has_prompts():
            self._remove_last_prompt()
            return
        if self._step("undo"):
            self.said.emit("The last step is undone")
        else:
            self.said.emit("Nothing to undo")

    def redo(self) -> None:
        """Do again what was undone last."""
        if self._step("redo"):
            self.said.emit("The step is done again")
        else:
            self.said.emit("Nothing to redo")

    def _step(self, which: Literal["undo", "redo"]) -> bool:
        if self.session is None:
            return False
        try:
            done = self.session.undo() if which == "undo" else self.session.redo()
        except HqsamError as error:
            tell(error)
            return False
        self._show_features()
        self.changed.emit()
        return done

    def _has_prompts(self) -> bool:
        return bool(self._prompts_here())

    def _prompts_here(self) -> list[tuple[Layer, int]]:
        """Layer and number of each prompt on the plane shown."""
        scene = self.scene
        try:
            own = scene.view().without(scene.dropped)
        except HqsamError:
            return []
        return [
            (layer, i)
            for layer in (scene.shapes, scene.points)
            if layer is not None
            for i, data in enumerate(layer.data)
            if own.holds(data).all()
        ]

    def _remove_last_prompt(self) -> None:
        layer, number = self._prompts_here()[-1]
        layer.selected_data = {number}
        layer.remove_selected()

    # --- accepted objects -------------------------------------------------------

    def _under_cursor(self) -> tuple[PlaneView, PlaneView, int] | None:
        """Plane of the image and of the target, and the id pointed at."""
        at = self.scene.cursor()
        if at is None or self.target is None:
            return None
        view, point = at
        own = view.without(self.scene.dropped)
        label_id = id_at(self.target.layer, own, point)
        return (view, own, label_id) if label_id else None

    def reopen(self) -> None:
        """Make the accepted object under the cursor the current one again."""
        found = self._under_cursor()
        if found is None:
            self.said.emit("Point at an accepted object to open it again")
            return
        view, own, label_id = found
        try:
            prompt, chosen = self._prompt_of(view, own, label_id)
            self.scene.quietly_remove(own)
            self.current.label_id = label_id
            self.current.chosen = chosen
            put_prompt(self.controller, prompt, own)
        except HqsamError as error:
            tell(error)
            return
        self.said.emit(f"Object {label_id} is open again")
        self.controller.predict()

    def _prompt_of(
        self, view: PlaneView, own: PlaneView, label_id: int
    ) -> tuple[Prompt, int]:
        """Prompt that made an object, and which mask it gave; else its box."""
        assert self.target is not None
        if self.session is not None:
            with suppress(PromptError):  # an object that the session does not know
                made = self.session.reopen(label_id, plane_of(own))
                if made:
                    candidate = made[-1].settings.candidate
                    return made[-1].prompt, 0 if candidate is None else candidate + 1
        assert self.scene.image is not None
        size = plane_size(self.scene.image, view)
        window = own.window((0, 0, *size))
        here = np.asarray(self.target.layer.data[window]) == label_id
        (prompt,) = from_labels(here, "box")
        return prompt, 0

    def merge(self) -> None:
        """Add the current object to the accepted one under the cursor."""
        found = self._under_cursor()
        if found is None:
            self.said.emit("Point at the accepted object to merge with")
            return
        self.accept(merge=found[2])

    def split(self) -> None:
        """Take the current object out of the accepted one that it lies on most."""
        mask, shown = self.current.mask, self.controller.shown
        if mask is None or shown is None or self.target is None:
            self.said.emit("Outline the part to split off first")
            return
        own = shown[0].without(self.scene.dropped)
        below = np.asarray(self.target.layer.data[own.window(mask.bbox)])[mask.data]
        ids, counts = np.unique(below[below > 0], return_counts=True)
        if not len(ids):
            tell(
                PromptError(
                    "there is no accepted object below the outline to split it from; "
                    "accept it as it is"
                )
            )
            return
        self.accept(split=int(ids[counts.argmax()]))

    def delete(self) -> None:
        """Remove the accepted object under the cursor from the slice shown."""
        found = self._under_cursor()
        if found is None:
            self.said.emit("Point at an accepted object to delete it")
            return
        _, own, label_id = found
        if self.session is None:
            self.said.emit("Accept an object first: then there is a journal")
            return
        try:
            self.session.delete(label_id, plane_of(own))
        except HqsamError as error:
            tell(error)
            return
        self._show_features()
        self.said.emit(f"Object {label_id} deleted from this slice")
        self.changed.emit()

    # --- batches ----------------------------------------------------------------

    @property
    def batch_running(self) -> bool:
        """Whether a batch is under way."""
        return self._batch is not None and not self._batch.cancelled

    def run_batch(self, source: Layer) -> None:
        """Segment one object per point, shape or label id of a layer."""
        if self.batch_running:
            self.said.emit("A batch is running; cancel it first")
            return
        controller = self.controller
        try:
            view = self.scene.view()
            image = self.scene.image
            assert image is not None
            dims = self.scene.viewer.dims
            prompts = layer_prompts(source, image, view, dims)
            size = plane_size(image, view)
            inside = [p for p in prompts if _lies_on(p, size)]
            if not inside:
                prompts[0].check_on(size)
            request = controller.request(view, inside[0])
            if self._ready_session(request, lambda: self.run_batch(source)) is None:
                return
        except HqsamError as error:
            tell(error)
            return
        if len(inside) < len(prompts):
            tell(
                PromptError(
                    f"{len(prompts) - len(inside)} of {len(prompts)} prompts of "
                    f"{source.name} lie off the image and are left out"
                )
            )
        self._start_batch(view, request, inside)

    def _start_batch(
        self, view: PlaneView, request: Request, prompts: list[Prompt]
    ) -> None:
        """Run it mask by mask, so that clicks come in between."""
        worker, engine = self.controller.worker, self.controller.engine
        found: list[Iterator[tuple[int, Mask]]] = []
        accepted = tried = 0

        def step(_: Ticket) -> tuple[int, Mask, Setup] | None:
            if not found:
                found.append(engine.answer_many(request, prompts))
            answer = next(found[0], None)
            return None if answer is None else (*answer, engine.setup(request))

        def done(answer: tuple[int, Mask, Setup] | None) -> None:
            nonlocal accepted, tried
            if answer is None:
                self._end_batch(f"{accepted} of {len(prompts)} objects accepted")
                return
            number, mask, setup = answer
            tried += 1
            try:
                accepted += self._accept_one(
                    view, request, prompts[number], mask, setup
                )
            except HqsamError as error:
                failed(error)
                return
            self.progress.emit(tried, len(prompts))
            go_on()

        def failed(error: Exception) -> None:
            self._end_batch(f"Stopped after {accepted} objects")
            tell(error)

        def go_on() -> None:
            self._batch = worker.submit(
                Urgency.BATCH, "batch", step, done, failed, replace=False
            )

        self.progress.emit(0, len(prompts))
        go_on()

    def _accept_one(
        self,
        view: PlaneView,
        request: Request,
        prompt: Prompt,
        mask: Mask,
        setup: Setup,
    ) -> int:
        """Put one object of a batch into the target; 0 if there is no room for it."""
        if self.session is None:
            raise OutputError("the labels are gone; choose a target and start again")
        own = view.without(self.scene.dropped)
        try:
            self.session.accept(
                mask,
                replace(prompt, label_id=None),
                plane=plane_of(own),
                settings=self._settings(request, 0),
                setup=setup,
            )
        except PromptError:
            return 0
        return 1

    def _end_batch(self, text: str) -> None:
        self._batch = None
        self.progress.emit(0, 0)
        self._show_features()
        self.said.emit(text)
        self.changed.emit()

    def cancel_batch(self) -> None:
        """Stop a batch; what it has accepted stays."""
        if self._batch is not None:
            self._batch.cancel()
            self._end_batch("Cancelled; what was accepted stays")

    # --- saving -------------------------------------------------------------------

    def suggested_path(self) -> Path:
        """Where labels would be saved: beside their image."""
        image = self.scene.image
        path = None if image is None else image.source.path
        if path is None:
            return Path.cwd() / "labels.ome.tif"
        stem = Path(path).name.split(".")[0]
        return Path(path).with_name(f"{stem}-labels.ome.tif")

    def save(self, path: str) -> None:
        """Save the target in the background, with the image's scale and units."""
        from napari_hqsam.viewer.saving import save_labels

        if self.target is None:
            self.said.emit("There are no labels to save yet")
            return
        layer = self.target.layer
        data, attributes = layer.data, layer.as_layer_data_tuple()[1]
        # A copy of it as it is now, for painting goes on meanwhile.
        snapshot = data.copy() if isinstance(data, np.ndarray) else data
        self.files.submit(
            Urgency.BATCH,
            "save",
            lambda _: save_labels(path, snapshot, attributes),
            lambda written: self.said.emit(f"Saved {written}"),
            tell,
            replace=False,
        )

    # --- what happens ----------------------------------------------------------------

    def _on_layers(self) -> None:
        if (
            self.target is not None
            and self.target.layer not in self.scene.viewer.layers
        ):
            self.cancel_batch()
            self._let_go()

    def _on_image(self) -> None:
        self.cancel_batch()
        self._let_go()

    def _on_target_data(self, event: object) -> None:
        if self.session is None or self.target is None or self.target.writing:
            return
        try:
            if reconcile(self.session, self.target):
                self._show_features()
                self.changed.emit()
        except HqsamError as error:
            tell(error)

    def _on_paint(self, event: Any) -> None:  # noqa: ANN401
        """Take note of the brush, so that a replay paints the same."""
        if self.session is None or self.target is None or self.target.writing:
            return
        try:
            self.session.record(strokes_of(event.value))
        except (HqsamError, ValueError, TypeError, IndexError) as error:
            tell(OutputError(f"a brush stroke is missing in the journal: {error}"))

    def close(self) -> None:
        """Stop batches; saving goes on to its end."""
        self.cancel_batch()
        self._let_go()


def put_prompt(controller: Controller, prompt: Prompt, own: PlaneView) -> None:
    """Put a prompt back into the widget's layers.

    A mask comes back as its outline, which gives the same mask again but for
    pixels cut by it.
    """
    scene = controller.scene
    points, shapes, _ = scene.ensure_layers()
    with scene.unheard():
        if prompt.mask is not None and prompt.foreground is not None:
            lines = layers.outlines(prompt.mask_offset or (0, 0), prompt.foreground)
            longest = max(lines, key=len)
            shapes.add_polygons(own.to_data(longest[:-1]))
        elif prompt.box is not None:
            y0, x0, y1, x1 = prompt.box
            corners = [(y0, x0), (y0, x1), (y1, x1), (y1, x0)]
            shapes.add_rectangles(own.to_data(corners))
        for point, label in zip(prompt.points, prompt.point_labels, strict=True):
            scene.set_sign(negative=not label)
            points.add(own.to_data([point])[0])
        points.selected_data = set()
        scene.set_sign(negative=controller.settings.negative)


def _lies_on(prompt: Prompt, size: tuple[int, int]) -> bool:
    try:
        prompt.check_on(size)
    except PromptError:
        return False
    return True
