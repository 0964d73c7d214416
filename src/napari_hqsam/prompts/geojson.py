"""Read prompts from GeoJSON annotations, as QuPath writes them.

GeoJSON gives x before y and, in QuPath and most image software, counts from the corner
of the first pixel, whose centre is thus (0.5, 0.5). Here that centre is (0, 0), so half
a pixel is subtracted: an outline along pixel edges then covers exactly its pixels.

Point, MultiPoint, LineString and MultiLineString are positive points (negative
with the property `label` 0 or "negative", see `parts.point_label`), an upright
rectangle or any Polygon with the property `kind` "box" a box, other Polygon and
MultiPolygon a mask with its box.
The property `object` or `id` puts features together into one object, all of whose
shapes belong to it, and is its label id; ids that are text are numbered in order. The
property `plane` is the plane index: `{"t": 0, "z": 12}`, or
`[12]` where there is one axis. Else QuPath's own `plane` of the geometry counts, as
soon as one of the file is not t=0, z=0, which QuPath leaves out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.errors import PromptError
from napari_hqsam.prompts.geometry import (
    axis_aligned_box,
    outline_box,
    path_points,
    polygon_mask,
    vertex_array,
)
from napari_hqsam.prompts.parts import (
    Part,
    assemble,
    naming,
    object_number,
    plane_index,
    point_label,
    whole_number,
)
from napari_hqsam.prompts.wording import shown

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_hqsam.prompts.prompt import Prompt

PIXEL_CORNER = 0.5
"""GeoJSON coordinate of the first pixel's centre."""

# nesting depth of the vertices within "coordinates"
DEPTH = {
    "Point": 0,
    "MultiPoint": 1,
    "LineString": 1,
    "MultiLineString": 2,
    "Polygon": 2,
    "MultiPolygon": 3,
}


def read_geojson(
    path: Path,
    document: Any,  # noqa: ANN401
    plane_shape: tuple[int, int] | None = None,
    axes: str = "",
) -> list[Prompt]:
    """Read prompts from parsed GeoJSON.

    Parameters
    ----------
    path : Path
        For messages only.
    document : dict or list
        A FeatureCollection, a Feature, or (older QuPath) a list of Features.
    plane_shape : (h, w), optional
        Size of the planes, if known: polygons are rasterised within it only.
    axes : str
        Letters of the image's axes, which tell what QuPath's planes mean.

    Returns
    -------
    list of Prompt

    Raises
    ------
    PromptError
        A feature cannot be read, or an object is not a valid prompt; names the file
        and the feature, counted from 1.
    """
    features = document
    if isinstance(document, dict):
        is_collection = document.get("type") == "FeatureCollection"
        features = document.get("features") if is_collection else [document]
    if not isinstance(features, list):
        raise PromptError(f"{path}: the FeatureCollection has no list of features")
    planes = any(_is_elsewhere(_qupath_plane(feature)) for feature in features)
    return assemble(
        path,
        (
            _part(path, f"feature {n}", feature, plane_shape, axes if planes else None)
            for n, feature in enumerate(features, start=1)
        ),
    )


def _part(
    path: Path,
    where: str,
    feature: object,
    plane_shape: tuple[int, int] | None,
    axes: str | None,
) -> Part:
    """Read a feature; with `axes`, QuPath's planes count."""
    with naming(path, where):
        if not isinstance(feature, dict) or feature.get("type") != "Feature":
            raise PromptError("not a Feature")
        geometry, properties = feature.get("geometry"), feature.get("properties") or {}
        if not isinstance(geometry, dict) or geometry.get("type") not in [*DEPTH]:
            kind = geometry.get("type") if isinstance(geometry, dict) else geometry
            raise PromptError(f"geometry {shown(kind)} is none of {', '.join(DEPTH)}")
        if not isinstance(properties, dict):
            raise PromptError("its properties are not an object")
        return Part(
            where,
            **_shape(geometry, properties, plane_shape),
            object_id=_object_id(properties),
            plane=_plane(geometry, properties, axes),
        )


def _object_id(properties: dict[str, Any]) -> int | str | None:
    given = properties.get("object", properties.get("id"))
    return None if given is None else object_number(given, "object id")


def _plane(
    geometry: dict[str, Any], properties: dict[str, Any], axes: str | None
) -> dict[str, int] | tuple[int, ...] | None:
    given = properties.get("plane")
    if given is not None:
        return plane_index(given)
    if axes is None:
        return None
    qupath = geometry.get("plane") or {"t": 0, "z": 0}
    if not axes and _is_elsewhere(qupath):
        # QuPath writes t and z whether the image has them or not, so it is unknown
        # which axes the index needs; a guess could be silently wrong
        raise PromptError(
            f"it lies on QuPath's plane {shown(qupath)}: pass the axes of the image, "
            'or give the property plane: {"z": 12}, with a number for each axis'
        )
    found = {
        a: whole_number(qupath[a], f"QuPath's plane {a}:", 0)
        for a in "tz"
        if a in qupath
    }
    return {a: n for a, n in found.items() if n or a in axes} or None


def _qupath_plane(feature: object) -> object:
    """Return QuPath's plane of a feature, whatever the JSON holds."""
    geometry = feature.get("geometry") if isinstance(feature, dict) else None
    return geometry.get("plane") if isinstance(geometry, dict) else None


def _is_elsewhere(plane: object) -> bool:
    """Whether QuPath names a plane other than the first, which it does not name."""
    return isinstance(plane, dict) and bool(plane.get("z") or plane.get("t"))


def _shape(
    geometry: dict[str, Any],
    properties: dict[str, Any],
    plane_shape: tuple[int, int] | None,
) -> dict[str, Any]:
    """Return the fields of a Part that describe the geometry."""
    kind = geometry["type"]
    sign = point_label(properties.get("label"))
    pieces = _vertex_lists(geometry.get("coordinates"), DEPTH[kind])
    if "Polygon" not in kind:
        points = [
            point
            for piece in pieces
            for point in (path_points(piece) if "Line" in kind else piece)
        ]
        return {"points": points, "point_labels": [sign] * len(points)}
    if not sign:
        raise PromptError(f"label 0 on a {kind}; only points can be negative")
    outline = outline_box(np.concatenate(pieces))
    upright = len(pieces) == 1 and axis_aligned_box(pieces[0]) is not None
    if upright or properties.get("kind") == "box":
        y0, x0, y1, x1 = outline
        corners = np.array([(y0, x0), (y0, x1), (y1, x1), (y1, x0)])
        return {
            "box": outline,
            "outline": outline,
            "draw": lambda: polygon_mask([corners], plane_shape),
        }
    mask, offset = polygon_mask(pieces, plane_shape)
    return {
        "mask": mask,
        "mask_offset": offset,
        "outline": outline,
        "draw": lambda: (mask, offset),
    }


def _vertex_lists(coordinates: object, depth: int) -> list[NDArray[np.float64]]:
    """Flatten nested coordinates to arrays of (y, x), pixel centres at integers."""
    if depth == 0:
        coordinates, depth = [coordinates], 1
    if not isinstance(coordinates, list) or not coordinates:
        raise PromptError("it has no coordinates")
    if depth > 1:
        return [
            ring for inner in coordinates for ring in _vertex_lists(inner, depth - 1)
        ]
    # a third coordinate is an altitude: ignored
    xy = [c[:2] if isinstance(c, list) else c for c in coordinates]
    return [vertex_array(xy)[:, ::-1] - PIXEL_CORNER]
