"""Load labelled images from disk as tensors, grouped by data set.

Layout read: ``ROOT/NAME/train/{images,labels}/STEM.png`` and
``ROOT/NAME/train/{volumes,volume_labels}/STEM.tif`` (slices along the first
axis). Nothing of a ``test`` folder is ever opened here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from skimage.io import imread
from torch import Tensor

from napari_hqsam.datasets.splits import validation_stems

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

PARTLY_ANNOTATED = frozenset({"flyem_fib25", "nasa_ebc"})
"""Data sets in which unlabelled pixels may belong to objects."""
NETWORKS = frozenset({"chase_db1", "pfc_neurons", "rossa_octa"})
"""Data sets with one branched object per image, which has no centre."""
SLICE_STEP = 3
"""Every third slice of a volume is used: neighbouring slices are nearly alike."""
NETWORK_WIDTHS = 12
"""Length, in widths, of the piece of a network that sets its size in crops."""


@dataclass
class LabelledImage:
    """One image as tensors on the training device.

    Attributes
    ----------
    name : str
        Data set.
    levels : list of Tensor
        (c, h / 2^k, w / 2^k) uint8, c 1 or 3, downsampled by averaging, k = 0, 1, ...
    labels : Tensor
        (h, w) int32, 0 background.
    boxes : ndarray
        (n, 4) y0, x0, y1, x1 of the objects.
    sizes : ndarray
        (n,) their longer sides, pixels; smaller for networks (`network_sizes`).
    """

    name: str
    levels: list[Tensor]
    labels: Tensor
    boxes: np.ndarray
    sizes: np.ndarray
    full: bool = True


@dataclass
class Dataset:
    """The images of one data set."""

    name: str
    images: list[LabelledImage] = field(default_factory=list)


def to_uint8(image: np.ndarray) -> np.ndarray:
    """Map the 0.1 and 99.9 percentiles to 0 and 255, all channels together.

    The same as `images.normalizing` at inference, 8-bit images included.
    """
    low, high = np.percentile(image, [0.1, 99.9])
    x = (image.astype(np.float32) - low) / max(high - low, 1e-6)
    return np.asarray(np.clip(x, 0, 1) * 255 + 0.5).astype(np.uint8)


def network_sizes(labels: np.ndarray, ids: Sequence[int]) -> np.ndarray:
    """Compute the extent of each object that a crop should show, (n,) pixels.

    A vessel tree spans its image; scaled to fit a crop it is thinner than a pixel.
    The size used instead is `NETWORK_WIDTHS` times its width. The width is 4 times
    the mean distance to the border, exact for a long strip.
    """
    inside = labels > 0
    for axis in (0, 1):  # separate touching objects
        differs = np.diff(labels.astype(np.int64), axis=axis) != 0
        inside &= ~np.pad(differs, [(0, int(a == axis)) for a in (0, 1)])
    depth = ndimage.distance_transform_edt(inside)
    widths = 4 * np.maximum(ndimage.mean(depth, labels, ids), 0.25)
    return np.asarray(NETWORK_WIDTHS * widths)


def labelled_image(
    name: str, image: np.ndarray, labels: np.ndarray, device: torch.device | str
) -> LabelledImage | None:
    """Put a (h, w) or (h, w, 3) image and its (h, w) labels on a device.

    Returns None if the labels hold no object.
    """
    found = [s for s in ndimage.find_objects(labels) if s is not None]
    boxes = [(s[0].start, s[1].start, s[0].stop, s[1].stop) for s in found]
    if not boxes:
        return None
    corners = np.array(boxes, np.float32)
    extents = (corners[:, 2:] - corners[:, :2]).max(1)
    ids = [i for i, s in enumerate(ndimage.find_objects(labels), 1) if s is not None]
    pixels = to_uint8(image)
    pixels = pixels[None] if pixels.ndim == 2 else pixels[..., :3].transpose(2, 0, 1)
    levels = [torch.from_numpy(np.ascontiguousarray(pixels)).to(device)]
    while min(levels[-1].shape[-2:]) > 64 and len(levels) < 4:
        smaller = F.avg_pool2d(levels[-1][None].float(), 2)[0]
        levels.append(smaller.round().to(torch.uint8))
    return LabelledImage(
        name=name,
        levels=levels,
        labels=torch.from_numpy(labels.astype(np.int32)).to(device),
        boxes=corners,
        sizes=np.minimum(extents, network_sizes(labels, ids)),
        full=name not in PARTLY_ANNOTATED,
    )


def read_folder(folder: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield (stem, image, labels) of the train part of one data set."""
    train = folder / "train"
    for path in sorted((train / "images").glob("*.png")):
        labels = train / "labels" / path.name
        if labels.exists():
            yield path.stem, imread(path), imread(labels)
    for path in sorted((train / "volumes").glob("*.tif")):
        volume = imread(path)
        labels = imread(train / "volume_labels" / path.name)
        stretched = to_uint8(volume)
        for z in range(0, len(volume), SLICE_STEP):
            yield f"{path.stem}_z{z}", stretched[z], labels[z]


def read_datasets(
    root: Path, device: torch.device | str = "cpu"
) -> tuple[list[Dataset], list[Dataset]]:
    """Read all train parts below a folder.

    Returns
    -------
    train, validation : list of Dataset
        Disjoint images.

    Raises
    ------
    FileNotFoundError
        There is no data set below `root`.
    """
    parts: tuple[list[Dataset], list[Dataset]] = ([], [])
    for folder in sorted(p for p in root.iterdir() if (p / "train").is_dir()):
        pair = Dataset(folder.name), Dataset(folder.name)
        found = list(read_folder(folder))
        kept = validation_stems(folder.name, [stem for stem, _, _ in found])
        for stem, image, labels in found:
            item = labelled_image(folder.name, image, labels, device)
            if item is not None:
                pair[stem in kept].images.append(item)
        for part, dataset in zip(parts, pair, strict=True):
            if dataset.images:
                part.append(dataset)
    if not parts[0]:
        raise FileNotFoundError(f"no data set with a train folder below {root}")
    return parts
