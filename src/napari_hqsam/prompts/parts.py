"""What the file readers share: parts of objects, and how they are put together.

A file may spread one object over several rows or features. Each reader turns
its rows into parts; parts with the same object id and plane become one prompt.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_hqsam.errors import PromptError
from napari_hqsam.images.memory import DECODE_VARIABLE, decode_limit
from napari_hqsam.prompts.prompt import Prompt, plane_key
from napari_hqsam.prompts.wording import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray


MOST_PARTS = 2**20
"""Of a file: each takes about 1 KB."""


@dataclass(frozen=True)
class Part:
    """What one row, feature or entry of a file says about one object.

    Parameters
    ----------
    where : str
        Its place in the file, for messages: "line 3", "feature 2".
    points, point_labels, box, mask, mask_offset, plane
        As in `Prompt`, not yet checked.
    outline : (y0, x0, y1, x1), optional
        Box that a polygon implies; a box given for the same object wins.
    object_id : int, optional
        None: an object of its own.
    """

    where: str
    points: Sequence[Sequence[float]] = ()
    point_labels: Sequence[int] = ()
    box: Sequence[float] | None = None
    mask: NDArray[Any] | None = None
    mask_offset: Sequence[int] | None = None
    outline: Sequence[float] | None = None
    object_id: int | None = None
    plane: Mapping[str, int] | tuple[int, ...] | None = None


def assemble(path: Path, parts: Iterable[Part]) -> list[Prompt]:
    """Make one prompt per object and plane, in the order of first appearance.

    Raises
    ------
    PromptError
        If there is nothing, or the parts of an object do not make a prompt;
        names the file and the place.
    """
    groups: dict[object, list[Part]] = {}
    memory = PromptMemory(path)
    for part in parts:
        memory.add(part.mask)
        own = part.where if part.object_id is None else None
        groups.setdefault((part.object_id, plane_key(part.plane), own), []).append(part)
    if not groups:
        raise PromptError(f"{path} holds no prompts; give at least one")
    return [_prompt(path, group) for group in groups.values()]


class PromptMemory:
    """Bounds what the prompts of one file take: a few bytes stand for a whole plane.

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
            There are more than `MOST_PARTS`, or their masks take more than one piece
            of a file may, see `decode_limit`.
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
    boxes = [part.box for part in group if part.box is not None]
    masked = [part for part in group if part.mask is not None]
    with naming(path, where):
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
            label_id=first.object_id,
            plane=first.plane,
        )


@contextmanager
def naming(path: Path, where: str) -> Iterator[None]:
    """Put the file and the place in front of a PromptError's message."""
    try:
        yield
    except PromptError as error:
        raise PromptError(f"{path}, {where}: {error}") from None


def plane_index(given: object) -> dict[str, int] | tuple[int, ...]:
    """Read a plane index: an object of axis letters, or a list where one is enough.

    Raises
    ------
    PromptError
        If it is neither.
    """
    if isinstance(given, dict):
        return {k: whole_number(n, f"plane {k}:", 0) for k, n in given.items()}
    if not isinstance(given, list):
        raise PromptError(
            f'plane {shown(given)} is neither an object nor a list; give {{"z": 12}}'
        )
    return tuple(whole_number(index, "plane index", 0) for index in given)


def whole_number(value: object, what: str, minimum: int) -> int:
    """Read an id or a plane index, which napari and spreadsheets write as "3.0".

    Parameters
    ----------
    value : object
        Text or number as it stands in the file.
    what : str
        Its name, for the message.
    minimum : int
        Least number allowed.

    Raises
    ------
    PromptError
        If it is no whole number (to a thousandth) from `minimum` on.
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
