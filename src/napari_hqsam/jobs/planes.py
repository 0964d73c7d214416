"""Parse the planes of an image from text: 12, 0:40, t=3,z=0:40:2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_hqsam.geometry.plane_text import all_planes, planes_of_text

if TYPE_CHECKING:
    from napari_hqsam.images import Image


def parse_planes(text: str | None, image: Image) -> list[dict[str, int]]:
    """Parse the planes that a text names.

    Parameters
    ----------
    text : str, optional
        A number or a range for each axis that is named, such as ``t=3,z=0:40``; the
        axes that are not named are meant whole. Where the image has exactly one axis
        beside y, x and channels, its name may be left out: ``0:40``. None: all planes.
    image : Image
        Whose planes.

    Returns
    -------
    list of dict of str to int
        Indices of planes, such as ``{"t": 3, "z": 12}``, in rising order, the last
        axis fastest.

    Raises
    ------
    ImageError
        The text is no such list, or names planes that the image does not have.
    """
    axes, shape = image.leading_axes, image.leading_shape
    found = (
        all_planes(shape, image.name)
        if text is None
        else planes_of_text(text, axes, shape, image.name)
    )
    return [image.index_at(position) for position in found]
