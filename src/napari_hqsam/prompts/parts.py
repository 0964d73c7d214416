"""Combine the rows or features of a file into prompts, one per object and plane.

A file may spread one object over several rows or features. Each reader converts its
rows to parts; parts with the same object id and plane become one prompt.
"""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.errors import HqsamWarning, PromptError
from napari_hqsam.images.memory import DECODE_VARIABLE, decode_limit
from napari_hqsam.prompts.geometry import MAX_CROP_PIXELS
from napari_hqsam.prompts.prompt import Prompt, plane_key
from napari_hqsam.prompts.wording import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray


MOST_PARTS = 2**20
"""Most parts of a file; each takes about 1 KB."""


@dataclass(frozen=True)
class Part:
    """The content of one row, feature or entry of a file.

    Parameters
    ----------
    where : str
        Its position in the file, for messages: "line 3", "feature 2".
    points, point_labels, box, mask, mask_offset, plane
        As in `Prompt`, not yet checked.
    outline : (y0, x0, y1, x1), optional
        Box that a polygon implies; a box given for the same object wins.
    object_id : int or str, optional
        None: an object of its own.
    draw : callable, optional
        Gives mask and offset of a drawn shape, such as an upright rectangle that is a
        box where it is the only shape of its object.
    """

    where: str
    points: Sequence[Sequence[float]] = ()
    point_labels: Sequence[int] = ()
    box: Sequence[float] | None = None
    mask: NDArray[Any] | None = None
    mask_offset: Sequence[int] | None = None
    outline: Sequence[float] | None = None
    object_id: int | str | None = None
    draw: Callable[[], tuple[NDArray[np.bool_], tuple[int, int]]] | None = None
    plane: Mapping[str, int] | tuple[int, ...] | None = None


def assemble(path: Path, parts: Iterable[Part]) -> list[Prompt]:
    """Make one prompt per object and plane, in the order of first appearance.

    Raises
    ------
    PromptError
        There are no parts, or those of an object do not make a valid prompt; names
        the file and the position.
    """
    memory = PromptMemory(path)
    every = []
    for part in parts:  # counted as they are read, before the next mask is made
        memory.add(part.mask)
        every.append(part)
    groups: dict[object, list[Part]] = {}
    for part in _numbered(path, every):
        own = part.where if part.object_id is None else None
        groups.setdefault((part.object_id, plane_key(part.plane), own), []).append(part)
    if not groups:
        raise PromptError(f"{path} holds no prompts; give at least one")
    return [_prompt(path, group) for group in groups.values()]


def _numbered(path: Path, every: list[Part]) -> list[Part]:
    """Give whole numbers to objects whose ids are text, in order of appearance."""
    used = [part.object_id for part in every if isinstance(part.object_id, int)]
    texts = [part.object_id for part in every if isinstance(part.object_id, str)]
    if not texts:
        return every
    first = max(used, default=0) + 1
    ids = {text: n for n, text in enumerate(dict.fromkeys(texts), first)}
    shown_ids = ", ".join(f"{shown(text)} is {n}" for text, n in list(ids.items())[:3])
    warnings.warn(
        f"{path}: object ids are text; they are numbered in order: {shown_ids}"
        f"{', ...' if len(ids) > 3 else ''}",
        HqsamWarning,
        stacklevel=5,
    )
    return [
        replace(part, object_id=ids[part.object_id])
        if isinstance(part.object_id, str)
        else part
        for part in every
    ]


class PromptMemory:
    """Limits the memory of the prompts of one file: a few bytes may describe a plane.

    Parameters
    ----------
    path : Path
        The file, for the message.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._bytes, self._count = path, 0, 0

    def add(self, mask: NDArray[Any] | None) -> None:
        """Count a row, feature or entry, with its mask if it has one.

        Raises
        ------
        PromptError
            There are more than `MOST_PARTS`, or their masks take more memory than
            `decode_limit`.
        """
        self._count += 1
        if self._count > MOST_PARTS:
            raise PromptError(
                f"{self._path} holds more than {MOST_PARTS:,} points, boxes and "
                "outlines; give them in several files"
            )
        self._bytes += 0 if mask is None else mask.nbytes
        limit = decode_limit()
        if self._bytes > limit:
            raise PromptError(
                f"{self._path}: its masks and outlines take more than {limit / 1e9:g} "
                f"GB: give them in several files, or, if you trust this one, set "
                f"{DECODE_VARIABLE} to more"
            )


def _prompt(path: Path, group: list[Part]) -> Prompt:
    first = group[0]
    where = first.where
    if len(group) > 1:
        where = f"object {first.object_id}, {where} to {group[-1].where}"
    with naming(path, where):
        group = _united(group)
        boxes = [part.box for part in group if part.box is not None]
        masked = [part for part in group if part.mask is not None]
        for kind, given in (("boxes", boxes), ("masks or polygons", masked)):
            if len(given) > 1:
                raise PromptError(
                    f"{len(given)} {kind}; give one, or another object id"
                )
        mask = masked[0] if masked else Part(where)
        return Prompt(
            points=[point for part in group for point in part.points],
            point_labels=[label for part in group for label in part.point_labels],
            box=boxes[0] if boxes else mask.outline,
            mask=mask.mask,
            mask_offset=mask.mask_offset,
            label_id=None if first.object_id is None else int(first.object_id),
            plane=first.plane,
        )


def _united(group: list[Part]) -> list[Part]:
    """Make one mask of several drawn shapes of an object: all belong to it."""
    drawn = [part for part in group if part.draw is not None]
    if len(drawn) < 2 or _is_framed(drawn):
        return group
    crops = [part.draw() for part in drawn if part.draw is not None]
    corners = np.array([[*at, *np.add(at, crop.shape)] for crop, at in crops])
    y0, x0 = (int(n) for n in corners[:, :2].min(0))
    y1, x1 = (int(n) for n in corners[:, 2:].max(0))
    if (y1 - y0) * (x1 - x0) > MAX_CROP_PIXELS:
        raise PromptError(
            f"its shapes span {y1 - y0} x {x1 - x0} pixels, the limit is "
            f"{MAX_CROP_PIXELS} in all; give them as several objects"
        )
    mask = np.zeros((y1 - y0, x1 - x0), np.bool_)
    for crop, (y, x) in crops:
        height, width = crop.shape
        mask[y - y0 : y - y0 + height, x - x0 : x - x0 + width] |= crop
    outlines = np.array([part.outline for part in drawn], float)
    outline = [*outlines[:, :2].min(0).tolist(), *outlines[:, 2:].max(0).tolist()]
    first = replace(
        drawn[0], mask=mask, mask_offset=(y0, x0), box=None, outline=outline
    )
    return [first, *(part for part in group if part.draw is None)]


def _is_framed(drawn: Sequence[Part]) -> bool:
    """Whether one box encloses all other shapes: it is then the object's box prompt."""
    boxes = [part.box for part in drawn if part.box is not None]
    if len(boxes) != 1 or sum(part.mask is not None for part in drawn) > 1:
        return False
    y0, x0, y1, x1 = boxes[0]
    edges = np.array([part.outline for part in drawn], float)
    inside = (edges[:, :2] >= (y0, x0)) & (edges[:, 2:] <= (y1, x1))
    return bool(inside.all())


@contextmanager
def naming(path: Path, where: str) -> Iterator[None]:
    """Prepend the file and the position to the message of a PromptError."""
    try:
        yield
    except PromptError as error:
        raise PromptError(f"{path}, {where}: {error}") from None


def plane_index(given: object) -> dict[str, int] | tuple[int, ...]:
    """Read a plane index: an object with axis letters, or a list of indices.

    Raises
    ------
    PromptError
        It is neither.
    """
    if isinstance(given, dict):
        return {
            str(k).lower(): whole_number(n, f"plane {k}:", 0) for k, n in given.items()
        }
    if not isinstance(given, list):
        raise PromptError(
            f'plane {shown(given)} is neither an object nor a list; give {{"z": 12}}'
        )
    return tuple(whole_number(index, "plane index", 0) for index in given)


_SIGNS = {"1": 1, "positive": 1, "true": 1, "0": 0, "negative": 0, "false": 0}


def point_label(value: object, what: str = "label") -> int:
    """Read whether a point is on the object: the one meaning of ``label`` in files.

    Parameters
    ----------
    value : object
        1, "1", "positive" or true: on the object; 0, "0", "negative" or false: off it.
        Numbers may be written as 1.0; None or an empty text is 1.
    what : str
        Its name, for the message.

    Returns
    -------
    int
        1 or 0.

    Raises
    ------
    PromptError
        If it is anything else, such as -1 or the name of a class.
    """
    if value is None or value == "":
        return 1
    text = str(value).strip().lower()
    sign = _SIGNS.get(text.removesuffix(".0"))
    if sign is None or not isinstance(value, (str, int, float)):
        raise PromptError(
            f"{what} {shown(value)} is neither 1 (positive, on the object) nor 0 "
            "(negative, off it)"
        )
    return sign


def object_number(value: object, what: str) -> int | str:
    """Read the id of an object: a whole number from 1 on, or a text.

    Raises
    ------
    PromptError
        If it is a number below 1, not whole, or neither.
    """
    text = value.strip() if isinstance(value, str) else ""
    try:
        float(text)
    except ValueError:
        if text:
            return text
    return whole_number(value, what, 1)


def whole_number(value: object, what: str, minimum: int) -> int:
    """Read an id or a plane index, which napari and spreadsheets write as "3.0".

    Parameters
    ----------
    value : object
        Text or number as in the file.
    what : str
        Its name, for the message.
    minimum : int
        Least number allowed.

    Raises
    ------
    PromptError
        It is not a whole number (to a thousandth) of at least `minimum`.
    """
    try:
        number = float(value)  # type: ignore[arg-type]  # anything else raises
        nearest = round(number)
    except (TypeError, ValueError, OverflowError):
        raise PromptError(f"{what} {shown(value)} is not a whole number") from None
    if isinstance(value, bool) or abs(number - nearest) > 1e-3 or nearest < minimum:
        raise PromptError(
            f"{what} {shown(value)} is not a whole number from {minimum} on"
        )
    return nearest
