"""Verify files of weights by their digests."""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from typing import TYPE_CHECKING

from napari_hqsam.files import replacing
from napari_hqsam.models.folders import models_folder

if TYPE_CHECKING:
    from pathlib import Path

    from napari_hqsam.models.record import WeightsFile


def sha256(path: Path) -> str:
    """Compute the SHA-256 of a file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def xxh128(path: Path) -> str:
    """Compute the XXH128 of a file, hex: micro-sam publishes these."""
    import xxhash

    digest = xxhash.xxh128()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return str(digest.hexdigest())


def is_right(path: Path, weights: WeightsFile) -> bool:
    """Whether a file has the digest that it should have.

    XXH128 finds damage but can be forged. Where no other digest is published, the
    SHA-256 of the first file that fits it is kept, and any later one is compared
    with that.
    """
    digest = sha256(path)
    known = weights.sha256 or recorded(weights)
    if known:
        return digest == known
    if xxh128(path) != weights.xxh128:
        return False
    _record(weights, digest)
    return True


def recorded(weights: WeightsFile) -> str:
    """Return the recorded SHA-256 of a file; empty if there is none."""
    try:
        text = record_path(weights).read_text()
    except (OSError, UnicodeDecodeError):
        return ""
    found = re.match(r"[0-9a-f]{64}(?=\s)", text)
    return found.group() if found else ""


def record_path(weights: WeightsFile) -> Path:
    """Return the path of the recorded SHA-256, in the format of `sha256sum`.

    In our models folder, also if the file is used from micro-sam's.
    """
    return models_folder() / f"{weights.file}.sha256"


def _record(weights: WeightsFile, digest: str) -> None:
    path = record_path(weights)
    with suppress(OSError):  # the folder may be read-only: it is computed again
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as partial:
            partial.write_text(f"{digest}  {weights.file}\n")
