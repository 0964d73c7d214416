"""Prompts of many slices, from the widget's own layers or any other."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from napari_hqsam.errors import PromptError
from napari_hqsam.viewer.canvas.prompts.reader import layer_prompts, plane_size
from napari_hqsam.viewer.stack.slices.shown_slices import check_inside, own_prompts

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from napari.layers import Layer

    from napari_hqsam.prompts import Prompt
    from napari_hqsam.viewer.canvas.scene import Scene
    from napari_hqsam.viewer.stack.slices.slice_axis import SliceAxis

Keyed = list[tuple["Hashable", "Prompt"]]
"""Prompts, each with the key of its object."""


class SlicePrompts(NamedTuple):
    """Prompts of many slices.

    Attributes
    ----------
    total : int
        How many slices there are.
    slices : iterator of (int, list of (hashable, Prompt))
        Slice by slice, read lazily: layers may hold very many.
    own : dict of (int, hashable) to Prompt
        Those of the widget's own layers.
    """

    total: int
    slices: Iterator[tuple[int, Keyed]]
    own: dict[tuple[int, Hashable], Prompt]


def same_prompts(
    scene: Scene, stack: SliceAxis, source: Layer | None, span: tuple[int, int]
) -> SlicePrompts:
    """Return the prompts of the slice shown, for every slice.

    Parameters
    ----------
    scene, stack, span
        The slices.
    source : Layer or None
        None: the widget's own prompt, which is one object.

    Raises
    ------
    PromptError
        There are no prompts.
    """
    own: dict[tuple[int, Hashable], Prompt] = {}
    if source is not None:
        shown = _shown(scene, stack, source)
    else:
        prompt = own_prompts(scene, stack).get(stack.z)
        _require_prompts(prompt)
        assert prompt is not None
        shown, own[stack.z, 0] = [(0, prompt)], prompt
    slices = ((z, shown) for z in range(*span))
    return SlicePrompts(span[1] - span[0], slices, own)


def prompts_of_each(
    scene: Scene, stack: SliceAxis, source: Layer | None, span: tuple[int, int]
) -> SlicePrompts:
    """Return the prompts that each slice has.

    Parameters
    ----------
    scene, stack, span
        The slices.
    source : Layer or None
        None: the widget's own prompts; those of a slice are one object.

    Raises
    ------
    PromptError
        There are no prompts. For a layer this is known only at the end.
    """
    if source is not None:
        return SlicePrompts(span[1] - span[0], _of_each(scene, stack, source, span), {})
    prompts = own_prompts(scene, stack)
    _require_prompts(prompts)
    check_inside(prompts, span)
    slices: Iterator[tuple[int, Keyed]] = (
        (z, [(z, prompt)]) for z, prompt in sorted(prompts.items())
    )
    own: dict[tuple[int, Hashable], Prompt] = {(z, z): p for z, p in prompts.items()}
    return SlicePrompts(len(prompts), slices, own)


def _require_prompts(prompts: object) -> None:
    if not prompts:
        raise PromptError("there are no prompts; click on an object first")


def _shown(scene: Scene, stack: SliceAxis, source: Layer) -> Keyed:
    """Return the prompts of a layer on the slice shown."""
    image = scene.image
    assert image is not None
    prompts = layer_prompts(source, image, stack.view, scene.viewer.dims)
    size = plane_size(image, stack.view)
    found = _keyed(prompts, size, 0)
    if not found:
        prompts[0].check_on(size)
    return found


def _of_each(
    scene: Scene, stack: SliceAxis, source: Layer, span: tuple[int, int]
) -> Iterator[tuple[int, Keyed]]:
    """Yield the prompts of a layer slice by slice."""
    image, count = scene.image, 0
    assert image is not None
    size = plane_size(image, stack.view)
    nothing: PromptError | None = None
    for z in range(*span):
        found: Keyed = []
        try:
            prompts = layer_prompts(source, image, stack.view_of(z), scene.viewer.dims)
            found = _keyed(prompts, size, count)
        except PromptError as error:
            nothing = error
        count += len(found)
        yield z, found
    if not count:
        raise nothing or PromptError(f"{source.name} has nothing on {image.name}")


def _keyed(prompts: Sequence[Prompt], size: tuple[int, int], first: int) -> Keyed:
    """Give prompts the keys of their objects; leave out those off the image.

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
