"""Warn of an Exif or TIFF orientation tag, which is not applied.

Source: TIFF 6.0 and Exif 2.3, tag 274, Orientation: 1 is as stored, 2 to 8 are turned
by quarters or mirrored.
"""

from __future__ import annotations

import warnings

from napari_hqsam.errors import HqsamWarning


def warn_if_turned(name: str, orientation: object) -> None:
    """Warn of an image with an orientation, which is not applied.

    Napari and most tools of microscopy show pixels as they are stored. A viewer of
    photographs turns them, and coordinates from there do not fit.

    Parameters
    ----------
    name : str
        Name of the file, for messages.
    orientation : object
        As the file has it.

    Warns
    -----
    HqsamWarning
        It is 2 to 8.
    """
    if orientation in range(2, 9):
        warnings.warn(
            f"{name} is to be shown turned or mirrored (tag Orientation: "
            f"{orientation}); it is read as it is stored, as in napari. If coordinates "
            "come from a program that turns it, save it turned",
            HqsamWarning,
            stacklevel=8,
        )
