"""Choose the fields of a plate to open: in a dialog, else the first, with a message."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from napari_hqsam.errors import HqsamWarning

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def pick_fields(path: Path, fields: Sequence[str]) -> list[str]:
    """Return the fields to open.

    Parameters
    ----------
    path : pathlib.Path
        The plate or well.
    fields : sequence of str
        Their paths inside it, such as "A/1/0".

    Returns
    -------
    list of str
        Those that the user has chosen, none if that was cancelled.

    Warns
    -----
    HqsamWarning
        There is no window to ask in, so that the first is opened.
    """
    if len(fields) < 2:
        return list(fields)
    parent = _window()
    if parent is not None:
        return _ask(parent, path, fields)
    warnings.warn(
        f"{path.name} has {len(fields)} fields, of which {fields[0]} is opened; open "
        f"another by its path, such as {path / fields[-1]}",
        HqsamWarning,
        stacklevel=4,
    )
    return list(fields[:1])


def _window() -> Any:  # noqa: ANN401 - None without napari's window
    """Return the window of napari that is shown; None if there is none."""
    import napari

    viewer = napari.current_viewer()
    window = None if viewer is None else getattr(viewer, "window", None)
    qt_window = getattr(window, "_qt_window", None)
    return qt_window if qt_window is not None and qt_window.isVisible() else None


def _ask(parent: Any, path: Path, fields: Sequence[str]) -> list[str]:  # noqa: ANN401
    from qtpy.QtWidgets import (
        QAbstractItemView,
        QDialog,
        QDialogButtonBox,
        QLabel,
        QListWidget,
        QVBoxLayout,
    )

    dialog = QDialog(parent)
    dialog.setWindowTitle(f"Fields of {path.name}")
    listed = QListWidget(dialog)
    listed.addItems(list(fields))
    listed.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
    listed.setCurrentRow(0)
    kinds = QDialogButtonBox.StandardButton
    buttons = QDialogButtonBox(kinds.Open | kinds.Cancel, parent=dialog)
    buttons.accepted.connect(dialog.accept)
    buttons.rejected.connect(dialog.reject)
    listed.itemDoubleClicked.connect(lambda _: dialog.accept())
    layout = QVBoxLayout(dialog)
    layout.addWidget(QLabel("Row / column / field. Each opens as layers of its own."))
    layout.addWidget(listed)
    layout.addWidget(buttons)
    if dialog.exec() != QDialog.DialogCode.Accepted:
        return []
    return [item.text() for item in listed.selectedItems()]
