"""The command line: parses, calls the rooms below, prints. No work of its own.

Nothing heavy is imported before a command needs it: ``--help`` is instant.
Bad input prints one line and exits with 2; exit 0 means the output is complete.
"""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Annotated

import typer

from napari_hqsam import __version__
from napari_hqsam.cli.commands import COMMANDS, GROUPS
from napari_hqsam.cli.console import PROGRAM, message_of, print_line
from napari_hqsam.cli.interrupts import Commands, sigterm_as_interrupt
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
for _command in COMMANDS:
    app.command()(_command)
for _name, _group in GROUPS.items():
    app.add_typer(_group, name=_name, invoke_without_command=True)


def main() -> None:
    """Entry point of ``napari-hqsam``."""
    try:
        with sigterm_as_interrupt(), warnings.catch_warnings():
            warnings.simplefilter("always", HqsamWarning)
            warnings.showwarning = _warn_once()
            app()
    except HqsamError as error:
        print_line(f"{PROGRAM}: {message_of(error)}", error=True)
        sys.exit(2)
    except MemoryError as error:
        print_line(
            f"{PROGRAM}: not enough memory ({error}): crop the image, or segment "
            "fewer planes at once",
            error=True,
        )
        sys.exit(2)


def _warn_once() -> Callable[..., None]:
    """Return a `showwarning` that prints each of our warnings once, in one line.

    A warning may be raised at every tile. (The filter "once" of `warnings` would
    remember beyond this command.) Those of other libraries are dropped.
    """
    shown: set[str] = set()

    def show(
        message: Warning | str, category: type[Warning], *rest: object, **named: object
    ) -> None:
        text = message_of(message) if isinstance(message, Warning) else message
        if issubclass(category, HqsamWarning) and text not in shown:
            shown.add(text)
            print_line(f"{PROGRAM}: warning: {text}", error=True)

    return show


def _version(value: bool) -> None:
    if value:
        print_line(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Show the version."
        ),
    ] = False,
) -> None:
    """Click to segment large and 3D microscopy images with HQ-SAM."""
