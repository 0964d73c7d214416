"""Batches over slices, other orientations, time, and tracks."""

import numpy as np
import pytest

from napari_hqsam.errors import ModelError
from tests.viewer.helpers.stack import (
    COUNT,
    SIDE,
    centre,
    choose,
    discs,
    finish,
    go,
    iou,
    on,
    run,
    starter,
)


@pytest.fixture
def start(viewer, open_widget):
    return starter(viewer, open_widget)


# --- batches ------------------------------------------------------------------------


def test_the_same_prompts_on_each_slice(start):
    stack = np.stack([discs(1)[0]] * 5)
    hand = start(stack, z=2)
    choose(hand, "same")
    hand.click(*centre(0))
    run(hand)
    assert on(hand, 1) == set(range(5))
    assert set(np.unique(hand.labels)) == {0, 1}
    hand.key("U")
    assert not hand.labels.any()  # one step
    source = hand.viewer.add_points([(2, *centre(0, k)) for k in (0, 1)])
    hand.controller.tools.activate()
    choose(hand, "same", source)
    run(hand)
    assert on(hand, 1) == on(hand, 2) == set(range(5))


def test_one_object_per_shape_per_slice(start):
    stack = discs()
    hand = start(stack)
    boxes = []
    for z in range(1, 4):
        for k in (0, 1)[: 1 + z % 2]:
            (y, x) = centre(z, k)
            corners = [(y - 14, x - 14), (y - 14, x + 14), (y + 14, x + 14)]
            boxes.append([(z, *c) for c in [*corners, (y + 14, x - 14)]])
    source = hand.viewer.add_shapes(np.array(boxes, float), name="boxes")
    hand.controller.tools.activate()
    choose(hand, "each", source)
    assert hand.section.run.text().startswith("Segment the slices")
    run(hand)
    assert on(hand) == {1, 2, 3}
    assert [len(np.unique(hand.labels[z])) - 1 for z in (1, 2, 3)] == [2, 1, 2]
    assert set(np.unique(hand.labels)) == set(range(6))
    assert hand.messages[-1] == "5 objects found on 3 slices"
    made = next(iter(hand.sessions.session.history.events))
    assert made.prompt.box is not None
    nothing = hand.viewer.add_shapes(
        np.array([[(1, -50, -50), (1, -50, -40), (1, -40, -40)]], float),
        shape_type="polygon",
    )
    choose(hand, "each", nothing)
    run(hand)
    assert len(hand.notes) == 1
    assert "has nothing on" in hand.notes[-1]


def test_labels_of_each_slice_are_prompts_for_it(start):
    """An id is one object on all slices."""
    stack = discs(4)
    rough = np.zeros(stack.shape, np.uint8)
    for z in range(4):
        for k in (0, 1):
            y, x = centre(z, k)
            rough[z, y - 7 : y + 7, x - 7 : x + 7] = 5 + k
    hand = start(stack, z=1)
    source = hand.viewer.add_labels(rough, name="rough")
    hand.controller.tools.activate()
    choose(hand, "each", source)
    run(hand)
    assert on(hand, 1) == on(hand, 2) == set(range(4))
    assert iou(hand.labels > 0, stack > 100) > 0.8


def test_own_prompts_of_each_slice_are_objects_of_their_own(start):
    hand = start(discs())
    choose(hand, "each")
    hand.click(*centre(4))
    go(hand, 6)
    hand.click(*centre(6, 1))
    run(hand)
    assert (on(hand, 1), on(hand, 2)) == ({4}, {6})
    assert not len(hand.scene.points.data)


def test_all_objects_of_all_slices_are_found_and_linked(start):
    stack = discs(2)
    hand = start(stack, z=0)
    labels = np.zeros(stack.shape, np.uint16)
    labels[1][discs(2, objects=1)[1] > 100] = 9  # accepted already
    hand.sessions.use_target(hand.viewer.add_labels(labels))
    choose(hand, "auto")
    run(hand)
    assert iou(labels > 0, stack > 100) > 0.8
    second = [np.unique(labels[z][stack[z] > 100][-50:]) for z in range(2)]
    assert len(np.unique(second)) == 1  # one id through all slices
    assert (labels == 9).sum() == (discs(2, objects=1)[1] > 100).sum()
    hand.key("U")
    assert set(np.unique(labels)) == {0, 9}


# --- orientations, time, tracks -----------------------------------------------------


@pytest.mark.parametrize("across", [1, 2])
def test_other_orientations(start, viewer, across):
    """xz and yz."""
    stack = np.moveaxis(discs(), 0, across)
    viewer.dims.ndim = 3
    order = (across, *(a for a in range(3) if a != across))
    viewer.dims.order = order
    hand = start(np.ascontiguousarray(stack), axis=across)
    assert str(COUNT) in hand.section.axis.current_choice
    hand.click(*centre(4))
    run(hand)
    one = np.moveaxis(discs(objects=1), 0, across) > 100
    assert iou(hand.labels == 1, one) > 0.85
    assert {cell.z for cell in hand.stacks.cells()} == set(range(COUNT))


def test_time_points_of_a_stack_and_their_tracks(start):
    """t, z, y, x: along t by the slider moved last, or chosen."""
    movie = np.stack([discs(6)] * 2, axis=1)
    hand = start(movie, z=3)
    go(hand, 1, axis=1)
    section = hand.section
    assert len(section.axis) == 2
    section.axis.value = section.axis.choices[0]
    hand.click(*centre(3))
    run(hand)
    there = (hand.labels == 1).any((2, 3))
    assert there[:, 1].all()
    assert not there[:, 0].any()
    section.tracks.click()
    finish(hand)
    tracks = hand.viewer.layers[-1]
    assert type(tracks).__name__ == "Tracks"
    assert tracks.data.shape == (6, 5)
    assert tracks.data[:, 1].tolist() == list(range(6))
    assert (tracks.data[:, 2] == 1).all()
    assert np.allclose(tracks.data[:, 3:], [centre(t) for t in range(6)], atol=1)
    assert hand.messages[-1] == "1 tracks of 1 objects"
    assert hand.viewer.layers.selection.active != tracks


def test_tracks_of_labels_made_by_hand(start):
    hand = start(discs(), scale=(3, 0.5, 0.5))
    labels = np.zeros((COUNT, SIDE, SIDE), np.uint8)
    labels[2:5, 10:20, 10:20] = 3
    hand.section.tracks.click()
    assert "no labels yet" in hand.notes[-1]
    hand.sessions.use_target(hand.viewer.add_labels(labels, scale=(3, 0.5, 0.5)))
    hand.section.tracks.click()
    finish(hand)
    tracks = hand.viewer.layers[-1]
    assert tracks.data[:, 1].tolist() == [2, 3, 4]
    assert tuple(tracks.scale[-3:]) == (3, 0.5, 0.5)
    assert np.array_equal(labels[2:5] == 3, labels[2:5] > 0)


def test_tracks_need_no_model(start, monkeypatch):
    hand = start(discs())
    labels = np.zeros((COUNT, SIDE, SIDE), np.uint8)
    labels[2:5, 10:20, 10:20] = 3
    hand.sessions.use_target(hand.viewer.add_labels(labels))

    def missing(*_):
        raise ModelError("vit_b is not on this machine")

    monkeypatch.setattr(hand.engine, "model", missing)
    hand.settings.model = "vit_b"
    hand.section.tracks.click()
    finish(hand)
    assert hand.viewer.layers[-1].data[:, 1].tolist() == [2, 3, 4]
    assert hand.messages[-1] == "1 tracks of 1 objects"
