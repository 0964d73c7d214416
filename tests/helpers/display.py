"""A display that nobody sees, for one process: Xvfb."""

import atexit
import os
import shutil
import subprocess
import sys

SIZE = (1920, 1080)


def use_own_display():
    """Give this process a display where it has none, or shares it.

    Processes of pytest-xdist would take the focus from each other on one display.
    """
    has_one = os.environ.get("DISPLAY") and "PYTEST_XDIST_WORKER" not in os.environ
    if has_one or sys.platform != "linux" or not shutil.which("Xvfb"):
        return
    # It ends when this process does, however that ends.
    server, os.environ["DISPLAY"] = start_display(options=["-terminate"])
    atexit.register(server.terminate)
    os.environ.setdefault("QT_QPA_PLATFORM", "xcb")


def start_display(size=SIZE, log=subprocess.DEVNULL, options=()):
    """Start an X server on the first free display.

    Parameters
    ----------
    size : (width, height)
        Of the screen, pixels.
    log : file, optional
        For what the server prints.
    options : sequence of str
        More arguments of Xvfb.

    Returns
    -------
    server : subprocess.Popen
        Ends with `terminate`.
    display : str
        For $DISPLAY, such as ":3".
    """
    read, write = os.pipe()
    screen = f"-screen 0 {size[0]}x{size[1]}x24".split()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), *screen, *options],
        stdout=log,
        stderr=subprocess.STDOUT,
        pass_fds=(write,),
    )
    os.close(write)
    with os.fdopen(read) as number:
        display = f":{number.readline().strip()}"
    assert display != ":", "Xvfb did not start"
    return server, display
