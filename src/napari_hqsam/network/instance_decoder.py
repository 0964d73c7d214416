"""Instance decoder: maps of foreground, object centres and object boundaries.

Tensors in, tensors out. Its input is the output of the image encoder for a tile,
without prompts, so one pass over a tile proposes all its objects. The three maps are
those of micro-sam's instance decoder (Archit et al., Nature Methods 2025), at a
quarter of the tile instead of its full size.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_hqsam.network.layers import LayerNorm2d

CHANNELS = 48
"""Channels of the maps' features, at a quarter of the tile's resolution."""


class InstanceDecoder(nn.Module):
    """Predict foreground, distance to the centre and distance to the boundary.

    Features (stride 16) and the early feature are brought to stride 4 by a linear
    map and a pixel shuffle each, joined, and refined by two convolutions.

    Parameters
    ----------
    early_dim : int
        Channels of the early feature.
    """

    def __init__(self, early_dim: int) -> None:
        super().__init__()
        self.features = nn.Conv2d(256, 16 * 32, 1)
        self.early = nn.Linear(early_dim, 16 * (CHANNELS - 32))
        self.refine = nn.Sequential(
            nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1),
            LayerNorm2d(CHANNELS),
            nn.GELU(),
            nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1),
            LayerNorm2d(CHANNELS),
            nn.GELU(),
            nn.Conv2d(CHANNELS, 3, 1),
        )

    def forward(self, features: Tensor, early: Tensor) -> Tensor:
        """Compute the maps of a tile.

        Parameters
        ----------
        features, early : Tensor
            (B, 256, g, g) and (B, g, g, `early_dim`); see `ImageEncoder.forward`.

        Returns
        -------
        Tensor
            (B, 3, 4g, 4g) logits of: foreground (1 inside objects), distance to the
            object's centre and distance to its boundary. Both distances are scaled
            to 0..1 per object: 0 at the centre and at the innermost pixel, 1 farthest
            from the centre, on the boundary and on the background.
        """
        high = F.pixel_shuffle(self.features(features), 4)
        fine = F.pixel_shuffle(self.early(early).permute(0, 3, 1, 2), 4)
        maps: Tensor = self.refine(torch.cat([high, fine], 1))
        return maps
