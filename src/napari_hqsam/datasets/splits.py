"""Choose which images of a data set are held out for validation."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

VALIDATION_SHARE = 8
"""About one image in eight of a data set is held out for validation."""


def validation_stems(name: str, stems: Sequence[str]) -> set[str]:
    """Choose the images held out for validation: the eighth with the smallest hashes.

    At least one if there are four or more; none of fewer. Slices of one volume stay
    together.
    """
    groups = sorted(
        {stem.split("_z")[0] for stem in stems}, key=lambda g: _hash(name, g)
    )
    count = max(1, len(groups) // VALIDATION_SHARE) if len(groups) >= 4 else 0
    chosen = set(groups[:count])
    return {stem for stem in stems if stem.split("_z")[0] in chosen}


def _hash(name: str, group: str) -> bytes:
    return hashlib.sha256(f"{name}/{group}".encode()).digest()
