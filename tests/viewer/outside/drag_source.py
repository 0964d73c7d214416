"""A window to drag files from, as from a file manager.

    python drag_source.py X Y FILE [FILE ...]

Pressing and dragging on it starts a drag of the files (XDND, text/uri-list). A line is
printed whenever the window below the mouse says that it takes them, or does not. It
ends with the drag: with 0 if they were taken.
"""

import sys

from qtpy.QtCore import QMimeData, Qt, QUrl
from qtpy.QtGui import QDrag
from qtpy.QtWidgets import QApplication, QLabel

TITLE, SIZE = "files to drag", 60


class Files(QLabel):
    """Stands for some files.

    Parameters
    ----------
    paths : sequence of str
    """

    def __init__(self, paths):
        super().__init__("drag")
        self._paths = paths
        self.setWindowTitle(TITLE)
        # Above napari's window, and without the keyboard, which stays with napari.
        self.setWindowFlags(
            Qt.WindowType.WindowStaysOnTopHint
            | Qt.WindowType.FramelessWindowHint
            | Qt.WindowType.WindowDoesNotAcceptFocus
        )
        self.setFixedSize(SIZE, SIZE)

    def mouseMoveEvent(self, event):
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(path) for path in self._paths])
        drag = QDrag(self)
        drag.setMimeData(data)
        drag.actionChanged.connect(lambda action: print(action.name, flush=True))
        drag.destroyed.connect(QApplication.quit)  # all was read
        if drag.exec(Qt.DropAction.CopyAction) == Qt.DropAction.IgnoreAction:
            QApplication.exit(1)


if __name__ == "__main__":
    x, y, *paths = sys.argv[1:]
    app = QApplication(sys.argv[:1])
    files = Files(paths)
    files.move(int(x), int(y))
    files.show()
    app.exec()
