"""Masks in layers, and proposals on one plane."""

import numpy as np
import pytest

from napari_hqsam.masks.layered import LayeredMasks
from napari_hqsam.masks.mask import Mask
from napari_hqsam.viewer.canvas.proposal_layer import OutlineLevel, grade
from napari_hqsam.viewer.proposals.proposal_set import Proposal, ProposalSet, Status


def box(y0, x0, y1, x1):
    return Mask.from_crop(np.ones((y1 - y0, x1 - x0), bool), (y0, x0), 0.9, 1.0)


def random_masks(count=40, size=64):
    rng = np.random.default_rng(3)
    masks = []
    for _ in range(count):
        y, x = rng.integers(0, size - 12, 2)
        h, w = rng.integers(3, 12, 2)
        masks.append(Mask.from_crop(rng.random((h, w)) > 0.3, (y, x), 0.9, 1.0))
    return masks


def painted(masks, size=64):
    """What `LayeredMasks.numbers` must give, on the whole plane."""
    plane = np.zeros((size, size), np.int32)
    for i, mask in enumerate(masks, 1):
        plane[mask.to_plane((size, size))] = i
    return plane


@pytest.mark.parametrize("step", [1, 2, 3, 8])
@pytest.mark.parametrize("window", [(0, 0, 64, 64), (5, 7, 40, 33), (63, 0, 64, 64)])
def test_windows_of_layered_masks_are_those_of_the_painted_plane(window, step):
    masks = random_masks()
    y0, x0, y1, x1 = window
    found = LayeredMasks(masks).numbers(window, step)
    assert np.array_equal(found, painted(masks)[y0:y1:step, x0:x1:step])


def test_masks_under_pixels_and_shares_in_a_box():
    layered = LayeredMasks([box(0, 0, 10, 10), box(5, 5, 15, 15)])
    assert layered.under([(7, 7)]) == [0, 1]
    assert layered.under([(1, 1), (30, 30)]) == [0]
    assert layered.under(np.zeros((0, 2))) == []
    assert layered.own_pixels(0).sum() == 75
    assert layered.own_pixels(1).all()
    assert layered.shares((0, 0, 5, 20)) == {0: 0.5}
    assert LayeredMasks([]).numbers((0, 0, 3, 4)).shape == (3, 4)


@pytest.mark.parametrize("axes", [(0, 1), (1, 2), (0, 2)])
def test_a_level_is_read_like_an_array(axes):
    masks = random_masks()
    shape = [1] * (axes[1] + 1)
    shape[axes[0]] = shape[axes[1]] = 64
    grades = np.arange(len(masks) + 1).astype(np.uint8)
    level = OutlineLevel(LayeredMasks(masks), grades, shape, axes, 1)
    whole = np.asarray(level)
    assert whole.shape == level.shape == tuple(shape)
    plane = painted(masks)
    differs = np.zeros(plane.shape, bool)
    for axis in (0, 1):
        for step in (-1, 1):
            other = np.roll(plane, step, axis)
            edge = [slice(None)] * 2
            edge[axis] = 0 if step == 1 else -1
            other[tuple(edge)] = plane[tuple(edge)]
            differs |= other != plane
    assert np.array_equal(whole.reshape(64, 64), np.where(differs, plane, 0))
    key = [slice(None) if axis in axes else 0 for axis in range(len(shape))]
    key[axes[0]], key[axes[1]] = slice(10, 30), slice(20, 64)
    assert np.array_equal(level[tuple(key)], whole[tuple(key)])
    key[axes[0]] = 12
    assert np.array_equal(level[tuple(key)], whole[tuple(key)])


def test_a_level_that_is_not_kept_is_the_same(monkeypatch):
    masks, grades = LayeredMasks(random_masks()), np.arange(41).astype(np.uint8)
    wanted = np.asarray(OutlineLevel(masks, grades, (64, 64), (0, 1), 2))
    monkeypatch.setattr("napari_hqsam.viewer.canvas.proposal_layer.KEPT", 0)
    level = OutlineLevel(masks, grades, (64, 64), (0, 1), 2)
    assert np.array_equal(level[3:17, 5:32], wanted[3:17, 5:32])


def test_what_becomes_of_a_proposal():
    proposals = ProposalSet(None, None)
    first, second = Proposal(box(0, 0, 4, 4), 0.5), Proposal(box(10, 10, 14, 14), 0.9)
    labels = np.zeros((20, 20), int)

    def look(**how):
        proposals.update(lambda b: labels[b[0] : b[2], b[1] : b[3]], **how)
        return [p.quality for p in proposals.open.masks]

    assert proposals.add(second)
    assert proposals.add(first)
    assert look() == [0.5, 0.9]
    assert proposals.shown(0.9) == [second]
    labels[0:2, 0:4] = 7  # half of it is free
    assert look() == [0.5, 0.9]
    labels[2, 0] = 7
    assert look(box=(10, 10, 20, 20)) == [0.5, 0.9]  # not looked at
    assert look() == [0.9]
    labels[:] = 0
    assert look(undone=True) == [0.5, 0.9]
    labels[0:4, 0:4] = 7
    assert look() == [0.9]
    labels[:] = 0  # deleted
    assert look() == [0.9]
    assert proposals.count(Status.WITHDRAWN) == 1
    assert not proposals.add(Proposal(box(0, 0, 4, 3), 0.8))
    assert proposals.add(Proposal(box(0, 2, 4, 6), 0.7))
    labels[0:4, 0:2] = 7  # the delete is undone
    labels[0:4, 2:4] = 7
    assert look(undone=True) == [0.7, 0.9]
    labels[:] = 0  # and the accept
    assert look(undone=True) == [0.5, 0.7, 0.9]


def test_an_empty_mask_is_no_proposal():
    proposals = ProposalSet(None, None)
    assert not proposals.add(Proposal(box(0, 0, 0, 0), 0.9))
    assert not proposals


def test_grades_are_monotonous_and_exact_at_the_steps():
    assert [grade(n / 100) for n in range(101)] == list(range(1, 102))
    assert grade(0.7049) == 71
    assert grade(-1.0) == 1
    assert grade(2.0) == 101
