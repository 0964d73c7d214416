"""What the worker does with a stack, slice by slice.

Runs on the worker's thread and imports torch only there. Knows frozen tasks; must
not know napari, Qt or layers, nor which ids objects get.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.errors import PromptError
from napari_hqsam.viewer.stack.stack_axis import OnePlane
from napari_hqsam.worker import Cancelled

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterator, Mapping

    from numpy.typing import NDArray

    from napari_hqsam.geometry import Box, Plane
    from napari_hqsam.masks import Mask, Tracks
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.segmentation.propagation import Confidence, Direction
    from napari_hqsam.viewer.inference.engine import Engine
    from napari_hqsam.viewer.inference.requests import Request
    from napari_hqsam.viewer.stack.stack_axis import Walk

Crop = tuple[tuple[int, int, int, int], "NDArray[np.bool_]"]
"""Half-open box (y0, x0, y1, x1) of a plane, and the (h, w) bool mask in it."""


@dataclass(frozen=True, eq=False)
class Asked:
    """Prompts of an object on a slice, as the widget asks for their mask.

    Attributes
    ----------
    request : Request
    chosen : int
        Which mask of the answer.
    """

    request: Request
    chosen: int = 0

    @property
    def prompt(self) -> Prompt:
        """The prompts."""
        return self.request.prompt


@dataclass(frozen=True, eq=False)
class Said:
    """What is known of an object before it is followed.

    Attributes
    ----------
    prompts : mapping of int to Asked
        By slice.
    kept : mapping of int to Crop
        Slices that stay as they are.
    derived : collection of int
        Slices on which it was followed before.
    news : collection of int or None
        Slices where what is said is new: only what they can change is redone. None:
        all of them.
    """

    prompts: Mapping[int, Asked]
    kept: Mapping[int, Crop] = field(default_factory=dict)
    derived: Collection[int] = ()
    news: Collection[int] | None = None


@dataclass(frozen=True, eq=False)
class Item:
    """One object on one slice.

    Attributes
    ----------
    key : hashable
        The same on all slices.
    mask : Mask or None
        None: it is not there.
    asked : Asked or None
        That the mask was made from; None where it was derived.
    confidence : float
    parts : Confidence or None
        What that was made of.
    """

    key: Hashable
    mask: Mask | None
    asked: Asked | None = None
    confidence: float = 1.0
    parts: Confidence | None = None


@dataclass(frozen=True, eq=False)
class Slice:
    """What was found on a slice; or, at the end, tracks.

    Attributes
    ----------
    z : int
    items : tuple of Item
    tracks : Tracks or None
    boxes : mapping of int to tuple, or None
        Where the objects in the labels lie on the slice, by their ids; None: nobody
        has looked.
    partial : bool
        Whether more of this slice is to come.
    """

    z: int
    items: tuple[Item, ...] = ()
    tracks: Tracks | None = None
    boxes: Mapping[int, Box] | None = None
    partial: bool = False


@dataclass(frozen=True, eq=False)
class Job:
    """All that work on a stack needs.

    Attributes
    ----------
    walk : Walk
    span : (start, stop)
        Half-open range of slices.
    request : Request
        How to segment; its prompt and plane do not count.
    labels : array-like
        The target, to be read by regions.
    asked : callable
        Called between two steps; True: to be ended.
    own : callable
        Ids of the objects that the work is about: their pixels are not taken.
    tiles : callable
        Gets the tiles of a slice that are done, and how many it has.
    """

    walk: Walk
    span: tuple[int, int]
    request: Request
    labels: Any
    asked: Callable[[], bool]
    own: Callable[[], list[int]]
    tiles: Callable[[int, int], None] = lambda done, total: None

    def taken(self, plane: Plane, box: Box) -> NDArray[Any]:
        """Labels of other objects in a region of a slice."""
        region = plane.read(self.labels, box)
        return np.where(np.isin(region, self.own()), 0, region)


def follow(
    job: Job,
    objects: list[Said],
    direction: Direction,
    spacing: float,
    engine: Engine,
) -> Iterator[Slice]:
    """Follow objects through a stack; slices come when they are final.

    On prompted slices an object is what the widget shows for the prompts. What it
    has on slices where it was looked for anew and not found comes last, as items
    without a mask.

    Raises
    ------
    PromptError
        Prompts give no mask.
    """
    from napari_hqsam.segmentation.propagation import iter_propagate, range_to_walk

    redo = [_redone(said, job.span, direction) for said in objects]
    if not any(redo):
        return
    shown = _answered(objects, job, engine)
    known = [(*said.kept, *said.prompts) for said in objects]
    span = range_to_walk(set().union(*redo), known, job.span)
    told = [
        {z: m for z, m in {**_masks(said.kept), **masks}.items() if _in(z, span)}
        for said, masks in zip(objects, shown, strict=True)
    ]
    walk, how = job.walk, job.request
    found = iter_propagate(
        engine.segmenter(how.image, how.model),
        told,
        axis=walk.letter,
        index=walk.others,
        z_range=span,
        direction=direction,
        taken=lambda index, box: job.taken(walk.plane(walk.slice_of_index(index)), box),
        spacing=spacing,
        **how.options.arguments(),
        cancel=job.asked,
    )
    left = [redo[i] & set(said.derived) for i, said in enumerate(objects)]
    for each in found:
        items = []
        for i, one in each.objects.items():
            if each.z in redo[i] and one.mask.area:
                mask = shown[i].get(each.z, one.mask)
                asked, sure = objects[i].prompts.get(each.z), one.confidence
                items.append(Item(i, mask, asked, sure.combined, sure))
                left[i].discard(each.z)
        yield Slice(each.z, tuple(items))
    if not job.asked():
        for z in sorted(set().union(*left)):
            gone = [Item(i, None) for i, zs in enumerate(left) if z in zs]
            yield Slice(z, tuple(gone))


def _redone(said: Said, span: tuple[int, int], direction: Direction) -> set[int]:
    """Slices that may change; none that is not looked at in this direction."""
    from napari_hqsam.segmentation.propagation import redone_slices

    known = {*said.kept, *said.prompts}
    news = known if said.news is None else known & set(said.news)
    return redone_slices(known, news, said.kept, span, direction)


def _answered(objects: list[Said], job: Job, engine: Engine) -> list[dict[int, Mask]]:
    """Return the masks of the prompts of each object, by slice."""
    found: list[dict[int, Mask]] = []
    for said in objects:
        masks = {}
        for z, asked in said.prompts.items():
            if job.asked():
                raise Cancelled
            answers = engine.answer(asked.request).masks
            masks[z] = answers[min(asked.chosen, len(answers) - 1)]
            if not masks[z].area:
                raise PromptError(
                    f"no object was found at the prompts on slice {z}; add or move some"
                )
        found.append(masks)
    return found


def _in(z: int, span: tuple[int, int]) -> bool:
    return span[0] <= z < span[1]


def _masks(crops: Mapping[int, Crop]) -> dict[int, Mask]:
    from napari_hqsam.masks import Mask

    return {
        z: Mask.from_crop(data, (y0, x0), 1.0, 1.0)
        for z, ((y0, x0, _, _), data) in crops.items()
    }


Prompted = tuple[int, "Request", list[tuple["Hashable", "Prompt"]]]
"""A slice, how it is segmented, and (key of the object, prompt) each."""


def prompted(
    job: Job, told: Callable[[], Prompted | None], engine: Engine
) -> Iterator[Slice]:
    """Segment each slice by prompts of its own.

    Parameters
    ----------
    job : Job
    told : callable
        Gives the next slice; None: there are no more.
    engine : Engine
    """
    while (slice_ := told()) is not None and not job.asked():
        z, how, many = slice_
        segmenter = engine.segmenter(how.image, how.model)
        prompts = [prompt for _, prompt in many]
        masks = segmenter.segment_many(prompts, **how.how) if many else []
        yield Slice(
            z,
            tuple(
                Item(key, mask, Asked(replace(how, prompt=prompt)))
                for (key, prompt), mask in zip(many, masks, strict=True)
            ),
        )


class _Taken:
    """Labels of others on a slice, as an array that is read by slices."""

    def __init__(self, job: Job, z: int) -> None:
        self._job, self._plane = job, job.walk.plane(z)
        self.shape = self._plane.size(job.labels.shape)

    def __getitem__(self, key: tuple[slice, slice]) -> NDArray[Any]:
        (y0, y1, _), (x0, x1, _) = (
            part.indices(n) for part, n in zip(key, self.shape, strict=True)
        )
        return self._job.taken(self._plane, (y0, x0, y1, x1))


def automatic(job: Job, engine: Engine) -> Iterator[Slice]:
    """Find all objects of each slice; those that overlap are one object.

    Those of one plane alone come one by one, as they are found.
    """
    from napari_hqsam.masks import Linker
    from napari_hqsam.segmentation.automatic import iter_everything, quality

    def go_on() -> None:
        if job.asked():
            raise Cancelled

    linker, how = Linker(), job.request
    options = how.options
    if options.level == "whole":
        options = replace(options, level="auto")
    segmenter = engine.segmenter(how.image, how.model)
    for z in range(*job.span):
        go_on()
        found = iter_everything(
            segmenter,
            plane=how.image.index_at(job.walk.index(z)),
            **options.arguments(),
            taken=_Taken(job, z),
            progress=job.tiles,
            check=go_on,
        )
        if isinstance(job.walk, OnePlane):
            for i, mask in enumerate(found):
                sure = min(quality(mask), 1.0)
                yield Slice(z, (Item(i, mask, confidence=sure),), partial=True)
            yield Slice(z)
            return
        masks = dict(enumerate(found))
        sights = linker.add(masks)
        yield Slice(
            z,
            tuple(
                Item(sights[i].object_id, mask, confidence=min(quality(mask), 1.0))
                for i, mask in masks.items()
                if i in sights
            ),
        )


def track(job: Job) -> Iterator[Slice]:
    """Make tracks of the labels: an id is one object on all slices."""
    from napari_hqsam.masks import Sight, link_planes, tracks_of
    from napari_hqsam.masks.linking import centre, masks_of

    sights: list[Sight] = []
    before: dict[int, Mask] = {}
    seen: set[int] = set()
    for z in range(*job.span):
        if job.asked():
            return
        plane = job.walk.plane(z)
        labels = plane.read(job.labels, (0, 0, *plane.size(job.labels.shape)))
        now = masks_of(labels)
        links = link_planes(before, now)
        for i, mask in now.items():
            ended = [p for p in links.merges.get(i, []) if p not in now]
            parents = ended if i in seen else [*links.splits.get(i, []), *ended]
            sight = Sight(i, z, centre(mask), mask.area)
            sights.append(replace(sight, parents=tuple(parents)))
        seen |= now.keys()
        before = now
        yield Slice(z)
    yield Slice(job.span[1] - 1, tracks=tracks_of(sights))
