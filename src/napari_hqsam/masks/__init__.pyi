from .linking import LinkedObject, Linker, Links, link_planes
from .logits import Logits
from .mask import Mask
from .tracks import Tracks, tracks_of

__all__ = [
    "LinkedObject",
    "Linker",
    "Links",
    "Logits",
    "Mask",
    "Tracks",
    "link_planes",
    "tracks_of",
]
