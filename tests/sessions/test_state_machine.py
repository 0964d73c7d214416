"""Whatever is done in a session, from clicks to a kill, its journal tells the labels.

Without viewer: a `Segmenter` around a network of known answers, a `Session`, a label
file. What the viewer does with them is done here in any order.
"""

from __future__ import annotations

import tempfile
import uuid
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from napari_hqsam import open_image, read_labels, write_labels
from napari_hqsam.errors import HqsamWarning, PromptError
from napari_hqsam.geometry import Space
from napari_hqsam.jobs.resegment import Resegmenter
from napari_hqsam.prompts import Prompt
from napari_hqsam.segmentation import Segmenter, iter_propagate
from napari_hqsam.sessions import (
    AcceptOptions,
    ArrayTarget,
    CorrectedPrediction,
    ImageRecord,
    ModelRecord,
    Session,
    journal_path,
    read_session,
    rebuild,
    resegment,
)
from tests.helpers.accept_options import accept_options
from tests.helpers.bright_network import bright_model

SHAPE = (4, 48, 56)
INPUT = 64
DISCS = [(13.0, 14.0, 8.0), (16.0, 40.0, 9.0), (36.0, 20.0, 7.5), (34.0, 37.0, 8.0)]
"""y, x and radius on the first plane; the first two come to touch further on."""


PLANES = st.integers(0, SHAPE[0] - 1)
POINTS = st.builds(
    lambda disc, down, right: (disc[0] + down, disc[1] + right),
    st.sampled_from(DISCS),
    st.integers(-6, 6),
    st.integers(-6, 6),
)
HOW = st.builds(
    lambda shown, **others: accept_options(*shown, **others),
    st.sampled_from([("sam+hq",), ("sam+hq", 2), ("sam",), ("sam", 0), ("hq",)]),
    level=st.sampled_from([0, 0, "auto", "whole"]),
    overlap=st.sampled_from(["keep", "overwrite", "empty"]),
    clean=st.booleans(),
)


def volume():
    """Make bright discs that move from plane to plane."""
    y, x = np.mgrid[: SHAPE[1], : SHAPE[2]]
    pixels = np.full(SHAPE, 30, np.uint8)
    for z, plane in enumerate(pixels):
        for n, (row, column, radius) in enumerate(DISCS):
            away = np.hypot(y - row, x - column - (2.5 * z if n == 0 else 0))
            plane[away < radius] = 210
    return pixels


class Killed(BaseException):
    """The process is gone: nothing after it is of any effect on the disk."""


class MortalTarget(ArrayTarget):
    """Labels in memory; a process may be killed while it writes to them.

    Attributes
    ----------
    dies_at : callable, optional
        Called instead of the first write, or after a half of it; keeps the disk.
    """

    dies_at = None

    def write(self, writes):
        if self.dies_at is not None:
            note, self.dies_at = self.dies_at, None
            note()
            raise Killed
        super().write(writes)


@dataclass
class Draft:
    """An outlined object that is not accepted yet."""

    plane: int
    prompt: Prompt
    options: AcceptOptions
    masks: list = field(default_factory=list)
    label_id: int | None = None

    @property
    def mask(self):
        return self.masks[-1]


class SessionMachine(RuleBasedStateMachine):
    """A session as the viewer has it, and the labels after each of its steps."""

    @initialize(
        found=st.booleans(),
        first=st.lists(st.tuples(PLANES, POINTS, HOW), min_size=2, max_size=4),
    )
    def begin(self, found, first):
        self.folder = tempfile.TemporaryDirectory()
        here = Path(self.folder.name)
        np.save(here / "cells.npy", volume())
        self.image = open_image(here / "cells.npy", axes="zyx")
        self.model = bright_model(INPUT, varied=True)
        self.segmenter = Segmenter(
            self.image, self.model, normalization=(0, 255), cache=False
        )
        labels = np.zeros(SHAPE, np.uint16)
        if found:
            labels[0, 2:9, 30:38] = 3
        self.base = labels.copy()
        self.path = here / "unsaved.journal.jsonl"
        self.file = None
        self.target = MortalTarget(labels)
        self.session = Session.create(
            self.path,
            self.target,
            image=ImageRecord.of(self.image),
            setup=ModelRecord.of(self.segmenter),
            space=Space.pixels("zyx"),
            found=found,
        )
        self.draft = None
        self.past, self.future = [], []
        for plane, point, how in first:
            self.make_an_object(plane, point, how, [])

    def teardown(self):
        if not hasattr(self, "session"):
            return
        try:
            self.segmented_again_it_is_the_same()
        finally:
            self.session.close()
            self.folder.cleanup()

    @property
    def labels(self):
        return self.target.array

    def known(self):
        return [i for i in np.unique(self.labels).tolist() if i]

    def made(self):
        """Return the ids of objects that have masks."""
        table = self.session.table
        return [i for i in table.ids if any(table.made.get(i, {}).values())]

    def step(self, before):
        """Take note that the labels were others before."""
        self.past.append(before)
        self.future.clear()

    # --- prompts and masks ----------------------------------------------------

    @rule(plane=PLANES, point=POINTS, how=HOW)
    def click(self, plane, point, how):
        self.draft = Draft(plane, Prompt([point]), how)
        self.draft.masks.append(self.answer(self.draft.prompt, how))

    @precondition(lambda self: self.draft)
    @rule(point=POINTS, on=st.booleans())
    def correct(self, point, on):
        draft = self.draft
        points = [*draft.prompt.points, point]
        try:
            prompt = Prompt(points, [*draft.prompt.point_labels, int(on)])
        except PromptError:  # a place both on and off
            return
        shown = draft.options
        told = CorrectedPrediction(len(points) - 1, shown.candidate, shown.output)
        asked = replace(prompt, logits=draft.mask.logits)
        draft.prompt = prompt
        draft.options = replace(shown, corrects=(*shown.corrects, told))
        draft.masks.append(self.answer(asked, draft.options))

    def answer(self, prompt, how):
        asked = {
            "plane": self.draft.plane,
            **how.segmentation.arguments(),
        }
        if how.candidate is None:
            return self.segmenter.segment(prompt, **asked)
        return self.segmenter.candidates(prompt, **asked)[how.candidate]

    @precondition(lambda self: self.draft)
    @rule()
    def accept(self):
        draft, before = self.draft, self.labels.copy()
        try:
            got = self.do_accept(draft)
        except PromptError:  # no pixels of its own: nothing has changed
            return
        self.step(before)
        self.draft = None
        wanted = before.copy()
        plane, mask = wanted[draft.plane], draft.mask.to_plane(SHAPE[1:])
        if draft.label_id is not None and draft.options.overlap != "empty":
            plane[plane == got] = 0
        plane[mask & ((plane == 0) | (draft.options.overlap == "overwrite"))] = got
        np.testing.assert_array_equal(self.labels, wanted)

    @rule(
        plane=PLANES,
        point=POINTS,
        how=HOW,
        corrections=st.lists(st.tuples(POINTS, st.booleans()), max_size=2),
    )
    def make_an_object(self, plane, point, how, corrections):
        self.click(plane, point, how)
        for where, on in corrections:
            self.correct(where, on)
        self.accept()

    def do_accept(self, draft):
        return self.session.accept(
            draft.mask,
            draft.prompt,
            plane=draft.plane,
            label_id=draft.label_id,
            options=draft.options,
            replaces=draft.label_id is not None,
        )

    @precondition(lambda self: self.made())
    @rule(which=st.integers(0, 9))
    def reopen(self, which):
        label_id = self.made()[which % len(self.made())]
        last = self.session.reopen(label_id)[-1]
        how = replace(last.options, corrects=())
        self.draft = Draft(last.plane.index[0], last.prompt, how, [], label_id)
        self.draft.masks.append(self.answer(last.prompt, how))

    @precondition(lambda self: self.made())
    @rule(which=st.integers(0, 9), point=POINTS, on=st.booleans())
    def change_an_object(self, which, point, on):
        self.reopen(which)
        self.correct(point, on)
        self.accept()

    # --- objects ----------------------------------------------------------------

    @precondition(lambda self: self.known())
    @rule(which=st.integers(0, 9), plane=st.none() | PLANES)
    def delete(self, which, plane):
        label_id = self.known()[which % len(self.known())]
        before, wanted = self.labels.copy(), self.labels.copy()
        window = wanted if plane is None else wanted[plane]
        window[window == label_id] = 0
        self.session.delete(label_id, plane)
        self.step(before)
        np.testing.assert_array_equal(self.labels, wanted)

    @precondition(lambda self: len(self.known()) > 1)
    @rule(data=st.data())
    def merge(self, data):
        ids = data.draw(st.permutations(self.known()))[:2]
        before = self.labels.copy()
        made = [m for label_id in ids for m in self.session.reopen(label_id)]
        self.session.merge(ids)
        self.step(before)
        assert set(self.session.reopen(ids[0])) == set(made)
        wanted = np.where(before == ids[1], ids[0], before)
        np.testing.assert_array_equal(self.labels, wanted)

    @precondition(lambda self: self.known())
    @rule(which=st.integers(0, 9), plane=PLANES)
    def split(self, which, plane):
        label_id = self.known()[which % len(self.known())]
        here = self.labels[plane] == label_id
        half = np.arange(SHAPE[2]) > np.nonzero(here)[1].mean() if here.any() else here
        part = here & half
        before = self.labels.copy()
        try:
            new = self.session.split(label_id, (0, 0, *SHAPE[1:]), part, plane)
        except PromptError:
            assert part.sum() in (0, here.sum())
            return
        self.step(before)
        assert new not in before
        np.testing.assert_array_equal(self.labels[plane] == new, part)

    @precondition(lambda self: self.made())
    @rule(which=st.integers(0, 9), span=st.sampled_from([(0, 4), (0, 3), (1, 4)]))
    def propagate(self, which, span):
        """As the viewer does: from where it was accepted, around what others have."""
        label_id = self.made()[which % len(self.made())]
        said = {}
        for accept in self.session.reopen(label_id):
            z = accept.plane.index[0]
            if span[0] <= z < span[1]:
                said[z] = self.answer_of(accept)
        said = {z: mask for z, mask in said.items() if mask.area}
        if not said:
            return

        def taken(plane, box):
            there = self.labels[plane][box[0] : box[2], box[1] : box[3]]
            return np.where(there == label_id, 0, there)

        before = self.labels.copy()
        found = [*iter_propagate(self.segmenter, [said], z_range=span, taken=taken)]
        lines = self.session.journal.lines
        with self.session.grouped(uuid.uuid4().hex):
            for each in found:
                if each.z in said:
                    continue
                mask = each.objects[0].mask if 0 in each.objects else None
                sure = each.objects[0].confidence.combined if mask else None
                box = mask.bbox if mask else (0, 0, 0, 0)
                data = mask.data if mask else np.zeros((0, 0), bool)
                self.session.derive(label_id, box, data, each.plane, confidence=sure)
        if self.session.journal.lines > lines:
            self.step(before)

    def answer_of(self, accept):
        self.draft = Draft(accept.plane.index[0], accept.prompt, accept.options)
        mask = self.answer(accept.prompt, replace(accept.options, candidate=None))
        self.draft = None
        return mask

    # --- back and forth -----------------------------------------------------------

    @rule(times=st.integers(1, 3))
    def undo(self, times):
        for _ in range(times):
            assert self.session.undo() == bool(self.past)
            if self.past:
                self.future.append(self.now)
                self.now = self.past.pop()
        np.testing.assert_array_equal(self.labels, self.now)

    @rule()
    def redo(self):
        assert self.session.redo() == bool(self.future)
        if self.future:
            self.past.append(self.now)
            self.now = self.future.pop()
        np.testing.assert_array_equal(self.labels, self.now)

    # --- files and processes --------------------------------------------------------

    @rule(name=st.sampled_from(["a.tif", "b.ome.zarr"]))
    def save(self, name):
        file = self.path.parent / name
        journal = journal_path(file)
        if journal.exists() and journal != self.session.journal.path:
            return  # another session's, as far as the user is told
        write_labels(file, self.labels, axes="zyx")
        lines = self.session.journal.lines
        if journal != self.session.journal.path:
            self.session.move(journal, keep=None if self.file is None else self.saved)
            assert self.session.journal.path == journal
        self.path, self.file, self.saved = journal, file, lines
        np.testing.assert_array_equal(read_labels(file), self.labels)

    @precondition(lambda self: self.file)
    @rule()
    def reload(self):
        """Open the saved labels; what was done since comes from the journal."""
        self.session.close()
        fresh = self.session.journal.lines == self.saved
        self.go_on(read_labels(self.file).astype(np.uint16))
        if fresh:
            np.testing.assert_array_equal(self.labels, self.now)
        self.session.restore()
        np.testing.assert_array_equal(self.labels, self.now)

    def go_on(self, labels):
        self.target = MortalTarget(labels)
        self.session = Session.open(self.path, self.target)
        self.draft = None

    @rule(
        what=st.sampled_from(["accept", "undo", "delete", "nothing"]),
        half=st.booleans(),
        torn=st.binary(max_size=30).map(lambda b: b.replace(b"\n", b"")),
        which=st.integers(0, 9),
    )
    def kill_and_resume(self, what, half, torn, which):
        """Kill the process in the midst of a step; go on from what is on the disk."""
        disk = {}

        def note():
            disk["journal"] = self.path.read_bytes()

        before, wanted = self.now, None
        self.target.dies_at = note
        with suppress(Killed, PromptError):
            if what == "accept" and self.draft:
                self.do_accept(self.draft)
            elif what == "undo" and self.past:
                wanted = self.past[-1]
                self.session.undo()
            elif what == "delete" and self.known():
                label_id = self.known()[which % len(self.known())]
                wanted = np.where(before == label_id, 0, before)
                self.session.delete(label_id)
        self.session.close()
        journal = disk.get("journal", self.path.read_bytes())
        self.path.write_bytes(journal + torn)
        begun = self.base.copy()
        if half and wanted is not None:  # the labels were on the disk, and half changed
            begun = np.where(np.indices(SHAPE).sum(0) % 2, wanted, before)
        if torn:
            with pytest.warns(HqsamWarning, match="lost"):
                self.go_on(begun)
        else:
            self.go_on(begun)
        self.session.restore()
        if "journal" not in disk:
            np.testing.assert_array_equal(self.labels, before)
        elif what == "undo":
            self.future.append(before)
            self.past.pop()
            np.testing.assert_array_equal(self.labels, wanted)
        else:
            self.step(before)
            if wanted is not None:
                np.testing.assert_array_equal(self.labels, wanted)

    # --- what always holds ------------------------------------------------------------

    @invariant()
    def labels_are_the_replayed_journal(self):
        if not hasattr(self, "session"):
            return
        recorded = read_session(self.path)
        again = self.start_of(recorded)
        assert rebuild(recorded, ArrayTarget(again)) == 0
        np.testing.assert_array_equal(again, self.labels)
        self.now = self.labels.copy()
        told, mine = recorded.history.table, self.session.table
        assert told.highest == mine.highest
        assert +told.pixels == +mine.pixels
        assert told.derived == mine.derived

    @invariant()
    def pixels_are_counted(self):
        if not hasattr(self, "session"):
            return
        there = Counter(self.labels[self.labels > 0].tolist())
        for label_id in self.session.table.ids:
            if not self.session.table.was_preexisting(label_id):
                assert self.session.table.pixels[label_id] == there[label_id]

    def start_of(self, recorded):
        labels = np.zeros(SHAPE, np.uint16)
        if recorded.base is not None:
            labels[...] = read_labels(recorded.base)
        np.testing.assert_array_equal(labels, self.base)
        return labels

    def segmented_again_it_is_the_same(self):
        """Every mask made anew from its prompts by the same network."""
        recorded = read_session(self.path)
        again = self.start_of(recorded)
        path = Path(self.folder.name) / "cells.npy"
        segment = Resegmenter(self.image, path, recorded, self.model, None, False)
        for each in resegment(recorded, ArrayTarget(again), segment):
            assert each.pixels == 0
        np.testing.assert_array_equal(again, self.labels)


SessionMachine.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestSessionMachine = SessionMachine.TestCase
