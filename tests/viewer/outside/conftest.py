"""napari as a person meets it: its own process, a window manager, mouse and keys.

How to write a scenario::

    def test_the_first_click_answers(start):
        napari = start("-w", "napari-hqsam")  # the command line
        napari.open_sample("Cells")  # File > Open Sample > ...
        napari.wait(lambda: napari.layer("nuclei"), "the sample")
        napari.click_at("nuclei", 60, 70)  # (y, x) of the layer
        napari.wait_for_outline(60, 70)

- `start` gives a `Napari` (`program.py`): napari in a maximized window of its own
  display of 1440 x 900. One start takes about five seconds, so a scenario checks what
  belongs together in one start; it should take less than 20 seconds.
- All ACTIONS go through xdotool: `click_at`, `drag_over`, `press`, `take`, `menu`,
  `key`, and `napari.desktop` for bare pixels. Nothing calls the program's objects.
- What is JUDGED is read by an observer in napari's process that changes nothing
  (`launch.py`): `napari.state`, `layer(name)`, `labels(name)`, `outline()`,
  `widgets(...)`, `tool()`, `says(text)`, `toasts()`. Add a question there if one is
  missing.
- Wait for conditions (`wait`, `wait_for_outline`), never for a time; `settle` is for
  what must NOT happen.
- Settings, caches and journals are in `home`; give the same `home` to a second start
  to come back after a `kill`. `screenshot(name)` saves what the screen shows in the
  folder of the test; a `wait` in vain saves `failed.png` there.
- A screen of another size: `@pytest.mark.parametrize("size", [(1366, 768)])`.

A machine without openbox or xdotool fails these tests; it does not skip them.
"""

import pytest

from tests.viewer.outside.desktop import SIZE, Desktop
from tests.viewer.outside.program import Napari


@pytest.fixture
def size():
    """Screen in pixels."""
    return SIZE


@pytest.fixture
def desktop(tmp_path, size):
    """A display of the test's own, with a window manager."""
    found = Desktop(tmp_path, size)
    try:
        found.come_up()
        yield found
    finally:
        found.close()


@pytest.fixture
def home(tmp_path):
    """Home folder of whoever uses napari."""
    return tmp_path / "home"


@pytest.fixture
def start(desktop, home):
    """Return a function that starts napari with arguments of the command line."""
    started = []

    def begin(*arguments, home=home):
        napari = Napari(desktop, home, *arguments)
        started.append(napari)
        napari.come_up()
        return napari

    yield begin
    for napari in started:
        napari.close()
    for napari in started:
        log = napari.log.read_text()
        assert "Traceback" not in log, log
        assert "Private attribute" not in log, log
