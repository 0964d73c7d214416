"""Options and files of the command line, checked before any work."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from napari_hqsam.errors import ImageError, OutputError, PromptError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_hqsam.images import Image, NormalizationSpec
    from napari_hqsam.prompts import Prompt


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


def all_prompts(
    path: Path | None, points: Sequence[str], boxes: Sequence[str]
) -> list[Prompt]:
    """Collect the prompts of the file and of the options."""
    from napari_hqsam.prompts import Prompt, read_prompts

    prompts = [] if path is None else read_prompts(path)
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
        index = prompt.plane if prompt.plane is not None else plane
        if index is None and image.leading_axes:
            sizes = dict(zip(image.leading_axes, image.leading_shape, strict=True))
            raise PromptError(
                f"{image.name} is a stack ({sizes}) and a prompt names no plane: "
                "give --plane, or columns for these axes in the prompts file"
            )
        groups[index or ()].append(prompt)
    return dict(groups)


def check_outputs(out: Path, overlay: Path | None, image: Path) -> None:
    """Refuse before any work what could not be written after it."""
    from napari_hqsam.labels import check_writable

    check_writable(out, sources=[image])
    if overlay is not None:
        if overlay.suffix.lower() != ".png":
            raise OutputError(f"{overlay} is no .png: name the overlay NAME.png")
        if overlay.resolve() in (image.resolve(), out.resolve()):
            raise OutputError(f"{overlay} is the image or the labels: name another")
        if not overlay.resolve().parent.is_dir():
            raise OutputError(f"folder {overlay.parent} does not exist: make it first")


def make_folder(folder: Path) -> None:
    """Make the folder that results go to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"folder {folder} cannot be made ({error.strerror}): give another with -o"
        ) from error
