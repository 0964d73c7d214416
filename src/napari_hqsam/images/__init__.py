"""Any array or file as lazily read planes.

This room knows axes, channels, pyramid levels, file formats and how pixels
become the 8-bit RGB that the network sees, at any scale. It must NOT know the
network, tiles, prompts, torch or napari: what it hands out are plain numpy
planes.

Invariants: a source is opened for reading only and never modified; nothing is
read before a plane (or a sample for the normalisation) is asked for, and then
only the pages or chunks of that plane.
"""

from napari_hqsam.images.fingerprinting import fingerprint
from napari_hqsam.images.formats import open_source
from napari_hqsam.images.image import Image
from napari_hqsam.images.normalizing import (
    Normalization,
    NormalizationSpec,
    normalization,
)
from napari_hqsam.images.opening import open_image
from napari_hqsam.images.scaled import read_rgb8
from napari_hqsam.images.source import Source

__all__ = [
    "Image",
    "Normalization",
    "NormalizationSpec",
    "Source",
    "fingerprint",
    "normalization",
    "open_image",
    "open_source",
    "read_rgb8",
]
