"""A display with a window manager, and a mouse and keyboard on it (xdotool).

Knows nothing of napari: positions are pixels of the screen.
"""

import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from itertools import pairwise

from tests.helpers.display import start_display

SIZE = (1440, 900)
PROGRAMS = ("Xvfb", "openbox", "xdotool", "import")
PAUSE = 0.03
"""Seconds between two things that a hand does; napari reads the mouse every 5 ms."""


class Desktop:
    """An X server of its own with openbox on it.

    Parameters
    ----------
    folder : Path
        For the logs of the programs and for screenshots.
    size : (width, height)
        Of the screen, pixels.
    """

    def __init__(self, folder, size=SIZE):
        missing = [name for name in PROGRAMS if shutil.which(name) is None]
        assert not missing, (
            f"these tests need {', '.join(missing)}: install the packages xvfb, "
            "openbox, xdotool and imagemagick"
        )
        self.folder, self.size = folder, size
        self._log = (folder / "desktop.log").open("wb")
        self._programs = []

    def come_up(self):
        """Start the X server and the window manager."""
        server, self.display = start_display(self.size, self._log)
        self._programs.append(server)
        self.env = os.environ | {"DISPLAY": self.display}
        self.env.pop("WAYLAND_DISPLAY", None)
        self._start(["openbox", "--sm-disable"], env=self.env)
        end = time.monotonic() + 20
        while self._xdotool("get_desktop", check=False).returncode:
            assert time.monotonic() < end, "openbox did not start, see desktop.log"
            if self._programs[-1].poll() is not None:  # the display was not there yet
                self._start(["openbox", "--sm-disable"], env=self.env)
            time.sleep(0.05)

    def _start(self, command, **how):
        program = subprocess.Popen(
            command, stdout=self._log, stderr=subprocess.STDOUT, **how
        )
        self._programs.append(program)

    def _xdotool(self, *words, check=True):
        command = ["xdotool", *map(str, words)]
        return subprocess.run(
            command, env=self.env, check=check, capture_output=True, text=True
        )

    # --- mouse -----------------------------------------------------------------

    def move(self, x, y):
        """Move the mouse to a pixel, as a hand does: not in one jump."""
        self._xdotool("mousemove", round(x) - 3, round(y) - 2)
        time.sleep(PAUSE)
        self._xdotool("mousemove", round(x), round(y))
        time.sleep(PAUSE)

    def click(self, x, y, *, button=1, times=1, hold=()):
        """Click on a pixel; `hold` names keys such as "shift"."""
        self.move(x, y)
        with self._held(hold):
            for _ in range(times):
                self._xdotool("mousedown", button)
                self._xdotool("mouseup", button)
        time.sleep(PAUSE)

    def drag(self, *points, hold=(), after_step=lambda: None, until=lambda: None):
        """Press at the first of some pixels, move along them, release at the last.

        `after_step` is called after each movement and `until` before letting go, so
        that the program can be waited for: a hand does not go on without it.
        """
        self.move(*points[0])
        with self._held(hold):
            self._xdotool("mousedown", 1)
            for (x0, y0), (x1, y1) in pairwise(points):
                for step in (0.2, 0.5, 0.8, 1):
                    at = x0 + (x1 - x0) * step, y0 + (y1 - y0) * step
                    self._xdotool("mousemove", *map(round, at))
                    time.sleep(PAUSE)
                    after_step()
            until()
            self._xdotool("mouseup", 1)
        time.sleep(PAUSE)

    def scroll(self, x, y, clicks):
        """Turn the wheel at a pixel: up is positive."""
        self.move(x, y)
        for _ in range(abs(clicks)):
            self._xdotool("click", 4 if clicks > 0 else 5)
            time.sleep(PAUSE)

    # --- keyboard ----------------------------------------------------------------

    def key(self, *keys):
        """Press keys one after the other, such as "n", "shift+g", "Return"."""
        for name in keys:
            self._xdotool("key", name)
            time.sleep(PAUSE)

    def type(self, text):
        """Type a text into whatever has the focus."""
        self._xdotool("type", "--delay", 20, text)
        time.sleep(PAUSE)

    @contextmanager
    def _held(self, keys):
        for name in keys:
            self._xdotool("keydown", name)
            time.sleep(PAUSE)
        try:
            yield
        finally:
            for name in keys:
                self._xdotool("keyup", name)

    # --- windows -------------------------------------------------------------------

    def windows(self, title):
        """Ids of the visible windows whose title matches."""
        found = self._xdotool("search", "--onlyvisible", "--name", title, check=False)
        return found.stdout.split()

    def titles(self):
        """Titles of all visible windows."""
        return [self._xdotool("getwindowname", w).stdout for w in self.windows(".")]

    def geometry(self, window):
        """(x, y, width, height) of the inside of a window."""
        output = self._xdotool("getwindowgeometry", "--shell", window).stdout
        lines = dict(line.split("=") for line in output.split())
        return tuple(int(lines[name]) for name in ("X", "Y", "WIDTH", "HEIGHT"))

    def screenshot(self, name, part=None):
        """Save what the screen shows, or a part (x, y, width, height) of it.

        Returns
        -------
        Path
        """
        path = self.folder / f"{name}.png"
        crop = [] if part is None else ["-crop", "{2}x{3}+{0}+{1}".format(*part)]
        command = ["import", "-window", "root", *crop, "+repage", str(path)]
        subprocess.run(command, env=self.env, check=True)
        return path

    def close(self):
        """End the programs that were started here."""
        for program in reversed(self._programs):
            program.terminate()
            program.wait(60)
        self._log.close()
