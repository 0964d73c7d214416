"""The result of a run of a batch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BatchResult:
    """Result of a run of a batch.

    Attributes
    ----------
    complete : bool
        Whether all planes are done and the labels in place.
    planes : int
        Planes done, those of earlier runs included.
    resumed : int
        Number of them that earlier runs had done.
    objects : int
        Objects by now.
    lost : int
        Prompts that gave no pixels of their own, over all planes.
    image : str
        Name of the image.
    """

    complete: bool
    planes: int
    resumed: int
    objects: int
    lost: int
    image: str = ""
