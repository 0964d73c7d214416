"""Through a stack of known objects, with a network whose answers are known."""

import threading
import warnings
from dataclasses import replace

import numpy as np
import pytest

from napari_hqsam import Prompt, Segmenter, open_image
from napari_hqsam.errors import ImageError, PromptError
from napari_hqsam.masks import Logits, Mask
from napari_hqsam.segmentation import StopRules, revise
from napari_hqsam.segmentation.propagation import (
    PromptTransfer,
    collect,
    iter_propagate,
)
from napari_hqsam.segmentation.propagation.prompt_transfer import next_prompts

SIDE = 96


def cone(centres, radii, background=20):
    """A stack of bright discs: centres (n, k, 2) and radii (n, k) of k objects."""
    yy, xx = np.mgrid[:SIDE, :SIDE]
    stack = np.full((len(centres), SIDE, SIDE), background, np.uint8)
    for plane, places, sizes in zip(stack, centres, radii, strict=True):
        for (y, x), r in zip(places, sizes, strict=True):
            plane[np.hypot(yy - y, xx - x) < r] = 220
    return stack


def drifting(count=9, objects=2):
    """Objects that drift to the right, one slice after another."""
    centres = [
        [(24 + 44 * k, 24 + 3 * z + 8 * k) for k in range(objects)]
        for z in range(count)
    ]
    return cone(centres, [[12] * objects] * count), centres


@pytest.fixture
def walk(bright):
    """Make a segmenter on a stack that the bright network knows."""

    def make(stack, **options):
        image = open_image(stack, axes=options.pop("axes", "zyx"))
        return Segmenter(image, bright(128), normalization=(0, 255), cache=False)

    return make


def ask(centre):
    return Prompt([centre])


def truth(found, stack):
    """IoU of an object with what is bright where it is, over the whole stack."""
    both = either = 0
    for z, each in found.slices.items():
        mask = each.mask.to_plane(stack.shape[1:])
        on = stack[z] > 128
        both += (mask & on).sum()
        either += mask.sum()
    return both / either


def test_objects_are_followed_both_ways(walk):
    stack, centres = drifting()
    segmenter = walk(stack)
    found = segmenter.propagate([{4: ask(centres[4][k])} for k in (0, 1)], level=0)
    for k, each in enumerate(found):
        assert list(each.slices) == list(range(9))
        assert truth(each, stack) > 0.9
        for z, at in each.slices.items():
            y0, x0, y1, x1 = at.mask.bbox
            y, x = centres[z][k]
            assert abs((y0 + y1) / 2 - y) < 3
            assert abs((x0 + x1) / 2 - x) < 3
        assert each.slices[4].origin == "prompted"
        assert each.slices[4].confidence.combined == 1
        assert each.slices[0].origin == "followed"
        assert 0 < each.slices[0].confidence.combined < 1
        assert each.worst_slice != 4


def test_the_encoder_is_called_once_a_slice_and_tile(walk):
    stack, centres = drifting()
    segmenter = walk(stack)
    segmenter.propagate([{4: ask(centres[4][k])} for k in (0, 1)], level=0)
    assert segmenter.source.encoded == len(stack)
    between = walk(stack)
    between.propagate([{0: ask(centres[0][0]), 8: ask(centres[8][0])}], level=0)
    assert between.source.encoded == len(stack)  # both directions see the same tiles


def test_an_object_ends_where_it_ends(walk):
    radii = [[0, 9], [9, 9], [11, 9], [12, 9], [11, 9], [9, 9], [0, 9]]
    stack = cone([[(24, 24), (70, 70)]] * 7, radii)
    segmenter = walk(stack)
    one, other = segmenter.propagate([{3: ask((24, 24))}, {3: ask((70, 70))}], level=0)
    assert one.extent == (1, 6)
    assert one.ended == {0: "empty", 6: "empty"}
    assert other.extent == (0, 7)


def test_a_dark_slice_is_stepped_over_but_not_two(walk):
    stack, centres = drifting()
    stack[6] = 20
    found = walk(stack).propagate({4: ask(centres[4][0])}, level=0)
    (each,) = found
    assert list(each.slices) == [0, 1, 2, 3, 4, 5, 7, 8]
    assert each.ended == {6: "empty"}
    assert each.worst_slice == 6
    assert each.confidences[6] == 0
    stack[7] = 20
    (each,) = walk(stack).propagate({4: ask(centres[4][0])}, level=0)
    assert list(each.slices) == [0, 1, 2, 3, 4, 5]


def test_between_two_prompts_both_directions_are_blended(walk):
    stack, centres = drifting()
    fixed = {0: ask(centres[0][0]), 8: ask(centres[8][0])}
    (each,) = walk(stack).propagate(fixed, level=0)
    assert [s.origin for s in each.slices.values()] == [
        "prompted",
        *["blended"] * 7,
        "prompted",
    ]
    assert truth(each, stack) > 0.9
    assert all(each.slices[z].confidence.agreement > 0.9 for z in range(1, 8))
    for direction, wanted in (("forward", range(9)), ("backward", range(9))):
        (one,) = walk(stack).propagate(fixed, direction=direction, level=0)
        assert list(one.slices) == list(wanted)
        assert one.slices[4].origin == "followed"
        assert one.slices[4].confidence.agreement is None


def test_one_direction_goes_no_further(walk):
    stack, centres = drifting()
    for direction, wanted in (("forward", range(4, 9)), ("backward", range(5))):
        (each,) = walk(stack).propagate(
            {4: ask(centres[4][0])}, direction=direction, level=0
        )
        assert list(each.slices) == list(wanted)
    (each,) = walk(stack).propagate({4: ask(centres[4][0])}, z_range=(3, 6), level=0)
    assert list(each.slices) == [3, 4, 5]


def test_masks_given_by_hand_are_kept_as_they_are(walk):
    stack, centres = drifting()
    y, x = (int(v) for v in centres[4][0])
    odd = Mask.from_crop(np.ones((10, 10), bool), (y - 5, x - 5), 1.0, 1.0)
    gone = Mask.from_crop(np.zeros((0, 0), bool), (0, 0), 1.0, 1.0)
    (each,) = walk(stack).propagate(
        {1: ask(centres[1][0]), 4: odd, 6: gone}, level=0, rules=StopRules(area_jump=9)
    )
    assert each.slices[4].mask is odd
    assert each.slices[4].origin == "kept"
    assert each.slices[6].mask is gone
    assert max(z for z, s in each.slices.items() if s.mask.area) <= 5


def test_masks_of_a_slice_are_disjoint_and_taken_pixels_are_left(walk):
    centres = [[(40, 30), (40, 30 + gap)] for gap in (40, 34, 28, 22, 18, 16)]
    stack = cone(centres, [[12, 12]] * 6)  # two that merge
    taken = np.zeros(stack.shape, np.uint16)
    taken[:, :36] = 5
    objects = [{0: ask((42, 30))}, {0: ask((42, 70))}]
    rules = StopRules(contrast=0, overlap=0, area_jump=99)
    for each in walk(stack).iter_propagate(objects, level=0, taken=taken, rules=rules):
        planes = [s.mask.to_plane((SIDE, SIDE)) for s in each.objects.values()]
        assert (np.sum(planes, 0) <= 1).all()
        assert not any(plane[:36].any() for plane in planes)
    with pytest.raises(ImageError, match="accepted objects have shape"):
        walk(stack).propagate(objects, taken=taken[1:])


def test_an_object_that_splits_keeps_its_parts(walk):
    gaps = [0, 0, 26, 28, 30]
    stack = cone([[(40, 40 - g / 2), (40, 40 + g / 2)] for g in gaps], [[11, 11]] * 5)
    rules = StopRules(contrast=0, overlap=0, area_jump=9)
    transfer = PromptTransfer(box=True, margin=8, widest=1)
    stack[1, 30:51, 25:56] = 220  # wide, just before it splits
    (each,) = walk(stack).propagate(
        {1: ask((40, 40))}, level=0, rules=rules, transfer=transfer
    )
    for z in (2, 3, 4):
        plane = each.slices[z].mask.to_plane((SIDE, SIDE))
        assert plane[40, 40 - gaps[z] // 2]
        assert plane[40, 40 + gaps[z] // 2]
    stack[3:, :, :40] = 20  # one part vanishes, the other goes on
    (each,) = walk(stack).propagate(
        {1: ask((40, 40))}, level=0, rules=rules, transfer=transfer
    )
    assert each.slices[4].mask.to_plane((SIDE, SIDE))[40, 55]


def test_slices_come_as_they_are_done_and_cancel_stops_them(walk):
    stack, centres = drifting()
    segmenter, stop = walk(stack), threading.Event()
    slices = segmenter.iter_propagate({4: ask(centres[4][0])}, cancel=stop, level=0)
    first = next(slices)
    assert first.z == 4
    assert segmenter.source.encoded == 1
    next(slices)
    assert segmenter.source.encoded == 2
    stop.set()
    assert list(slices) == []
    assert segmenter.source.encoded == 2
    asked = []
    cancelled = iter_propagate(
        segmenter, {4: ask(centres[4][0])}, cancel=lambda: bool(asked), level=0
    )
    asked.append(next(cancelled))
    (part,) = collect(iter([*asked, *cancelled]), 1)
    assert list(part.slices) == [4]


def test_a_new_prompt_redoes_only_what_it_can_change(walk):
    stack, centres = drifting()
    segmenter = walk(stack)
    (found,) = segmenter.propagate(
        {1: ask(centres[1][0]), 7: ask(centres[7][0])}, level=0
    )
    new = revise(segmenter, found, 4, ask(centres[4][0]), z_range=(0, 9), level=0)
    for z in (0, 1, 7, 8):
        assert new.slices[z] is found.slices[z]
    for z in (2, 3, 5, 6):
        assert new.slices[z] is not found.slices[z]
    assert new.slices[4].origin == "prompted"
    assert found.slices[4].origin == "blended"
    assert truth(new, stack) > 0.9


class Lazy:
    """A stack that is computed where it is read, and counts the pixels of a plane."""

    dtype = np.dtype(np.uint8)
    ndim = 3

    def __init__(self, count):
        self.shape = (count, SIDE, SIDE)
        self.read = {}

    def __getitem__(self, key):
        z, ys, xs = key
        assert isinstance(z, (int, np.integer)), "more than a plane at once"
        found = cone([[(40, 40)]], [[12]])[0][ys, xs]
        self.read[int(z)] = self.read.get(int(z), 0) + found.size
        return found


def test_a_stack_is_read_slice_by_slice_and_no_further(walk):
    stack = Lazy(10**6)
    segmenter = walk(stack)
    slices = segmenter.iter_propagate({500_000: ask((40, 40))}, level=0)
    for _ in range(5):
        next(slices)
    assert set(stack.read) == set(range(499_996, 500_001))
    # the tile, and once more about the object
    assert SIDE**2 <= max(stack.read.values()) < 2 * SIDE**2


def test_one_slice_and_one_pixel(walk):
    stack, centres = drifting(1)
    (each,) = walk(stack).propagate({0: ask(centres[0][0])}, level=0)
    assert list(each.slices) == [0]
    stack = np.full((3, SIDE, SIDE), 20, np.uint8)
    stack[:, 40, 40] = 255
    dot = Mask.from_crop(np.ones((1, 1), bool), (40, 40), 1.0, 1.0)
    (each,) = walk(stack).propagate({1: dot}, level=0)
    assert each.slices[1].mask is dot


def test_nans_and_saturated_slices_give_an_answer(walk):
    stack, centres = drifting()
    broken = stack.astype("f4")
    broken[5] = np.nan
    broken[6] = 255
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (each,) = walk(broken).propagate({3: ask(centres[3][0])}, level=0)
    assert {0, 1, 2, 3, 4} <= set(each.slices)
    assert 5 in each.ended


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"direction": "up"}, "direction 'up'"),
        ({"spacing": 0}, "spacing 0"),
        ({"output": "best"}, "output 'best'"),
        ({"level": "fine"}, "level 'fine'"),
        ({"axis": "t"}, "no axis 't'"),
        ({"z_range": (0, 3)}, "outside the range"),
    ],
)
def test_wrong_options_are_told_before_anything_is_computed(walk, options, message):
    stack, centres = drifting()
    segmenter = walk(stack)
    with pytest.raises(PromptError, match=message):
        segmenter.iter_propagate({4: ask(centres[4][0])}, **options)
    with pytest.raises(PromptError, match="outside the plane"):
        segmenter.iter_propagate({4: ask((500, 3))})
    assert segmenter.source.encoded == 0


def test_other_axes_are_walked(walk):
    stack, centres = drifting(5)
    turned = np.moveaxis(stack, 0, 2)  # the walk is along the last axis
    (each,) = walk(turned, axes="yxz").propagate({2: ask(centres[2][0])}, level=0)
    assert list(each.slices) == list(range(5))
    assert truth(each, stack) > 0.9
    many = np.stack([stack * 0, stack])
    (each,) = walk(many, axes="tzyx").propagate(
        {2: ask(centres[2][0])}, index=(1,), level=0
    )
    assert list(each.slices) == list(range(5))


def test_a_mask_that_is_only_repeated_ends_where_the_image_ends_it(walk, monkeypatch):
    """A network that gives back what it is told, as real ones nearly do."""
    stack, centres = drifting(9, 1)
    stack[:] = stack[4]  # stands still
    stack[7:] = 20
    segmenter = walk(stack)
    network = segmenter.model.network
    decode = network.decode

    def repeated(tile, prompts, *, hq=True):
        found = decode(tile, prompts, hq=hq)
        if prompts.mask_logits is not None:
            found.sam[:] = prompts.mask_logits
        return found

    monkeypatch.setattr(network, "decode", repeated)
    loose = StopRules(0, 0, 0, area_jump=99, patience=0)
    (each,) = segmenter.propagate({4: ask(centres[4][0])}, level=0, rules=loose)
    assert each.extent == (0, 9)
    rules = StopRules(0.55, 0, 0, area_jump=99, patience=0)
    (each,) = segmenter.propagate({4: ask(centres[4][0])}, level=0, rules=rules)
    assert each.extent == (0, 7)
    assert "contrast 0.00" in each.ended[7]


@pytest.mark.parametrize(("slope", "contrast"), [(0, 1.0), (0.5, 0.5)])
def test_contrast_is_relative_to_the_first_slice(walk, slope, contrast):
    """Of an object as bright as before, its surroundings may rise as well."""
    stack, centres = drifting(5, 1)
    stack[4][stack[4] < 100] = 20 + slope * 200  # below half: the mask stays the same
    loose = StopRules(0, 0, 0, area_jump=99)
    (each,) = walk(stack).propagate({2: ask(centres[2][0])}, level=0, rules=loose)
    assert each.slices[4].confidence.contrast == pytest.approx(contrast, abs=0.1)


def test_what_is_told_again_is_less_sure_of_the_outline_alone():
    yy, xx = np.mgrid[:40, :40]
    values = np.where(np.hypot(yy - 20, xx - 20) < 10, 12, -12).astype(np.float16)
    mask = Mask.from_crop(
        values > 0, (0, 0), 1.0, 1.0, logits=Logits(values, (0, 0), 1)
    )
    told = next_prompts({0: mask}, {0: 1.0}, (40, 40), PromptTransfer(blur=1.0))[
        0
    ].logits.values
    assert told[20, 20] == pytest.approx(12, abs=0.1)
    assert told[2, 2] == pytest.approx(-12, abs=0.1)
    assert abs(told[20, 29]) < 6
    assert abs(told[20, 30]) < 6


def test_when_an_object_ends_and_how_it_is_told_is_the_models_own(walk, monkeypatch):
    stack, centres = drifting(9, 1)
    segmenter = walk(stack)
    network, decode, sharpness = (
        segmenter.model.network,
        segmenter.model.network.decode,
        [],
    )

    def noting(tile, prompts, *, hq=True):
        if prompts.mask_logits is not None:
            sharpness.append(np.ptp(np.diff(prompts.mask_logits[0, 0].numpy())))
        return decode(tile, prompts, hq=hq)

    monkeypatch.setattr(network, "decode", noting)
    usual = segmenter.model.tuning
    fixed = {4: ask(centres[4][0])}
    for blur in (0.0, 2.0):
        segmenter.model.tuning = replace(usual, logit_blur=blur)
        (each,) = segmenter.propagate(fixed, level=0)
        assert each.extent == (0, 9)
    once, twice = sharpness[: len(sharpness) // 2], sharpness[len(sharpness) // 2 :]
    assert max(twice) < min(once)
    segmenter.model.tuning = replace(usual, end_stability=1.0)
    (each,) = segmenter.propagate(fixed, level=0)
    assert each.extent == (4, 5)
    assert "stability" in each.ended[5]
    (each,) = segmenter.propagate(fixed, level=0, rules=StopRules(stability=0.0))
    assert each.extent == (0, 9)
