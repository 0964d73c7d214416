"""Prompts of many slices, from the widget's own layers or any other."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from napari_hqsam.errors import PromptError
from napari_hqsam.viewer.canvas.prompt_reader import layer_prompts, plane_size
from napari_hqsam.viewer.stack.plans import check_inside, own_prompts

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from napari.layers import Layer

    from napari_hqsam.prompts import Prompt
    from napari_hqsam.viewer.canvas.scene import Scene
    from napari_hqsam.viewer.stack.stack_axis import Walk

Keyed = list[tuple["Hashable", "Prompt"]]
"""Prompts, each with the key of its object."""


class SlicePrompts(NamedTuple):
    """Prompts of many slices.

    Attributes
    ----------
    total : int
        How many slices there are.
    slices : iterator of (int, list of (hashable, Prompt))
        Slice by slice, looked up only then: layers may hold very many.
    own : dict of (int, hashable) to Prompt
        Those of the widget's own layers.
    """

    total: int
    slices: Iterator[tuple[int, Keyed]]
    own: dict[tuple[int, Hashable], Prompt]


def slice_prompts(
    scene: Scene, walk: Walk, source: Layer | None, span: tuple[int, int], *, each: bool
) -> SlicePrompts:
    """Prompts for slices: of a layer, or the widget's own.

    Parameters
    ----------
    scene, walk, span
        The slices.
    source : Layer or None
        None: the widget's own prompts; those of a slice are one object.
    each : bool
        Whether each slice has its own; else those of the slice shown are for all.

    Raises
    ------
    PromptError
        There is nothing to go by. Where each slice of a layer has its own, that is
        known only at the end.
    """
    if source is not None:
        if each:
            found = _of_each(scene, walk, source, span)
        else:
            shown = _shown(scene, walk, source)
            found = ((z, shown) for z in range(*span))
        return SlicePrompts(span[1] - span[0], found, {})
    own = own_prompts(scene, walk)
    if not each:
        own = {walk.z: own[walk.z]} if walk.z in own else {}
    if not own:
        raise PromptError("there are no prompts; click on an object first")
    taken: dict[tuple[int, Hashable], Prompt]
    if each:
        check_inside(own, span)
        keyed: dict[int, Keyed] = {z: [(z, p)] for z, p in sorted(own.items())}
        taken = {(z, z): p for z, p in own.items()}
    else:
        keyed = {z: [(0, own[walk.z])] for z in range(*span)}
        taken = {(walk.z, 0): own[walk.z]}
    return SlicePrompts(len(keyed), iter(keyed.items()), taken)


def _shown(scene: Scene, walk: Walk, source: Layer) -> Keyed:
    """Prompts of a layer on the slice shown."""
    image = scene.image
    assert image is not None
    prompts = layer_prompts(source, image, walk.view, scene.viewer.dims)
    size = plane_size(image, walk.view)
    found = _keyed(prompts, size, 0)
    if not found:
        prompts[0].check_on(size)
    return found


def _of_each(
    scene: Scene, walk: Walk, source: Layer, span: tuple[int, int]
) -> Iterator[tuple[int, Keyed]]:
    """Yield the prompts of a layer slice by slice."""
    image, count = scene.image, 0
    assert image is not None
    size = plane_size(image, walk.view)
    nothing: PromptError | None = None
    for z in range(*span):
        found: Keyed = []
        try:
            prompts = layer_prompts(source, image, walk.at(z), scene.viewer.dims)
            found = _keyed(prompts, size, count)
        except PromptError as error:
            nothing = error
        count += len(found)
        yield z, found
    if not count:
        raise nothing or PromptError(f"{source.name} has nothing on {image.name}")


def _keyed(prompts: Sequence[Prompt], size: tuple[int, int], first: int) -> Keyed:
    """Give prompts their objects; leave out those off the image.

    Labels are one object on all slices, all else is one on each.
    """
    found: Keyed = []
    for number, prompt in enumerate(prompts, first):
        try:
            prompt.check_on(size)
        except PromptError:
            continue
        label_id = prompt.label_id
        found.append((number if label_id is None else ("id", label_id), prompt))
    return found
