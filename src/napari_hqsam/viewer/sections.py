"""The sections of the dock widget. They show state and call controllers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QPushButton,
)

from napari_hqsam.errors import HqsamError
from napari_hqsam.models import find_checkpoint, is_cached, list_models
from napari_hqsam.viewer.controller import tell
from napari_hqsam.viewer.forms import Section, button, choice, label, switch
from napari_hqsam.viewer.keys import KEYS
from napari_hqsam.viewer.planes import layer_shape
from napari_hqsam.viewer.prompting import plane_size
from napari_hqsam.viewer.worker import Urgency

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Layer
    from numpy.typing import NDArray

    from napari_hqsam.models.download import ProgressFactory
    from napari_hqsam.viewer.controller import Controller
    from napari_hqsam.viewer.objects import Objects
    from napari_hqsam.viewer.worker import Ticket

_SHOWN = 220
"""Side of the picture of what the model sees, screen pixels."""


class LayerBox(QComboBox):
    """Choice among the layers of some kinds.

    Parameters
    ----------
    viewer : Viewer
    kinds : tuple of str
        Such as "Image".
    tip : str
    first : str
        Entry that stands for no layer; "" for none.
    skip : callable, optional
        Which layers not to offer.
    """

    def __init__(
        self,
        controller: Controller,
        kinds: tuple[str, ...],
        tip: str,
        *,
        first: str = "",
        skip: Callable[[Layer], bool] = lambda _: False,
    ) -> None:
        super().__init__()
        self._viewer, self._kinds = controller.viewer, kinds
        self._first, self._skip = first, skip
        self.setToolTip(tip)
        self.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.setMinimumContentsLength(4)
        controller.scene.layers_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """List the layers anew; the one chosen stays so."""
        chosen = self.layer
        with QSignalBlocker(self):
            self.clear()
            if self._first:
                self.addItem(self._first, None)
            for layer in reversed(self._viewer.layers):
                if _is_kind(layer, self._kinds) and not self._skip(layer):
                    self.addItem(layer.name, layer)
            self.show_layer(chosen)

    def show_layer(self, layer: Layer | None) -> None:
        """Choose a layer, without telling anybody."""
        with QSignalBlocker(self):
            for i in range(self.count()):
                if self.itemData(i) == layer:
                    self.setCurrentIndex(i)
                    return
            self.setCurrentIndex(0 if self._first else -1)

    @property
    def layer(self) -> Layer | None:
        """The one chosen."""
        found: Layer | None = self.currentData()
        return found


def _is_kind(layer: Layer, kinds: tuple[str, ...]) -> bool:
    return getattr(layer, "_type_string", type(layer).__name__.lower()) in kinds


class ImageSection(Section):
    """Layer, channels, normalisation, and what the model sees."""

    def __init__(self, controller: Controller) -> None:
        super().__init__("Image", "What is segmented", is_open=True)
        self.controller = controller
        scene, settings = controller.scene, controller.settings
        form = self.form()
        self.layer = LayerBox(controller, ("image",), "Image layer to segment")
        self.layer.activated.connect(lambda: scene.use(self.layer.layer))
        form.addRow("layer", self.layer)
        self.stretch = choice(
            settings,
            "stretch",
            [
                ("percentiles", "percentile", "0.1 % to 99.9 % of a sample"),
                (
                    "contrast limits",
                    "contrast limits",
                    "Those of the layer: what you see",
                ),
            ],
            "How pixel values become grey for the model: once for the whole image,\n"
            "the same in every tile and slice",
        )
        form.addRow("grey", self.stretch)
        self.axis = QComboBox()
        self.axis.setToolTip("Axis of the data that holds channels, if there is one")
        self.axis.activated.connect(self._on_axis)
        form.addRow("channel axis", self.axis)
        self.channels = QLineEdit()
        self.channels.setPlaceholderText("default")
        self.channels.setToolTip(
            "Channels shown to the model as red, green and blue, such as 0 or 2, 0, 1"
        )
        self.channels.editingFinished.connect(self._on_channels)
        form.addRow("channels", self.channels)
        self.more = [
            LayerBox(
                controller,
                ("image",),
                f"Further layer of the same shape, shown to the model as {colour}",
                first="-",
                skip=lambda layer: layer == scene.image,
            )
            for colour in ("green", "blue")
        ]
        row = QHBoxLayout()
        for box in self.more:
            box.activated.connect(self._on_more)
            row.addWidget(box)
        form.addRow("also", row)
        self.look = button(
            "What the model sees",
            "Show the part in view as the model gets it",
            self._look,
        )
        self.rows.addWidget(self.look)
        self.picture = label()
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.picture.hide()
        self.rows.addWidget(self.picture)
        scene.image_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the image layer that is worked on, and what it has."""
        image = self.controller.scene.image
        self.layer.show_layer(image)
        for box in self.more:
            box.refresh()
        with QSignalBlocker(self.axis):
            self.axis.clear()
            self.axis.addItem("none", None)
            if image is not None and not image.rgb:
                for i, n in enumerate(layer_shape(image)):
                    self.axis.addItem(f"{i}: {image.axis_labels[i]} ({n})", i)
            at = self.axis.findData(self.controller.settings.channel_axis)
            self.axis.setCurrentIndex(max(at, 0))
        many = image is not None and not image.rgb and image.ndim > 2
        self.axis.setEnabled(many)
        self.channels.setEnabled(many or (image is not None and bool(image.rgb)))
        self.picture.hide()

    def _on_axis(self) -> None:
        self.controller.settings.channel_axis = self.axis.currentData()

    def _on_channels(self) -> None:
        text = self.channels.text().replace(",", " ").split()
        if all(t.isdecimal() for t in text) and len(text) <= 3:
            self.controller.settings.channels = tuple(int(t) for t in text)
        else:
            self.channels.setText(
                ", ".join(map(str, self.controller.settings.channels))
            )

    def _on_more(self) -> None:
        chosen = [box.layer.name for box in self.more if box.layer is not None]
        self.controller.settings.more_layers = tuple(chosen)

    def _look(self) -> None:
        """Ask the worker for the picture of the part in view."""
        from napari_hqsam.prompts import Prompt

        controller = self.controller
        try:
            view = controller.scene.view()
            image = controller.scene.image
            assert image is not None
            size = plane_size(image, view)
            request = controller.request(view, Prompt([(0, 0)]))
        except HqsamError as error:
            tell(error)
            return
        region = controller.scene.part_in_view(view, size)
        controller.worker.submit(
            Urgency.CLICK,
            "look",
            lambda _: controller.engine.view(request, region),
            self._show,
            tell,
        )

    def _show(self, rgb: NDArray[np.uint8]) -> None:
        data = np.ascontiguousarray(rgb)
        h, w = data.shape[:2]
        picture = QImage(
            data.tobytes(), w, h, 3 * w, QImage.Format.Format_RGB888
        ).copy()
        scaled = QPixmap.fromImage(picture).scaled(
            _SHOWN,
            _SHOWN,
            Qt.AspectRatioMode.KeepAspectRatio,
            Qt.TransformationMode.SmoothTransformation,
        )
        self.picture.setPixmap(scaled)
        self.picture.setToolTip(f"{w} x {h} pixels of the part in view, as 8-bit RGB")
        self.picture.show()


class ModelSection(Section):
    """Which model, where it computes; fetching."""

    def __init__(self, controller: Controller, objects: Objects) -> None:
        super().__init__("Model", "Which HQ-SAM, and where it computes", is_open=False)
        self.controller, self.objects = controller, objects
        form = self.form()
        self.model = QComboBox()
        self.model.setToolTip(
            "The bundled model needs nothing; the official ones are fetched once"
        )
        self.model.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.model.activated.connect(self._on_model)
        form.addRow("model", self.model)
        self.device = choice(
            controller.settings,
            "device",
            [
                ("automatic", "auto", "A GPU if there is one"),
                ("CPU", "cpu", ""),
                ("CUDA", "cuda", "NVIDIA GPU"),
                ("MPS", "mps", "Apple GPU"),
            ],
            "Where the model computes",
        )
        form.addRow("device", self.device)
        self.progress = QProgressBar()
        self.progress.setToolTip("Download of the weights")
        self.progress.hide()
        self.cancel = button(
            "Cancel", "Stop the download; it can go on later", self._cancel
        )
        self.cancel.hide()
        row = QHBoxLayout()
        row.addWidget(self.progress)
        row.addWidget(self.cancel)
        self.rows.addLayout(row)
        self._ticket: Ticket | None = None
        controller.settings.events.model.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """List the models, and say which are on this machine."""
        chosen = self.controller.settings.model
        with QSignalBlocker(self.model):
            self.model.clear()
            for found in list_models():
                size = f"{found.bytes / 2**20:.0f} MB"
                state = "" if is_cached(found.name) else ", fetch"
                self.model.addItem(f"{found.name} ({size}{state})", found.name)
                at = self.model.count() - 1
                self.model.setItemData(
                    at, found.description, Qt.ItemDataRole.ToolTipRole
                )
            if self.model.findData(chosen) < 0:
                self.model.addItem(chosen, chosen)
            self.model.addItem("from a file ...", "")
            self.model.setCurrentIndex(self.model.findData(chosen))

    def _on_model(self) -> None:
        name = self.model.currentData()
        if not name:
            name, _ = QFileDialog.getOpenFileName(
                self, "HQ-SAM weights", "", "Weights (*.pth *.safetensors)"
            )
            if not name:
                self.refresh()
                return
        elif not is_cached(name):
            self.fetch(name)
            return
        self.controller.settings.model = name

    def fetch(self, name: str) -> None:
        """Fetch the weights of a model in the background, then use it."""
        controller = self.controller
        size = find_checkpoint(name).bytes
        self.progress.setRange(0, 1000)
        self.progress.setValue(0)
        self.progress.show()
        self.cancel.show()

        def show(done: int) -> None:
            self.progress.setValue(int(1000 * done / size))

        def work(ticket: Ticket) -> None:
            from napari_hqsam.models import fetch

            fetch(name, progress=bars(ticket, controller.to_main, show))

        def done(_: None) -> None:
            self._end()
            controller.settings.model = name

        def failed(error: Exception) -> None:
            self._end()
            tell(error)

        self._ticket = self.objects.files.submit(
            Urgency.BATCH, "fetch", work, done, failed
        )

    def _cancel(self) -> None:
        if self._ticket is not None:
            self._ticket.cancel()
        self._end()

    def _end(self) -> None:
        self.progress.hide()
        self.cancel.hide()
        self.refresh()


def bars(
    ticket: Ticket,
    to_main: Callable[[Callable[[], None]], None],
    show: Callable[[int], None],
) -> ProgressFactory:
    """Return what makes progress bars that count on the main thread."""

    class Bar:
        def __init__(self, *, initial: int = 0, **_: object) -> None:
            self.done = initial

        def update(self, n: int, /) -> None:
            """Count bytes; stop if nobody wants them any more."""
            ticket.check()
            self.done += n
            done = self.done
            to_main(lambda: show(done))

        def close(self) -> None:
            """Nothing is left open."""

    return Bar


class PromptSection(Section):
    """Tools of the mouse; whole layers as prompts."""

    def __init__(self, controller: Controller, objects: Objects) -> None:
        super().__init__("Prompts", "How to say which object is meant", is_open=True)
        self.controller, self.objects = controller, objects
        settings = controller.settings
        tools = [
            (
                "point",
                "Click",
                "Click on the object; with Shift beside it, on what is not",
            ),
            ("box", "Box", "Drag a box round the object"),
            (
                "scribble",
                "Scribble",
                "Draw along the object; with Shift where it is not",
            ),
            ("outline", "Outline", "Draw roughly round the object"),
            ("edit", "Edit", "Select and move prompts; Delete removes them"),
        ]
        self.group = QButtonGroup(self)
        grid = QGridLayout()
        grid.setSpacing(2)
        self.tools: dict[str, QPushButton] = {}
        for i, (tool, text, tip) in enumerate(tools):
            made = QPushButton()
            made.setText(text)
            made.setToolTip(f"{tip}\nKey: {KEYS['next_tool'][0]} takes the next tool")
            made.setCheckable(True)
            made.setSizePolicy(
                made.sizePolicy().Policy.Ignored, made.sizePolicy().Policy.Fixed
            )
            made.clicked.connect(lambda _=False, t=tool: self._on_tool(t))
            self.group.addButton(made)
            self.tools[tool] = made
            grid.addWidget(made, 0, i)
        self.rows.addLayout(grid)
        row = QHBoxLayout()
        row.addWidget(
            switch(
                settings,
                "negative",
                "negative",
                "The next clicks and scribbles mark what is not the object\n"
                "(as Shift does for one)",
            )
        )
        row.addWidget(
            switch(
                settings,
                "hover",
                f"hover ({KEYS['toggle_hover'][0]})",
                "Outline the object under the resting cursor",
            )
        )
        self.rows.addLayout(row)
        self.form_ = self.form()
        self.scale = choice(
            settings,
            "scale",
            [
                ("automatic", "auto", "By the objects accepted so far, else by trying"),
                (
                    "the view's zoom",
                    "view",
                    "A cell should fill about a third of the view",
                ),
                ("the whole image", "whole", "As the original SAM does"),
            ],
            "How closely the model looks at a click; a box tells it by itself",
        )
        self.form_.addRow("scale by", self.scale)
        self.source = LayerBox(
            controller,
            ("points", "shapes", "labels"),
            "Points, Shapes or Labels layer: one object per point, shape or label",
            skip=controller.scene.own,
        )
        self.form_.addRow("from layer", self.source)
        self.run = button(
            "Segment all of it",
            "One object for each point, shape or label on the slice shown",
            self._run,
        )
        self.progress = QProgressBar()
        self.progress.setFormat("%v of %m")
        self.progress.setToolTip("Objects accepted")
        self.progress.hide()
        self.rows.addWidget(self.run)
        self.rows.addWidget(self.progress)
        settings.events.tool.connect(self.refresh)
        objects.progress.connect(self._on_progress)
        self.refresh()

    def refresh(self) -> None:
        """Show which tool is in the hand."""
        tool = self.controller.settings.tool
        self.group.setExclusive(False)
        for name, made in self.tools.items():
            made.setChecked(name == tool)
        self.group.setExclusive(True)

    def _on_tool(self, tool: Any) -> None:  # noqa: ANN401
        settings = self.controller.settings
        if settings.tool == tool:  # taken up again after another layer
            self.controller.take_tool()
        settings.tool = tool
        self.refresh()

    def _run(self) -> None:
        if self.objects.batch_running:
            self.objects.cancel_batch()
        elif self.source.layer is not None:
            self.objects.run_batch(self.source.layer)
        else:
            self.objects.said.emit("Add a Points, Shapes or Labels layer first")

    def _on_progress(self, done: int, total: int) -> None:
        self.progress.setVisible(total > 0)
        self.run.setText("Cancel" if total else "Segment all of it")
        if total:
            self.progress.setRange(0, total)
            self.progress.setValue(done)


class ObjectSection(Section):
    """The current object: what it is, how sure, what becomes of it."""

    def __init__(self, controller: Controller, objects: Objects) -> None:
        super().__init__("Object", "The object with the yellow outline", is_open=True)
        self.controller, self.objects = controller, objects
        settings = controller.settings
        self.status = label(
            "",
            "The model's own guess of the quality, and how little the "
            "mask depends on its threshold; both up to 1",
        )
        self.rows.addWidget(self.status)
        form = self.form()
        self.output = choice(
            settings,
            "output",
            [
                ("SAM + HQ", "sam+hq", "As in the HQ-SAM paper"),
                ("SAM", "sam", "Without the HQ token"),
                ("HQ", "hq", "The HQ token alone"),
            ],
            f"Which mask is shown. Key {KEYS['next_output'][0]} compares them",
        )
        form.addRow(f"mask ({KEYS['next_output'][0]})", self.output)
        self.rows.addWidget(
            switch(settings, "clean", "fill holes, drop specks", "Clean the mask")
        )
        grid = QGridLayout()
        grid.setSpacing(3)
        actions = [
            (
                "accept",
                "Accept",
                "Put it into the target and begin the next",
                objects.accept,
            ),
            ("reject", "Reject", "Drop it and its prompts", objects.reject),
            (
                "next_candidate",
                "Candidate",
                "Other readings of the click",
                controller.next_candidate,
            ),
            (
                "undo",
                "Undo",
                "Last prompt; without one, the last accepted object",
                objects.undo,
            ),
            (
                "reopen",
                "Reopen",
                "Open the accepted object under the cursor again",
                objects.reopen,
            ),
            ("", "Redo", "Do again what was undone", objects.redo),
        ]
        for i, (name, text, tip, call) in enumerate(actions):
            key = KEYS[name][0] if name else ""
            grid.addWidget(button(text, tip, call, key=key), i // 2, i % 2)
        self.rows.addLayout(grid)
        for event in (
            controller.current.events.masks,
            controller.current.events.chosen,
            controller.current.events.waiting,
            controller.current.events.label_id,
        ):
            event.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Say what there is to say of the current object."""
        current = self.controller.current
        mask = current.mask
        if mask is None:
            self.status.setText(
                "looking ..." if current.waiting else "Click on an object in the image"
            )
            return
        which = ""
        if len(current.masks) > 1:
            which = f"candidate {current.chosen + 1} of {len(current.masks)}, "
        name = "" if current.label_id is None else f"object {current.label_id}: "
        unsure = "" if mask.complete else "; it goes on beyond what was looked at"
        self.status.setText(
            f"{name}{which}{mask.area} pixels{unsure}\n"
            f"score {mask.score:.2f}, stability {mask.stability:.2f}, "
            f"{current.seconds:.2f} s"
        )


class TargetSection(Section):
    """Where accepted objects go, and saving."""

    def __init__(self, controller: Controller, objects: Objects) -> None:
        super().__init__("Labels", "Where accepted objects go", is_open=True)
        self.controller, self.objects = controller, objects
        form = self.form()
        self.layer = LayerBox(
            controller,
            ("labels",),
            "Labels layer that accepted objects go to; it must fit the image",
            first="a new layer",
        )
        self.layer.activated.connect(lambda: objects.use_target(self.layer.layer))
        form.addRow("target", self.layer)
        self.overlap = choice(
            controller.settings,
            "overlap",
            [
                ("keep the others", "keep", "The object gets what is free"),
                ("overwrite others", "overwrite", "The object gets all its pixels"),
                ("only where empty", "empty", "No pixel that has an id is changed"),
            ],
            "What happens where an object overlaps others",
        )
        form.addRow("overlap", self.overlap)
        grid = QGridLayout()
        grid.setSpacing(3)
        under = "the accepted object under the cursor"
        actions = [
            ("merge", "Merge", f"Add the current object to {under}", objects.merge),
            (
                "split",
                "Split off",
                "Take the current object out of the one below it",
                objects.split,
            ),
            ("delete", "Delete", f"Remove {under} from this slice", objects.delete),
        ]
        for i, (name, text, tip, call) in enumerate(actions):
            grid.addWidget(button(text, f"{tip}\nKey: {KEYS[name][0]}", call), 0, i)
        self.rows.addLayout(grid)
        self.save = button(
            "Save labels ...",
            "As TIFF, OME-TIFF or OME-Zarr, with scale and units",
            self._save,
        )
        self.rows.addWidget(self.save)
        self.status = label()
        self.rows.addWidget(self.status)
        objects.changed.connect(self.refresh)
        objects.said.connect(self._say)
        self.refresh()

    def refresh(self) -> None:
        """Show the target."""
        target = self.objects.target
        self.layer.show_layer(None if target is None else target.layer)
        self.save.setEnabled(target is not None)

    def _say(self, text: str) -> None:
        self.status.setText(text)

    def _save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self,
            "Save labels",
            str(self.objects.suggested_path()),
            "OME-TIFF (*.ome.tif);;TIFF (*.tif);;OME-Zarr (*.ome.zarr)",
        )
        if path:
            self.objects.save(path)
