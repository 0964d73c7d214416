"""ROIs of ImageJ and Fiji as prompts: ``.roi``, and ``RoiSet.zip`` of the ROI Manager.

Points are positive points; lines are points along them; an upright rectangle is a box;
all other areas are masks with their box. Each ROI is one object, with its name as id if
that is a whole number. ImageJ measures outlines from the corner of the first pixel,
whose centre is thus (0.5, 0.5); whole coordinates of points name pixels.

A ROI with a slice and a frame is on that plane; one with a position in the stack only
is on that plane along the only leading axis of the image. Source: ImageJ 1.54,
ij.io.RoiDecoder.
"""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.errors import PromptError, reason
from napari_hqsam.images.memory import decode_limit
from napari_hqsam.prompts.geometry import (
    axis_aligned_box,
    outline_box,
    path_points,
    polygon_mask,
    vertex_array,
)
from napari_hqsam.prompts.parts import MOST_PARTS, Part, assemble, naming
from napari_hqsam.prompts.wording import shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_hqsam.prompts.prompt import Prompt

_CORNER = 0.5
"""ImageJ's coordinate of the first pixel's centre."""
_OVAL_POINTS = 128
_LINES = ("LINE", "FREELINE", "POLYLINE", "ANGLE")


def read_fiji_rois(
    path: Path, plane_shape: tuple[int, int] | None = None
) -> list[Prompt]:
    """Read prompts from ROIs.

    Parameters
    ----------
    path : Path
        ``.roi`` or ``.zip``.
    plane_shape : (h, w), optional
        Size of the planes, where it is known: outlines are drawn no further.

    Returns
    -------
    list of Prompt

    Raises
    ------
    PromptError
        If it is no file of ROIs, or one of them cannot be a prompt; names it.
    """
    return assemble(
        path, (_part(path, where, roi, plane_shape) for where, roi in _rois(path))
    )


def _rois(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield name and ROI; `roifile` is imported on first use."""
    from roifile import ImagejRoi

    for where, data in _files(path):
        with naming(path, where):
            try:
                yield where, ImagejRoi.frombytes(data)
            except MemoryError:
                raise
            except PromptError:
                raise
            except Exception as error:  # whatever is in the bytes
                raise PromptError(f"is no ROI of ImageJ ({reason(error)})") from None


def _files(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents of the ROIs of a file."""
    try:
        if path.exists() and not path.is_file():
            raise PromptError(f"{path} is no file; pass ROIs, .roi or .zip")
        if path.suffix.lower() != ".zip":
            _check_size(path, path.stat().st_size)
            yield "its ROI", path.read_bytes()
            return
        with zipfile.ZipFile(path) as archive:
            entries = [
                each
                for each in archive.infolist()
                if each.filename.lower().endswith(".roi")
            ]
            if not entries or len(entries) > MOST_PARTS:
                raise PromptError(f"{path} holds {len(entries)} ROIs of ImageJ")
            _check_size(path, sum(each.file_size for each in entries))
            for each in entries:
                yield f"ROI {shown(each.filename)}", archive.read(each)
    except OSError as error:
        raise PromptError(f"{path}: {error.strerror or error}") from None
    except zipfile.BadZipFile:
        raise PromptError(f"{path} is no zip file of ROIs") from None


def _check_size(path: Path, size: int) -> None:
    """Raise before a small archive fills the memory."""
    if size > decode_limit():
        raise PromptError(
            f"{path}: its ROIs take {size / 1e9:.1f} GB, the limit is "
            f"{decode_limit() / 1e9:g} GB; give them in several files"
        )


def _part(
    path: Path,
    where: str,
    roi: Any,  # noqa: ANN401
    plane_shape: tuple[int, int] | None,
) -> Part:
    with naming(path, where):
        name = str(roi.name).strip()
        number = int(name) if name.isdecimal() and len(name) < 10 else 0
        return Part(
            where,
            **_shape(roi, plane_shape),
            object_id=number or None,
            plane=_plane(roi),
        )


def _plane(roi: Any) -> dict[str, int] | tuple[int, ...] | None:  # noqa: ANN401
    """Return the slice and frame of a ROI; ImageJ counts from 1, 0 is none."""
    named = {"t": int(roi.t_position), "z": int(roi.z_position)}
    if any(named.values()):
        return {letter: n - 1 for letter, n in named.items() if n > 0}
    position = int(roi.position)
    return (position - 1,) if position > 0 else None


def _shape(roi: Any, plane_shape: tuple[int, int] | None) -> dict[str, Any]:  # noqa: ANN401
    """Return the fields of a Part that describe the ROI."""
    kind = roi.roitype.name
    rings = [vertex_array(ring)[:, ::-1] for ring in _rings(roi)]
    if kind == "POINT":
        shift = _CORNER if roi.subpixelresolution else 0.0
        points = np.concatenate(rings) - shift
        return {"points": points.tolist(), "point_labels": [1] * len(points)}
    rings = [ring - _CORNER for ring in rings]
    if kind in _LINES:
        along = [point for ring in rings for point in path_points(ring)]
        return {"points": along, "point_labels": [1] * len(along)}
    outline = outline_box(np.concatenate(rings))
    if len(rings) == 1 and axis_aligned_box(rings[0]) is not None:
        return {
            "box": outline,
            "outline": outline,
            "draw": lambda: polygon_mask(rings, plane_shape),
        }
    mask, offset = polygon_mask(rings, plane_shape)
    return {
        "mask": mask,
        "mask_offset": offset,
        "outline": outline,
        "draw": lambda: (mask, offset),
    }


def _rings(roi: Any) -> list[NDArray[Any]]:  # noqa: ANN401
    """Return (x, y) vertices of a ROI, one array for each of its paths."""
    kind = roi.roitype.name
    if kind == "NOROI" or roi.subtype.name in ("TEXT", "IMAGE"):
        raise PromptError("it is no area, line or point")
    if roi.composite or kind not in ("OVAL", "RECT"):
        found: list[NDArray[Any]] = roi.coordinates(multi=True)
        return found
    left, top = float(roi.left), float(roi.top)
    width, height = float(roi.right - roi.left), float(roi.bottom - roi.top)
    if roi.subpixelrect:
        left, top, width, height = roi.xd, roi.yd, roi.widthd, roi.heightd
    if kind == "RECT":
        right, bottom = left + width, top + height
        corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        return [np.array(corners, float)]
    angle = np.linspace(0, 2 * np.pi, _OVAL_POINTS, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], 1) / 2 + 0.5
    return [circle * np.array([width, height]) + np.array([left, top])]
