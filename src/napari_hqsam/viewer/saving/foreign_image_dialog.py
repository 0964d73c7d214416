"""Dialog before an image is opened because somebody else's session names it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QMessageBox

if TYPE_CHECKING:
    from pathlib import Path

_LONGEST = 1000
"""Characters of the name that are shown."""


def ask(image: str, journal: Path) -> bool:
    """Ask whether to open an image that is not beside its session.

    Parameters
    ----------
    image : str
        What would be opened, and how.
    journal : Path
        The journal of the session.
    """
    box = QMessageBox(QApplication.activeWindow())
    box.setIcon(QMessageBox.Icon.Warning)
    box.setWindowTitle("Open the image of this session?")
    # Else a name could imitate a button, or make the dialog larger than the screen.
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setText(
        f"The session {journal.name} was not saved here by you. It opens\n\n"
        f"{' '.join(image.split())[:_LONGEST]}\n\n"
        "Open that only if you know who sent the session."
    )
    roles = QMessageBox.ButtonRole
    yes = box.addButton("Open the image", roles.AcceptRole)
    no = box.addButton(QMessageBox.StandardButton.Cancel)
    box.setDefaultButton(no)
    box.exec()
    return box.clickedButton() is yes
