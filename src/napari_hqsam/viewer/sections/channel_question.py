"""Ask the user whether an axis holds channels, where metadata do not say."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from napari_hqsam.viewer.parts.forms import button, label

if TYPE_CHECKING:
    from napari_hqsam.viewer.images.image_switcher import ImageSwitcher


class ChannelQuestion(QWidget):
    """Asks whether a short axis holds channels; hidden if there is no question.

    Parameters
    ----------
    image_switcher : ImageSwitcher
    """

    def __init__(self, image_switcher: ImageSwitcher) -> None:
        super().__init__()
        self._image_switcher = image_switcher
        self.text = label()
        row = QHBoxLayout()
        row.setSpacing(3)
        for text, tip, channels in (
            ("Channels", "All are shown to the model; one label image for all", True),
            ("Slices", "Each is an image of its own, with its own labels", False),
        ):
            answer = partial(image_switcher.answer, channels=channels)
            row.addWidget(button(text, tip, answer))
        rows = QVBoxLayout(self)
        rows.setContentsMargins(6, 2, 2, 4)
        rows.setSpacing(3)
        rows.addWidget(self.text)
        rows.addLayout(row)
        image_switcher.question_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the question, if there is one."""
        question = self._image_switcher.question()
        self.text.setText(question)
        self.setVisible(bool(question))
