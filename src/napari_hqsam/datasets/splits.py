"""Which images of a data set are kept for validation."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

VALIDATION_SHARE = 8
"""About one image in eight of a set is kept for validation."""


def validation_stems(name: str, stems: Sequence[str]) -> set[str]:
    """Choose the images kept for validation: the eighth with the smallest hashes.

    At least one where there are four; none of fewer. Slices of one volume go
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
