"""Labels as ROIs for the ROI Manager of ImageJ and Fiji: ``RoiSet.zip``.

One ROI for each object and plane: its outline, named after its id, on its slice and
frame. Pieces and holes make a composite ROI. Source: ImageJ 1.54, ij.io.RoiEncoder.
"""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.errors import ImageError, OutputError
from napari_hqsam.files import replacing
from napari_hqsam.geometry.axes import label_axes
from napari_hqsam.masks.outlines import outlines

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from numpy.typing import NDArray

_CORNER = 0.5
"""ImageJ's coordinate of the first pixel's centre."""
_MOVE, _LINE, _CLOSE = 0.0, 1.0, 4.0
_KNOWN = "tzyx"


def write_fiji_rois(
    path: str | os.PathLike[str],
    labels: Any,  # noqa: ANN401 - numpy, zarr or another
    *,
    axes: str | None = None,
    overwrite: bool = True,
) -> int:
    """Write the outlines of objects as ImageJ ROIs, atomically.

    Parameters
    ----------
    path : path
        ``.zip``.
    labels : array-like
        Integers, not negative; read plane by plane.
    axes : str, optional
        Letters t, z, y and x, one per dimension. By default "yx", "zyx" or "tzyx".
    overwrite : bool
        Whether a file that is there may be replaced.

    Returns
    -------
    int
        How many ROIs were written.

    Raises
    ------
    ImageError
        The labels have other axes, are not integers, or hold no object.
    OutputError
        The file cannot be written.
    """
    from pathlib import Path

    target = Path(path)
    letters = label_axes(axes, len(labels.shape))
    if not set(letters) <= set(_KNOWN):
        raise ImageError(f'ROIs of ImageJ have slices and frames, not axes "{letters}"')
    if np.dtype(labels.dtype).kind not in "iu":
        raise ImageError(f"labels are {labels.dtype}; convert them to integers")
    if target.suffix.lower() != ".zip":
        raise OutputError(f"{target} is no .zip: name it NAME.zip, such as RoiSet.zip")
    if target.exists() and not overwrite:
        raise OutputError(f"{target} exists; choose another name")
    count = 0
    with replacing(target) as partial:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
            for number, roi in enumerate(_rois(labels, letters), start=1):
                archive.writestr(f"{number:06d}-{roi.name}.roi", roi.tobytes())
                count = number
        if not count:
            raise ImageError("the labels hold no object, so there is no ROI to write")
    return count


def _rois(labels: Any, letters: str) -> Iterator[Any]:  # noqa: ANN401
    """Yield the ROIs of all planes."""
    from skimage.measure import regionprops

    lead = [i for i, letter in enumerate(letters) if letter not in "yx"]
    transposed = letters.index("x") < letters.index("y")
    for place in np.ndindex(*(labels.shape[i] for i in lead)):
        key: list[int | slice] = [slice(0, n) for n in labels.shape]
        for i, n in zip(lead, place, strict=True):
            key[i] = n
        plane = np.asarray(labels[tuple(key)])
        plane = plane.T if transposed else plane
        at = {letters[i]: n + 1 for i, n in zip(lead, place, strict=True)}
        for region in regionprops(plane.astype(np.int64)):
            lines = outlines(region.bbox[:2], region.image)
            yield _roi(int(region.label), lines, at)


def _roi(label_id: int, lines: list[NDArray[np.float64]], at: dict[str, int]) -> Any:  # noqa: ANN401
    """Make the ROI of closed outlines, (y, x) with pixel centres at integers."""
    from roifile import ROI_TYPE, ImagejRoi

    rings = [(line[:-1, ::-1] + _CORNER).astype(np.float32) for line in lines]
    if len(rings) == 1:
        roi = ImagejRoi.frompoints(rings[0], name=str(label_id))
    else:
        roi = ImagejRoi()
        roi.name, roi.roitype = str(label_id), ROI_TYPE.RECT
        corners = np.concatenate(rings)
        roi.left, roi.top = (int(v) for v in np.floor(corners.min(0)))
        roi.right, roi.bottom = (int(v) for v in np.ceil(corners.max(0)))
        path = np.concatenate([_path(ring) for ring in rings])
        roi.multi_coordinates, roi.shape_roi_size = path, len(path)
    roi.z_position, roi.t_position = at.get("z", 0), at.get("t", 0)
    if at:
        roi.c_position = 1
        roi.z_position, roi.t_position = at.get("z", 1), at.get("t", 1)
    return roi


def _path(ring: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a ring as operations: move to its first vertex, lines, close."""
    rows = np.column_stack([np.full(len(ring), _LINE, np.float32), ring])
    rows[0, 0] = _MOVE
    return np.append(rows.ravel(), np.float32(_CLOSE))
