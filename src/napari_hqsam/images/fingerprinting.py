"""Fingerprint of an image, the key of results that were computed from it.

A fingerprint covers the shape, the axes, the data type, the channels shown and
the pixels of a few fixed windows; not the path, so a moved or copied file keeps
its name. It only FINDS the results of earlier work. Two images may share one
(they may differ outside the windows), and an image may change under it: who
keeps results by it must check, piece by piece, that they were made from the
pixels at hand, for example by a digest of those pixels.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from napari_hqsam.images.sampling import WINDOW, spread_planes, spread_windows

if TYPE_CHECKING:
    from napari_hqsam.images.image import Image

MAX_WINDOWS = 4  # a lazy array may compute each of them for seconds


def fingerprint(image: Image) -> str:
    """Compute the fingerprint of an image from its content.

    At most `MAX_WINDOWS` windows of `sampling.WINDOW` pixels along each side
    are read, at the coarsest level of the pyramid that fills one.

    Parameters
    ----------
    image : Image
        The image.

    Returns
    -------
    str
        64 hexadecimal digits, the same for the same image on every machine.

    Raises
    ------
    ImageError
        If the file cannot be read there.
    """
    facts = (image.shape, image.axes, image.dtype.name, image.channels)
    digest = hashlib.sha256(repr(facts).encode())
    filled = [k for k in image.levels if max(image.level_shape(k)) >= WINDOW]
    level = max(filled, default=0)
    planes = spread_planes(image, MAX_WINDOWS)
    for index in planes:
        shape = image.level_shape(level)
        for region in spread_windows(shape, MAX_WINDOWS // len(planes)):
            pixels = image.read_at(index, region, level)
            digest.update(pixels.astype(image.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()
