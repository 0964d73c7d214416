"""Create the labels of an image that a job writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from napari_hqsam.images import Image


def new_labels(
    image: Image, out: Path, highest: int, *, overwrite: bool | None
) -> AbstractContextManager[Any]:
    """Create labels for all planes of an image on the disk, all background.

    Parameters
    ----------
    image : Image
        Gives shape and space.
    out : Path
        Path of the labels once the block ends without an error.
    highest : int
        Highest id to be written; determines the data type.
    overwrite : bool or None
        As of `labels.labels_on_disk`.
    """
    from napari_hqsam.labels import id_dtype, labels_on_disk

    axes = f"{image.leading_axes}yx"
    return labels_on_disk(
        out,
        (*image.leading_shape, *image.plane_shape),
        dtype=id_dtype(highest),
        space=image.space.select(axes),
        overwrite=overwrite,
    )
