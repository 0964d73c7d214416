"""Labelled images in memory, and random crops of them with their objects.

Imports only what any machine with torch has (see the package docstring).
Layout read: ``ROOT/NAME/train/{images,labels}/STEM.png`` and
``ROOT/NAME/train/{volumes,volume_labels}/STEM.tif`` (slices along the first
axis). Nothing of a ``test`` folder is ever opened here.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from skimage.io import imread
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

PARTLY_ANNOTATED = frozenset({"flyem_fib25", "nasa_ebc"})
"""Sets whose unlabelled pixels are not all background."""
NETWORKS = frozenset({"chase_db1", "pfc_neurons", "rossa_octa"})
"""Sets with one branched object an image, which has no centre."""
SLICE_STEP = 3
"""Every third slice of a volume: neighbours are nearly alike."""
NETWORK_WIDTHS = 12
"""How many times its width a stretch of a network is long that makes an object."""
VALIDATION_SHARE = 8
"""About one image in eight of a set is kept for validation."""


@dataclass
class LabelledImage:
    """One image as tensors on the training device.

    Attributes
    ----------
    name : str
        Data set.
    levels : list of Tensor
        (c, h / 2^k, w / 2^k) uint8, c 1 or 3, averaged down, k = 0, 1, ...
    labels : Tensor
        (h, w) int32, 0 background.
    boxes : ndarray
        (n, 4) y0, x0, y1, x1 of the objects.
    sizes : ndarray
        (n,) their longer sides, pixels; less for networks (`network_size`).
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
    """Stretch the 0.1 to 99.9 percentiles to 0..255, all channels together.

    As `images.normalization` does in use, 8-bit images included.
    """
    low, high = np.percentile(image, [0.1, 99.9])
    x = (image.astype(np.float32) - low) / max(high - low, 1e-6)
    return np.asarray(np.clip(x, 0, 1) * 255 + 0.5).astype(np.uint8)


def network_sizes(labels: np.ndarray, ids: Sequence[int]) -> np.ndarray:
    """Size at which a stretch of a long thin object is worth looking at, (n,) pixels.

    A vessel tree spans its image; scaled to fit a crop it is thinner than a pixel.
    `NETWORK_WIDTHS` times its width is the size that counts. The width is 4 times
    the mean distance to the border, exact for a long strip.
    """
    inside = labels > 0
    for axis in (0, 1):  # touching objects are apart
        differs = np.diff(labels.astype(np.int64), axis=axis) != 0
        inside &= ~np.pad(differs, [(0, int(a == axis)) for a in (0, 1)])
    depth = ndimage.distance_transform_edt(inside)
    widths = 4 * np.maximum(ndimage.mean(depth, labels, ids), 0.25)
    return np.asarray(NETWORK_WIDTHS * widths)


def labelled_image(
    name: str, image: np.ndarray, labels: np.ndarray, device: torch.device | str
) -> LabelledImage | None:
    """Put a (h, w) or (h, w, 3) image and its (h, w) labels on a device.

    Returns None where there is no object.
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


@dataclass
class Crop:
    """A crop of an image: (3, S, S) float in 0..1 and (S, S) int32 labels."""

    image: Tensor
    labels: Tensor
    full: bool
    name: str


def sample_crop(
    item: LabelledImage,
    side: int,
    rng: np.random.Generator,
    sizes: tuple[float, float] = (10.0, 200.0),
    *,
    elastic: float = 0.0,
) -> Crop:
    """Crop around a random object, scaled to a random size, turned and flipped.

    Parameters
    ----------
    item : LabelledImage
        Source.
    side : int
        S.
    rng : numpy.random.Generator
        Source of chance.
    sizes : tuple of float
        The object's size in the crop (`LabelledImage.sizes`) is log-uniform
        between these, pixels, as far as magnification stays between 1/8 and 4.
    elastic : float
        Chance that the crop is bent by a smooth random field.
    """
    chosen = rng.integers(len(item.boxes))
    y0, x0, y1, x1 = item.boxes[chosen]
    h, w = item.labels.shape
    scale = np.exp(rng.uniform(*np.log(sizes))) / item.sizes[chosen]
    # never much more than the image itself, never more than 4-fold magnified
    scale = float(np.clip(scale, max(1 / 8, 0.7 * side / max(h, w)), 4))
    # a large object is entered anywhere, a small one near the crop's middle
    room = side / scale
    reach = np.maximum(np.array([y1 - y0, x1 - x0]) - 0.6 * room, 0.35 * room)
    centre = np.array([y0 + y1, x0 + x1]) / 2 + rng.uniform(-0.5, 0.5, 2) * reach
    angle = (
        rng.uniform(0, 2 * np.pi) if rng.random() < 0.4 else rng.integers(4) * np.pi / 2
    )
    flip = rng.choice([-1.0, 1.0])
    stretch = np.exp(rng.uniform(-0.15, 0.15))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = turn @ np.diag([stretch, flip / stretch]) / scale
    field = bending(side, rng) if elastic and rng.random() < elastic else None
    return cut(item, side, matrix, centre, scale, field)


def bending(side: int, rng: np.random.Generator) -> Tensor:
    """Draw a smooth displacement, (2, side, side) float32, y and x in crop pixels.

    Cubic interpolation of a grid of 5 x 5; neighbouring nodes differ by little
    enough that nothing folds.
    """
    nodes = np.clip(rng.standard_normal((1, 2, 5, 5)), -2, 2)
    nodes *= rng.uniform(0.01, 0.025) * side
    size = (side, side)
    return F.interpolate(torch.from_numpy(nodes), size, mode="bicubic")[0].float()


def cut(
    item: LabelledImage,
    side: int,
    matrix: np.ndarray,
    centre: Sequence[float] | np.ndarray,
    scale: float,
    field: Tensor | None = None,
) -> Crop:
    """Resample an image: crop offset (y, x) from its middle -> centre + matrix @ it.

    `field` (2, side, side) moves the offsets first, if given.
    """
    level = int(np.clip(np.floor(-np.log2(scale) + 1e-6), 0, len(item.levels) - 1))
    pixels = item.levels[level]
    h, w = item.labels.shape
    device = pixels.device
    c = torch.arange(side, dtype=torch.float32, device=device) - (side - 1) / 2
    yy, xx = torch.meshgrid(c, c, indexing="ij")
    if field is not None:
        yy, xx = yy + field[0].to(device), xx + field[1].to(device)
    m = [float(v) for v in np.asarray(matrix).ravel()]
    sy = float(centre[0]) + m[0] * yy + m[1] * xx
    sx = float(centre[1]) + m[2] * yy + m[3] * xx
    # grid_sample without align_corners: -1 and 1 are the outer pixel borders
    grid = torch.stack([(2 * sx + 1) / w - 1, (2 * sy + 1) / h - 1], -1)[None]
    image = F.grid_sample(pixels[None].float(), grid, align_corners=False)[0] / 255
    iy, ix = sy.round().long(), sx.round().long()
    inside = (iy >= 0) & (iy < h) & (ix >= 0) & (ix < w)
    labels = item.labels[iy.clamp(0, h - 1), ix.clamp(0, w - 1)] * inside
    return Crop(image.expand(3, -1, -1), labels, item.full, item.name)
