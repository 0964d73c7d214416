"""Options and files of the command line, checked before any work."""

from __future__ import annotations

from collections import defaultdict
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from napari_hqsam.cli.saying import timed
from napari_hqsam.errors import ImageError, OutputError, PromptError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_hqsam.images import Image, Normalization, NormalizationSpec
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
        index = prompt.plane if prompt.plane is not None else plane
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
    output: str,
    overlap: str,
) -> None:
    """Refuse what is wrong before a model is loaded for it."""
    from napari_hqsam.labels import check_writable

    for option, value, known in (
        ("--output", output, ("sam+hq", "sam", "hq")),
        ("--overlap", overlap, ("keep", "overwrite")),
    ):
        if value not in known:
            raise PromptError(f"{option} {value!r} is unknown: {' or '.join(known)}")
    check_writable(out, axes=f"{image.leading_axes}yx")
    for index, group in groups.items():
        image.check_index(index)
        for prompt in group:
            prompt.check_on(image.plane_shape)


def check_outputs(out: Path, overlay: Path | None, image: Path) -> None:
    """Refuse before any work what could not be written after it."""
    from napari_hqsam.labels import check_file, check_writable

    check_writable(out, sources=[image])
    check_outside(out, image)
    if overlay is not None:
        if overlay.suffix.lower() != ".png":
            raise OutputError(f"{overlay} is no .png: name the overlay NAME.png")
        if overlay.resolve() in (image.resolve(), out.resolve()):
            raise OutputError(f"{overlay} is the image or the labels: name another")
        check_file(overlay)
        check_outside(overlay, image)


def check_outside(out: Path, image: Path) -> None:
    """Refuse to write among the arrays of an image, but where OME-Zarr has labels."""
    folder = image.resolve()
    if not any(
        (folder / name).exists() for name in ("zarr.json", ".zgroup", ".zarray")
    ):
        return  # a file, or a folder that holds no image
    if folder in out.resolve().parents and out.resolve().parent.name != "labels":
        raise OutputError(
            f"{out} lies inside the image {image}: write beside it, such as to "
            f"{image.with_name(out.name)}, or into its folder labels/"
        )


def check_table(path: Path | None, *used: Path | None) -> None:
    """Refuse before any work what could not be written after it."""
    from napari_hqsam.labels import check_file

    if path is None:
        return
    if path.suffix.lower() != ".csv":
        raise OutputError(f"{path} is no .csv: name the table NAME.csv")
    if path.resolve() in [each.resolve() for each in used if each is not None]:
        raise OutputError(f"{path} is read or written otherwise: name another")
    check_file(path)


@contextmanager
def made_folder(folder: Path) -> Iterator[None]:
    """Make a folder for results; leave none behind if there are none."""
    missing = [p for p in (folder, *folder.parents) if not p.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"folder {folder} cannot be made ({error.strerror}): give another with -o"
        ) from error
    try:
        yield
    except BaseException:
        for path in missing:
            if not any(path.iterdir()):
                path.rmdir()
        raise
