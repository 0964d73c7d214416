"""Options and files of the command line, checked before any work."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from napari_hqsam.cli.console import timed
from napari_hqsam.errors import ImageError, OutputError, PromptError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_hqsam.images import Image, Normalization, NormalizationSpec
    from napari_hqsam.network import Output
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.segmentation.options import OptionArgs


def integers(text: str, option: str) -> tuple[int, ...]:
    """Parse whole numbers such as 0,12."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ImageError(
            f"{option} {text!r} is not a list of whole numbers such as 0,12"
        ) from None


def plane_of(text: str, image: Image) -> tuple[int, ...]:
    """Parse --plane, such as 12 or t=0,z=12."""
    from napari_hqsam.geometry.plane_text import plane_of_text

    axes, shape = image.leading_axes, image.leading_shape
    return plane_of_text(text, axes, shape, image.name)


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


def normalized(image: Image, limits: NormalizationSpec) -> Normalization:
    """Make the normalisation of an image, before a model is loaded for it."""
    from napari_hqsam.images import normalization

    with timed("sample the pixels") as details:
        how = normalization(image, limits)
        pairs = dict.fromkeys(zip(how.lows, how.highs, strict=True))
        details += [f"shown from {low:g} to {high:g}" for low, high in pairs]
    return how


def prompts_of(path: Path, image: Image) -> list[Prompt]:
    """Read prompts for an image from a file."""
    from napari_hqsam.prompts import read_prompts

    if not path.exists():
        raise PromptError(f"{path}: no such file; check the path of the prompts")
    return read_prompts(path, image.plane_shape)


def all_prompts(
    path: Path | None, points: Sequence[str], boxes: Sequence[str], image: Image
) -> list[Prompt]:
    """Collect the prompts of the file and of the options."""
    from napari_hqsam.prompts import Prompt

    prompts = [] if path is None else prompts_of(path, image)
    prompts += [Prompt([floats(p, 2, "--point", "120,64")]) for p in points]
    prompts += [Prompt(box=floats(b, 4, "--box", "10,20,60,80")) for b in boxes]
    if not prompts:
        raise PromptError("no prompts: give --prompts FILE, --point y,x or --box ...")
    return prompts


def by_plane(
    prompts: list[Prompt], plane: tuple[int, ...] | None, image: Image
) -> dict[tuple[int, ...], list[Prompt]]:
    """Group prompts by plane: their own, else --plane, else the only one."""
    groups: dict[tuple[int, ...], list[Prompt]] = defaultdict(list)
    for prompt in prompts:
        index = plane if prompt.plane is None else image.position(prompt.plane)
        if index is None and image.leading_axes:
            sizes = dict(zip(image.leading_axes, image.leading_shape, strict=True))
            raise PromptError(
                f"{image.name} is a stack ({sizes}) and a prompt names no plane: "
                "give --plane, or columns for these axes in the prompts file"
            )
        groups[index or ()].append(prompt)
    return dict(groups)


def check_all(
    image: Image,
    groups: dict[tuple[int, ...], list[Prompt]],
    out: Path,
    overlap: str,
) -> None:
    """Refuse what is wrong before a model is loaded for it."""
    from napari_hqsam.labels import check_axes_fit

    if overlap not in ("keep", "overwrite"):
        raise PromptError(f"--overlap {overlap!r} is unknown: keep or overwrite")
    check_axes_fit(out, f"{image.leading_axes}yx")
    for index, group in groups.items():
        image.check_position(index)
        for prompt in group:
            prompt.check_on(image.plane_shape)
