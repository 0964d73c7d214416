"""Ask the user whether an image has the size of pixels that its file tells."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from napari_hqsam.viewer.parts.forms import button, label

if TYPE_CHECKING:
    from napari_hqsam.viewer.images.file_place import FilePlace


class PlaceQuestion(QWidget):
    """Asks whether to place an image as its file says; hidden without a question.

    Parameters
    ----------
    place : FilePlace
    """

    def __init__(self, place: FilePlace) -> None:
        super().__init__()
        self._place = place
        self.text = label()
        row = QHBoxLayout()
        row.setSpacing(3)
        for text, tip, use in (
            ("Use", "Scale and unit of the layer become those of the file", True),
            ("Keep pixels", "Labels are saved in pixels, as the layer is", False),
        ):
            row.addWidget(button(text, tip, partial(place.answer, use=use)))
        rows = QVBoxLayout(self)
        rows.setContentsMargins(6, 2, 2, 4)
        rows.setSpacing(3)
        rows.addWidget(self.text)
        rows.addLayout(row)
        place.question_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the question, if there is one."""
        question = self._place.question()
        self.text.setText(question)
        self.setVisible(bool(question))
