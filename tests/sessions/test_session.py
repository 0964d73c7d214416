"""A session: objects with their prompts, on any labels, whatever fails."""

from __future__ import annotations

import json
import math
import zlib

import numpy as np
import pytest
import zarr
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_hqsam.errors import ImageError, OutputError, PromptError
from napari_hqsam.geometry import Plane, Space
from napari_hqsam.labels import read_labels
from napari_hqsam.prompts import Prompt
from napari_hqsam.sessions import (
    AcceptOptions,
    ArrayTarget,
    JournalError,
    ModelRecord,
    Session,
    Stroke,
    Write,
    indices_of,
    read_session,
    rebuild,
    resegment,
)
from napari_hqsam.sessions.journal.prompt_records import (
    prompt_from_json,
    prompt_to_json,
)
from napari_hqsam.sessions.journal.runs import count_runs, decode_runs, encode_runs
from tests.helpers.accept_options import accept_options

CLICK = Prompt([(4, 4)])
ONES = np.ones((12, 14), bool)


# --- prompts are kept -------------------------------------------------------


def test_an_object_is_reopened_with_its_prompts_and_changed(begin, square):
    session = begin()
    prompt = Prompt([(2.5, 3), (9, 9)], [1, 0], box=(1, 1, 6, 6))
    how = accept_options(
        "hq", 2, 1, typical_size=40.0, clean=False, overlap="overwrite"
    )
    label_id = session.accept(square(2, 3), prompt, options=how)
    (made,) = session.reopen(label_id)
    assert (made.prompt, made.options, made.setup) == (
        prompt,
        how,
        session.header.setup,
    )
    assert made.mask.bbox == (2, 3, 5, 6)
    assert made.mask.data.all()
    again = Prompt([(2.5, 3)])
    session.accept(square(3, 4), again, label_id=label_id, replaces=True)
    assert [m.prompt for m in session.reopen(label_id)] == [again]
    assert np.argwhere(session.target.array).min(0).tolist() == [3, 4]
    session.undo()
    assert [m.prompt for m in session.reopen(label_id)] == [prompt]


def test_all_of_it_survives_closing(begin, square):
    array = np.zeros((12, 14), np.uint16)
    session = begin(array)
    other = ModelRecord("vit_b", "ee" * 32, (0, 2, 1), ((0.1, 0.30000000000000004),))
    prompt = Prompt([(1, 1)], mask=np.eye(3) - 0.5, mask_offset=(-1, 2), label_id=9)
    session.accept(square(0, 0), prompt, setup=other)
    before = session.features()
    session.close()
    with Session.open(session.journal.path, ArrayTarget(array)) as again:
        (made,) = again.reopen(9)
        assert (made.prompt, made.setup) == (prompt, other)
        assert again.header == session.header
        np.testing.assert_equal(again.features(), before)
        assert again.next_id == 10
        again.undo()
    assert not array.any()


def prompts():
    numbers = st.floats(-1e6, 1e6)
    points = st.lists(st.tuples(numbers, numbers), min_size=1, max_size=4, unique=True)
    masks = hnp.arrays(
        st.sampled_from([bool, np.float32, np.float64, np.float16]),
        hnp.array_shapes(min_dims=2, max_dims=2),
    ).filter(lambda m: np.isfinite(m).all() and (m > 0).any())
    boxes = st.tuples(numbers, numbers).map(lambda p: (*p, p[0] + 1.5, p[1] + 1))
    maybe = st.none
    return st.builds(
        lambda points, box, mask, offset, label_id, plane: Prompt(
            points, [1] + [0] * (len(points) - 1), box, mask, label_id, plane=plane,
            mask_offset=None if mask is None else offset,
        ),
        points, maybe() | boxes, maybe() | masks,
        maybe() | st.tuples(*[st.integers(-9, 9)] * 2),
        maybe() | st.integers(1, 9), maybe() | st.just((3, 0)),
    )  # fmt: skip


@settings(deadline=None, max_examples=100)
@given(prompts())
def test_a_prompt_comes_back_equal(prompt):
    text = json.dumps(prompt_to_json(prompt))
    assert prompt_from_json(json.loads(text)) == prompt


@settings(deadline=None, max_examples=100)
@given(
    hnp.arrays(
        hnp.integer_dtypes() | hnp.boolean_dtypes(), hnp.array_shapes(min_side=0)
    )
)
def test_runs_come_back_equal(array):
    text = encode_runs(array)
    back = decode_runs(text, array.shape, array.dtype)
    np.testing.assert_array_equal(back, array)
    assert back.dtype == array.dtype
    assert count_runs(text, array.size).total() == np.count_nonzero(array)


def test_runs_that_do_not_fit_are_refused():
    text = encode_runs(np.array([1, 300]))
    with pytest.raises(ValueError, match="300 does not fit uint8"):
        decode_runs(text, (2,), np.uint8)
    with pytest.raises(ValueError, match="2 pixels, not of 6"):
        decode_runs(text, (2, 3), np.int32)
    with pytest.raises(ValueError, match=r"damaged|base64"):
        decode_runs(text[:-8], (2,), np.int32)


# --- what there is ----------------------------------------------------------


def test_features_tell_what_napari_shows(begin, square):
    session = begin(
        np.zeros((4, 12, 14), np.uint8),
        space=Space.of("zyx", scale=(2, 0.5, 0.25), units="micrometer"),
    )
    first = session.accept(square(1, 1, 2, 0.7), Prompt(box=(1, 1, 3, 3)), plane=(2,))
    same = {"plane": (3,), "label_id": first}
    session.accept(square(1, 1, 3, 0.5), Prompt([(1, 1), (2, 2)]), **same)
    second = session.accept(square(8, 8, 2), CLICK, plane=0)
    table = session.features()
    known = {
        "index": [first, second],
        "plane": ["2 .. 3", "0"],
        "score": [0.5, 0.9],
        "stability": [0.8, 0.8],
        "pixels": [13, 4],
        "area": [13 * 0.125, 4 * 0.125],
        "unit": ["micrometer^2"] * 2,
        "model": ["micro"] * 2,
        "prompts": [3, 1],
        "level": [0, 0],
        "confidence": [math.nan] * 2,
        "worst": [""] * 2,
    }
    np.testing.assert_equal(table, known)
    np.testing.assert_equal(
        session.feature_row(first), [column[0] for column in table.values()]
    )
    session.accept(
        square(1, 1, 3), CLICK, plane=2, options=AcceptOptions(overlap="overwrite")
    )
    assert session.feature_row(first)[4] == 9  # its other pixels are taken
    session.delete(first)
    assert session.features()["index"] == [2, 3]


def test_the_slice_it_is_least_sure_on_is_told(begin, square):
    session = begin(np.zeros((9, 12, 14), np.uint8))
    label_id = session.accept(square(1, 1), CLICK, plane=4)
    for z, sure in ((5, 0.8), (6, 0.3), (7, 0.6)):
        mask = square(1, 1)
        session.derive(label_id, mask.bbox, mask.data, z, confidence=sure)
    row = dict(zip(session.features(), session.feature_row(label_id), strict=True))
    assert (row["confidence"], row["worst"]) == (0.3, "6")
    assert row["plane"] == "4 .. 7"


def test_the_area_is_that_of_the_planes_an_object_lies_on(begin, square):
    session = begin(
        np.zeros((13, 12, 14), np.uint8),
        space=Space.of("zyx", scale=(2, 0.5, 0.25), units="micrometer"),
    )
    side = Plane((3,), (0, 2))  # z and x
    label_id = session.accept(square(1, 1, 2), CLICK, plane=side)
    assert session.features()["area"] == [4 * 0.5]
    options = AcceptOptions(overlap="overwrite")
    again = {"label_id": label_id, "options": options}
    session.accept(square(7, 7, 2), CLICK, plane=5, **again)
    assert math.isnan(session.features()["area"][0])
    assert session.features()["unit"] == [""]


def test_pixels_of_unknown_size_have_no_area(begin, square):
    session = begin()
    session.accept(square(1, 1), CLICK)
    assert math.isnan(session.features()["area"][0])
    assert session.features()["unit"] == [""]


def test_merging_joins_prompts_and_deleting_forgets_them(begin, square):
    session = begin(np.zeros((2, 12, 14), int))
    ids = [session.accept(square(1, x), CLICK, plane=0) for x in (1, 5, 9)]
    session.accept(square(1, 1), Prompt([(2, 2)]), plane=1, label_id=ids[1])
    assert session.merge([ids[1], ids[0]]) == ids[1]
    assert len(session.reopen(ids[1], 0)) == 2
    assert [m.prompt.points for m in session.reopen(ids[1], 1)] == [((2, 2),)]
    with pytest.raises(PromptError, match="no object 1"):
        session.reopen(ids[0])
    session.delete(ids[1], 0)
    assert session.reopen(ids[1], 0) == ()
    assert len(session.reopen(ids[1])) == 1
    session.delete(ids[1])
    assert np.unique(session.target.array).tolist() == [0, 3]
    for _ in range(3):
        session.undo()
    assert len(session.reopen(ids[0])) == 1


def test_only_empty_never_changes_a_pixel_that_has_an_id(begin, square):
    session = begin()
    label_id = session.accept(square(2, 2, 4), CLICK)
    before = session.target.array.copy()
    session.accept(
        square(4, 4, 4),
        CLICK,
        label_id=label_id,
        replaces=True,
        options=AcceptOptions(overlap="empty"),
    )
    array = session.target.array
    np.testing.assert_array_equal(array[before > 0], before[before > 0])
    assert array[7, 7] == label_id
    session.undo()
    session.accept(square(4, 4, 4), CLICK, label_id=label_id, replaces=True)
    assert array[2, 2] == 0  # unlike "keep", which lets go of it


def test_an_id_is_free_again_after_undo_not_after_deletion(begin, square):
    session = begin()
    assert session.accept(square(1, 1), CLICK) == 1
    session.undo()
    assert session.accept(square(1, 1), CLICK) == 1
    session.delete(1)
    assert session.accept(square(1, 1), CLICK) == 2


# --- labels of any kind -----------------------------------------------------


def test_ids_that_others_wrote_without_a_word_are_not_given_again(begin, square):
    """Nobody tells of what a plugin writes into the array of a layer."""
    array = np.zeros((3, 12, 14), np.uint16)
    session = begin(array)
    assert session.accept(square(1, 1), CLICK, plane={"z": 0}) == 1
    array[2, 9, 9], array[2, 9, 10], array[1, 9, 11] = 2, 3, 65535
    assert session.next_id == 4
    assert session.accept(square(1, 5), CLICK, plane={"z": 0}) == 4
    assert session.split(4, (1, 5, 2, 8), np.ones((1, 3), bool), {"z": 0}) == 5
    array[array == 5] = 0
    assert session.next_id == 6  # it had been given


def test_ids_below_the_mask_are_not_given_again_in_labels_on_the_disk(
    tmp_path, begin, square
):
    array = zarr.create_array(
        tmp_path / "labels.zarr", shape=(12, 14), chunks=(4, 7), dtype="uint16"
    )
    session = begin(array)
    array[2, 2] = 1
    assert session.accept(square(1, 1), CLICK) == 2
    assert array[2, 2] == 1


def test_zarr_labels_are_changed_under_the_mask_alone(tmp_path, begin, square):
    array = zarr.create_array(
        str(tmp_path / "l.zarr"),
        shape=(2, 3000, 3000),
        chunks=(1, 512, 512),
        dtype="u4",
    )
    session = begin(array, found=False)
    session.accept(square(500, 500, 600), CLICK, plane=1)
    assert array.nchunks_initialized == 9
    assert int((array[1] == 1).sum()) == 600**2
    patches = session.history.to_undo[0].patches
    assert {edge for patch in patches for edge in patch.bbox} == {500, 1024, 1100}
    session.undo()
    assert not array[1].any()


def test_a_target_gets_indices_as_napari_takes_them(begin, square):
    array = np.zeros((3, 12, 14), np.uint16)

    class Layer:
        """Looks like napari's ``Labels``."""

        def __init__(self):
            self.array, self.steps = array, []

        def write(self, writes):
            self.steps.append(0)
            for write in writes:
                assert isinstance(write, Write)
                array[write.indices] = write.ids
                self.steps[-1] += len(write.ids)

    session = begin(array)
    session.target = layer = Layer()
    side = Plane((5,), (0, 2))
    session.accept(square(0, 3, 2), CLICK, plane=side)
    session.accept(square(4, 3), CLICK, plane=2)
    assert np.argwhere(array == 1).tolist() == [
        [z, 5, x] for z in (0, 1) for x in (3, 4)
    ]
    assert (array[2, 4:7, 3:6] == 2).all()
    session.undo()
    session.redo()
    assert layer.steps == [4, 9, 9, 9]


def test_indices_of_a_window():
    array = np.arange(60).reshape(3, 4, 5)
    key = (2, slice(1, 3), slice(2, 5))
    mask = array[key] % 2 == 0
    indices = indices_of(key, mask)
    np.testing.assert_array_equal(array[indices], array[key][mask])
    whole = indices_of((slice(None), 1, slice(None, 2)), np.ones((3, 2), bool))
    np.testing.assert_array_equal(array[whole], array[:, 1, :2].ravel())


def test_strokes_of_others_are_kept(begin, square):
    session = begin()
    array = session.target.array
    session.accept(square(2, 2), CLICK)
    before = array.copy()
    array[3, 2:10] = 7
    array[3, 8] = 0
    dabs = [
        Stroke((np.full(8, 3), np.arange(2, 10)), before[3, 2:10], 7),
        Stroke((3, [8]), 7, 0),
    ]
    session.record_strokes(dabs)
    painted = array.copy()
    again = np.zeros_like(array)
    assert rebuild(read_session(session.journal.path), ArrayTarget(again)) == 0
    np.testing.assert_array_equal(again, painted)
    assert session.features()["pixels"] == [6, 7]
    session.undo()
    np.testing.assert_array_equal(array, before)
    with pytest.raises(PromptError, match="no object 7"):
        session.reopen(7)


def test_nothing_painted_is_nothing_done(begin):
    session = begin()
    session.record_strokes([])
    session.record_strokes([Stroke(np.nonzero(session.target.array), [], 3)])
    session.record_strokes([Stroke(([1], [1]), 0, 0)])
    assert not session.undo()


# --- labels that were there -------------------------------------------------


def test_labels_that_were_there_are_kept_beside_the_journal(begin, square):
    array = np.zeros((2, 12, 14), np.int32)
    array[1, 2:5, 2:5], array[0, 9, 9] = 70, 4
    found = array.copy()
    session = begin(array)
    assert session.next_id == 71
    session.accept(square(1, 1), CLICK, plane=1)
    session.merge([71, 70])
    session.delete(4)
    assert session.features()["index"] == [71]
    recorded = read_session(session.journal.path)
    assert recorded.base.name == "a.tif.base.tif"
    base = read_labels(recorded.base).astype(np.int32)
    np.testing.assert_array_equal(base, found)
    assert rebuild(recorded, ArrayTarget(base)) == 0
    np.testing.assert_array_equal(base, array)
    for _ in range(3):
        session.undo()
    np.testing.assert_array_equal(array, found)


class Stored:
    """Labels in chunks, which counts how often each is read."""

    def __init__(self, array, chunks):
        self._array, self.chunks = array, chunks
        self.shape, self.dtype = array.shape, array.dtype
        sizes = [n if isinstance(n, int) else n[0] for n in chunks]
        places = np.indices(array.shape) // np.reshape(sizes, (-1, 1, 1, 1))
        self._chunk = np.ravel_multi_index(tuple(places), array.shape)
        self.read = dict.fromkeys(np.unique(self._chunk).tolist(), 0)

    def __getitem__(self, key):
        for chunk in np.unique(self._chunk[key]).tolist():
            self.read[chunk] += 1
        return self._array[key]


@pytest.mark.parametrize("empty", [False, True])
@pytest.mark.parametrize(
    "chunks", [(1, 5, 5), (3, 5, 5), (2, 12, 14), (4, 4, 4), ((2, 2, 1), (12,), (14,))]
)
def test_each_chunk_of_labels_is_read_once_when_a_session_begins(
    begin, monkeypatch, chunks, empty
):
    monkeypatch.setattr("napari_hqsam.labels.base._SIDE", 6)
    found = np.zeros((5, 12, 14), np.int64)
    if not empty:
        found[:, 3:9, 4:11] = np.arange(1, 6)[:, None, None]
        found[4, 11, 13] = 70000
    stored = Stored(found, chunks)
    session = begin(stored)
    assert set(stored.read.values()) == {1}
    recorded = read_session(session.journal.path)
    assert (recorded.base is None) == empty
    if not empty:
        np.testing.assert_array_equal(read_labels(recorded.base), found)
        assert session.next_id == 70001


@pytest.mark.parametrize("wrong", [-1, 2**32])
def test_labels_that_no_file_holds_leave_nothing_behind(begin, tmp_path, wrong):
    array = np.ones((2, 12, 14), np.int64)
    array[1, 5, 5] = wrong
    with pytest.raises(ImageError, match="relabel"):
        begin(array)
    assert not list(tmp_path.iterdir())


def test_empty_labels_need_no_base(begin, tmp_path):
    session = begin()
    assert read_session(session.journal.path).base is None
    assert not list(tmp_path.glob("*.tif"))


def test_replaying_on_other_labels_is_noticed(begin, square):
    session = begin()
    session.accept(square(1, 1), CLICK)
    other = np.ones((12, 14), np.uint8)
    assert rebuild(read_session(session.journal.path), ArrayTarget(other)) == 1


def test_labels_saved_before_an_undo_lose_what_cannot_be_redone(begin, square):
    session = begin()
    for y, x in ((1, 1), (1, 3)):
        session.accept(square(y, x), CLICK)
    saved = session.target.array.copy()
    session.undo()
    session.undo()
    session.accept(square(7, 7), CLICK)
    wanted = session.target.array.copy()
    session.close()
    with Session.open(session.journal.path, ArrayTarget(saved)) as again:
        again.restore()
    assert np.array_equal(saved, wanted)


# --- another place ----------------------------------------------------------


@pytest.mark.parametrize("found", [0, 7])
def test_a_journal_moves_with_what_belongs_to_it(begin, square, tmp_path, found):
    session = begin(np.full((12, 14), found, np.uint8))
    over = AcceptOptions(overlap="overwrite")
    session.accept(square(1, 1), CLICK, options=over)
    before = session.journal.path
    there = tmp_path / "there" / "b.tif.journal.jsonl"
    with pytest.raises(OutputError, match="does not exist"):
        session.move(there)
    there.parent.mkdir()
    there.touch()
    with pytest.raises(OutputError, match="exists"):
        session.move(there)
    assert [p.name for p in there.parent.iterdir() if p.suffix != ".lock"] == [
        there.name
    ]
    session.accept(square(5, 1), CLICK, options=over)  # still where it was
    there.unlink()
    session.move(there)
    session.accept(square(5, 5), CLICK, options=over)
    assert not before.exists()
    assert not list(tmp_path.glob("*.tif"))
    recorded = read_session(there)
    again = np.zeros((12, 14), np.uint8)
    if found:
        again[...] = read_labels(recorded.base)
    assert rebuild(recorded, ArrayTarget(again)) == 0
    np.testing.assert_array_equal(again, session.target.array)
    with pytest.raises(JournalError, match="in use"):
        Session.open(there, session.target)


# --- steps that go on -------------------------------------------------------


def slices(session, square, group, *zs, label_id, corner=(1, 1)):
    for z in zs:
        with session.grouped(group):
            session.derive(
                label_id, square(*corner).bbox, np.ones((3, 3), bool), z, confidence=0.5
            )


def test_a_group_is_one_step_whatever_is_done_elsewhere_meanwhile(begin, square):
    array = np.zeros((3, 12, 14), np.uint16)
    session = begin(array)
    slices(session, square, "run", 0, label_id=1)
    session.accept(square(1, 5), CLICK, plane=1)
    dab = (np.array([2]), np.array([2]), np.array([4]))  # beside it
    array[dab] = 7
    session.record_strokes([Stroke(dab, np.array([0]), 7)])
    slices(session, square, "run", 1, 2, label_id=1)
    slices(session, square, "run", 1, label_id=8, corner=(8, 8))
    assert session.next_id == 9
    done, path = array.copy(), session.journal.path
    session.close()
    session = Session.open(path, ArrayTarget(array))
    assert session.undo()
    assert not array[2, 2, 4]
    assert session.undo()
    assert not (array == 2).any()
    assert np.count_nonzero(array == 1) == 27
    assert session.next_id == 9
    assert session.undo()
    assert not array.any()
    assert not session.undo()
    assert session.next_id == 1
    while session.redo():
        pass
    np.testing.assert_array_equal(array, done)
    session.close()


@pytest.mark.parametrize("what", ["pixels", "object"])
def test_a_group_goes_on_as_a_new_step_after_what_it_depends_on(begin, square, what):
    array = np.zeros((3, 12, 14), np.uint16)
    session = begin(array)
    slices(session, square, "run", 0, 1, label_id=1)
    if what == "pixels":
        session.delete(session.accept(square(1, 1), CLICK, plane=2))
    else:
        session.delete(1)
    slices(session, square, "run", 2, label_id=1)
    assert session.undo()
    assert not array[2].any()
    assert array[0].any() == (what == "pixels")
    assert session.undo()
    assert array.any()


def test_journals_in_which_groups_went_on_as_new_steps_are_read_as_they_were(
    begin, square
):
    """Lines say which step they join: what undo did then, it did to that one."""
    array = np.zeros((3, 12, 14), np.uint16)
    session = begin(array)
    slices(session, square, "run", 0, label_id=1)
    session.accept(square(1, 5), CLICK, plane=1)
    slices(session, square, "run", 2, label_id=1)
    session.undo()
    session.close()
    path = session.journal.path
    rewritten(path, 3, lambda said: said.pop("later"))
    again = np.zeros(array.shape, np.uint8)
    assert rebuild(read_session(path), ArrayTarget(again)) == 0
    assert again.any((1, 2)).tolist() == [True, True, False]


# --- what goes wrong --------------------------------------------------------


class Broken(ArrayTarget):
    """Fails after some windows."""

    def __init__(self, array, after):
        super().__init__(array)
        self.left = after

    def write(self, writes):
        for write in writes:
            if self.left == 0:
                self.left = 99
                raise OSError(28, "No space left on device")
            self.left -= 1
            super().write([write])


@pytest.mark.parametrize("after", [0, 1, 2])
def test_labels_that_fail_half_way_are_as_before(begin, square, after):
    array = np.zeros((3000, 1200), np.uint16)
    session = begin(array, found=False)
    session.accept(square(0, 0, 5), CLICK)
    lines = session.journal.path.read_bytes()
    before = array.copy()
    for act in (lambda: session.accept(square(1, 1, 1190), CLICK), session.undo):
        if act == session.undo:
            session.target = ArrayTarget(array)
            session.accept(square(1, 1, 1190), CLICK)
            before, lines = array.copy(), session.journal.path.read_bytes()
        session.target = Broken(array, after)
        with pytest.raises(OutputError, match="No space left"):
            act()
        np.testing.assert_array_equal(array, before)
        assert session.journal.path.read_bytes() == lines
    session.target = ArrayTarget(array)
    assert session.undo()
    assert session.undo()
    assert not session.undo()
    assert not array.any()


def test_labels_that_are_read_only(begin, square):
    session = begin()
    session.target.array.flags.writeable = False
    with pytest.raises(OutputError, match="the labels cannot be changed"):
        session.accept(square(1, 1), CLICK)
    assert not session.history.to_undo
    assert session.features()["index"] == []


def test_a_journal_that_fails_leaves_the_labels(begin, square, monkeypatch):
    session = begin()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OutputError, match="nothing was changed"):
        session.accept(square(1, 1), CLICK)
    assert not session.target.array.any()
    assert session.next_id == 1


@pytest.mark.parametrize(
    ("act", "error", "words"),
    [
        (lambda s, m: s.accept(m(1, 1, 0), CLICK), PromptError, "mask is empty"),
        (lambda s, m: s.accept(m(5, 5), CLICK), PromptError, "other objects have them"),
        (lambda s, m: s.accept(m(10, 10, 9), CLICK), ImageError, "does not fit"),
        (lambda s, m: s.accept(m(1, 1), CLICK, plane=1), ImageError, "plane index"),
        (lambda s, m: s.accept(m(1, 1), CLICK, label_id=300), ImageError, "255"),
        (lambda s, m: s.accept(m(1, 1), CLICK, label_id=0), ImageError, "from 1"),
        (
            lambda s, m: s.accept(m(1, 1), CLICK, options=AcceptOptions(overlap="mix")),
            ImageError,
            "mix",
        ),
        (lambda s, m: s.delete(9), PromptError, "no object 9"),
        (lambda s, m: s.delete(1, 5), ImageError, "plane index"),
        (lambda s, m: s.merge([1]), PromptError, "two or more"),
        (lambda s, m: s.merge([1, 1]), PromptError, "two or more"),
        (lambda s, m: s.merge([1, 8]), PromptError, "no object 8"),
        (lambda s, m: s.split(1, (0, 0, 2, 2), ONES[:2, :2]), PromptError, "none"),
        (lambda s, m: s.split(1, (0, 0, 12, 14), ONES), PromptError, "all of object 1"),
        (lambda s, m: s.split(1, (0, 0, 12, 13), ONES), ImageError, "does not fit"),
        (lambda s, m: s.reshape(4, (0, 0, 12, 14), ONES), PromptError, "no object 4"),
        (lambda s, m: s.reopen(4), PromptError, "no object 4"),
    ],
)
def test_what_cannot_be_done_changes_nothing(begin, square, act, error, words):
    session = begin(np.zeros((12, 14), np.uint8))
    session.accept(square(4, 4, 5), CLICK)
    before, lines = session.target.array.copy(), session.journal.path.read_bytes()
    with pytest.raises(error, match=words) as raised:
        act(session, square)
    assert "\n" not in str(raised.value)
    np.testing.assert_array_equal(session.target.array, before)
    assert session.journal.path.read_bytes() == lines
    assert session.next_id == 2


def test_sessions_that_cannot_be(begin, tmp_path):
    with pytest.raises(ImageError, match="convert them to integers"):
        begin(np.zeros((5, 5)))
    with pytest.raises(ImageError, match="below 0"):
        begin(np.full((5, 5), -1))
    with pytest.raises(ImageError, match="name 3 dimensions"):
        begin(space=Space.pixels("zyx"))
    with pytest.raises(OutputError, match="does not exist"):
        begin(name="no/folder")
    assert not list(tmp_path.glob("*.jsonl"))
    session = begin()
    with pytest.raises(OutputError, match="exists"):
        begin()
    session.close()
    with (
        FileLock(tmp_path / ".b.tif.journal.jsonl.lock"),
        pytest.raises(JournalError, match="in use"),
    ):
        begin(np.ones((5, 5), int), name="b")
    assert not list(tmp_path.glob("*.tif"))
    with pytest.raises(ImageError, match="shape"):
        Session.open(session.journal.path, ArrayTarget(np.zeros((5, 5), int)))
    Session.open(session.journal.path, session.target).close()  # the lock is free


def test_ids_too_high_for_other_labels(begin, square):
    session = begin()
    session.accept(square(1, 1), CLICK, label_id=300)
    session.target = ArrayTarget(np.zeros((12, 14), np.uint8))
    with pytest.raises(OutputError, match="300 does not fit uint8"):
        session.restore()


def rewritten(path, number, change):
    """Change a line and seal it and those after it again."""
    lines, checksum, out = path.read_bytes().splitlines(), 0, b""
    for i, line in enumerate(lines):
        said = json.loads(line)
        del said["sum"]
        if i == number:
            change(said)
        body = json.dumps(said, separators=(",", ":")).encode()[:-1]
        checksum = zlib.crc32(body, checksum)
        out += body + b',"sum":"%08x"}\n' % checksum
    path.write_bytes(out)


@pytest.mark.parametrize(
    ("number", "change"),
    [
        (0, lambda said: said.pop("image")),
        (0, lambda said: said["labels"].update(shape="big")),
        (0, lambda said: said["setup"].update(channels=[1])),
        (0, lambda said: said["labels"].update(base="../../x.tif")),
        (1, lambda said: said.pop("plane")),
        (1, lambda said: said.update(plane=[7])),
        (1, lambda said: said.update(event="dance")),
        (1, lambda said: said.update(event="redo")),
        (1, lambda said: said["prompt"].clear()),
        (1, lambda said: said["settings"].update(overlap="mix")),
        (1, lambda said: said["settings"].update(colour="red")),
        (1, lambda said: said["patches"][0].update(after="AAAA")),
        (1, lambda said: said["patches"][0].update(bbox=[1, 2])),
        (1, lambda said: said.update(patches=7)),
        (1, lambda said: said.update(later=-1)),
    ],
)
def test_lines_that_make_no_sense_are_named(begin, square, number, change):
    session = begin()
    session.accept(square(1, 1), CLICK)
    session.close()
    path = session.journal.path
    rewritten(path, 9, None)
    assert len(read_session(path).history.to_undo) == 1
    rewritten(path, number, change)
    with pytest.raises(
        JournalError, match=f"line {number + 1} makes no sense"
    ) as error:
        read_session(path)
    assert "\n" not in str(error.value)


# --- made anew --------------------------------------------------------------


def test_masks_made_anew_are_compared_and_edits_repeated(begin, square, mask):
    session = begin()
    a = session.accept(square(1, 1, 4), CLICK)
    b = session.accept(square(1, 6, 4), CLICK)
    c = session.accept(square(7, 1, 4), CLICK)
    gone = session.accept(square(7, 8, 2), CLICK)
    session.merge([a, b])
    session.delete(c)
    session.delete(gone)
    wider = {a: square(1, 1, 4), b: square(1, 6, 5), c: square(7, 1, 5)}
    nothing = mask(0, 0, np.zeros((1, 1)))
    labels = np.zeros((12, 14), np.uint8)
    resegmented = resegment(
        read_session(session.journal.path),
        ArrayTarget(labels),
        lambda accept: wider.get(accept.label_id, nothing),
    )
    assert [(r.pixels, r.lost) for r in resegmented] == [
        (0, False),
        (9, False),
        (9, False),
        (4, True),
    ]
    assert resegmented[1].iou == pytest.approx(16 / 25)
    wanted = np.zeros_like(labels)
    wanted[1:5, 1:5] = wanted[1:6, 6:11] = a
    np.testing.assert_array_equal(labels, wanted)


def test_a_mask_that_took_the_place_of_another_does_so_again(begin, square):
    session = begin()
    label_id = session.accept(square(1, 1, 4), CLICK)
    session.accept(square(3, 3, 4), CLICK, label_id=label_id, replaces=True)
    labels = np.zeros((12, 14), np.uint8)
    resegmented = resegment(
        read_session(session.journal.path),
        ArrayTarget(labels),
        lambda accept: square(*accept.mask.bbox[:2], 4),
    )
    assert [r.pixels for r in resegmented] == [0, 0]
    np.testing.assert_array_equal(labels, session.target.array)
    assert labels[1, 1] == 0


# --- planes by axis letters ---------------------------------------------------


def test_a_plane_of_several_axes_is_named(begin, square):
    session = begin(np.zeros((2, 1, 4, 12, 14), np.uint8), space=Space.pixels("tczyx"))
    number = session.accept(square(1, 1), CLICK, plane={"z": 3, "t": 1})
    own = Prompt([(2, 2)], plane={"t": 0, "z": 2})
    session.accept(square(1, 1), own, label_id=number)
    array = session.target.array
    assert array[1, 0, 3, 1, 1] == array[0, 0, 2, 1, 1] == number
    assert np.count_nonzero(array) == 2 * square(1, 1).area
    for bare in (1, (1, 3), (1, 0, 3)):
        with pytest.raises(ImageError, match="name them: plane="):
            session.accept(square(1, 1), CLICK, plane=bare)
    session.delete(number, {"t": 1, "z": 3})
    assert not array[1].any()
