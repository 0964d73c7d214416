"""`napari-hqsam models`: list, fetch and verify models."""

from __future__ import annotations

from typing import Annotated

import typer

from napari_hqsam.cli.console import print_line

app = typer.Typer(help="List, fetch and verify models.", rich_markup_mode=None)


@app.callback()
def models(context: typer.Context) -> None:
    """List the models: name, size, licence, whether they are on this machine."""
    if context.invoked_subcommand is None:
        list_()


@app.command(name="list")
def list_() -> None:
    """List the models: name, size, licence, whether they are on this machine."""
    from napari_hqsam.models import is_cached, list_models

    for checkpoint in list_models():
        here = "here" if is_cached(checkpoint.name) else "not fetched"
        size = f"{checkpoint.bytes / 1e6:.0f} MB"
        print_line(
            f"{checkpoint.name:<20}{size:>8}  {checkpoint.licence:<11}{here:<12} "
            f"{checkpoint.description}"
        )


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="Name, as in `models list`.")],
) -> None:
    """Fetch a model into the user's cache, and verify it."""
    from napari_hqsam.models import fetch as fetch_model

    print_line(str(fetch_model(name)))


@app.command()
def verify(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Names or files. [default: all on this machine]"),
    ] = None,
) -> None:
    """Check sizes and SHA-256 digests of models."""
    from napari_hqsam.models import is_cached, known_digests, list_models
    from napari_hqsam.models import verify as verify_model

    for name in names or [c.name for c in list_models() if is_cached(c.name)]:
        found = verify_model(name)
        digests = ", ".join(f"sha256 {each}" for each in known_digests(found))
        print_line(f"{name}: right ({found.name}, {digests})")
