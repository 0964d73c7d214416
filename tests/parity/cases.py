"""The image and the prompts that the golden values were made for.

Used by the script that runs the reference and by the tests. All in whole
numbers or binary fractions, so they are the same bits on every machine.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from tests.parity.seeded import uniform

SIZE = 1024
LOW = SIZE // 4  # side of the low-resolution logits
IMAGE_SHAPE = (300, 420)


class Prompts(NamedTuple):
    """A batch of prompts of one kind, as the reference takes them.

    ``points`` (B, n, 2) and ``boxes`` (B, 4) are x, y network pixels, ``labels``
    (B, n), ``masks`` (B, 1, 256, 256) logits.
    """

    points: Tensor | None = None
    labels: Tensor | None = None
    boxes: Tensor | None = None
    masks: Tensor | None = None


def image() -> np.ndarray:
    """A (300, 420, 3) uint8 image: cell-like discs on a gradient, fine texture."""
    h, w = IMAGE_SHAPE
    y, x = np.mgrid[:h, :w].astype(np.int64)
    planes = [40 + x * 80 // w, 60 + y * 70 // h, 90 - x * 50 // w + y * 30 // h]
    for i, (cy, cx, r) in enumerate(
        ((70, 90, 40), (180, 250, 62), (110, 340, 33), (240, 80, 48), (60, 220, 21))
    ):
        d2 = (y - cy) ** 2 * (i + 2) + (x - cx) ** 2 * 3
        inside = np.clip(2 * r * r - d2, 0, r * r) * 120 // (r * r)
        for c in range(3):
            planes[c] = planes[c] + inside * (1 + (i + c) % 3) // 3
    noise = (uniform("image", h * w * 3) * 32).astype(np.int64).reshape(h, w, 3)
    smooth = (noise + np.roll(noise, 1, 0) + np.roll(noise, 1, 1)) // 3
    return np.clip(np.stack(planes, -1) + smooth - 16, 0, 255).astype(np.uint8)


def mask_logits() -> Tensor:
    """(2, 1, 256, 256) mask prompts: a disc and an ellipse, logits in [-8, 8]."""
    y, x = np.mgrid[:LOW, :LOW]
    a = 40**2 - (y - 110) ** 2 - (x - 150) ** 2
    b = 50**2 - 2 * (y - 60) ** 2 - (x - 75) ** 2
    return torch.from_numpy(np.clip(np.stack([a, b])[:, None] / 64, -8, 8)).float()


def prompts() -> dict[str, Prompts]:
    """Every kind of prompt, two of each (one of nothing)."""
    one = torch.tensor([[[604.5, 438.0]], [[220.25, 170.5]]])
    three = torch.tensor(
        [
            [[610.0, 440.0], [300.5, 500.0], [640.25, 380.0]],
            [[190.0, 585.0], [201.5, 560.25], [826.0, 268.0]],
        ]
    )
    boxes = torch.tensor([[455.0, 300.5, 765.25, 585.0], [110.5, 80.0, 322.0, 261.75]])
    yes = torch.ones(2, 1, dtype=torch.int64)
    mixed = torch.tensor([[1, 0, 1], [1, 1, 0]])
    masks = mask_logits()
    return {
        "point": Prompts(one, yes),
        "points": Prompts(three, mixed),
        "box": Prompts(boxes=boxes),
        "box_points": Prompts(three[:, :2], mixed[:, :2], boxes),
        "mask": Prompts(masks=masks),
        "mask_point": Prompts(one, yes, masks=masks),
        "mask_box": Prompts(boxes=boxes, masks=masks),
        "nothing": Prompts(),
    }


# What `SamPredictor.predict` is asked on the image itself, in its pixels (x, y).
CLICKS = (
    {"point_coords": ((247.0, 181.5),), "point_labels": (1,)},
    {
        "point_coords": ((90.0, 70.0), (122.5, 40.0)),
        "point_labels": (1, 0),
        "box": (45.0, 30.5, 134.0, 111.0),
    },
)


def sam_features() -> Tensor:
    """Make an image embedding (1, 256, 64, 64), of order 1."""
    values = uniform("features", 256 * 64 * 64) * np.float32(4) - np.float32(2)
    return torch.from_numpy(values).reshape(1, 256, 64, 64)


def sample(values: Tensor, stride: int) -> np.ndarray:
    """Every `stride`-th value, in C order. A prime stride spreads over all axes."""
    return values.detach().float().reshape(-1)[::stride].cpu().numpy()


def efficientnet_input(side: int) -> Tensor:
    """Make grey levels (1, 3, side, side) float32 for EfficientNet-Lite0."""
    pixels = torch.from_numpy(image()[:side, :side].astype(np.float32))
    return pixels.permute(2, 0, 1)[None].contiguous()


def rows(asked: Prompts) -> list[tuple]:
    """Points, labels, box and mask of each prompt, as `pack_tokens` wants them."""
    count = next((len(v) for v in asked if v is not None), 1)
    return [
        (
            torch.empty(0, 2) if asked.points is None else asked.points[i],
            torch.empty(0) if asked.labels is None else asked.labels[i],
            None if asked.boxes is None else asked.boxes[i],
            None if asked.masks is None else asked.masks[i, 0],
        )
        for i in range(count)
    ]
