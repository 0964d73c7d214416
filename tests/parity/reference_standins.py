"""What the reference package imports of torchvision and timm, in a few lines.

`segment_anything_hq` 0.3 imports both at import time, for eight small names. To
run it, neither need be installed: `install` puts these stand-ins in their place.
Resizing is Pillow's, as in torchvision for a PIL image. Used by the script that
makes the golden values and by the benchmarks, never by the package.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.init import trunc_normal_

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np


def to_pil_image(image: np.ndarray) -> Image.Image:
    """(h, w, 3) uint8 as a PIL image."""
    return Image.fromarray(image)


def resize(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Resize to (height, width), bilinear and antialiased."""
    return image.resize(size[::-1], Image.Resampling.BILINEAR)


def box_area(boxes: Tensor) -> Tensor:
    """Areas of (N, 4) XYXY boxes."""
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def batched_nms(
    boxes: Tensor, scores: Tensor, idxs: Tensor, iou_threshold: float
) -> Tensor:
    """Greedy suppression among XYXY boxes of equal `idxs`; kept, best first."""
    order = scores.argsort(descending=True, stable=True)
    area = box_area(boxes)
    kept = []
    while len(order):
        best, order = order[0], order[1:]
        kept.append(best)
        low = torch.maximum(boxes[best, :2], boxes[order, :2])
        high = torch.minimum(boxes[best, 2:], boxes[order, 2:])
        overlap = (high - low).clamp(min=0).prod(1)
        iou = overlap / (area[best] + area[order] - overlap)
        order = order[(iou <= iou_threshold) | (idxs[order] != idxs[best])]
    return torch.stack(kept) if kept else order


class DropPath(nn.Module):
    """The identity: all variants are built with a drop rate of zero."""

    def __init__(self, drop_prob: float | None = None) -> None:
        super().__init__()
        if drop_prob:
            raise ValueError(f"drop_prob {drop_prob}: this stand-in drops nothing")

    def forward(self, x: Tensor) -> Tensor:
        """Return `x`."""
        return x


def to_2tuple(x: int) -> tuple[int, int]:
    """Return (x, x)."""
    return x, x


def register_model(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Register nothing."""
    return fn


_MODULES: dict[str, tuple[Any, ...]] = {
    "torchvision": (),
    "torchvision.ops": (),
    "torchvision.ops.boxes": (batched_nms, box_area),
    "torchvision.transforms": (),
    "torchvision.transforms.functional": (resize, to_pil_image),
    "timm": (),
    "timm.models": (),
    "timm.models.layers": (DropPath, to_2tuple, trunc_normal_),
    "timm.models.registry": (register_model,),
}


def install() -> None:
    """Put the stand-ins into ``sys.modules``, for this process."""
    for name, members in _MODULES.items():
        module = ModuleType(name)
        for member in members:
            setattr(module, member.__name__, member)
        sys.modules[name] = module
