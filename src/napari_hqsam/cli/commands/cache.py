"""`napari-hqsam cache`: list and remove stored embeddings."""

from __future__ import annotations

import time
from pathlib import Path  # noqa: TC003 - typer reads it
from typing import TYPE_CHECKING, Annotated

import typer

from napari_hqsam.cli import options as opt  # noqa: TC001 - typer reads it
from napari_hqsam.cli.console import print_line, size_text
from napari_hqsam.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_hqsam.embeddings import StoreFolder, StoreSummary

SHOWN = 8
"""Characters of a store's name that are shown, and identify it."""

app = typer.Typer(help="List and remove stored embeddings.", rich_markup_mode=None)


@app.callback()
def _cache(context: typer.Context, cache: opt.StoresOption = None) -> None:
    """List the stores: image, model, tiles, size, when they were used last."""
    context.obj = cache
    if context.invoked_subcommand is None:
        list_(context)


@app.command(name="list")
def list_(context: typer.Context, cache: opt.StoresOption = None) -> None:
    """List the stores: image, model, tiles, size, when they were used last."""
    folder = _folder(context, cache)
    found = folder.summaries()
    for store in found:
        used = time.strftime("%Y-%m-%d %H:%M", time.localtime(store.last_used))
        print_line(
            f"{store.path.name[:SHOWN]}  {used}  {store.tiles:>7} tiles "
            f"{size_text(store.bytes):>10}  {store.model:<10} {store.image}"
        )
    total = sum(store.bytes for store in found)
    print_line(f"{len(found)} stores, {size_text(total)} in {folder.path}")


@app.command()
def clear(
    context: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Images, or stores by their name as listed by `cache`."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Remove all stores.")
    ] = False,
    cache: opt.StoresOption = None,
) -> None:
    """Remove stores; their tiles are encoded again when they are needed."""
    if not (names or everything):
        raise OutputError("nothing is named to clear: give names, or --all")
    folder = _folder(context, cache)
    found = folder.summaries()
    chosen = found if everything else _named(found, names or [])
    for store in chosen:
        folder.remove(store.path)
    total = sum(store.bytes for store in chosen)
    print_line(f"removed {len(chosen)} stores, {size_text(total)}, from {folder.path}")


@app.command()
def path(context: typer.Context, cache: opt.StoresOption = None) -> None:
    """Print the folder of the stores."""
    print_line(str(_folder(context, cache).path))


def _folder(context: typer.Context, cache: Path | None) -> StoreFolder:
    """Return the folder of --cache, given before or after the command."""
    from napari_hqsam.embeddings import StoreFolder

    chosen = cache or context.obj
    return StoreFolder() if chosen is None else StoreFolder(chosen)


def _named(found: Sequence[StoreSummary], names: Sequence[str]) -> list[StoreSummary]:
    """Find stores by image, or by the beginning of their name."""
    chosen = {}
    for name in names:
        meant = [
            s
            for s in found
            if name == s.image or (len(name) >= SHOWN and s.path.name.startswith(name))
        ]
        if not meant:
            raise OutputError(
                f"no store is called {name!r}, nor one of its image: see the list of "
                "`napari-hqsam cache`"
            )
        chosen.update({store.path: store for store in meant})
    return [*chosen.values()]
