"""The image section: layer, channels, normalisation, and what the model sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image
from qtpy.QtCore import Qt
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QHBoxLayout, QLineEdit

from napari_hqsam.errors import HqsamError
from napari_hqsam.prompts import Prompt
from napari_hqsam.viewer.canvas.prompts.reader import plane_size
from napari_hqsam.viewer.main_thread import notify
from napari_hqsam.viewer.parts.fields import Choice, bind, choice
from napari_hqsam.viewer.parts.forms import Section, button, label
from napari_hqsam.viewer.planes import layer_shape
from napari_hqsam.worker import Priority

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_hqsam.viewer.images.image_switcher import ImageSwitcher
    from napari_hqsam.viewer.inference.controller import InferenceController
    from napari_hqsam.viewer.widget_options import ChoiceEntry

_SHOWN = 220
"""Side of the picture of what the model sees, screen pixels."""


class ImageSection(Section):
    """Choice of the image and of its channels and normalisation.

    Parameters
    ----------
    controller : InferenceController
    image_switcher : ImageSwitcher
    """

    def __init__(
        self, controller: InferenceController, image_switcher: ImageSwitcher
    ) -> None:
        super().__init__("Image", "What is segmented", is_open=False)
        self.controller = controller
        scene = controller.scene
        self.image_switcher = image_switcher
        self.layer = self.layer_choice(
            Image, tip="Image layer to segment", skip=scene.is_own_layer
        )
        self.layer.changed.connect(self._on_layer)
        self.stretch = choice(controller.settings, "stretch")
        form = self.form()
        form.addRow("layer", self.layer.native)
        form.addRow("grey", self.stretch.native)
        form.addRow("channels", self._channel_fields())
        form.addRow("also", self._more_layers())
        self._add_preview()
        scene.image_changed.connect(self.refresh)
        scene.layers_changed.connect(self._show_name)
        controller.settings.events.channels.connect(self._show_channels)
        self.refresh()

    def _channel_fields(self) -> QHBoxLayout:
        """Make the fields for the channel axis and the channels shown."""
        self.axis = Choice(
            tip="Axis of the data that holds channels, if there is one",
            nothing="no axis",
        )
        bind(self.axis, self.controller.settings, "channel_axis")
        self.channels = QLineEdit()
        self.channels.setPlaceholderText("R, G, B")
        self.channels.setToolTip(
            "Channels shown to the model as red, green and blue, such as 0 or 2, 0, 1"
        )
        self.channels.editingFinished.connect(self._on_channels)
        row = QHBoxLayout()
        row.addWidget(self.axis.native, 3)
        row.addWidget(self.channels, 2)
        return row

    def _more_layers(self) -> QHBoxLayout:
        """Make the choices of further layers that are channels."""
        scene = self.controller.scene
        self.more = [
            self.layer_choice(
                Image,
                tip=f"Further layer of the same shape, shown to the model as {colour}",
                nothing="-",
                skip=lambda layer: layer == scene.image or scene.is_own_layer(layer),
            )
            for colour in ("green", "blue")
        ]
        row = QHBoxLayout()
        for box in self.more:
            box.changed.connect(self._on_more)
            row.addWidget(box.native)
        return row

    def _add_preview(self) -> None:
        """Add the picture of what the model sees."""
        self.look = button(
            "What the model sees",
            "Show the part in view as the model gets it",
            self._request_picture,
            icon="eye",
        )
        self.picture = label()
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.picture.hide()
        self.rows.addWidget(self.look)
        self.rows.addWidget(self.picture)

    def reset_choices(self) -> None:
        """Update the list of layers; the image stays chosen."""
        super().reset_choices()
        self.layer.show_value(self.controller.scene.image)

    def refresh(self) -> None:
        """Show the image in use and its axes."""
        image = self.controller.scene.image
        self._show_name()
        self.reset_choices()
        axes: list[ChoiceEntry] = []
        if image is not None and not image.rgb:
            for i, n in enumerate(layer_shape(image)):
                axes.append((f"{i}: {image.axis_labels[i]} ({n})", i, ""))
        self.axis.offer(axes)
        self.axis.show_value(self.controller.settings.channel_axis)
        many = len(axes) > 2
        self.axis.enabled = many
        self.channels.setEnabled(many or (image is not None and bool(image.rgb)))
        self.picture.hide()

    def _show_channels(self) -> None:
        """Show the channels in the settings."""
        self.channels.setText(", ".join(map(str, self.controller.settings.channels)))

    def _show_name(self) -> None:
        """Show the image in the title, which is visible when folded as well."""
        scene = self.controller.scene
        if scene.image is None:
            self.setText("Image")
            return
        more = len(scene.channels) - 1
        channels = f" and {more} more channel{'s' * (more > 1)}" if more else ""
        self.setText(f"Image: {scene.image.name}{channels}")

    def _on_layer(self, layer: Image) -> None:
        """Use the chosen layer, and activate the tool."""
        self.image_switcher.work_on(layer)
        self.controller.tools.activate_first()
        self.refresh()

    def _on_channels(self) -> None:
        text = self.channels.text().replace(",", " ").split()
        if all(t.isdecimal() for t in text) and len(text) <= 3:
            self.controller.settings.channels = tuple(int(t) for t in text)
        else:
            self.channels.setText(
                ", ".join(map(str, self.controller.settings.channels))
            )

    def _on_more(self) -> None:
        chosen = [box.value.name for box in self.more if box.value is not None]
        self.controller.settings.more_layers = tuple(chosen)

    def _request_picture(self) -> None:
        """Request the picture of the part in view from the worker."""
        controller = self.controller
        try:
            view = controller.scene.view()
            image = controller.scene.image
            assert image is not None
            size = plane_size(image, view)
            request = controller.requests.request(view, Prompt([(0, 0)]))
        except HqsamError as error:
            notify(error)
            return
        region = controller.scene.viewport.part(image, view, size)
        controller.worker.submit(
            Priority.CLICK,
            "look",
            lambda _: controller.engine.view(request, region),
            self._show,
            notify,
        )

    def _show(self, rgb: NDArray[np.uint8]) -> None:
        data = np.ascontiguousarray(rgb)
        h, w = data.shape[:2]
        rgb888 = QImage.Format.Format_RGB888
        picture = QImage(data.tobytes(), w, h, 3 * w, rgb888).copy()
        scaled = QPixmap.fromImage(picture).scaled(
            _SHOWN,
            _SHOWN,
            Qt.AspectRatioMode.KeepAspectRatio,
            Qt.TransformationMode.SmoothTransformation,
        )
        self.picture.setPixmap(scaled)
        self.picture.setToolTip(f"{w} x {h} pixels of the part in view, as 8-bit RGB")
        self.picture.show()
