"""Whatever is done in a session, the journal tells the same labels."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from napari_hqsam.errors import HqsamWarning, PromptError
from napari_hqsam.geometry import Plane
from napari_hqsam.labels import read_labels
from napari_hqsam.prompts import Prompt
from napari_hqsam.sessions import (
    AcceptOptions,
    ArrayTarget,
    ImageRecord,
    ModelRecord,
    Session,
    Stroke,
    read_session,
    rebuild,
)
from napari_hqsam.sessions.changes import patching, strokes

SHAPE = (2, 9, 8)
IMAGE = ImageRecord("a.tif", "zyx", SHAPE, "ab" * 32)
SETUP = ModelRecord("micro", "cd" * 32, (0, 0, 0), ((0.0, 1.0),))


@pytest.fixture(autouse=True)
def _small_windows(monkeypatch):
    """Objects of a few pixels lie in several windows."""
    monkeypatch.setattr(patching, "_WINDOW", 4)
    monkeypatch.setattr(strokes, "_WINDOW", 4)


def planes():
    flat = st.builds(Plane, st.tuples(st.integers(0, 1)), st.just((1, 2)))
    side = st.builds(
        Plane, st.tuples(st.integers(0, 8)), st.sampled_from([(0, 2), (2, 0)])
    )
    return flat | side


DABS = st.tuples(hnp.arrays(bool, SHAPE), st.integers(0, 9))


@st.composite
def places(draw):
    """A plane, a box on it and a mask in it."""
    plane = draw(planes())
    h, w = plane.size(SHAPE)
    y0, x0 = draw(st.integers(0, h - 1)), draw(st.integers(0, w - 1))
    y1, x1 = draw(st.integers(y0 + 1, h)), draw(st.integers(x0 + 1, w))
    data = draw(hnp.arrays(bool, (y1 - y0, x1 - x0)))
    return plane, (y0, x0, y1, x1), data


class Sessions(RuleBasedStateMachine):
    """A session beside copies of the whole labels, one for each step."""

    @initialize(found=st.booleans())
    def begin(self, found):
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "a.journal.jsonl"
        self.labels = np.zeros(SHAPE, np.int32)
        if found:
            self.labels[1, 3:6, 2:7] = 1
        self.session = Session.create(
            self.path, ArrayTarget(self.labels), image=IMAGE, setup=SETUP, found=found
        )
        self.expected = self.labels.copy()
        self.past, self.future = [], []

    def teardown(self):
        if hasattr(self, "session"):
            self.session.close()
            self.folder.cleanup()

    def step(self):
        """Remember the labels before a step that is about to change them."""
        self.past.append(self.expected.copy())
        self.future.clear()

    def on(self, plane, box):
        """Window of the expected labels, (y, x), to be changed."""
        window = self.expected[plane.key(box)]
        return window.T if plane.axes[0] > plane.axes[1] else window

    def known(self):
        return [i for i in np.unique(self.expected).tolist() if i]

    @rule(
        place=places(),
        overlap=st.sampled_from(["keep", "overwrite", "empty"]),
        which=st.none() | st.integers(0, 3),
        replaces=st.booleans(),
    )
    def accept(self, place, overlap, which, replaces):
        plane, box, data = place
        ids = self.known()
        label_id = ids[which % len(ids)] if ids and which is not None else None
        mask = SimpleNamespace(
            bbox=box, data=data, score=0.5, stability=0.5, level=1, complete=True,
            area=int(data.sum()),
        )  # fmt: skip
        try:
            got = self.session.accept(
                mask,
                Prompt([(box[0], box[1])]),
                plane=plane,
                label_id=label_id,
                options=AcceptOptions(overlap=overlap),
                replaces=replaces,
            )
        except PromptError:
            return  # nothing must have changed: see the invariants
        self.step()
        assert label_id in (None, got)
        whole = self.on(plane, (0, 0, *plane.size(SHAPE)))
        if replaces and overlap != "empty":
            whole[whole == got] = 0
        window = self.on(plane, box)
        free = data if overlap == "overwrite" else data & (window == 0)
        window[free] = got

    @precondition(lambda self: self.known())
    @rule(which=st.integers(0, 5), plane=st.none() | planes())
    def delete(self, which, plane):
        label_id = self.known()[which % len(self.known())]
        self.session.delete(label_id, plane)
        self.step()
        whole = self.expected
        if plane is not None:
            whole = self.on(plane, (0, 0, *plane.size(SHAPE)))
        whole[whole == label_id] = 0

    @precondition(lambda self: len(self.known()) > 1)
    @rule(data=st.data())
    def merge(self, data):
        ids = data.draw(st.permutations(self.known()))[:3]
        self.session.merge(ids)
        self.step()
        self.expected[np.isin(self.expected, ids)] = ids[0]

    @precondition(lambda self: self.known())
    @rule(place=places(), which=st.integers(0, 5))
    def split(self, place, which):
        plane, box, data = place
        label_id = self.known()[which % len(self.known())]
        try:
            new = self.session.split(label_id, box, data, plane)
        except PromptError:
            return
        self.step()
        assert new not in self.expected
        window = self.on(plane, box)
        window[data & (window == label_id)] = new

    @precondition(lambda self: self.known())
    @rule(place=places(), which=st.integers(0, 5))
    def reshape(self, place, which):
        plane, box, data = place
        label_id = self.known()[which % len(self.known())]
        self.session.reshape(label_id, box, data, plane)
        self.step()
        whole = self.on(plane, (0, 0, *plane.size(SHAPE)))
        whole[whole == label_id] = 0
        window = self.on(plane, box)
        window[data & (window == 0)] = label_id

    @rule(dabs=st.lists(DABS, min_size=1, max_size=3))
    def brush(self, dabs):
        painted = self.expected.copy()
        told = []
        for where, label_id in dabs:
            told.append(Stroke(np.nonzero(where), painted[where], label_id))
            painted[where] = label_id
        self.labels[...] = painted  # as a viewer does it itself
        self.session.record_strokes(told)
        if (painted != self.expected).any():
            self.step()
        self.expected = painted

    @rule(squares=st.lists(places(), min_size=2, max_size=3))
    def accept_a_batch(self, squares):
        before = self.expected.copy()
        with self.session.grouped():
            for plane, box, data in squares:
                full = np.ones_like(data)
                mask = SimpleNamespace(
                    bbox=box, data=full, score=1, stability=1, level=None,
                    complete=True, area=full.size,
                )  # fmt: skip
                over = AcceptOptions(overlap="overwrite")
                got = self.session.accept(
                    mask, Prompt(box=(0, 0, 1, 1)), plane=plane, options=over
                )
                self.on(plane, box)[...] = got
        self.past.append(before)
        self.future.clear()

    @rule(times=st.integers(1, 3), late=st.booleans())
    def undo(self, times, late):
        for _ in range(times):
            assert self.session.undo() == bool(self.past)
            if self.past:
                self.future.append(self.expected)
                self.expected = self.past.pop()
        if late and self.future:  # a crash before the labels were written to
            self.labels[...] = self.future[-times:][0]
            self.session.restore()

    @rule()
    def redo(self):
        assert self.session.redo() == bool(self.future)
        if self.future:
            self.past.append(self.expected)
            self.expected = self.future.pop()

    @rule(torn=st.binary(max_size=30).map(lambda b: b.replace(b"\n", b"")))
    def crash_and_go_on(self, torn):
        self.session.close()
        with self.path.open("ab") as file:
            file.write(torn)
        if torn:
            with pytest.warns(HqsamWarning, match="lost"):
                self.session = Session.open(self.path, ArrayTarget(self.labels))
        else:
            self.session = Session.open(self.path, ArrayTarget(self.labels))

    @rule()
    def lose_the_labels(self):
        recorded = read_session(self.path)
        self.labels[...] = 0 if recorded.base is None else read_labels(recorded.base)
        self.session.restore()

    @precondition(lambda self: self.past)
    @rule(which=st.integers(0, 40))
    def labels_lag_behind(self, which):
        self.labels[...] = self.past[which % len(self.past)]
        self.session.restore()

    @invariant()
    def labels_are_as_expected(self):
        if hasattr(self, "session"):
            np.testing.assert_array_equal(self.labels, self.expected)

    @invariant()
    def a_replay_gives_the_same(self):
        if not hasattr(self, "session"):
            return
        recorded = read_session(self.path)
        again = np.zeros(SHAPE, np.uint32)
        if recorded.base is not None:
            again[...] = read_labels(recorded.base)
        assert rebuild(recorded, ArrayTarget(again)) == 0
        np.testing.assert_array_equal(again, self.expected)
        table, mine = recorded.history.table, self.session.table
        assert table.highest == mine.highest
        assert {i: n for i, n in table.pixels.items() if n} == {
            i: n for i, n in mine.pixels.items() if n
        }

    @invariant()
    def pixels_are_counted(self):
        if not hasattr(self, "session"):
            return
        for label_id in self.session.table.ids:
            if not self.session.table.was_preexisting(label_id):
                assert self.session.table.pixels[label_id] == np.count_nonzero(
                    self.expected == label_id
                )


Sessions.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.usefixtures("_small_windows")
class TestSessions(Sessions.TestCase):
    """Run by pytest."""


@st.composite
def doings(draw):
    """One thing to do, in one of two groups or in none."""
    kind = draw(st.sampled_from(["accept", "accept", "derive", "brush", "delete"]))
    group = draw(st.sampled_from([None, "first", "second"]))
    overlap = draw(st.sampled_from(["keep", "overwrite"]))
    return kind, group, overlap, draw(places()), draw(st.integers(0, 5))


def do(session, labels, doing):
    """Do it, if it can be done to the labels as they are."""
    kind, group, overlap, (plane, box, data), which = doing
    label_id = which if session.table.knows(which) else session.next_id
    if kind == "brush":
        window = labels[plane.key(box)]
        window = window.T if plane.axes[0] > plane.axes[1] else window
        rows, cols = np.nonzero(data)
        at = dict(zip(plane.axes, (rows + box[0], cols + box[1]), strict=True))
        fixed = iter(plane.index)
        where = tuple(
            at[axis] if axis in at else np.full(rows.size, next(fixed))
            for axis in range(3)
        )
        stroke = Stroke(where, window[data].copy(), which)
        window[data] = which
        session.record_strokes([stroke])
        return
    mask = SimpleNamespace(
        bbox=box, data=data, score=0.5, stability=0.5, level=1, complete=True,
        area=int(data.sum()),
    )  # fmt: skip
    with suppress(PromptError), session.grouped(group):
        if kind == "accept":
            how = {"plane": plane, "options": AcceptOptions(overlap=overlap)}
            session.accept(mask, Prompt(box=(0, 0, 1, 1)), label_id=label_id, **how)
        elif kind == "derive":
            session.derive(label_id, box, data, plane, confidence=0.5)
        else:
            session.delete(which)


@pytest.mark.usefixtures("_small_windows")
@given(many=st.lists(doings(), min_size=3, max_size=9))
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
def test_steps_that_go_on_among_others_are_undone_and_redone_exactly(many):
    labels = np.zeros(SHAPE, np.int32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.journal.jsonl"
        given_ = {"image": IMAGE, "setup": SETUP, "found": False}
        session = Session.create(path, ArrayTarget(labels), **given_)

        def check():
            recorded = read_session(path)
            again = np.zeros(SHAPE, np.uint32)
            assert rebuild(recorded, ArrayTarget(again)) == 0
            np.testing.assert_array_equal(again, labels)
            mine, told = session.table, recorded.history.table
            assert told.highest == mine.highest
            assert +told.pixels == +mine.pixels
            assert told.derived == mine.derived
            for label_id in session.table.ids:
                assert mine.pixels[label_id] == (labels == label_id).sum()

        states = []
        for doing in many:
            do(session, labels, doing)
            check()
        while True:
            states.append(labels.copy())
            if not session.undo():
                break
            check()
        assert not labels.any()
        while session.redo():
            check()
            np.testing.assert_array_equal(labels, states[-2])
            states.pop()
        assert len(states) == 1
        session.close()
