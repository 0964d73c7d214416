"""OME-Zarr labels: 0.5, or 0.4 inside an image of that version.

Stand-alone they have one level: labels of several cannot be edited in napari. Inside
an image (``IMAGE/labels/NAME``) they have as many levels as the image, and are
registered in its list when they are complete. Source: OME-Zarr 0.4 and 0.5, sections
"multiscales" and "labels".
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from napari_hqsam.geometry.ome_zarr import axes_metadata, transforms_metadata
from napari_hqsam.images.space_note import KEY
from napari_hqsam.labels.formats.in_image import ImageLevels, image_of
from napari_hqsam.labels.formats.levels import fill_levels
from napari_hqsam.labels.formats.losses import space_without
from napari_hqsam.labels.software_tag import MADE_BY, MADE_BY_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import zarr

    from napari_hqsam.geometry import Space
    from napari_hqsam.labels.formats.label_image import LabelImage

_ORDER = "tczyx"
_CHUNK = 1024


class OmeZarrWriter:
    """Writes an OME-Zarr label image; see `label_image.Writer`."""

    remark = ""

    def __init__(self, image: LabelImage) -> None:
        self.image = image
        self.axes = "".join(a for a in _ORDER if a in image.space.axes)
        self.stored_space = space_without(image.space.select(self.axes), units="c")
        self.losses: list[str] = []
        folder = image_of(image.target)
        self._levels = None if folder is None else ImageLevels.read(folder)

    @contextmanager
    def open(
        self, partial: Path, note: Mapping[str, Any] | None
    ) -> Iterator[zarr.Array[Any]]:
        """Make the labels: see `label_image.Writer`."""
        import zarr

        from napari_hqsam.labels.chunk_files import chunk_files

        shape = self.image.sizes(self.axes)
        levels = self._levels
        shapes, spaces = [shape], [self.stored_space]
        if levels is not None:
            shapes, spaces = levels.of_labels(self.stored_space, shape)
        with chunk_files(partial) as files:
            group = zarr.create_group(
                store=files,
                zarr_format=3 if self._version == "0.5" else 2,
                attributes=self._attributes(spaces, note),
            )
            arrays = [
                self._create(group, str(number), each)
                for number, each in enumerate(shapes)
            ]
            yield arrays[0]
            fill_levels(arrays)

    @property
    def _version(self) -> str:
        return "0.5" if self._levels is None else self._levels.version

    def _attributes(
        self, spaces: Sequence[Space], note: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        """Return the attributes of the group."""
        version = self._version
        datasets = [
            {"path": str(number), "coordinateTransformations": transforms_metadata(s)}
            for number, s in enumerate(spaces)
        ]
        multiscale: dict[str, Any] = {
            "name": _title(self.image.target.name),
            "axes": axes_metadata(self.stored_space),
            "datasets": datasets,
        }
        label: dict[str, Any] = {"version": version}
        if self.image.colors:
            label["colors"] = [
                {"label-value": int(i), "rgba": [int(v) for v in rgba]}
                for i, rgba in sorted(self.image.colors.items())
            ]
        if self._levels is not None:
            label["source"] = {"image": "../../"}
        if version == "0.5":
            ome = {"version": version, "multiscales": [multiscale]}
            found: dict[str, Any] = {"ome": ome | {"image-label": label}}
        else:
            multiscale = {"version": version, **multiscale}
            found = {"multiscales": [multiscale], "image-label": label}
        found[MADE_BY_KEY] = MADE_BY
        return found if note is None else found | {KEY: dict(note)}

    def _create(
        self, group: zarr.Group, name: str, shape: tuple[int, ...]
    ) -> zarr.Array[Any]:
        """Make the array of a level."""
        chunks = tuple(
            min(n, _CHUNK) if letter in "yx" else 1
            for letter, n in zip(self.axes, shape, strict=True)
        )
        options: dict[str, Any] = {"dimension_names": tuple(self.axes)}
        if self._version != "0.5":
            from numcodecs import Blosc

            options = {
                "chunk_key_encoding": {"name": "v2", "separator": "/"},
                "compressors": Blosc(cname="lz4"),  # which every reader of v2 has
                "fill_value": 0,
            }
        return group.create_array(
            name, shape=shape, dtype=self.image.dtype, chunks=chunks, **options
        )


def _title(name: str) -> str:
    """Return the name of a folder without its suffix."""
    for suffix in (".ome.zarr", ".zarr"):
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name
