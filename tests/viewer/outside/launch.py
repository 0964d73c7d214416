"""Start napari as its console script does, with an observer that only reads.

The observer answers questions on a socket: which layers there are and what is in
them, which widgets are on the screen and where. It calls nothing that changes the
program; all that is done to the program is done from outside, by mouse and keys.
"""

import json
import os
import socketserver
import sys
import threading
import time

import numpy as np

SOCKET = os.environ["OBSERVER_SOCKET"]
MOST_ROWS = 200
questions = {}
"""Functions that answer, by name."""


def question(function):
    questions[function.__name__] = function
    return function


# --- layers ------------------------------------------------------------------


def viewer():
    import napari

    return napari.current_viewer()


def array(layer):
    return layer.data[0] if getattr(layer, "multiscale", False) else layer.data


def colours(values):
    return [
        "#" + bytes(np.round(v[:3] * 255).astype(int).tolist()).hex() for v in values
    ]


def describe(layer):
    description = {
        "name": layer.name,
        "type": layer._type_string,
        "visible": bool(layer.visible),
        "mode": str(getattr(layer, "mode", "")),
        "ndim": layer.ndim,
        "scale": np.asarray(layer.scale).tolist(),
        "axis_labels": list(layer.axis_labels),
    }
    if layer._type_string in ("points", "shapes"):
        description["count"] = len(layer.data)
        description["selected"] = sorted(int(i) for i in layer.selected_data)
        description["features"] = {
            k: list(map(str, v)) for k, v in layer.features.items()
        }
    if layer._type_string == "points":
        description["data"] = np.asarray(layer.data, float).tolist()
        description["symbols"] = [str(s) for s in layer.symbol]
        description["face_colours"] = colours(layer.face_color)
        description["border_colours"] = colours(layer.border_color)
    elif layer._type_string == "shapes":
        description["kinds"] = [str(kind) for kind in layer.shape_type]
        description["boxes"] = [
            [np.min(d, 0).tolist(), np.max(d, 0).tolist()] for d in layer.data
        ]
        description["edge_colours"] = colours(layer.edge_color)
        description["edge_widths"] = [float(w) for w in layer.edge_width]
    else:
        description["shape"] = [int(n) for n in array(layer).shape]
        description["path"] = str(layer.source.path or "")
    if layer._type_string == "labels":
        description["features"] = {
            str(k): list(map(str, v)) for k, v in layer.features.items()
        }
    return description


@question
def state():
    """Layers, from the lowest up, and what the viewer shows of them."""
    view = viewer()
    active = view.layers.selection.active
    camera = getattr(view, "scene", view).camera
    return {
        "layers": [describe(layer) for layer in view.layers],
        "active": None if active is None else active.name,
        "selected": [layer.name for layer in view.layers.selection],
        "ndisplay": view.dims.ndisplay,
        "slider": list(view.dims.current_step),
        "sliders": list(view.dims.nsteps),
        "zoom": float(camera.zoom),
        "title": view.title,
    }


@question
def labels(name):
    """Pixels of each object of a Labels layer; their box as well."""
    data = np.asarray(array(viewer().layers[name]))
    found = {}
    for number in np.unique(data[data > 0]).tolist():
        where = np.nonzero(data == number)
        found[number] = {
            "pixels": len(where[0]),
            "box": [[int(w.min()) for w in where], [int(w.max()) for w in where]],
        }
    return found


@question
def label_at(name, position):
    """Value of a Labels layer at a data position."""
    return int(np.asarray(array(viewer().layers[name])[tuple(position)]))


@question
def pixel(name, position):
    """Where a data position of a layer is on the screen, if it is shown there."""
    view = viewer()
    layer, canvas = view.layers[name], view.window._qt_viewer.canvas
    native = canvas.native
    world = np.asarray(layer.data_to_world(position))
    missing = view.dims.ndim - layer.ndim
    shown = [d - missing for d in view.dims.displayed]
    camera = getattr(view, "scene", view).camera
    dy, dx = (world[shown] - np.array(camera.center[-2:])) * camera.zoom
    x, y = native.width() / 2 + dx, native.height() / 2 + dy
    corner = native.mapToGlobal(native.rect().topLeft())
    inside = bool(0 <= x < native.width() and 0 <= y < native.height())
    at = layer.world_to_data(view.dims.point)
    through = [d - missing for d in view.dims.not_displayed if d >= missing]
    inside &= all(round(at[d]) == round(position[d]) for d in through)
    return {"at": [corner.x() + x, corner.y() + y], "inside": inside}


# --- what is on the screen -----------------------------------------------------


def rectangle(widget, rect):
    corner = widget.mapToGlobal(rect.topLeft())
    return [corner.x(), corner.y(), rect.width(), rect.height()]


def text_of(widget):
    for name in ("currentText", "text", "title", "windowTitle", "toPlainText"):
        found = getattr(widget, name, None)
        if callable(found):
            return str(found())
    return ""


def parts_of(widget):
    """Entries of menus, lists and tabs: (text, rectangle, enabled, checked)."""
    from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QMenu, QMenuBar, QTabBar

    if isinstance(widget, (QMenu, QMenuBar)):
        return [
            (
                action.text().replace("&", ""),
                rectangle(widget, widget.actionGeometry(action)),
                action.isEnabled(),
                action.isChecked(),
            )
            for action in widget.actions()
            if action.isVisible() and not action.isSeparator()
        ]
    if isinstance(widget, QTabBar):
        return [
            (widget.tabText(i), rectangle(widget, widget.tabRect(i)), True, False)
            for i in range(widget.count())
        ]
    if isinstance(widget, QHeaderView):
        return []
    if isinstance(widget, QAbstractItemView) and widget.model() is not None:
        model, root = widget.model(), widget.rootIndex()
        rows = [
            model.index(i, 0, root) for i in range(min(model.rowCount(root), MOST_ROWS))
        ]
        area = widget.viewport()
        chosen = widget.selectionModel()
        return [
            (
                str(row.data()),
                rectangle(area, widget.visualRect(row) & area.rect()),
                True,
                bool(chosen is not None and chosen.isSelected(row)),
            )
            for row in rows
        ]
    return []


@question
def widgets():
    """All that is visible: kind, text, tip, rectangle, and the part not cut off."""
    from qtpy.QtWidgets import QApplication

    description = []
    focus = QApplication.focusWidget()
    for widget in QApplication.allWidgets():
        if not widget.isVisible():
            continue
        seen = widget.visibleRegion().boundingRect()
        inside, parent = [], widget.parentWidget()
        while parent is not None:
            inside.append(type(parent).__name__)
            parent = parent.parentWidget()
        checked = getattr(widget, "isChecked", None)
        description.append(
            {
                "kind": type(widget).__name__,
                "name": widget.objectName(),
                "text": text_of(widget),
                "tip": widget.toolTip(),
                "rect": rectangle(widget, widget.rect()),
                "seen": rectangle(widget, seen),
                "enabled": widget.isEnabled(),
                "checked": bool(checked()) if callable(checked) else None,
                "focus": widget is focus,
                "inside": inside,
                "window": widget.window().windowTitle(),
                "parts": [
                    dict(zip(("text", "rect", "enabled", "checked"), p, strict=True))
                    for p in parts_of(widget)
                ],
            }
        )
    return description


# --- the socket -------------------------------------------------------------------


def serve():
    """Answer on the main thread what is asked on the socket."""
    from qtpy.QtCore import QObject, Qt, Signal, Slot
    from qtpy.QtWidgets import QApplication

    while QApplication.instance() is None:
        time.sleep(0.02)

    class Asker(QObject):
        asked = Signal(object)

        def __init__(self):
            super().__init__()
            self.moveToThread(QApplication.instance().thread())
            self.asked.connect(self.answer, Qt.ConnectionType.QueuedConnection)

        @Slot(object)
        def answer(self, job):
            job()

    class Answer(socketserver.StreamRequestHandler):
        def handle(self):
            wanted = json.loads(self.rfile.readline())
            over, box = threading.Event(), {}

            def job():
                try:
                    call = questions[wanted["question"]]
                    box["answer"] = call(*wanted["arguments"])
                except Exception as error:
                    box["error"] = repr(error)
                over.set()

            asker.asked.emit(job)
            if not over.wait(wanted["seconds"]):
                box["error"] = "the main thread does not answer"
            self.wfile.write(json.dumps(box).encode() + b"\n")

    asker = Asker()
    with socketserver.ThreadingUnixStreamServer(SOCKET, Answer) as server:
        server.daemon_threads = True
        server.serve_forever()


if __name__ == "__main__":
    # Qt takes the thread that first uses it for the main thread.
    from napari._main import main
    from qtpy.QtCore import QObject

    QObject()
    threading.Thread(target=serve, name="observer", daemon=True).start()
    sys.exit(main())
