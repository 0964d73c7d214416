"""Encode the tiles of an image file in advance, so that clicks need no encoder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from napari_hqsam.errors import ImageError, OutputError
from napari_hqsam.geometry.plane_text import all_planes
from napari_hqsam.jobs.inputs import JobArgs, JobSetup, position_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_hqsam.embeddings import StoreFolder, TileSource
    from napari_hqsam.geometry import PlaneIndex
    from napari_hqsam.images import Image
    from napari_hqsam.jobs.inputs import Cache, PathLike
    from napari_hqsam.jobs.reporter import Reporter
    from napari_hqsam.tiling import Grid, Tile


@dataclass(frozen=True)
class EmbedResult:
    """Result of `embed_file`.

    Attributes
    ----------
    store : Path
        The store of the image.
    encoded : int
        Tiles encoded.
    found : int
        Tiles that were stored already.
    """

    store: Path
    encoded: int
    found: int


def embed_file(
    image: PathLike,
    *,
    levels: Sequence[int] | None = None,
    plane: str | PlaneIndex | None = None,
    region: Sequence[int] | None = None,
    **keywords: Unpack[JobArgs],
) -> EmbedResult:
    """Encode tiles of an image file in advance: `napari-hqsam embed`.

    The same call resumes an interrupted run.

    Parameters
    ----------
    image : path
        As of `open_image`.
    levels : sequence of int, optional
        Levels to encode; by default all from 0 to where a plane fits in a tile.
    plane : str, mapping of str to int, or tuple of int, optional
        Such as ``"z=12"`` or ``{"z": 12}``; by default all planes.
    region : (int, int, int, int), optional
        Part ``(y0, x0, y1, x1)`` of the planes, pixels; by default the whole.
    **keywords
        Keywords of `JobSetup`.

    Raises
    ------
    ImageError, ModelError
        The input cannot be used.
    OutputError
        The store cannot be written, or its size limit is too low.
    """
    setup = JobSetup.from_keywords(keywords)
    folder = _store_folder(setup.cache)
    opened = setup.open_image(image)
    planes, box = _planes(opened, plane), _box(opened, region)
    normalization = setup.normalize(opened)
    from napari_hqsam.embeddings import TileSource
    from napari_hqsam.tiling import Grid

    model = setup.load_model()
    grid = Grid(opened.plane_shape, model.input_size)
    chosen = _levels(grid, levels)

    def tiles() -> Iterator[Tile]:
        for k in chosen:
            yield from grid.overlapping(k, box)

    source = TileSource(opened, model, normalization, cache=folder)
    total = len(planes) * sum(1 for _ in tiles())
    work = ((index, tile) for index in planes for tile in tiles())
    return _embed(source, work, total, setup.reporter)


def _embed(
    source: TileSource,
    work: Iterator[tuple[tuple[int, ...], Tile]],
    total: int,
    reporter: Reporter,
) -> EmbedResult:
    """Encode tiles; report their number even if interrupted."""
    from napari_hqsam.embeddings import summarize

    store = source.store
    assert store is not None
    found = 0
    try:
        with (
            reporter.on_interrupt("run it again to resume"),
            reporter.step("encode the tiles") as details,
        ):
            for index, tile in reporter.track(work, "tile", total):
                found += not source.embed(index, tile)
                if source.encoded + found == 1:
                    _check_budget(store.folder, store.path, total)
            details.append(f"{total} tiles")
    finally:
        if source.encoded + found:
            kept = summarize(store.path)
            reporter.result(f"encoded {source.encoded}, already there {found}")
            reporter.result(
                f"{store.path}: {kept.tiles} tiles, {_megabytes(kept.bytes)}"
            )
    return EmbedResult(store.path, source.encoded, found)


def _planes(image: Image, plane: str | PlaneIndex | None) -> list[tuple[int, ...]]:
    """Return the plane that is named; by default all."""
    position = position_of(plane, image)
    if position is None:
        return all_planes(image.leading_shape, image.name)
    return [position]


def _store_folder(cache: Cache) -> Path:
    """Return the folder of the stores; raise if nothing can be written there."""
    from napari_hqsam.embeddings import embeddings_folder

    if cache is False:
        raise OutputError(
            "embeddings need a folder to be stored in: name one, or use the default",
            parameter="cache",
        )
    folder = embeddings_folder() if cache is None else Path(cache)
    nearest = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    if not (nearest.is_dir() and os.access(nearest, os.W_OK)):
        raise OutputError(
            f"embeddings cannot be stored in {folder}, since {nearest} is no folder or "
            "not writable: name another folder",
            parameter="cache",
        )
    return folder


def _box(image: Image, region: Sequence[int] | None) -> tuple[int, ...]:
    """Check the region; by default the whole plane."""
    h, w = image.plane_shape
    if region is None:
        return 0, 0, h, w
    box = tuple(region)
    if len(box) != 4 or not (0 <= box[0] < box[2] <= h and 0 <= box[1] < box[3] <= w):
        raise ImageError(
            f"region {','.join(map(str, box))} is not y0,x0,y1,x1 on the plane of "
            f"{h} x {w} pixels",
            parameter="region",
        )
    return box


def _levels(grid: Grid, levels: Sequence[int] | None) -> list[int]:
    """Check the levels; by default all from 0 to where a plane fits in a tile."""
    if levels is None:
        return [*range(min(0, grid.coarsest), grid.coarsest + 1)]
    for level in levels:
        if grid.clip(level) != level:
            raise ImageError(
                f"level {level} is none of the levels of this image and model: "
                f"{grid.clip(-99)} to {grid.coarsest}",
                parameter="level",
            )
    return [*dict.fromkeys(levels)]


def _check_budget(folder: StoreFolder, store: Path, total: int) -> None:
    """Raise OutputError if the last tiles would evict the first from the stores."""
    from napari_hqsam.embeddings import summarize
    from napari_hqsam.embeddings.folder import SIZE_VARIABLE

    kept = summarize(store)
    needed = total * kept.bytes / kept.tiles
    limit = folder.limit(folder.bytes())
    if needed > limit:
        raise OutputError(
            f"{total} tiles take {_megabytes(needed)} and the stores may take "
            f"{_megabytes(limit)}: give fewer levels or planes, a region, or set "
            f"{SIZE_VARIABLE}"
        )


def _megabytes(count: float) -> str:
    return f"{count / 1e6:.1f} MB"
