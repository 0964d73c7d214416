"""Find labelled images on disk, grouped by data set.

Works on folders and file names only; must not know models, pixels or prompts.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Literal, get_args

from napari_hqsam.datasets.splits import validation_stems
from napari_hqsam.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Part = Literal["test", "train", "validation"]
PARTS: tuple[Part, ...] = get_args(Part)


@dataclass(frozen=True)
class ImageLabelPair:
    """An image and its labels.

    Attributes
    ----------
    image, labels : Path
        Files.
    modality : str
        Imaging modality; "" if META.json does not name one.
    """

    image: Path
    labels: Path
    modality: str = ""


@dataclass(frozen=True)
class LabelledFolder:
    """The labelled images of one data set.

    Attributes
    ----------
    name : str
        Name of its folder.
    pairs : tuple of ImageLabelPair
        In order of file names; at least one.
    trained : bool
        Whether the data set has a train part, so that a model may have been
        trained on other images of it.
    """

    name: str
    pairs: tuple[ImageLabelPair, ...]
    trained: bool = False


def find_folders(
    folders: Sequence[Path], part: Part = "test"
) -> tuple[LabelledFolder, ...]:
    """Find the data sets below folders.

    Parameters
    ----------
    folders : sequence of Path
        Each holds ``images/`` and ``labels/``, with files of the same names except
        for the suffix; or is a data set with ``PART/images`` and ``PART/labels``;
        or is a folder of such data sets. Data sets of
        such a folder that lack the part are skipped.
    part : {"test", "train", "validation"}
        Which part, where there are parts. "validation": the images of the train part
        that `splits` excludes from training.

    Returns
    -------
    tuple of LabelledFolder
        At least one.

    Raises
    ------
    ImageError
        There are none, the part is unknown, two data sets or two files have the
        same name, or a META.json cannot be read.
    """
    if part not in PARTS:
        known = ", ".join(PARTS)
        raise ImageError(f"part {part!r} is unknown; use one of {known}")
    found = [each for folder in folders for each in _below(folder, part)]
    names = [each.name for each in found]
    for name in names:
        if names.count(name) > 1:
            raise ImageError(f"two data sets are called {name}: rename one")
    return tuple(found)


def _below(folder: Path, part: Part) -> list[LabelledFolder]:
    """Find the data sets at or directly below a folder."""
    inside = "test" if part == "test" else "train"
    if (folder / "images").is_dir() or (folder / inside / "images").is_dir():
        found = [_data_set(folder, part)]
    else:
        below = sorted(folder.iterdir()) if folder.is_dir() else []
        holding = [f for f in below if (f / inside / "images").is_dir()]
        found = [_data_set(f, part) for f in holding]
    with_pairs = [each for each in found if each.pairs]
    if not with_pairs:
        raise ImageError(
            f"{folder} holds no {part} images with labels: put NAME.tif or .png into "
            "images/ and labels/ inside it, under the same names, or choose another "
            "--part"
        )
    return with_pairs


def _data_set(folder: Path, part: Part) -> LabelledFolder:
    if (folder / "images").is_dir():
        return LabelledFolder(folder.resolve().name, find_pairs(folder))
    pairs = find_pairs(folder / ("test" if part == "test" else "train"), folder)
    if part == "validation":
        volumes = [p.stem for p in (folder / "train" / "volumes").glob("*.tif")]
        kept = validation_stems(folder.name, [*map(_stem_of, pairs), *volumes])
        pairs = tuple(pair for pair in pairs if _stem_of(pair) in kept)
    return LabelledFolder(folder.name, pairs, trained=(folder / "train").is_dir())


def find_pairs(
    folder: Path, described: Path | None = None
) -> tuple[ImageLabelPair, ...]:
    """Match images and label files by name without suffix, in order.

    Parameters
    ----------
    folder : Path
        Holds ``images`` and ``labels``.
    described : Path, optional
        Folder of the META.json with the "modality"; by default the folder itself.

    Raises
    ------
    ImageError
        Two files have the same name, or META.json cannot be read.
    """
    images, labels = _by_stem(folder / "images"), _by_stem(folder / "labels")
    text = _modality_text(described or folder)
    return tuple(
        ImageLabelPair(images[stem], labels[stem], modality_of(text, stem))
        for stem in images
        if stem in labels
    )


def modality_of(text: str, stem: str) -> str:
    """Find the modality of an image in the description of its data set.

    Parameters
    ----------
    text : str
        Such as "fluorescence nuclei (several sources), histology (hist_*)": a
        modality with a file pattern in parentheses holds for the images that match
        it, one without for all others. Other text in parentheses is ignored.
    stem : str
        The image's name without suffix.
    """
    others = []
    for phrase in re.split(r",\s*(?![^()]*\))", text):
        pattern = re.search(r"\(([^()\s]*\*[^()\s]*)\)", phrase)
        name = re.sub(r"\s*\([^()]*\)", "", phrase).strip()
        if pattern is None:
            others.append(name)
        elif fnmatch(stem, pattern[1]):
            return name
    return ", ".join(filter(None, others))


def _modality_text(folder: Path) -> str:
    path = folder / "META.json"
    if not path.exists():
        return ""
    try:
        return str(json.loads(path.read_text(encoding="utf-8")).get("modality", ""))
    except (OSError, ValueError, AttributeError) as error:
        raise ImageError(
            f"{path} cannot be read ({error}): repair it, or remove it"
        ) from error


def _stem_of(pair: ImageLabelPair) -> str:
    return _stem(pair.image)


def _stem(path: Path) -> str:
    return re.sub(r"(\.ome)?\.[^.]+$", "", path.name)


def _by_stem(folder: Path) -> dict[str, Path]:
    """Map names without suffix to the files of a folder, in order."""
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("[!.]*")):
        stem = _stem(path)
        if stem in found:
            raise ImageError(
                f"{path.name} and {found[stem].name} in {folder} are both called "
                f"{stem}: keep one"
            )
        found[stem] = path
    return found
