"""`napari-hqsam embed`: tiles encoded ahead."""

from __future__ import annotations

import os
from pathlib import Path  # noqa: TC003 - typer reads it
from typing import TYPE_CHECKING, Annotated

import typer

from napari_hqsam.cli import options as opt  # noqa: TC001 - typer reads it
from napari_hqsam.cli.arguments import (
    cache_of,
    integers,
    limits_of,
    normalized,
    plane_of,
)
from napari_hqsam.cli.console import say, size_text, timed
from napari_hqsam.cli.interrupts import report_interrupt
from napari_hqsam.cli.loading import load_told, open_told
from napari_hqsam.errors import ImageError, OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_hqsam.embeddings import StoreFolder, TileSource
    from napari_hqsam.images import Image
    from napari_hqsam.tiling import Grid, Tile


def embed(
    image: Annotated[Path, typer.Argument(help="TIFF, PNG, zarr, npy, ...")],
    level: Annotated[
        str | None,
        typer.Option(help="Scales to encode, such as 0,1. [default: 0 to coarsest]"),
    ] = None,
    plane: Annotated[
        str | None,
        typer.Option(help="Plane of a stack, such as 12 or t=0,z=12. [default: all]"),
    ] = None,
    region: Annotated[
        str | None, typer.Option(help="Part y0,x0,y1,x1 of it. [default: whole]")
    ] = None,
    key: opt.KeyOption = None,
    axes: opt.AxesOption = None,
    channels: opt.ChannelsOption = None,
    normalization: opt.NormalizationOption = "percentile",
    model: opt.ModelOption = "micro",
    device: opt.DeviceOption = "auto",
    precision: opt.PrecisionOption = "auto",
    cache: opt.StoresOption = None,
) -> None:
    """Encode tiles of an image ahead, so that no click has to wait for them."""
    levels = None if level is None else integers(level, "--level")
    limits = limits_of(normalization)
    folder = _store_folder(cache)
    opened = open_told(image, key, axes, channels)
    planes, box = _planes(opened, plane), _box(opened, region)
    how = normalized(opened, limits)

    from napari_hqsam.embeddings import TileSource
    from napari_hqsam.tiling import Grid

    loaded = load_told(model, device, precision)
    grid = Grid(opened.plane_shape, loaded.input_size)
    chosen = _levels(grid, levels)

    def tiles() -> Iterator[Tile]:
        for k in chosen:
            yield from grid.meeting(k, box)

    source = TileSource(opened, loaded, how, cache=folder)
    total = len(planes) * sum(1 for _ in tiles())
    _embed(source, ((index, tile) for index in planes for tile in tiles()), total)


def _store_folder(cache: Path | None) -> Path:
    """Folder of --cache, or the user's; checked before any work."""
    from napari_hqsam.embeddings import embeddings_folder

    folder = cache_of(None if cache is None else str(cache))
    if folder is False:
        raise OutputError("--cache none keeps nothing: name a folder, or leave it out")
    folder = folder or embeddings_folder()
    nearest = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    if not (nearest.is_dir() and os.access(nearest, os.W_OK)):
        raise OutputError(
            f"nothing can be kept in {folder}, since {nearest} is no folder or not "
            "yours to write to: name another with --cache"
        )
    return folder


def _planes(image: Image, plane: str | None) -> list[tuple[int, ...]]:
    """Planes of --plane; all by default."""
    if plane is None:
        from napari_hqsam.geometry.plane_text import all_planes

        return all_planes(image.leading_shape, image.name)
    return [plane_of(plane, image)]


def _box(image: Image, region: str | None) -> tuple[int, ...]:
    """Part of the planes that --region says; all of them by default."""
    h, w = image.plane_shape
    if region is None:
        return 0, 0, h, w
    box = integers(region, "--region")
    if len(box) != 4 or not (0 <= box[0] < box[2] <= h and 0 <= box[1] < box[3] <= w):
        raise ImageError(
            f"--region {region} is not y0,x0,y1,x1 on the plane of {h} x {w} pixels"
        )
    return box


def _levels(grid: Grid, asked: Sequence[int] | None) -> list[int]:
    """Levels of --level; by default all from 0 to where a plane fits in a tile."""
    if asked is None:
        return [*range(min(0, grid.coarsest), grid.coarsest + 1)]
    for level in asked:
        if grid.clip(level) != level:
            raise ImageError(
                f"--level {level} is none of the levels of this image and model: "
                f"{grid.clip(-99)} to {grid.coarsest}"
            )
    return [*dict.fromkeys(asked)]


def _embed(
    source: TileSource, jobs: Iterator[tuple[tuple[int, ...], Tile]], total: int
) -> None:
    """Encode tiles of planes; say how many were, also if that is interrupted."""
    from tqdm import tqdm

    store = source.store
    assert store is not None
    there = 0
    try:
        with (
            report_interrupt("the same command goes on from here"),
            timed("encode the tiles") as details,
        ):
            for index, tile in tqdm(
                jobs, total=total, unit="tile", leave=False, disable=None
            ):
                there += not source.embed(index, tile)
                if source.encoded + there == 1:
                    _check_budget(store.folder, store.path, total)
            details.append(f"{total} tiles")
    finally:
        if source.encoded + there:
            _report(store.path, source.encoded, there)


def _report(store: Path, encoded: int, there: int) -> None:
    from napari_hqsam.embeddings import summarize

    kept = summarize(store)
    say(f"encoded {encoded}, already there {there}")
    say(f"{store}: {kept.tiles} tiles, {size_text(kept.bytes)}")


def _check_budget(folder: StoreFolder, store: Path, total: int) -> None:
    """Refuse what would push its own first tiles out again."""
    from napari_hqsam.embeddings import summarize
    from napari_hqsam.embeddings.folder import SIZE_VARIABLE

    kept = summarize(store)
    needed = total * kept.bytes / kept.tiles
    limit = folder.limit(folder.bytes())
    if needed > limit:
        raise OutputError(
            f"{total} tiles take {size_text(needed)} and the stores may take "
            f"{size_text(limit)}: give fewer levels or planes, a region, or set "
            f"{SIZE_VARIABLE}"
        )
