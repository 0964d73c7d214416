"""Write contact sheets of the synthetic images: a PNG of 8 x 10 samples per kind.

    python -m napari_hqsam.training.synthetic FOLDER [KIND ...]

Each sample is shown beside itself with the outlines of its labels.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from skimage.io import imsave
from skimage.segmentation import find_boundaries

from napari_hqsam.training.synthetic.kinds import KINDS, draw

ROWS, COLUMNS = 10, 4  # two cells per sample


def outlined(image: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Put an image beside itself with the borders of its labels, (h, 2 w, 3) uint8."""
    colour = image if image.ndim == 3 else np.repeat(image[..., None], 3, 2)
    drawn = colour.copy()
    drawn[find_boundaries(labels, mode="inner")] = (255, 220, 0)
    return np.concatenate([colour, drawn], 1)


def sheet(kind: str, seed: int = 0) -> np.ndarray:
    """Draw a contact sheet of one kind, uint8 colour."""
    rng = np.random.default_rng(seed)
    rows = [
        np.concatenate([outlined(*draw(kind, rng)) for _ in range(COLUMNS)], 1)
        for _ in range(ROWS)
    ]
    return np.concatenate(rows, 0)


def main() -> None:
    """Read the arguments and write the sheets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {[*KINDS]}")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.kinds) - set(KINDS))
    if unknown:
        parser.error(
            f"no such kind: {', '.join(unknown)}; there are {', '.join(KINDS)}"
        )
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for kind in arguments.kinds or KINDS:
        path = arguments.folder / f"{kind}.png"
        imsave(path, sheet(kind), check_contrast=False)
        print(path)


if __name__ == "__main__":
    main()
