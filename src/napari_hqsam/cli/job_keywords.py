"""The options that commands on one image share, declared once."""

from __future__ import annotations

import inspect
from functools import wraps
from typing import TYPE_CHECKING, Any

from napari_hqsam.cli import options as opt  # noqa: TC001 - typer reads it
from napari_hqsam.cli.arguments import job_arguments, segment_options
from napari_hqsam.cli.reporter import Console

if TYPE_CHECKING:
    from collections.abc import Callable

JobKeywords = dict[str, Any]
"""Keywords of `jobs.JobArgs`, and ``overwrite``."""


def _parse(
    key: opt.KeyOption = None,
    axes: opt.AxesOption = None,
    scale: opt.ScaleOption = None,
    units: opt.UnitsOption = None,
    channels: opt.ChannelsOption = None,
    allow_missing: opt.AllowMissingOption = False,
    normalization: opt.NormalizationOption = "percentile",
    level: opt.LevelOption = "auto",
    output: opt.OutputOption = "sam+hq",
    clean: opt.CleanOption = True,
    model: opt.ModelOption = "micro",
    device: opt.DeviceOption = "auto",
    precision: opt.PrecisionOption = "auto",
    cache: opt.CacheOption = None,
    overwrite: opt.OverwriteOption = False,
) -> JobKeywords:
    """Parse the shared options."""
    return {
        **segment_options(level, output, clean=clean),
        **job_arguments(
            key,
            axes,
            channels,
            normalization,
            model,
            device,
            precision,
            cache,
            scale,
            units,
        ),
        "allow_missing": allow_missing,
        "overwrite": overwrite,
        "reporter": Console(),
    }


def with_job_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of image, mask, model and output to a command.

    Typer reads options from the signature. The one made here has those of the command
    and of `_parse`; the command itself gets the latter as one parameter.

    Parameters
    ----------
    command : callable
        Its parameter ``job`` is a `JobKeywords`.
    """
    own = inspect.signature(command, eval_str=True)
    shared = inspect.signature(_parse, eval_str=True).parameters
    options = [
        *(each for name, each in own.parameters.items() if name != "job"),
        *(each.replace(kind=each.KEYWORD_ONLY) for each in shared.values()),
    ]

    @wraps(command)
    def run(**values: Any) -> None:  # noqa: ANN401 - of any option
        job = _parse(**{name: values.pop(name) for name in shared})
        command(**values, job=job)

    run.__signature__ = own.replace(parameters=options)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in options}
    return run
