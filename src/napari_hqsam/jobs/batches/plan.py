"""The plan of a batch: planes, prompts, options, and what identifies it."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from napari_hqsam.errors import ImageError, PromptError
from napari_hqsam.geometry.plane_text import all_planes
from napari_hqsam.images import fingerprint
from napari_hqsam.labels import MAX_ID, Overlap, label_ids
from napari_hqsam.masks.linking import MIN_OVERLAP, check_overlap
from napari_hqsam.segmentation.options import (
    OptionArgs,
    ProposerName,
    SegmentOptions,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Unpack

    from napari_hqsam.geometry import PlaneIndex
    from napari_hqsam.images import Image
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.segmentation import Segmenter

Mode = Literal["same", "each", "auto"]
Index = tuple[int, ...]


@dataclass(frozen=True)
class Batch:
    """Plan of a batch, made and checked by `plan_batch`.

    Attributes
    ----------
    mode : {"same", "each", "auto"}
        The same prompts on each plane; own prompts on each plane; no prompts.
    planes : tuple of tuple of int
        In the order in which they are segmented.
    prompts : mapping of tuple of int to tuple of (int, Prompt)
        Prompts of a plane with the ids of their objects. In mode "same" one entry,
        for (): those of all planes.
    options : SegmentOptions
        How each object is segmented.
    overlap : {"keep", "overwrite"}
        As for `labels.paint`.
    min_overlap, max_gap
        How objects of mode "auto" are linked, see `masks.Linker`.
    linked_axis : int
        Which of the leading axes they are linked along, from 0.
    proposer : {"auto", "apg", "ais", "grid"}
        Where the prompts of mode "auto" come from; see `iter_everything`.
    """

    mode: Mode
    planes: tuple[Index, ...]
    prompts: Mapping[Index, tuple[tuple[int, Prompt], ...]] = field(
        default_factory=dict
    )
    options: SegmentOptions = field(default_factory=SegmentOptions)
    overlap: Overlap = "keep"
    min_overlap: float = MIN_OVERLAP
    max_gap: int = 0
    linked_axis: int = 0
    proposer: ProposerName = "auto"

    def prompts_on(self, index: Index) -> tuple[tuple[int, Prompt], ...]:
        """Return the ids and prompts of a plane."""
        return self.prompts.get(() if self.mode == "same" else index, ())

    def sequence(self, index: Index) -> Index:
        """Return the index of a plane without that along the linked axis."""
        return index[: self.linked_axis] + index[self.linked_axis + 1 :]

    @property
    def highest_id(self) -> int:
        """Highest id of the labels; `MAX_ID` where it is not known beforehand."""
        if self.mode == "auto":
            return MAX_ID
        return max((i for some in self.prompts.values() for i, _ in some), default=0)

    def identity(self, segmenter: Segmenter) -> dict[str, Any]:
        """Return all that must be equal to resume the batch, as JSON values."""
        model, image, options = segmenter.model, segmenter.image, self.options
        view = (
            {} if options.view_extent is None else {"view extent": options.view_extent}
        )
        proposer = {} if self.mode != "auto" else {"proposer": self.proposer}
        # written with the first labels; absent where nothing is known of the pixels
        space = (
            {} if image.space.is_plain else {"scale and units": image.space.to_dict()}
        )
        return (
            view
            | proposer
            | space
            | {
                "image": fingerprint(image),
                "shape": [*image.leading_shape, *image.plane_shape],
                "model": f"{model.name} {model.digest} {model.dtype}",
                "normalization": repr(segmenter.normalization),
                "mode": self.mode,
                "planes": [list(index) for index in self.planes],
                "prompts": _digest(self.prompts),
                "level": options.level,
                "output": options.output,
                "clean": options.clean,
                "overlap": self.overlap,
                "typical size": options.typical_size,
                "linking": [self.min_overlap, self.max_gap, self.linked_axis],
            }
        )


def plan_batch(
    image: Image,
    mode: Mode,
    prompts: Sequence[Prompt] = (),
    *,
    planes: Sequence[PlaneIndex] | None = None,
    overlap: Overlap = "keep",
    min_overlap: float = MIN_OVERLAP,
    max_gap: int = 0,
    linked_axis: str | None = None,
    proposer: ProposerName = "auto",
    **options: Unpack[OptionArgs],
) -> Batch:
    """Plan a batch over planes of one image; nothing is computed yet.

    Parameters
    ----------
    image : Image
        An image of one plane or many.
    mode : {"same", "each", "auto"}
        "same": all prompts on each plane; an object has the same id on all.
        "each": each prompt on the plane that it names; prompts of several planes
        with one ``label_id`` are one object. "auto": no prompts; what is found is
        linked by overlap, plane after plane.
    prompts : sequence of Prompt
        Empty in mode "auto".
    planes : sequence of mapping of str to int, optional
        Which planes, such as ``[{"z": 0}, {"z": 1}]`` (see
        `geometry.PlaneIndex`); all by default, in mode "each" those that have prompts.
    overlap : {"keep", "overwrite"}
        Which prompt gets pixels in several masks: the first or the last. In mode
        "auto" the best mask gets them.
    min_overlap, max_gap
        See `masks.Linker`.
    linked_axis : str, optional
        Letter of the axis along which "auto" links; by default "z" if there is one,
        else the last of the leading axes.
    proposer : {"auto", "apg", "ais", "grid"}
        Where the prompts of mode "auto" come from; see `iter_everything`.
    **options
        As of `SegmentOptions`.

    Raises
    ------
    ImageError, PromptError
        A parameter is invalid, or does not fit the image.
    """
    _check_choices(mode, overlap, proposer)
    segment_options = SegmentOptions(**options)
    check_overlap(min_overlap)
    if mode == "auto" and segment_options.level == "whole":
        raise PromptError('level "whole" needs prompts; use "auto" or an int')
    if max_gap < 0:
        raise ImageError(f"a gap of {max_gap} planes is negative; give 0 or more")
    grouped = _grouped(image, mode, prompts)
    named = planes is not None
    chosen = sorted({image.position(p) for p in planes}) if planes is not None else []
    if not named:
        chosen = (
            sorted(grouped)
            if mode == "each"
            else all_planes(image.leading_shape, image.name)
        )
    for index in {*chosen, *(grouped if mode == "each" else ())}:
        image.read_at(index, (0, 0, 1, 1))  # raises if there is no such plane
    axis = _axis(image, linked_axis)
    if mode == "each":
        grouped = {index: some for index, some in grouped.items() if index in chosen}
        if not grouped:
            raise PromptError(
                f"none of the {len(prompts)} prompts is on one of the "
                f"{len(chosen)} planes; choose other planes"
            )
    # the axis of linking varies fastest: linked planes follow each other
    chosen.sort(key=lambda i: (*i[:axis], *i[axis + 1 :], *i[axis : axis + 1]))
    return Batch(
        mode,
        tuple(chosen),
        grouped,
        segment_options,
        overlap,
        min_overlap,
        max_gap,
        axis,
        proposer,
    )


def _check_choices(mode: str, overlap: str, proposer: str) -> None:
    for what, value, known in (
        ("mode", mode, get_args(Mode)),
        ("overlap", overlap, ("keep", "overwrite")),
        ("proposer", proposer, get_args(ProposerName)),
    ):
        if value not in known:
            raise PromptError(f"{what} {value!r} is unknown: {', '.join(known)}")


def _axis(image: Image, letter: str | None) -> int:
    """Return the index of the axis along which objects are linked."""
    axes = image.leading_axes
    if letter is None:
        return axes.index("z") if "z" in axes else max(len(axes) - 1, 0)
    if letter not in axes or len(letter) != 1:
        raise ImageError(
            f"objects cannot be linked along {letter!r}: {image.name} has planes "
            f"along {', '.join(axes) or 'no axis'}"
        )
    return axes.index(letter)


def _grouped(
    image: Image, mode: Mode, prompts: Sequence[Prompt]
) -> dict[Index, tuple[tuple[int, Prompt], ...]]:
    """Group prompts with ids by plane, and validate each against the plane."""
    if mode == "auto":
        if prompts:
            raise PromptError(
                f'{len(prompts)} prompts, but mode "auto" takes none: use "same" or '
                '"each"'
            )
        return {}
    if not prompts:
        raise PromptError(f'no prompts: mode {mode!r} needs some; or use mode "auto"')
    groups: dict[Index, list[Prompt]] = defaultdict(list)
    for prompt in prompts:
        prompt.check_on(image.plane_shape)
        groups[_place(image, mode, prompt)].append(prompt)
    ids = label_ids(groups)
    return {
        index: tuple(zip(ids[index], group, strict=True))
        for index, group in groups.items()
    }


def _place(image: Image, mode: Mode, prompt: Prompt) -> Index:
    if mode == "same":
        if prompt.plane is not None:
            raise PromptError(
                f'a prompt names plane {prompt.plane}, but in mode "same" all are '
                'for each plane: use "each", or leave the plane out'
            )
        return ()
    if prompt.plane is None and image.leading_axes:
        raise PromptError(
            f'a prompt names no plane, but in mode "each" all must '
            f'({", ".join(image.leading_axes)}): add the columns, or use "same"'
        )
    return image.position(prompt.plane or ())


def _digest(prompts: Mapping[Index, tuple[tuple[int, Prompt], ...]]) -> str:
    """Return the SHA-256 of prompts with their planes and ids."""
    found = hashlib.sha256()
    for index, group in sorted(prompts.items(), key=lambda item: item[0]):
        for label_id, p in group:
            content = (index, label_id, p.points, p.point_labels, p.box, p.mask_offset)
            found.update(repr(content).encode())
            if p.mask is not None:
                found.update(repr(p.mask.shape).encode() + p.mask.tobytes())
            if p.logits is not None:
                found.update(repr((p.logits.offset, p.logits.pitch)).encode())
                found.update(p.logits.values.tobytes())
    return found.hexdigest()
