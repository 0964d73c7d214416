"""The stack section: tasks over slices, and the confidence strip."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Labels, Points, Shapes
from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QWidget

from napari_hqsam.errors import HqsamError
from napari_hqsam.viewer.parts.confidence_strip import ConfidenceStrip
from napari_hqsam.viewer.parts.fields import (
    Choice,
    SpinBox,
    choice,
    narrow,
    progress_bar,
    show_progress,
)
from napari_hqsam.viewer.parts.forms import Section, actions, button, label
from napari_hqsam.viewer.parts.keys import KEYS
from napari_hqsam.viewer.stack.slices.shown_slices import axes_of
from napari_hqsam.viewer.stack.tasks import TASKS

if TYPE_CHECKING:
    from napari_hqsam.viewer.inference.controller import InferenceController
    from napari_hqsam.viewer.stack.controller import StackController
    from napari_hqsam.viewer.stack.slices.slice_axis import SliceAxis
    from napari_hqsam.viewer.widget_options import ChoiceEntry

_TASKS = [(task.title, name, task.tip) for name, task in TASKS.items()]


class StackSection(Section):
    """Choice of task, slices and direction; progress; the confidence of an object.

    Parameters
    ----------
    controller : InferenceController
    stacks : StackController
    """

    def __init__(
        self, controller: InferenceController, stacks: StackController
    ) -> None:
        super().__init__("Stack", "Objects through many slices", is_open=False)
        self.controller, self.stacks = controller, stacks
        self.state = stacks.state
        self._ids: list[int] = []
        self._add_choices()
        self._add_run()
        self._add_strip()
        stacks.changed.connect(self.refresh)
        stacks.progress.connect(self._on_progress)
        stacks.advanced.connect(self._on_advanced)
        for name in ("task", "axis", "start", "stop", "object_id"):
            getattr(self.state.events, name).connect(self.refresh)
        controller.scene.layers_changed.connect(self.refresh)
        self.refresh()

    # --- what there is ----------------------------------------------------------

    def _add_choices(self) -> None:
        self.form_rows = form = self.form()
        self.task = choice(self.state, "task", _TASKS, "What to do with the slices")
        self.source = self.layer_choice(
            *(Points, Shapes, Labels),
            tip="Whose prompts: the widget's own, or one object per point, shape or "
            "label",
            nothing="the current prompts",
            skip=self.controller.scene.is_own_layer,
        )
        self.axis = Choice(tip="Slider to go along; the one moved last is taken")
        self.axis.changed.connect(self._on_axis)
        self.direction = choice(self.state, "direction")
        form.addRow("do", self.task.native)
        form.addRow("from", self.source.native)
        form.addRow("along", self.axis.native)
        form.addRow("slices", self._range())
        form.addRow("go", self.direction.native)

    def _range(self) -> QWidget:
        """Return the fields of first and last slice, and the button for all."""
        body = QWidget()
        row = QHBoxLayout(body)
        row.setContentsMargins(0, 0, 0, 0)
        self.first, self.last = SpinBox(), SpinBox()
        self.first.setToolTip("First slice")
        self.last.setToolTip("Last slice; it counts")
        for box in (self.first, self.last):
            box.setKeyboardTracking(False)
            box.valueChanged.connect(self._on_range)
            row.addWidget(box, 3)
        row.addWidget(button("All", "All slices there are", self._all), 2)
        return body

    def _add_run(self) -> None:
        key = KEYS["follow"].key
        self.run = button(
            "",
            "Slices appear in the target as they come; all of it is one step of undo.\n"
            f"Other accepted objects are never changed. Key: {key}",
            self.toggle,
            icon="batch",
        )
        self.progress = progress_bar("Slices that are done, and the time left")
        self.rows.addWidget(self.run)
        self.rows.addWidget(self.progress.native)

    def _add_strip(self) -> None:
        """Add the confidence of an object, slice by slice."""
        self.known = QWidget()
        row = QHBoxLayout(self.known)
        row.setContentsMargins(0, 0, 0, 0)
        # Qt's own: magicgui's takes a second for thousands of entries.
        self.object = narrow(QComboBox())
        self.object.setToolTip("Object whose confidence is shown")
        self.object.activated.connect(self._on_object)
        row.addWidget(self.object, 2)
        row.addLayout(
            actions(
                1,
                (
                    "worst",
                    "Go to the slice of lowest confidence; a prompt there "
                    "changes\nonly what it can change. Again: to the next one",
                    self.stacks.worst,
                ),
            ),
            3,
        )
        self.strip = ConfidenceStrip(self.controller.viewer)
        self.strip.clicked.connect(self.stacks.go_to)
        self.rows.addWidget(self.known)
        self.rows.addWidget(self.strip)
        self.tracks = button(
            "Tracks layer",
            "Add the target's labels as tracks along the slider: an id is one object",
            self.stacks.tracks,
        )
        self.rows.addWidget(self.tracks)
        self.none = label("", "What is missing")
        self.rows.addWidget(self.none)

    # --- show ---------------------------------------------------------------------

    def refresh(self) -> None:
        """Show the slices and the confidence of the object."""
        try:
            stack: SliceAxis | None = self.stacks.slice_axis()
            self.none.setText("")
        except HqsamError as error:
            stack = None
            self.none.setText(str(error))
        task = TASKS[self.state.task]
        self.form_rows.setRowVisible(self.source.native, task.takes_source)
        self.form_rows.setRowVisible(self.direction.native, task.takes_direction)
        self.run.setEnabled(stack is not None)
        self.tracks.setEnabled(stack is not None)
        self.none.setVisible(stack is None)
        self._show_run()
        if stack is not None:
            self._show_slices(stack)
        self._show_object(stack)

    def _show_slices(self, stack: SliceAxis) -> None:
        image = self.controller.scene.image
        assert image is not None
        axes: list[ChoiceEntry] = []
        for axis in axes_of(self.controller.scene):
            name = image.axis_labels[axis]
            if name == str(axis - image.ndim):  # as napari calls those without
                name = f"axis {axis}"
            axes.append((f"{name} ({stack.shape[axis]})", axis, ""))
        self.axis.offer(axes)
        self.axis.show_value(stack.axis)
        start, stop = self.state.span(stack)
        for box, value in ((self.first, start), (self.last, stop - 1)):
            with QSignalBlocker(box):
                box.setRange(0, stack.count - 1)
                box.setValue(value)

    def _show_object(self, stack: SliceAxis | None) -> None:
        ids = self.stacks.objects()
        with QSignalBlocker(self.object):
            if ids != self._ids:  # there may be thousands, and slices come fast
                self._ids = ids
                self.object.clear()
                self.object.addItems([f"object {label_id}" for label_id in ids])
            shown = self.state.object_id
            self.object.setCurrentIndex(ids.index(shown) if shown in ids else -1)
        there = stack is not None and bool(ids)
        self.known.setVisible(there)
        self.strip.setVisible(there)
        if stack is not None:
            self.strip.show_cells(self.stacks.cells(), stack.count, stack.z)

    def _show_run(self) -> None:
        text = TASKS[self.state.task].action
        key = KEYS["follow"].key
        self.run.setText("Cancel" if self.stacks.running else f"{text} ({key})")

    # --- change -------------------------------------------------------------------

    def toggle(self) -> None:
        """Start the task, or cancel the one that runs."""
        if self.stacks.running:
            self.stacks.cancel()
        else:
            self.stacks.start(self.source.value)

    def _on_progress(self, done: int, total: int) -> None:
        self.progress.visible = total > 0 and not self.stacks.on_one_plane
        self._show_run()

    def _on_advanced(self, share: float, text: str) -> None:
        show_progress(self.progress, share, text)

    def _on_axis(self, axis: int) -> None:
        self._all()
        self.state.axis = axis

    def _on_range(self) -> None:
        self.state.range_axis = self.axis.value
        self.state.start, self.state.stop = self.first.value(), self.last.value() + 1

    def _all(self) -> None:
        self.state.start = self.state.stop = self.state.range_axis = None

    def _on_object(self) -> None:
        self.state.object_id = self._ids[self.object.currentIndex()]
