"""Values of options, parsed before any work.

Each function raises an `HqsamError` that names the option if the text is invalid.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from napari_hqsam.errors import ImageError, OutputError, PromptError

if TYPE_CHECKING:
    from napari_hqsam.images import NormalizationSpec
    from napari_hqsam.network import Output
    from napari_hqsam.segmentation.options import OptionArgs


def integers(text: str, option: str) -> tuple[int, ...]:
    """Parse whole numbers such as 0,12."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ImageError(
            f"{option} {text!r} is not a list of whole numbers such as 0,12"
        ) from None


def floats(text: str, count: int, option: str, example: str) -> tuple[float, ...]:
    """Parse a given number of numbers."""
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) != count:
        raise PromptError(f"{option} {text!r} is not {count} numbers such as {example}")
    return numbers


def limits_of(text: str) -> NormalizationSpec:
    """Parse --normalization."""
    if text in ("percentile", "none"):
        return text  # type: ignore[return-value]
    low, high = floats(text, 2, "--normalization", "100,4000 (or percentile, none)")
    return low, high


def level_of(text: str) -> Literal["auto", "whole"] | int:
    """Parse --level."""
    if text in ("auto", "whole"):
        return text  # type: ignore[return-value]
    try:
        return int(text)
    except ValueError:
        raise PromptError(
            f"--level {text!r} is unknown: auto, whole, or a whole number (2 shows "
            "the image 4 times smaller)"
        ) from None


def segment_options(level: str, output: str, *, clean: bool) -> OptionArgs:
    """Parse --level, --output and --clean: keywords of `SegmentOptions`."""
    known: tuple[Output, ...] = ("sam+hq", "sam", "hq")
    if output not in known:
        raise PromptError(f"--output {output!r} is unknown: {' or '.join(known)}")
    return {"level": level_of(level), "output": output, "clean": clean}


def cache_of(text: str | None) -> Path | Literal[False] | None:
    """Parse --cache: a folder, "none" for memory alone, or the user's own."""
    if text == "none":
        return False
    if text is None:
        return None
    folder = Path(text)
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"--cache {text} is a file: name a folder, or none")
    return folder


def job_arguments(
    key: str | None,
    axes: str | None,
    channels: str | None,
    normalization: str,
    model: str,
    device: str,
    precision: str,
    cache: str | None,
) -> dict[str, Any]:
    """Parse the options of image and model: keywords of `jobs.JobSetup`."""
    return {
        "key": key,
        "axes": axes,
        "channels": None if channels is None else integers(channels, "--channels"),
        "normalization": limits_of(normalization),
        "model": model,
        "device": device,
        "precision": precision,
        "cache": cache_of(cache),
    }
