"""Read prompts from files: the table of readers by suffix."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from napari_hqsam.errors import PromptError
from napari_hqsam.images.memory import DECODE_VARIABLE, decode_limit
from napari_hqsam.prompts.csv_file import read_csv
from napari_hqsam.prompts.fiji_rois import read_fiji_rois
from napari_hqsam.prompts.geojson import read_geojson
from napari_hqsam.prompts.json_file import read_json
from napari_hqsam.prompts.wording import shown

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from napari_hqsam.prompts.prompt import Prompt

_EXPANDS = 5
"""Factor of safety for text: parsed JSON takes up to 25 times its size."""


def read_prompts(
    path: str | os.PathLike[str],
    plane_shape: tuple[int, int] | None = None,
    axes: str = "",
) -> list[Prompt]:
    """Read prompts from a file, one per object and plane.

    Parameters
    ----------
    path : path to a .csv, .geojson, .json, .roi or .zip file
        CSV: columns y, x or y0, x0, y1, x1, with label, object, t and z if
        wanted, or what napari saves of a Points or Shapes layer (see
        `napari_hqsam.prompts.csv_file`). GeoJSON: as QuPath writes it (see
        `napari_hqsam.prompts.geojson`). JSON: GeoJSON or the package's own
        (see `napari_hqsam.prompts.json_file`). ROIs of ImageJ and Fiji, and their
        RoiSet.zip (see `napari_hqsam.prompts.fiji_rois`).
    plane_shape : (h, w), optional
        Size of the planes, pixels: outlines are rasterised within it only. Without it
        they may span at most 2**28 pixels.
    axes : str
        Letters of the image's axes: columns of a CSV with these names are part of the
        plane index, as t and z always are; and of QuPath's planes, those of its axes.

    Returns
    -------
    list of Prompt
        In the order of the file. Rows with the same object id on the same
        plane are one prompt, whose `label_id` is that id.

    Raises
    ------
    PromptError
        The file cannot be read, is empty or malformed, or contains an invalid
        prompt; names the file and the line, feature or entry.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix in ROI_FILES:
        return read_fiji_rois(path, plane_shape)
    if suffix not in READERS:
        known = ", ".join((*READERS, *ROI_FILES))
        raise PromptError(
            f"{path}: prompts come from {known} files, not {shown(suffix)}"
        )
    return READERS[suffix](path, _read_text(path), plane_shape, axes)


def _read_json_or_geojson(
    path: Path, text: str, plane_shape: tuple[int, int] | None, axes: str
) -> list[Prompt]:
    """Read GeoJSON or the package's own JSON, told apart by content."""
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise PromptError(
            f"{path}, line {error.lineno}: not JSON ({error.msg})"
        ) from None
    except (RecursionError, ValueError):  # the latter: a number of endless digits
        raise PromptError(
            f"{path}: no prompts; nested too deeply or an endless number"
        ) from None
    if isinstance(document, dict) and "prompts" in document:
        return read_json(path, document)
    is_geojson = isinstance(document, list) or (
        isinstance(document, dict)
        and document.get("type") in ("FeatureCollection", "Feature")
    )
    if not is_geojson:
        raise PromptError(
            f'{path}: neither a GeoJSON FeatureCollection nor {{"prompts": [...]}}'
        )
    return read_geojson(path, document, plane_shape, axes)


def _read_text(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():  # reading a pipe would block
            raise PromptError(f"{path} is no file; pass a table or GeoJSON")
        size, limit = path.stat().st_size, decode_limit() // _EXPANDS
        if size > limit:
            raise PromptError(
                f"{path} has {size / 1e6:.0f} MB, the limit is {limit / 1e6:.0f} MB: "
                "give its prompts in several files, or, if you trust it, set "
                f"{DECODE_VARIABLE} to {-(-size * _EXPANDS // 10**9)}"
            )
        text = path.read_text(encoding="utf-8-sig")  # spreadsheets write a BOM
    except OSError as error:
        raise PromptError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise PromptError(f"{path}: not text in UTF-8; save it as such") from None
    if not text.strip():
        raise PromptError(f"{path} is empty; give at least one prompt")
    return text


READERS: dict[str, Callable[[Path, str, tuple[int, int] | None, str], list[Prompt]]] = {
    ".csv": read_csv,
    ".geojson": _read_json_or_geojson,
    ".json": _read_json_or_geojson,
}
"""Readers of text files, by suffix."""
ROI_FILES = (".roi", ".zip")
"""Suffixes of ImageJ's ROIs, and of archives of them."""
