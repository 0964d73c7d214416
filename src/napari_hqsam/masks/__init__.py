"""Masks and what is computed of them: cleaning, measures, linking, tracks.

Knows arrays and boxes; must not know images, networks, prompts, files or napari.
"""

from napari_hqsam.masks.linking import Linker, Links, Sight, link_planes
from napari_hqsam.masks.logits import Logits
from napari_hqsam.masks.mask import Mask
from napari_hqsam.masks.tracks import Tracks, tracks_of

__all__ = [
    "Linker",
    "Links",
    "Logits",
    "Mask",
    "Sight",
    "Tracks",
    "link_planes",
    "tracks_of",
]
