"""Labels of an image that a job is about to write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_hqsam.geometry.space import space_of_image

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from napari_hqsam.images import Image


def new_labels(
    image: Image, out: Path, highest: int, *, overwrite: bool | None
) -> AbstractContextManager[Any]:
    """Open labels of all planes of an image on the disk, all background.

    Parameters
    ----------
    image : Image
        Gives shape, axes, scale and units.
    out : Path
        Where the labels are when the block ends without an error.
    highest : int
        Highest id to come: the data type can hold it.
    overwrite : bool or None
        As of `labels.labels_on_disk`.
    """
    from napari_hqsam.labels import id_dtype, labels_on_disk

    axes = f"{image.leading_axes}yx"
    scale, units = space_of_image(axes, image.scale, image.units)
    return labels_on_disk(
        out,
        (*image.leading_shape, *image.plane_shape),
        dtype=id_dtype(highest),
        axes=axes,
        scale=scale,
        units=units,
        overwrite=overwrite,
    )
