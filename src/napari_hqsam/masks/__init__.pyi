from .linking import Linker, Links, Sight, link_planes
from .logits import Logits
from .mask import Mask
from .tracks import Tracks, tracks_of

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
