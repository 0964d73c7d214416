"""Synthetic microscopy with exact labels, for objects that the data sets lack.

The labels are unambiguous: everything drawn as an object is labelled (all images
are fully annotated), an image has one definition of an object, and its objects
differ from the background in the same way. Other structure is
texture, or clearly different. Inverted images are left to the augmentation.
``python -m napari_hqsam.training.synthetic FOLDER`` writes contact sheets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_hqsam.datasets.labelled import LabelledImage, labelled_image
from napari_hqsam.training.synthetic.kinds import KINDS, draw

if TYPE_CHECKING:
    import torch

__all__ = ["KINDS", "draw", "synthetic_image"]


def synthetic_image(
    rng: np.random.Generator, device: torch.device | str = "cpu"
) -> LabelledImage:
    """Draw one labelled image (256, 256) of a random kind, by the kinds' shares.

    Parameters
    ----------
    rng : numpy.random.Generator
        Random generator: the same state gives the same image.
    device : torch.device or str
        Where the tensors go.
    """
    shares = np.array([kind.share for kind in KINDS.values()])
    name = str(rng.choice(list(KINDS), p=shares / shares.sum()))
    item = labelled_image("synthetic", *draw(name, rng), device)
    assert item is not None  # `draw` gives at least one object
    return item
