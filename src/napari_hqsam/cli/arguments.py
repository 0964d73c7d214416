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


def scale_of(text: str | None) -> dict[str, float] | tuple[float, ...] | None:
    """Parse --scale: sizes by axis letter, or one for each axis."""
    if text is None:
        return None
    named = _by_letter(text, "--scale", "z=2,y=0.25,x=0.25")
    try:
        if named is not None:
            return {letter: float(size) for letter, size in named.items()}
        return tuple(float(size) for size in text.split(","))
    except ValueError:
        raise ImageError(
            f"--scale {text!r} holds what is no number; give sizes such as "
            "z=2,y=0.25,x=0.25"
        ) from None


def units_of(text: str | None) -> dict[str, str] | tuple[str, ...] | str | None:
    """Parse --units: by axis letter, one for each axis, or one for z, y and x."""
    if text is None or not {"=", ","} & set(text):
        return text
    named = _by_letter(text, "--units", "z=nm,t=s")
    return tuple(text.split(",")) if named is None else named


def _by_letter(text: str, option: str, example: str) -> dict[str, str] | None:
    """Split "z=2,y=1" by its letters; None where there are none."""
    if "=" not in text:
        return None
    found: dict[str, str] = {}
    for part in text.split(","):
        letter, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not value or len(letter) != 1 or letter.lower() in found:
            raise ImageError(
                f"{option} {text!r}: {part!r} is no axis with its value, or one that "
                f"is there twice; give each axis once, such as {example}"
            )
        found[letter.lower()] = value
    return found


def job_arguments(
    key: str | None,
    axes: str | None,
    channels: str | None,
    normalization: str,
    model: str,
    device: str,
    precision: str,
    cache: str | None,
    scale: str | None = None,
    units: str | None = None,
) -> dict[str, Any]:
    """Parse the options of image and model: keywords of `jobs.JobSetup`."""
    return {
        "scale": scale_of(scale),
        "units": units_of(units),
        "key": key,
        "axes": axes,
        "channels": None if channels is None else integers(channels, "--channels"),
        "normalization": limits_of(normalization),
        "model": model,
        "device": device,
        "precision": precision,
        "cache": cache_of(cache),
    }
