"""What xarray writes beside an array in a zarr group: names, coordinates, packing.

Source: xarray, "Zarr encoding specification"; CF conventions 1.11, sections 2.5.1
(missing data), 4 (coordinates) and 8.1 (packed data).
"""

from __future__ import annotations

import warnings
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr

from napari_hqsam.errors import HqsamWarning
from napari_hqsam.images.formats.zarr.check import checked_array
from napari_hqsam.images.xarray_space import xarray_space

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_hqsam.geometry import Space

_LONGEST = 2**24
"""Values of a coordinate that is read."""
_PACKED = ("scale_factor", "add_offset")
_MISSING = ("_FillValue", "missing_value")


@dataclass(frozen=True)
class _Coordinate:
    """A coordinate of `xarray_space`."""

    values: np.ndarray
    attrs: Mapping[str, Any]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:  # noqa: ANN401
        return self.values


@dataclass(frozen=True)
class _Named:
    """An array of `xarray_space`."""

    dims: Sequence[str]
    coords: Mapping[str, _Coordinate]


def dimension_names(array: zarr.Array[Any]) -> list[str | None] | None:
    """Return the dimension names of a zarr v3 array, or xarray's in a v2 one."""
    names = getattr(array.metadata, "dimension_names", None)
    if names is None:
        names = array.attrs.get("_ARRAY_DIMENSIONS")
    return list(names) if isinstance(names, (list, tuple)) else None


def space_beside(
    array: zarr.Array[Any], group: zarr.Group | None, letters: str, where: str
) -> Space | None:
    """Read the space of an array from the coordinates in its group.

    Parameters
    ----------
    array : zarr.Array
    group : zarr.Group or None
        Where it lies; None if that is no group.
    letters : str
        Of its axes.
    where : str
        For warnings.

    Returns
    -------
    Space or None
        None where there are no coordinates.
    """
    names = dimension_names(array)
    if group is None or names is None:
        return None
    found: dict[str, _Coordinate] = {}
    for name, size in zip(names, array.shape, strict=True):
        with suppress(Exception):  # it is not there, damaged, or not to be read
            beside = group[str(name)]
            if isinstance(beside, zarr.Array) and beside.shape == (size,) != (0,):
                if size <= _LONGEST:
                    checked = checked_array(beside, where)
                    values = np.asarray(checked[...])
                    found[str(name)] = _Coordinate(values, beside.attrs.asdict())
    if not found:
        return None
    return xarray_space(_Named([str(name) for name in names], found), letters, where)


def is_coordinate(name: str, arrays: Mapping[str, zarr.Array[Any]]) -> bool:
    """Whether an array of a group tells of others: of one axis, or named by them."""
    if arrays[name].ndim < 2:
        return True
    named = [str(each.attrs.get("coordinates", "")).split() for each in arrays.values()]
    return any(name in names for names in named)


def warn_of_packing(array: zarr.Array[Any], where: str) -> None:
    """Warn of packed values, and of values for missing data: both are read as stored.

    Warns
    -----
    HqsamWarning
        The values are packed, or one of them stands for missing ones.
    """
    attributes = array.attrs.asdict()
    packed = [f"{name} {attributes[name]}" for name in _PACKED if name in attributes]
    # A fill value of floats is NaN, which is passed over anyway.
    missing = array.dtype.kind in "iu" and any(name in attributes for name in _MISSING)
    told = [f"its values are packed ({', '.join(packed)})"] if packed else []
    told += ["one of its values stands for missing data"] if missing or packed else []
    if told:
        warnings.warn(
            f"{where}: {', and '.join(told)}; they are read as they are stored. Decode "
            "it with xarray, and pass its array, if that matters",
            HqsamWarning,
            stacklevel=6,
        )
