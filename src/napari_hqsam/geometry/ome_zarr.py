"""A space in the terms of OME-Zarr: axes and coordinateTransformations.

Written: scale and translation, which is what versions 0.4 and 0.5 have. Read: all that
is affine in 0.1 to 0.6. Source: OME-Zarr 0.4 and 0.5, "axes", "multiscales"; 0.6,
"coordinateSystems", "coordinateTransformations".

Why no library: yaozarrs validates the metadata as a whole, and refuses an image for one
missing number; here its pixels are read, with a warning. Its import takes 0.2 s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from napari_hqsam.geometry.affine import Affine
from napari_hqsam.geometry.space import Space
from napari_hqsam.geometry.units import unit_or_pixel

Json = Any
"""Whatever the JSON of a file holds."""


def axes_metadata(space: Space) -> list[dict[str, str]]:
    """Return ``axes`` of a multiscale image."""
    types = {"t": "time", "c": "channel"}
    found = []
    for letter, unit in zip(space.axes, space.units, strict=True):
        axis = {"name": letter, "type": types.get(letter, "space")}
        found.append(axis | {"unit": unit} if unit else axis)
    return found


def transforms_metadata(space: Space) -> list[dict[str, Any]]:
    """Return ``coordinateTransformations`` of a dataset: scale, and translation if any.

    What they cannot hold is left out, see `not_held`.
    """
    sizes = [abs(size) for size in space.scale]
    found: list[dict[str, Any]] = [{"type": "scale", "scale": sizes}]
    if any(space.translation):
        offset = list(space.translation)
        found.append({"type": "translation", "translation": offset})
    return found


def not_held(space: Space) -> str | None:
    """Describe what OME-Zarr 0.4 and 0.5 cannot store of a space; None if nothing."""
    if not space.affine.is_diagonal:
        return "rotation or shear"
    backwards = [a for a, s in zip(space.axes, space.scale, strict=True) if s < 0]
    return f"negative scale along {', '.join(backwards)}" if backwards else None


def axis_names(image: Mapping[str, Json], ndim: int) -> list[str] | None:
    """Return the names of the axes of a multiscale image, of any version.

    None where the metadata do not name them: 0.1 and 0.2 always have five axes. Of an
    axis "wavelength" or "frame" the type tells that it is c or t.
    """
    axes = _axes(image)
    if axes is None:
        return list("tczyx") if ndim == 5 else None
    names = [axis if isinstance(axis, str) else str(axis["name"]) for axis in axes]
    types = [axis.get("type") if isinstance(axis, Mapping) else None for axis in axes]
    for kind, letter in (("time", "t"), ("channel", "c")):
        if types.count(kind) == 1 and letter not in map(str.lower, names):
            names[types.index(kind)] = letter
    return names


def read_space(
    image: Mapping[str, Json], dataset: Mapping[str, Json], letters: str, name: str
) -> tuple[Space, list[str]]:
    """Read the space of a dataset of a multiscale image.

    Parameters
    ----------
    image : mapping
        Its entry under ``multiscales``.
    dataset : mapping
        Its entry under ``datasets``.
    letters : str
        Axes letters of the system that its transformations lead to.
    name : str
        Name of the file, for warnings.

    Returns
    -------
    space : Space
        With the axes in the order of the array, which is that of `letters` unless a
        transformation exchanges them.
    problems : list of str
        What of the transformations could not be read, and was left out.

    Warns
    -----
    HqsamWarning
        A unit is unknown; it is read as pixels.
    """
    axes = _axes(image) or []
    units = [axis.get("unit") if isinstance(axis, Mapping) else None for axis in axes]
    units += [None] * (len(letters) - len(units))
    names = tuple(
        None if letter == "c" else unit_or_pixel(unit, letter, name)
        for unit, letter in zip(units, letters, strict=False)
    )
    problems: list[str] = []
    n = len(letters)
    affine = _composed(dataset.get("coordinateTransformations"), n, problems)
    if not _has_systems(image):  # of 0.6 they lead on to other systems, to choose from
        overall = _composed(image.get("coordinateTransformations"), n, problems)
        affine = overall @ affine
    space = replace(Space.pixels(letters), units=names, affine=affine)
    return _in_order_of_array(space), problems


def _in_order_of_array(space: Space) -> Space:
    """Return the space of an array whose axes are those of the world in another order.

    ``mapAxis`` exchanges axes; so does a matrix with one positive number in each row
    and column. That is an order of axes, and no rotation.
    """
    steps = space.affine.matrix > 0
    if (space.affine.matrix < 0).any() or (steps.sum(0) != 1).any():
        return space
    order = steps.argmax(0).tolist()  # of each axis of the array, its axis of the world
    affine = Affine.of(space.affine.matrix[order], space.affine.offset[order])
    units = tuple(space.units[i] for i in order)
    return Space("".join(space.axes[i] for i in order), units, affine)


def _has_systems(image: Mapping[str, Json]) -> bool:
    return isinstance(image.get("coordinateSystems"), list)


def _axes(image: Mapping[str, Json]) -> list[Json] | None:
    """Return the axes of a multiscale image; in 0.6, those of its datasets' system."""
    if not _has_systems(image):
        axes = image.get("axes")
        return axes if isinstance(axes, list) else None
    systems = image["coordinateSystems"]
    first = image["datasets"][0].get("coordinateTransformations") or [{}]
    output = first[0].get("output")
    wanted = output.get("name") if isinstance(output, Mapping) else output
    fitting = [system for system in systems if system.get("name") == wanted]
    return list((fitting or systems)[0]["axes"])


def _composed(transforms: Json, n: int, problems: list[str]) -> Affine:
    """Compose transformations in their order; skip those that are not affine."""
    whole = Affine.scaling((1.0,) * n)
    for transform in transforms if isinstance(transforms, Sequence) else ():
        try:
            whole = _affine(transform, n, problems) @ whole
        except Exception as error:  # whatever the JSON holds
            kind = transform.get("type") if isinstance(transform, Mapping) else None
            lacks = "it lacks " if isinstance(error, KeyError) else ""
            problems.append(f"{kind or 'a transformation'} ({lacks}{error})")
    return whole


def _affine(transform: Mapping[str, Json], n: int, problems: list[str]) -> Affine:
    """Parse one transformation of n axes; invalid ones raise an error of any kind."""
    kind = transform["type"]
    if kind == "identity":
        return Affine.scaling((1.0,) * n)
    if kind == "scale":
        return Affine.scaling(_numbers(transform, "scale", (n,)))
    if kind == "translation":
        offset = _numbers(transform, "translation", (n,))
        return Affine.scaling((1.0,) * n, offset)
    if kind == "rotation":
        return Affine.of(_numbers(transform, "rotation", (n, n)), np.zeros(n))
    if kind == "affine":
        matrix = _numbers(transform, "affine", (n, n + 1))
        return Affine.of(matrix[:, :n], matrix[:, n])
    if kind == "sequence":
        return _composed(transform["transformations"], n, problems)
    if kind == "mapAxis":
        return Affine.of(np.eye(n)[_order(transform["mapAxis"], n)], np.zeros(n))
    if kind == "bijection":
        return _affine(transform["forward"], n, problems)
    if kind == "byDimension":
        linear, offset = np.zeros((n, n)), np.zeros(n)
        for part in transform["transformations"]:
            to, of = part["output_axes"], part["input_axes"]
            own = _affine(part["transformation"], len(of), problems)
            linear[np.ix_(to, of)], offset[to] = own.matrix, own.offset
        return Affine.of(linear, offset)
    raise ValueError("which is not read: it is not affine")


def _order(numbers: Json, n: int) -> list[int]:
    """Check ``mapAxis``: the number of the input axis of each axis of the output."""
    if not isinstance(numbers, list) or sorted(numbers) != list(range(n)):
        raise ValueError(f"{numbers} is no order of {n} axes")
    return numbers


def _numbers(transform: Mapping[str, Json], key: str, shape: tuple[int, ...]) -> Any:  # noqa: ANN401
    """Return the parameters of a transformation as an array."""
    if key not in transform:
        raise ValueError("its numbers are not in the metadata")
    values = np.asarray(transform[key], np.float64)
    if values.shape != shape:
        raise ValueError(f"it has shape {values.shape}, for the axes {shape}")
    return values
