"""Ids that go on from plane to plane; splits, merges, gaps and tracks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_hqsam.errors import ImageError
from napari_hqsam.masks import Linker, Mask, link_planes, tracks_of
from napari_hqsam.masks.linking import centre


def plane(*squares, shape=(60, 60)):
    """Labels of (id, y, x, side) squares; the later lies on top."""
    labels = np.zeros(shape, np.uint16)
    for label_id, y, x, side in squares:
        labels[y : y + side, x : x + side] = label_id
    return labels


def ids(labels):
    return {int(i) for i in np.unique(labels)} - {0}


def test_objects_keep_their_ids_whatever_they_are_called():
    linker = Linker()
    first = linker.relabel(plane((7, 5, 5, 10), (3, 30, 30, 12)))
    second = linker.relabel(plane((1, 31, 31, 12), (2, 6, 6, 10), (9, 50, 0, 6)))
    assert first[6, 6] == second[7, 7]
    assert first[35, 35] == second[35, 35]
    assert second[52, 2] not in ids(first)
    assert linker.graph == {}


def test_the_matching_is_the_best_over_all_not_greedy():
    # 11 is more like 1 than 2 is like 11, but then 2 and 12 would be left alone
    before = {1: square(0, 0, 10, 12), 2: square(0, 12, 10, 8)}
    now = {11: square(0, 4, 10, 12), 12: square(0, 0, 10, 5)}
    links = link_planes(before, now, 0.1)
    assert links.continues == {11: 2, 12: 1}


def square(y, x, height, width):
    return Mask((y, x, y + height, x + width), np.ones((height, width), bool), 1, 1)


def test_below_the_overlap_an_object_is_new():
    before, now = plane((1, 0, 0, 20)), plane((1, 0, 14, 20))
    assert link_planes(before, now, 0.2).continues == {}
    assert link_planes(before, now, 0.15).continues == {1: 1}


def test_what_shrinks_inside_is_the_same_object():
    assert link_planes(plane((1, 0, 0, 30)), plane((5, 10, 10, 6))).continues == {5: 1}


def test_a_split_gives_the_new_part_a_parent():
    linker = Linker()
    linker.add(plane((1, 10, 10, 30)))
    parts = plane((1, 10, 10, 30))
    parts[:, 28:31] = 0
    parts[:, 31:] *= 2
    linked = linker.add(parts)
    assert linked[1].object_id == 1
    assert linked[2].object_id == 2
    assert linked[2].parents == (1,)
    assert linker.graph == {2: [1]}


def test_a_merge_names_what_ended_in_it():
    linker = Linker()
    linker.add(plane((1, 10, 10, 20), (2, 15, 30, 8)))
    whole = plane((4, 10, 10, 20), (4, 15, 30, 8))
    assert linker.add(whole)[4].object_id == 1
    assert linker.graph == {1: [2]}
    # 2 has ended: what is found at its place again is not 2
    apart = linker.add(plane((4, 10, 10, 20), (5, 15, 30, 8)))
    assert apart[5].object_id == 3
    assert linker.graph == {1: [2], 3: [1]}


@pytest.mark.parametrize(("max_gap", "same"), [(0, False), (1, True)])
def test_a_gap_is_bridged_if_wanted(max_gap, same):
    linker = Linker(max_gap=max_gap)
    before = linker.add(plane((1, 10, 10, 10)))[1]
    assert linker.add(plane()) == {}
    after = linker.add(plane((1, 11, 11, 10)))[1]
    assert (before.object_id == after.object_id) is same


def test_after_a_gap_too_long_it_is_another():
    linker = Linker(max_gap=1)
    linker.add(plane((1, 10, 10, 10)))
    linker.add(plane())
    linker.add(plane())
    assert linker.add(plane((1, 10, 10, 10)))[1].object_id == 2


def test_masks_and_labels_give_the_same():
    first, second = plane((1, 5, 5, 10), (2, 30, 9, 9)), plane((2, 6, 6, 10))
    masks = [
        Mask((5, 5, 15, 15), np.ones((10, 10), bool), 1, 1),
        Mask((30, 9, 39, 18), np.ones((9, 9), bool), 1, 1),
    ]
    assert link_planes(masks, second) == link_planes(first, second)


def test_a_linker_goes_on_from_what_it_said_before():
    planes = [
        plane((1, 10, 10, 20), (2, 15, 30, 8)),
        plane((1, 10, 10, 20), (1, 15, 30, 8)),
        plane((1, 10, 10, 20), (2, 15, 30, 8), (3, 45, 45, 9)),
        plane((3, 10, 11, 20), (1, 45, 46, 9)),
    ]
    whole, begun = Linker(max_gap=1), Linker(max_gap=1)
    said = [whole.add(p) for p in planes]
    for seen, labels in zip(said[:2], planes[:2], strict=True):
        named = {s.object_id: mask_at(labels, i) for i, s in seen.items()}
        begun.add_linked(named, seen.values())
    assert [begun.add(p) for p in planes[2:]] == said[2:]
    assert begun.graph == whole.graph


def mask_at(labels, label_id):
    ys, xs = np.nonzero(labels == label_id)
    box = ys.min(), xs.min(), ys.max() + 1, xs.max() + 1
    crop = labels[box[0] : box[2], box[1] : box[3]] == label_id
    return Mask(tuple(map(int, box)), crop, 1, 1)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 2**32 - 1), min_size=2, max_size=4))
def test_every_object_has_one_id_of_its_own(seeds):
    linker = Linker(max_gap=1)
    for seed in seeds:
        labels = np.random.default_rng(seed).integers(0, 6, (6, 6)).repeat(4, 0)
        labels = labels.repeat(4, 1)
        named = linker.relabel(labels)
        assert ((named == 0) == (labels == 0)).all()
        pairs = {*zip(labels.ravel().tolist(), named.ravel().tolist(), strict=True)}
        assert len(pairs) == len(np.unique(labels)) == len(np.unique(named))


def test_tracks_are_a_table_of_centres_sorted_by_track():
    linker = Linker()
    linked = []
    for t in range(3):
        linked += linker.add(plane((1, 10 + t, 20, 5), (2, 40, 40 + t, 3))).values()
    tracks = tracks_of(linked)
    np.testing.assert_array_equal(
        tracks.table,
        [
            *([1, t, 12 + t, 22] for t in range(3)),
            *([2, t, 41, 41 + t] for t in range(3)),
        ],
    )
    assert tracks.graph == {}
    four = tracks_of(linked, lambda n: (7, n)).table
    assert four.shape == (6, 5)
    assert (four[:, 1] == 7).all()


def test_a_division_ends_the_track_and_begins_two():
    linker = Linker()
    linked = list(linker.add(plane((1, 10, 10, 30))).values())
    parts = plane((1, 10, 10, 30))
    parts[:, 28:31] = 0
    parts[:, 31:] *= 2
    linked += linker.add(parts).values()
    linked += linker.add(parts).values()
    tracks = tracks_of(linked)
    assert tracks.graph == {2: [1], 3: [1]}
    assert tracks.table[:, 0].tolist() == [1, 2, 2, 3, 3]
    assert tracks.objects.tolist() == [1, 2, 2, 1, 1]


def test_a_fusion_begins_one_track_from_two():
    linker = Linker()
    linked = list(linker.add(plane((1, 10, 10, 20), (2, 15, 30, 8))).values())
    linked += linker.add(plane((1, 10, 10, 20), (1, 15, 30, 8))).values()
    tracks = tracks_of(linked)
    assert tracks.graph == {3: [1, 2]}
    assert tracks.objects.tolist() == [1, 2, 1]


def test_no_objects_give_an_empty_table():
    assert Linker().add(plane()) == {}
    assert tracks_of([]).table.shape == (0, 4)


def test_the_centre_is_that_of_the_pixels():
    mask = Mask((5, 7, 7, 9), np.array([[True, True], [True, False]]), 1, 1)
    assert centre(mask) == pytest.approx((5 + 1 / 3, 7 + 1 / 3))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: Linker(min_overlap=0), "overlap 0"),
        (lambda: Linker(max_gap=-1), "gap of -1"),
        (lambda: link_planes(np.zeros((2, 3, 4), int), {}), "no plane"),
        (lambda: link_planes({}, np.zeros((3, 4))), "float64"),
    ],
)
def test_what_cannot_be_linked_is_told(wrong, says):
    with pytest.raises(ImageError, match=says):
        wrong()
