"""Painting touches the box alone and respects the overlap policy, in any order."""

from __future__ import annotations

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_hqsam.errors import ImageError
from napari_hqsam.labels import PromptPainter, free_id, paint, paint_masks
from napari_hqsam.labels.blocks import blocks
from napari_hqsam.masks import Mask

LABELS = hnp.arrays("u1", (6, 7), elements=st.integers(0, 3))


@settings(deadline=None, max_examples=50)
@given(LABELS, st.data(), st.sampled_from(["keep", "overwrite", "empty"]))
def test_painting_matches_its_definition(labels, data, overlap):
    y0, x0 = data.draw(st.integers(0, 5)), data.draw(st.integers(0, 6))
    y1, x1 = data.draw(st.integers(y0, 6)), data.draw(st.integers(x0, 7))
    mask = data.draw(hnp.arrays(bool, (y1 - y0, x1 - x0)))
    label_id = data.draw(st.integers(1, 4))
    full = np.zeros(labels.shape, bool)
    full[y0:y1, x0:x1] = mask
    if overlap != "overwrite":
        full &= (labels == 0) | (labels == label_id)
    expected = np.where(full, label_id, labels)
    changed = int((expected != labels).sum())
    assert paint(labels, (y0, x0, y1, x1), mask, label_id, overlap) == changed
    np.testing.assert_array_equal(labels, expected)


def test_objects_keep_their_pixels_by_default():
    labels = np.array([[0, 5, 0]])
    assert paint(labels, (0, 0, 1, 3), np.ones((1, 3), bool), 7) == 2
    assert labels.tolist() == [[7, 5, 7]]
    assert paint(labels, (0, 0, 1, 3), np.ones((1, 3), bool), 9, "overwrite") == 3
    assert labels.tolist() == [[9, 9, 9]]
    assert paint(labels, (0, 0, 1, 3), np.ones((1, 3), bool), 9, "overwrite") == 0


def test_only_the_box_is_read_and_written():
    class Watched:
        def __init__(self):
            self.array = np.zeros((3, 100, 100), "u2")
            self.shape, self.dtype, self.ndim = (3, 100, 100), np.dtype("u2"), 3
            self.touched = []

        def __getitem__(self, key):
            self.touched.append(key)
            return self.array[key]

        def __setitem__(self, key, value):
            self.touched.append(key)
            self.array[key] = value

    labels = Watched()
    mask = np.eye(4, dtype=bool)
    assert paint(labels, (10, 20, 14, 24), mask, 300, index=(2,)) == 4
    assert set(map(str, labels.touched)) == {str((2, slice(10, 14), slice(20, 24)))}
    assert labels.array.sum() == 4 * 300


def test_a_stored_array_is_painted_as_well(tmp_path):
    labels = zarr.create_array(
        str(tmp_path / "a.zarr"), shape=(2, 8, 8), dtype="u2", chunks=(1, 4, 4)
    )
    assert paint(labels, (3, 3, 5, 5), np.ones((2, 2), bool), 9, index=(1,)) == 4
    assert labels[1].sum() == 36
    assert labels[0].sum() == 0


def test_chunks_without_a_mask_pixel_are_left_alone(tmp_path):
    labels = zarr.create_array(
        str(tmp_path / "a.zarr"), shape=(12, 12), dtype="u2", chunks=(4, 4)
    )
    mask = np.eye(12, dtype=bool)
    assert paint(labels, (0, 0, 12, 12), mask, 9) == 12
    chunks = [p for p in (tmp_path / "a.zarr" / "c").rglob("*") if p.is_file()]
    assert sorted(p.parts[-2:] for p in chunks) == [(i, i) for i in "012"]
    np.testing.assert_array_equal(labels[...], mask * 9)


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_blocks_cover_a_box_once_and_never_cross_a_chunk(data):
    class Stored:
        chunks = (1, data.draw(st.integers(1, 9)), data.draw(st.integers(1, 9)))

    y0, x0 = data.draw(st.integers(0, 20)), data.draw(st.integers(0, 20))
    y1, x1 = data.draw(st.integers(y0, 25)), data.draw(st.integers(x0, 25))
    covered = np.zeros((25, 25), int)
    for y, x in blocks(Stored, (y0, x0, y1, x1)):
        covered[y, x] += 1
        for span, size in zip((y, x), Stored.chunks[1:], strict=True):
            assert span.start // size == (span.stop - 1) // size
    assert (covered[y0:y1, x0:x1] == 1).all()
    assert covered.sum() == (y1 - y0) * (x1 - x0)


def test_what_is_written_as_one_is_painted_as_one(tmp_path):
    array = zarr.create_array(
        str(tmp_path / "a.zarr"),
        shape=(32, 32),
        dtype="u2",
        chunks=(4, 4),
        shards=(16, 16),
    )
    assert len(list(blocks(array, (0, 0, 32, 32)))) == 4


@settings(deadline=None, max_examples=100)
@given(LABELS, st.data(), st.sampled_from(["keep", "overwrite", "empty"]))
def test_masks_may_come_in_any_order(labels, data, overlap):
    ids = data.draw(st.permutations([4, 5, 7, 200]))
    masks = [data.draw(hnp.arrays(bool, labels.shape)) for _ in ids]
    box = (0, 0, *labels.shape)
    expected = labels.copy()
    for label_id, mask in zip(ids, masks, strict=True):
        paint(expected, box, mask, label_id, overlap)
    order = data.draw(st.permutations(range(len(ids))))
    got = labels.copy()
    painter = PromptPainter(got, ids, overlap)
    for number in order:
        painter.paint(number, box, masks[number])
    np.testing.assert_array_equal(got, expected)
    for number, label_id in enumerate(ids):
        assert painter.pixels(number) == (expected == label_id).sum()


@pytest.mark.parametrize("overlap", ["keep", "overwrite"])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (2, 0, 1)])
def test_the_prompts_decide_who_wins_not_the_order_of_the_masks(overlap, order):
    labels = np.array([[9, 0, 0, 0, 0]], "u2")
    painter = PromptPainter(labels, [5, 3, 4], overlap)
    masks = [[1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 0]]
    for number in order:
        painter.paint(number, (0, 0, 1, 5), np.array([masks[number]], bool))
    wanted = {"keep": [9, 5, 5, 3, 0], "overwrite": [5, 3, 4, 4, 0]}[overlap]
    assert labels.tolist() == [wanted]
    pixels = [painter.pixels(number) for number in range(3)]
    assert pixels == [wanted.count(i) for i in (5, 3, 4)]


def test_ids_of_prompts_must_differ():
    with pytest.raises(ImageError, match="id 3 is there twice"):
        PromptPainter(np.zeros((4, 4), int), [3, 1, 3])
    with pytest.raises(ImageError, match='use "keep", "overwrite" or "empty"'):
        PromptPainter(np.zeros((4, 4), int), [3], "merge")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label_id": 0}, "from 1 to 255"),
        ({"label_id": 256}, "from 1 to 255"),
        ({"mask_bbox": (0, 0, 2, 8)}, "inside the plane"),
        ({"mask_bbox": (5, 0, 7, 2)}, "inside the plane"),
        ({"mask_bbox": (2, 0, 0, 2)}, "inside the plane"),
        ({"mask_bbox": (-1, 0, 1, 2)}, "inside the plane"),
        ({"mask_bbox": (0, 0, 3, 2)}, "does not fit its box"),
        ({"overlap": "merge"}, 'use "keep", "overwrite" or "empty"'),
        ({"labels": np.zeros((6, 7))}, "convert them to integers"),
        ({"labels": np.zeros((2, 6, 7), "u1")}, "plane index of 1 numbers"),
        ({"labels": np.zeros((2, 6, 7), "u1"), "index": (2,)}, "out of range"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_painted(change, message):
    labels = np.zeros((6, 7), "u1")
    given = {
        "labels": labels,
        "mask_bbox": (0, 0, 2, 2),
        "mask_data": np.ones((2, 2), bool),
        "label_id": 1,
    }
    with pytest.raises(ImageError, match=message):
        paint(**(given | change))
    assert labels.sum() == 0


@settings(deadline=None, max_examples=50)
@given(hnp.arrays("i2", hnp.array_shapes(min_side=0), elements=st.integers(-5, 300)))
def test_a_free_id_belongs_to_nobody(labels):
    free = free_id(labels)
    assert free >= 1
    assert free not in labels


@pytest.mark.parametrize(
    ("labels", "free"),
    [([[0, 0]], 1), ([[0, 7]], 8), ([[1, 2, 255]], 3), ([[255]], 1)],
)
def test_which_id_is_free(labels, free):
    assert free_id(np.array(labels, "u1")) == free


def test_no_id_is_left():
    with pytest.raises(ImageError, match="all 255 ids"):
        free_id(np.arange(256, dtype="u1"))
    with pytest.raises(ImageError, match="integers"):
        free_id(np.zeros((2, 2)))


def test_many_masks_at_once_are_as_one_by_one_and_write_each_chunk_once():
    rng = np.random.default_rng(0)
    masks = {
        label_id: Mask.from_crop(rng.random((9, 9)) > 0.3, (y, x), 0.9, 1.0)
        for label_id, (y, x) in enumerate(rng.integers(0, 31, (20, 2)), 5)
    }
    wanted = np.zeros((2, 40, 40), "u2")
    wanted[1, 10:20] = 3
    labels = zarr.create_array({}, shape=wanted.shape, chunks=(1, 16, 16), dtype="u2")
    labels[:] = wanted
    for label_id, mask in masks.items():
        paint(wanted, mask.bbox, mask.data, label_id, index=(1,))
    written = []

    class Watched:
        shape, chunks = labels.shape, labels.chunks

        def __getitem__(self, key):
            return labels[key]

        def __setitem__(self, key, value):
            written.append(key)
            labels[key] = value

    paint_masks(Watched(), masks, index=(1,))
    np.testing.assert_array_equal(labels[:], wanted)
    assert len(set(map(str, written))) == len(written) <= 9
