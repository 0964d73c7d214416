"""Random augmentation of intensity, colour, noise, blur and artefacts.

Works on batches of (B, 3, S, S) floats in 0..1 on any device; each image of
the batch draws its own parameters.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def _uniform(x: Tensor, low: float, high: float) -> Tensor:
    return torch.empty(len(x), 1, 1, 1, device=x.device).uniform_(low, high)


def _apply(x: Tensor, y: Tensor, probability: float) -> Tensor:
    """Take y instead of x for a random share of the batch."""
    chosen = torch.rand(len(x), 1, 1, 1, device=x.device) < probability
    return torch.where(chosen, y, x)


def jitter(images: Tensor) -> Tensor:
    """Augment each (3, S, S) image at random; values stay in 0..1."""
    x = images
    x = _apply(x, colour(x), 0.25)
    x = _apply(x, x.mean(1, keepdim=True).expand_as(x), 0.3)
    x = _apply(x, 1 - x, 0.3)
    x = _apply(x, x.clamp(min=1e-4) ** torch.exp(_uniform(x, -0.8, 0.8)), 0.5)
    x = _apply(x, illumination(x), 0.3)
    x = _apply(x, blur(x), 0.2)
    x = _apply(x, defocus(x), 0.1)
    gain, shift = torch.exp(_uniform(x, -0.7, 0.4)), _uniform(x, -0.2, 0.2)
    x = _apply(x, (x - 0.5) * gain + 0.5 + shift, 0.6)
    noise = torch.randn_like(x[:, :1]) * _uniform(x, 0, 0.1)
    shot = noise * x.clamp(0, 1).mean(1, keepdim=True).sqrt() * 1.5
    x = _apply(x, x + torch.where(_uniform(x, 0, 1) < 0.5, noise, shot), 0.4)
    x = _apply(x, stripes(x), 0.1)
    x = x.clamp(0, 1)
    x = _apply(x, jpeg(x), 0.1)
    return x.clamp(0, 1)


def colour(x: Tensor) -> Tensor:
    """Mix the channels by a random matrix near the identity, or permute them."""
    mix = torch.eye(3, device=x.device) + 0.3 * torch.randn(
        len(x), 3, 3, device=x.device
    )
    mix = mix / mix.sum(2, keepdim=True).abs().clamp(min=0.3)
    order = torch.rand(len(x), 3, device=x.device).argsort(1)
    mix = mix.gather(1, order[:, :, None].expand(-1, -1, 3))
    return torch.einsum("bij,bjhw->bihw", mix, x).clamp(0, 1)


def illumination(x: Tensor) -> Tensor:
    """Multiply by a smooth field between about 0.4 and 1.6."""
    field = torch.rand(len(x), 1, 3, 3, device=x.device) * 1.2 + 0.4
    return x * F.interpolate(field, x.shape[-2:], mode="bicubic", align_corners=True)


def blur(x: Tensor) -> Tensor:
    """Apply a Gaussian blur of random width up to 2 px, one width for the batch."""
    sigma = float(torch.rand(()) * 1.6 + 0.4)
    r = torch.arange(-4, 5, device=x.device, dtype=x.dtype)
    k = torch.exp(-0.5 * (r / sigma) ** 2)
    k = (k / k.sum()).expand(3, 1, -1)
    x = F.conv2d(F.pad(x, (4, 4, 0, 0), "reflect"), k[:, :, None], groups=3)
    return F.conv2d(F.pad(x, (0, 0, 4, 4), "reflect"), k[..., None], groups=3)


def defocus(x: Tensor) -> Tensor:
    """Blur by a disc as a lens out of focus does, one radius of 1.5 to 4.5 px."""
    radius = float(torch.rand(()) * 3 + 1.5)
    r = torch.arange(-5, 6, device=x.device, dtype=x.dtype)
    k = (radius + 0.5 - torch.hypot(r[:, None], r[None, :])).clamp(0, 1)
    k = (k / k.sum()).expand(3, 1, -1, -1)
    return F.conv2d(F.pad(x, (5, 5, 5, 5), "reflect"), k, groups=3)


def stripes(x: Tensor) -> Tensor:
    """Add an offset to each row or column, as line scanners and cameras do."""
    rows = torch.randn(len(x), 1, x.shape[-2], 1, device=x.device)
    columns = torch.randn(len(x), 1, 1, x.shape[-1], device=x.device)
    chosen = _uniform(x, 0, 1) < 0.5
    return x + torch.where(chosen, rows, columns) * _uniform(x, 0.01, 0.06)


def jpeg(x: Tensor) -> Tensor:
    """Quantise the cosine transform of blocks of 8 x 8 pixels, coarser for fine detail.

    JPEG's luminance table is close to linear in the frequency, which is what is used
    here; each image draws its own quality.
    """
    n = torch.arange(8, device=x.device, dtype=x.dtype)
    dct = torch.cos(torch.pi / 8 * (n[None, :] + 0.5) * n[:, None]) / 2
    dct[0] /= 2**0.5
    h, w = x.shape[-2:]
    x = F.pad(x, (0, -w % 8, 0, -h % 8), "replicate")
    blocks = x.unfold(2, 8, 8).unfold(3, 8, 8)
    step = (1 + n[:, None] + n[None, :]) * _uniform(x, 0.01, 0.08)[..., None, None]
    coefficients = dct @ blocks @ dct.T
    blocks = dct.T @ ((coefficients / step).round() * step) @ dct
    b, c, rows, columns = blocks.shape[:4]
    whole = blocks.permute(0, 1, 2, 4, 3, 5).reshape(b, c, rows * 8, columns * 8)
    return whole[..., :h, :w]
