"""Dialog: what to do with labels that the session beside them does not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from qtpy.QtWidgets import QApplication, QMessageBox

if TYPE_CHECKING:
    from napari_hqsam.sessions import LabelsMismatchError

Answer = Literal["labels", "session", "nothing"]


def ask(error: LabelsMismatchError, name: str) -> Answer:
    """Ask whether the labels or the session shall stay as they are.

    Parameters
    ----------
    error : LabelsMismatchError
        Says what does not fit.
    name : str
        Name of the layer of labels.

    Returns
    -------
    {"labels", "session", "nothing"}
        Keep the labels and give the session another name; do the session's changes
        to the labels once more; use neither.
    """
    box = QMessageBox(QApplication.activeWindow())
    box.setIcon(QMessageBox.Icon.Warning)
    box.setWindowTitle("Labels and session differ")
    box.setText(
        f"{name} was changed by another program since its session was saved.\n\n"
        "Keep the labels: they stay as they are, and the session gets another name.\n"
        "Use the session: its changes are made to these labels once more."
    )
    box.setDetailedText(str(error))
    roles = QMessageBox.ButtonRole
    labels = box.addButton("Keep the labels", roles.AcceptRole)
    session = box.addButton("Use the session", roles.DestructiveRole)
    nothing = box.addButton(QMessageBox.StandardButton.Cancel)
    box.setDefaultButton(nothing)
    box.exec()
    chosen = box.clickedButton()
    if chosen is labels:
        return "labels"
    return "session" if chosen is session else "nothing"
