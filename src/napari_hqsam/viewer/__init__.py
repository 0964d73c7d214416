"""The napari side. The only room that may import napari or Qt."""

from __future__ import annotations

from typing import Any


def cells_sample() -> list[tuple[Any, dict[str, Any], str]]:
    """Sample data for napari: fluorescence nuclei, as layer data tuples."""
    from napari_hqsam.images import open_image
    from napari_hqsam.sample import NUCLEI

    pixels = open_image(NUCLEI).read_plane()[..., 0]
    return [(pixels, {"name": "nuclei"}, "image")]


__all__ = ["cells_sample"]
