"""The command line. What it does is done by the rooms below; this only asks.

Nothing heavy is imported before a command needs it: ``--help`` is instant.
Bad input prints one line and exits with 2; exit 0 means the output is complete.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_hqsam import __version__
from napari_hqsam.cli.batching import batch
from napari_hqsam.cli.embedding import cache_app, embed
from napari_hqsam.cli.evaluating import evaluate
from napari_hqsam.cli.options import (  # noqa: TC001 - typer reads them
    AxesOption,
    CacheOption,
    ChannelsOption,
    DeviceOption,
    KeyOption,
    LevelOption,
    ModelOption,
    NormalizationOption,
    OutputOption,
    OverwriteOption,
    PrecisionOption,
)
from napari_hqsam.cli.outputs import made_folder
from napari_hqsam.cli.propagating import propagate
from napari_hqsam.cli.replaying import replay
from napari_hqsam.cli.run import run
from napari_hqsam.cli.saying import PROGRAM, say
from napari_hqsam.cli.stopping import Commands, terminated_like_interrupted
from napari_hqsam.errors import HqsamError, HqsamWarning

if TYPE_CHECKING:
    from collections.abc import Callable

app = typer.Typer(
    name=PROGRAM,
    cls=Commands,
    help="Click to segment large and 3D microscopy images with HQ-SAM.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
models_app = typer.Typer(
    help="Which models there are, and getting them.", rich_markup_mode=None
)
app.add_typer(models_app, name="models", invoke_without_command=True)


def main() -> None:
    """Entry point of ``napari-hqsam``."""
    try:
        with terminated_like_interrupted(), warnings.catch_warnings():
            warnings.simplefilter("always", HqsamWarning)
            warnings.showwarning = _once_each()
            app()
    except HqsamError as error:
        say(f"{PROGRAM}: {' '.join(str(error).split())}", error=True)
        sys.exit(2)
    except MemoryError as error:
        say(
            f"{PROGRAM}: not enough memory ({error}): crop the image, or segment "
            "fewer planes at once",
            error=True,
        )
        sys.exit(2)


def _once_each() -> Callable[..., None]:
    """Make what shows warnings: ours, in one line, and each of them once.

    The same is warned of at every tile. (The filter "once" of `warnings` would
    remember beyond this command.) Other libraries' do not concern the user.
    """
    said: set[str] = set()

    def show(
        message: Warning | str, category: type[Warning], *rest: object, **named: object
    ) -> None:
        text = " ".join(str(message).split())
        if issubclass(category, HqsamWarning) and text not in said:
            said.add(text)
            say(f"{PROGRAM}: warning: {text}", error=True)

    return show


def _version(value: bool) -> None:
    if value:
        say(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show.")
    ] = False,
) -> None:
    """Click to segment large and 3D microscopy images with HQ-SAM."""


# --- segmenting ------------------------------------------------------------


@app.command()
def demo(
    folder: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the results.")
    ] = Path("hqsam-demo"),
    model: ModelOption = "micro",
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
) -> None:
    """Segment a shipped picture of nuclei from clicks and boxes."""
    from napari_hqsam.sample import NUCLEI, PROMPTS

    say(f"HQ-SAM on {NUCLEI.name}, prompts from {PROMPTS.name}:")
    with made_folder(folder):
        run(
            NUCLEI,
            folder / "nuclei_labels.tif",
            prompts_file=PROMPTS,
            overlay=folder / "nuclei_overlay.png",
            model=model,
            device=device,
            precision=precision,
            cache="none",
        )


@app.command()
def segment(
    image: Annotated[Path, typer.Argument(help="TIFF, PNG, zarr, npy, ...")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Labels: .tif or .zarr.")],
    prompts: Annotated[
        Path | None, typer.Option(help="Prompts: .csv, .geojson or .json.")
    ] = None,
    point: Annotated[
        list[str] | None, typer.Option(help="Click y,x; one object each.")
    ] = None,
    box: Annotated[
        list[str] | None, typer.Option(help="Box y0,x0,y1,x1; one object each.")
    ] = None,
    plane: Annotated[
        str | None, typer.Option(help="Plane of a stack, such as 12 or t=0,z=12.")
    ] = None,
    key: KeyOption = None,
    axes: AxesOption = None,
    channels: ChannelsOption = None,
    normalization: NormalizationOption = "percentile",
    level: LevelOption = "auto",
    overlay: Annotated[
        Path | None, typer.Option(help="Also draw the outlines to this .png.")
    ] = None,
    output: OutputOption = "sam+hq",
    clean: Annotated[bool, typer.Option(help="Drop specks, fill pinholes.")] = True,
    overlap: Annotated[
        str, typer.Option(help="Pixels of two objects: keep or overwrite.")
    ] = "keep",
    model: ModelOption = "micro",
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    cache: CacheOption = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Segment objects of an image from clicks, boxes or masks."""
    run(
        image,
        out,
        prompts_file=prompts,
        points=point or [],
        boxes=box or [],
        plane=plane,
        key=key,
        axes=axes,
        channels=channels,
        normalization=normalization,
        level=level,
        overlay=overlay,
        output=output,
        clean=clean,
        overlap=overlap,
        model=model,
        device=device,
        precision=precision,
        cache=cache,
        overwrite=overwrite,
    )


app.command()(batch)
app.command()(propagate)
app.command()(replay)
app.command()(embed)
app.add_typer(cache_app, name="cache", invoke_without_command=True)


# --- measuring and models --------------------------------------------------


app.command()(evaluate)


@models_app.callback()
def _models(context: typer.Context) -> None:
    """List the models: name, size, whether they are on this machine."""
    if context.invoked_subcommand is None:
        list_()


@models_app.command(name="list")
def list_() -> None:
    """List the models: name, size, whether they are on this machine."""
    from napari_hqsam.models import is_cached, list_models

    for checkpoint in list_models():
        here = "here" if is_cached(checkpoint.name) else "not fetched"
        size = f"{checkpoint.bytes / 1e6:.0f} MB"
        say(f"{checkpoint.name:<10}{size:>8}  {here:<12} {checkpoint.description}")


@models_app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="A name of `models list`.")],
) -> None:
    """Fetch a model into the user's cache, and verify it."""
    from napari_hqsam.models import fetch as fetch_model

    say(str(fetch_model(name)))


@models_app.command()
def verify(
    names: Annotated[
        list[str] | None, typer.Argument(help="Names or files; all that are here.")
    ] = None,
) -> None:
    """Check sizes and SHA-256 digests of models."""
    from napari_hqsam.models import is_cached, list_models
    from napari_hqsam.models import verify as verify_model

    for name in names or [c.name for c in list_models() if is_cached(c.name)]:
        found = verify_model(name)
        say(f"{name}: right ({found.name}, sha256 {found.sha256})")


@app.command()
def doctor() -> None:
    """Report versions, device, precision, memory, models, and time per tile."""
    from napari_hqsam.models import doctor_report
    from napari_hqsam.segmentation.timing import time_per_tile

    for title, text in [*doctor_report(), *time_per_tile()]:
        say(f"{title:<16}{text}")
