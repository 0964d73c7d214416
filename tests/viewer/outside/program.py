"""napari in its own process, looked at from outside and used by mouse and keys."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LAUNCH = Path(__file__).with_name("launch.py")
DRAG_SOURCE = Path(__file__).with_name("drag_source.py")
START_SECONDS = 60
WAIT_SECONDS = 60
"""Of a busy machine, which loads the network for the first click."""
POINTS, SHAPES, OUTLINE = "HQ-SAM points", "HQ-SAM shapes", "HQ-SAM outline"
PANEL = "HqsamWidget"


class Napari:
    """A running `napari`, its window maximized.

    Parameters
    ----------
    desktop : Desktop
        That it runs on.
    home : Path
        Home folder of its user: settings, caches and journals stay in there. Give
        the same one again to come back the next day.
    *arguments : str or Path
        Of the command line, such as "-w", "napari-hqsam", and files.
    """

    def __init__(self, desktop, home, *arguments):
        self.desktop, self.home = desktop, home
        home.mkdir(exist_ok=True)
        # Paths of sockets must be short.
        self._folder = tempfile.TemporaryDirectory(prefix="hqsam")
        self._socket = Path(self._folder.name, "observer")
        env = desktop.env | {
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_CACHE_HOME": str(home / "cache"),
            "XDG_DATA_HOME": str(home / "data"),
            "XDG_STATE_HOME": str(home / "state"),
            "QT_QPA_PLATFORM": "xcb",
            "OBSERVER_SOCKET": str(self._socket),
        }
        for name in list(env):
            if name.startswith(("NAPARI_HQSAM", "NAPARI_CONFIG", "PYTEST")):
                del env[name]
        self.log = home / "napari.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(LAUNCH), *map(str, arguments)],
                env=env,
                cwd=home,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def come_up(self):
        """Wait for the window, and maximize it."""
        self.wait(lambda: self._shown(), "napari's window", START_SECONDS)
        self._maximize()

    def _shown(self):
        assert self.process.poll() is None, self.log.read_text()
        return self._socket.exists() and self.desktop.windows("napari")

    def _maximize(self):
        """Double-click on the title bar."""
        screen = self.desktop.size

        def inside():
            (window,) = self.widgets(kind="_QtMainWindow")
            return window["rect"]

        # The window comes up in several steps; a click before the last is lost.
        self.wait(lambda: self.ask("state") is not None, "an answer", START_SECONDS)
        for _ in range(5):
            x, y, width, _ = inside()
            self.desktop.click(x + width // 2, y - 10, times=2)
            end = time.monotonic() + 2
            while time.monotonic() < end:
                x, y, width, height = inside()
                if x < 5 and width > screen[0] - 10 and y + height > screen[1] - 10:
                    return
                time.sleep(0.05)
        self.screenshot("failed")
        raise AssertionError(f"the window is not maximized: {inside()}")

    # --- what there is -----------------------------------------------------------

    def ask(self, question, *arguments, seconds=WAIT_SECONDS):
        """Ask the observer, see `launch.py`."""
        wanted = {"question": question, "arguments": arguments, "seconds": seconds}
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(seconds + 5)
            line.connect(str(self._socket))
            line.sendall(json.dumps(wanted).encode() + b"\n")
            with line.makefile() as answer:
                reply = json.loads(answer.readline())
        if "error" in reply:
            raise AssertionError(f"{question}: {reply['error']}")
        return reply["answer"]

    @property
    def state(self):
        """Layers, the active one, sliders."""
        return self.ask("state")

    def layer(self, name):
        """Return the description of a layer; None if there is none."""
        return next((x for x in self.state["layers"] if x["name"] == name), None)

    def names(self):
        """Names of all layers, the lowest first."""
        return [layer["name"] for layer in self.state["layers"]]

    def labels(self, name):
        """Pixels and box of each object of a Labels layer, by id."""
        return {int(k): v for k, v in self.ask("labels", name).items()}

    def outline(self):
        """(lowest, highest) corner of the outline that is shown; None without one."""
        layer = self.layer(OUTLINE)
        if layer is None or not layer["count"]:
            return None
        lows, highs = zip(*layer["boxes"], strict=True)
        return (
            [min(column) for column in zip(*lows, strict=True)],
            [max(column) for column in zip(*highs, strict=True)],
        )

    def widgets(self, text=None, *, kind=None, tip=None, name=None, inside=None):
        """All visible widgets that fit.

        Parameters
        ----------
        text, tip : str
            How their text or tooltip begins.
        kind, name : str
            Class, and name of the object.
        inside : str
            Class of a widget that they are in, such as `PANEL`.
        """
        return [
            w
            for w in self.ask("widgets")
            if (text is None or w["text"].startswith(text))
            and (tip is None or w["tip"].startswith(tip))
            and (kind is None or w["kind"] == kind)
            and (name is None or w["name"] == name)
            and (inside is None or inside in w["inside"])
        ]

    def widget(self, text=None, **which):
        """Return the one visible widget that fits, see `widgets`."""
        found = self.widgets(text, **which)
        assert len(found) == 1, f"{len(found)} widgets: {text} {which}"
        return found[0]

    def panel_texts(self):
        """All texts that the panel shows."""
        return [w["text"] for w in self.widgets(inside=PANEL) if w["text"]]

    def says(self, text):
        """Whether the panel shows a text, as part of another one."""
        return any(text in shown for shown in self.panel_texts())

    def toasts(self):
        """Texts of the notifications that are shown."""
        found = self.widgets(inside="NapariQtNotification")
        return [w["text"] for w in found if w["text"]]

    def tool(self):
        """Tip of the tool that the panel shows as pressed; None without one."""
        tools = self.tools()
        pressed = [w["tip"].split(":")[0] for w in tools if w["checked"]]
        assert len(pressed) < 2, pressed
        return pressed[0] if pressed else None

    def tools(self):
        """The tool buttons of the panel."""
        return [
            w
            for w in self.widgets(kind="QPushButton", inside=PANEL)
            if not w["text"] and "takes the next tool" in w["tip"]
        ]

    def screenshot(self, name, part=None):
        """Save what the screen shows, see `Desktop.screenshot`."""
        return self.desktop.screenshot(name, part)

    # --- waiting -------------------------------------------------------------------

    def wait(self, until, what, seconds=WAIT_SECONDS):
        """Wait until a condition holds, and return what it gave."""
        end = time.monotonic() + seconds
        while True:
            found = until()
            if found:
                return found
            if time.monotonic() > end:
                self.screenshot("failed")
                raise AssertionError(
                    f"waited for {what} in vain; see {self.desktop.folder}/failed.png"
                )
            time.sleep(0.05)

    def wait_for_outline(self, *around):
        """Wait until an outline is shown round a data position; return its corners."""

        def is_there():
            found = self.outline()
            corners = zip(around, *found, strict=True) if found else [(1, 0, 0)]
            return all(low <= at <= high for at, low, high in corners) and found

        return self.wait(is_there, f"an outline round {around}")

    def settle(self, seconds=1.0):
        """Give the program time for what must not happen."""
        time.sleep(seconds)
        self.ask("state")

    # --- mouse and keys ------------------------------------------------------------

    def pixel(self, layer, *position):
        """Return where a data position of a layer is on the screen."""
        found = self.ask("pixel", layer, position)
        assert found["inside"], f"{position} of {layer} is not on the screen"
        return found["at"]

    def click_at(self, layer, *position, **how):
        """Click on a data position of a layer; `how` as for `Desktop.click`."""
        self.desktop.click(*self.pixel(layer, *position), **how)

    def move_to(self, layer, *position):
        """Move the mouse to a data position of a layer."""
        self.desktop.move(*self.pixel(layer, *position))

    def drag_over(self, layer, *positions, **how):
        """Drag along data positions of a layer."""
        at = [self.pixel(layer, *position) for position in positions]
        self.desktop.drag(*at, after_step=lambda: self.ask("state"), **how)

    def click_on(self, widget, **how):
        """Click in the middle of a widget, or of a part of one, as it is seen."""
        x, y, width, height = widget.get("seen", widget["rect"])
        assert min(width, height) > 0, f"{widget['text']} cannot be seen"
        self.desktop.click(x + width // 2, y + height // 2, **how)

    def press(self, text, **which):
        """Click on a button of the panel."""
        self.click_on(self.widget(text, inside=PANEL, **which))

    def take(self, tool):
        """Click on a tool button, such as "Box"."""
        (found,) = (w for w in self.tools() if w["tip"].startswith(f"{tool}:"))
        self.click_on(found)

    def menu(self, *path):
        """Go through the menus of the menu bar."""
        self._click_part("QMenuBar", path[0])
        for title in path[1:]:
            self._click_part("QMenu", title)

    def mode(self, tip):
        """Click on one of napari's own buttons for the mode of the active layer."""
        self.click_on(self.widget(kind="QtModeRadioButton", tip=tip))

    def choose(self, text, **which):
        """Choose an entry of a combo box of the panel, once it can be seen."""

        def is_seen():
            box = self.widget(inside=PANEL, **which)
            return min(box["seen"][2:]) > 0 and box

        self.click_on(self.wait(is_seen, f"the list {which}"))
        self._click_part(None, text, window="")

    def click_layer(self, name, **how):
        """Click on a layer in napari's layer list, scrolled to where it is seen."""

        def is_seen():
            (shown,) = self.widgets(kind="QtLayerList")
            (row,) = (part for part in shown["parts"] if part["text"] == name)
            if row["rect"][3] > 15:
                return True
            x, y, width, height = shown["rect"]
            above = shown["parts"].index(row) < len(shown["parts"]) / 2
            self.desktop.scroll(x + width // 2, y + height // 2, 1 if above else -1)
            return False

        self.wait(is_seen, f"{name} in the layer list")
        self._click_part("QtLayerList", name, **how)

    def _click_part(self, kind, text, window=None, **how):
        def find():
            found = [
                part
                for w in self.ask("widgets")
                for part in w["parts"]
                if (kind is None or kind in (w["kind"], _base(w["kind"])))
                and (window is None or w["window"] == window)
                and part["text"] == text
            ]
            return found and found[-1]

        part = self.wait(find, f"{text} in a {kind or 'list'}")
        self.click_on(part, **how)

    def open_sample(self, title):
        """Open one of the samples through the menu File."""
        self.menu("File", "Open Sample", "HQ-SAM", title)

    def open_file(self, name):
        """Open a file of `home` by Ctrl+O and a click in the dialog's list.

        Its field for names is no help: in some versions of Qt its completer sets the
        cursor back, so that typed text comes out reversed.
        """
        self.desktop.key("ctrl+o")

        def is_chosen():
            parts = [
                part
                for w in self.ask("widgets")
                for part in w["parts"]
                if w["window"].startswith("Select file") and part["text"] == name
            ]
            if not parts or parts[0]["checked"]:
                return bool(parts)
            self.click_on(parts[0])  # again if the list was still being filled
            return False

        self.wait(is_chosen, f"{name} in the dialog for files")
        self.desktop.key("Return")
        self.wait(lambda: not self.widgets(name="fileNameEdit"), "the dialog to close")

    def drop(self, *paths):
        """Drag files from a window of their own, and drop them on the canvas."""
        x, y, width, height = self.widget(kind="QtViewer")["seen"]
        source = subprocess.Popen(
            [sys.executable, str(DRAG_SOURCE), str(x), str(y), *map(str, paths)],
            env=self.desktop.env | {"QT_QPA_PLATFORM": "xcb"},
            stdout=subprocess.PIPE,
            text=True,
        )
        with source:
            (window,) = self.wait(
                lambda: self.desktop.windows("files to drag"), "the window of files"
            )
            left, top, w, h = self.desktop.geometry(window)
            self.desktop.drag(
                (left + w // 2, top + h // 2),
                (x + width // 2, y + height // 2),
                until=lambda: self.wait(
                    lambda: source.stdout.readline().strip() in ("CopyAction", ""),
                    "napari to take the files",
                ),
            )
            assert source.wait() == 0, "the files were not taken"

    def key(self, *keys):
        """Press keys, see `Desktop.key`."""
        self.desktop.key(*keys)

    # --- the end ------------------------------------------------------------

    def kill(self):
        """End it as a crash does: nothing can be saved."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(WAIT_SECONDS)

    def close(self):
        """End it, whatever it does; the window need not ask."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(WAIT_SECONDS)
        self._folder.cleanup()


def _base(kind):
    """napari has menus and lists of its own classes."""
    if kind.lower().endswith("menu"):
        return "QMenu"
    return "QMenuBar" if kind.endswith("MenuBar") else kind
