"""Labels inside an OME-Zarr image: which image, its levels, and its list of labels.

Source: OME-Zarr 0.4 and 0.5, section "labels": ``IMAGE/labels`` lists the names; each
label image has as many levels as the image.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_hqsam.errors import OutputError, reason
from napari_hqsam.files import replacing

if TYPE_CHECKING:
    from pathlib import Path

    from napari_hqsam.geometry import Space


def image_of(target: Path) -> Path | None:
    """Return the OME-Zarr image in whose ``labels/`` a path lies; None if in none."""
    folder = target.absolute().parent
    image = folder.parent
    if folder.name != "labels":
        return None
    try:
        for name in ("zarr.json", ".zattrs"):
            attributes = _read(image / name, {})
            attributes = attributes.get("attributes", attributes)
            if attributes.get("ome", attributes).get("multiscales"):
                return image
    except (OSError, ValueError, TypeError, AttributeError):  # no image of anybody's
        return None
    return None


@dataclass(frozen=True)
class ImageLevels:
    """Levels of an image that labels are written into.

    Attributes
    ----------
    version : str
        Version of OME-Zarr, for the labels: "0.4" or "0.5".
    axes : str
        Axis letters of the image.
    shapes : list of tuple of int
        Shapes of its levels, from fine to coarse.
    spaces : list of Space
        Where they are.
    """

    version: str
    axes: str
    shapes: list[tuple[int, ...]]
    spaces: list[Space]

    @classmethod
    def read(cls, folder: Path) -> ImageLevels:
        """Read them from the metadata of an image.

        Raises
        ------
        OutputError
            It is no multiscale image, or damaged.
        """
        from napari_hqsam.images.formats.zarr.multiscale import image_levels

        try:
            is_v3 = (folder / "zarr.json").is_file()
            axes, shapes, spaces = image_levels(folder)
        except MemoryError:
            raise
        except Exception as error:  # whatever its metadata hold
            raise OutputError(
                f"{folder} has a folder labels/ but is no OME-Zarr image that can be "
                f"read ({reason(error)}): write the labels beside it"
            ) from error
        return cls("0.5" if is_v3 else "0.4", axes, shapes, spaces)

    def of_labels(
        self, space: Space, shape: tuple[int, ...]
    ) -> tuple[list[tuple[int, ...]], list[Space]]:
        """Return shapes and spaces of the levels of labels.

        Parameters
        ----------
        space : Space
            Space of the labels at full resolution.
        shape : tuple of int
            Their shape.
        """
        shapes, spaces = [shape], [space]
        for sizes, at in zip(self.shapes[1:], self.spaces[1:], strict=True):
            factors, coarse = [], []
            for letter, size in zip(space.axes, shape, strict=True):
                i = self.axes.find(letter)
                shrunk = 1.0 if i < 0 else self.shapes[0][i] / sizes[i]
                coarse.append(max(1, round(size / shrunk)))
                own = 1.0 if i < 0 else at.scale[i] / self.spaces[0].scale[i]
                factors.append(own if own != 1 or shrunk == 1 else shrunk)
            shapes.append(tuple(coarse))
            spaces.append(_level(space, factors, self, at))
        return shapes, spaces


def _level(space: Space, factors: list[float], image: ImageLevels, at: Space) -> Space:
    """Return the space of a level of labels, shifted like the image's level."""
    from napari_hqsam.geometry import Affine, Space

    offset = []
    first = image.spaces[0]
    each = zip(space.axes, space.scale, space.translation, strict=True)
    for letter, size, start in each:
        i = image.axes.find(letter)
        moved = 0.0 if i < 0 else at.translation[i] - first.translation[i]
        pixel = 1.0 if i < 0 else first.scale[i]
        offset.append(start + moved / pixel * size)
    scale = [s * f for s, f in zip(space.scale, factors, strict=True)]
    return Space(space.axes, space.units, Affine.scaling(scale, offset))


def register(target: Path) -> None:
    """Add completed labels to the list of labels of their image.

    Does nothing for labels that are in no image.

    Raises
    ------
    OutputError
        The list cannot be read or written; the labels are there all the same.
    """
    image = image_of(target)
    if image is None:
        return
    folder = target.absolute().parent
    try:
        if (image / "zarr.json").is_file():
            _register_v3(folder, target.name)
        else:
            _register_v2(folder, target.name)
        _consolidate(image)
    except MemoryError:
        raise
    except Exception as error:  # whatever is in these files
        raise OutputError(
            f"{target} is written, but cannot be added to the list of labels of its "
            f"image ({reason(error)}): programs that open {image.name} may not show it"
        ) from error


def _register_v3(folder: Path, name: str) -> None:
    path = folder / "zarr.json"
    new = {"zarr_format": 3, "node_type": "group", "attributes": {}}
    metadata = _read(path, new)
    ome = metadata.setdefault("attributes", {}).setdefault("ome", {"version": "0.5"})
    if name not in ome.setdefault("labels", []):
        ome["labels"].append(name)
        _write(path, metadata)


def _register_v2(folder: Path, name: str) -> None:
    if not (folder / ".zgroup").is_file():
        _write(folder / ".zgroup", {"zarr_format": 2})
    attributes = _read(folder / ".zattrs", {})
    if name not in attributes.setdefault("labels", []):
        attributes["labels"].append(name)
        _write(folder / ".zattrs", attributes)


def _read(path: Path, default: dict[str, Any]) -> dict[str, Any]:
    if not path.is_file():
        return default
    found = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise TypeError(f"{path} holds no object")
    return found


def _write(path: Path, metadata: dict[str, Any]) -> None:
    with replacing(path) as partial:
        partial.write_text(json.dumps(metadata, indent=2), encoding="utf-8")


def _consolidate(image: Path) -> None:
    """Update consolidated metadata: readers would not look elsewhere."""
    import zarr

    v2 = (image / ".zmetadata").is_file()
    v3 = not v2 and "consolidated_metadata" in _read(image / "zarr.json", {})
    if v2 or v3:
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that v3 does not specify it yet
            zarr.consolidate_metadata(str(image), zarr_format=2 if v2 else 3)
