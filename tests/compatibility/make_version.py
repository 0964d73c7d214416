"""Write what this version of the package writes: journals, a store, a broken-off batch.

    python -m tests.compatibility.make_version

goes to a folder named after the version, beside this file. Later versions must read
it: see `test_earlier_versions`. Run it once for each release; never change what an
earlier one wrote.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import tifffile

import napari_hqsam
from napari_hqsam import Prompt, Segmenter, open_image, plan_batch, run_batch
from napari_hqsam.geometry import Plane, Space
from napari_hqsam.sessions import (
    ArrayTarget,
    CorrectedPrediction,
    ImageRecord,
    ModelRecord,
    Session,
    Stroke,
)
from tests.helpers.accept_options import accept_options
from tests.helpers.bright_network import bright_model

SHAPE = (4, 48, 56)
INPUT = 64
DISCS = [(13, 14, 8.2), (15, 42, 8.7), (36, 20, 7.7), (38, 45, 7.3)]
"""y, x and radius; the first moves from plane to plane."""


def volume():
    """Make (4, 48, 56) bright discs on dark ground."""
    y, x = np.mgrid[: SHAPE[1], : SHAPE[2]]
    pixels = np.full(SHAPE, 30, np.uint8)
    for z, plane in enumerate(pixels):
        for n, (row, column, radius) in enumerate(DISCS):
            moved = 2 * z if n == 0 else 0
            plane[np.hypot(y - row, x - column - moved) < radius] = 210
    return pixels


def segmenter_of(image, cache=False):
    """Segment with the network of known answers."""
    return Segmenter(
        image, bright_model(INPUT, varied=True), normalization=(0, 255), cache=cache
    )


ZYX = Space.pixels("zyx")


def begin(path, labels, segmenter, **given):
    """Begin a session."""
    return Session.create(
        path,
        ArrayTarget(labels),
        image=ImageRecord.of(segmenter.image),
        setup=ModelRecord.of(segmenter),
        **given,
    )


def answer(segmenter, prompt, how, plane):
    """Segment as options say."""
    asked = {
        "plane": plane,
        **how.segmentation.arguments(),
    }
    if how.candidate is None:
        return segmenter.segment(prompt, **asked)
    return segmenter.candidates(prompt, **asked)[how.candidate]


def accept(session, segmenter, prompt, plane=0, *, how=None, on=None, **more):
    """Segment and accept; `on` is the plane in the labels where it is another."""
    how = how or accept_options(level=0)
    mask = answer(segmenter, replace(prompt, plane=None), how, plane)
    where = plane if on is None else on
    return session.accept(mask, prompt, plane=where, options=how, **more)


def every_prompt(folder, image):
    """All kinds of prompts and settings, on labels in which an object was found."""
    segmenter = segmenter_of(image)
    labels = np.zeros(SHAPE, np.uint16)
    labels[3, 2:9, 40:50] = 7
    given = {"axes": "zyx", "scale": (2.0, 0.5, 0.5), "units": "micrometer"}
    with begin(folder / "prompts.tif.journal.jsonl", labels, segmenter, **given) as s:
        s.current_context = lambda: {"plane": [1], "by": "make_version.py"}
        accept(s, segmenter, Prompt([(13, 14)]))
        accept(s, segmenter, Prompt([(16, 40), (20, 44)], [1, 0]), how=accept_options(
            "sam", None, 0, overlap="overwrite"))  # fmt: skip
        accept(s, segmenter, Prompt(box=(27.5, 11.5, 44.5, 28.5)), how=accept_options(
            "hq", None, "whole", clean=False))  # fmt: skip
        drawn = np.zeros((10, 12), bool)
        drawn[2:9, 3:10] = True
        accept(s, segmenter, Prompt([(38, 45)], mask=drawn, mask_offset=(33, 39)))
        cut = np.where(drawn, np.float32(3.5), np.float32(-2.25))
        accept(s, segmenter, Prompt(mask=cut, mask_offset=(10, 34), box=(6, 30, 26, 50),
               label_id=20, plane=(1,)), 1)  # fmt: skip
        accept(s, segmenter, Prompt([(13, 16)]), 1, how=accept_options(
            "sam+hq", 1, "auto", typical_size=17.0, overlap="empty"))  # fmt: skip
        for z, extent in ((1, 40.0), (2, 4000.0)):
            how = accept_options("sam+hq", 2, "auto", view_extent=extent)
            accept(s, segmenter, Prompt([(36, 20)]), z, how=how)
        how = accept_options("sam", 0, "auto", typical_size=300.0)
        accept(s, segmenter, Prompt([(38, 45)]), 3, how=how)
        clicks = Prompt([(38, 45), (41, 48), (33, 40)], [1, 1, 0])
        first = answer(segmenter, clicks.first(1), accept_options("sam", 2, 0), 2)
        second = segmenter.segment(
            replace(clicks.first(2), logits=first.logits), plane=2, level=0
        )
        third = segmenter.segment(
            replace(clicks, logits=second.logits), plane=2, level=0
        )
        told = CorrectedPrediction(1, 2, "sam"), CorrectedPrediction(2)
        corrected = accept_options("sam+hq", None, 0, corrects=told)
        s.accept(third, clicks, plane=2, options=corrected)
        found = answer(segmenter, Prompt([(5, 45)]), accept_options(level=0), 3)
        assert not found.area
        accept(s, segmenter, Prompt([(16, 40)]), 3, label_id=7, replaces=True)
    return labels


def every_edit(folder, image):
    """All that is done to objects, undone and done again; steps that go on."""
    segmenter = segmenter_of(image)
    labels = np.zeros(SHAPE, np.uint16)
    with begin(folder / "edits.tif.journal.jsonl", labels, segmenter, space=ZYX) as s:
        for z in range(4):
            for n, (y, x, _) in enumerate(DISCS, 1):
                known = {} if z == 0 else {"label_id": n}
                prompt = Prompt([(y, x + (2 * z if n == 1 else 0))])
                accept(s, segmenter, prompt, z, **known)
        s.merge([2, 4])
        part = np.zeros(SHAPE[1:], bool)
        part[:36] = True
        s.split(3, (0, 0, *SHAPE[1:]), part, 1)
        s.undo()
        s.redo()
        box, pixels = s.pixels(1, 2)
        s.reshape(1, box, pixels & (np.indices(pixels.shape).sum(0) % 5 > 0), 2)
        s.delete(3, 3)
        painted = np.zeros(SHAPE, bool)
        painted[2, 40:44, 5:50] = True
        stroke = Stroke(np.nonzero(painted), labels[painted], 9)
        labels[painted] = 9
        s.record_strokes([stroke])
        with s.grouped("followed"):
            s.derive(12, (2, 2, 5, 6), np.ones((3, 4), bool), 0, confidence=0.75)
        accept(s, segmenter, Prompt([(13, 14)]), 0, label_id=1, replaces=True)
        with s.grouped("followed"):
            s.derive(12, (2, 2, 5, 5), np.ones((3, 3), bool), 1, confidence=0.5)
            s.derive(12, (2, 2, 6, 5), np.ones((4, 3), bool), 2, confidence=0.25)
            s.derive(12, (0, 0, 0, 0), np.zeros((0, 0), bool), 1, confidence=None)
        for _ in range(3):
            s.undo()
        for _ in range(2):
            s.redo()
        s.delete(2)
        s.undo()
    return labels


def from_the_side(folder, path):
    """A volume over time that was looked at across y: planes of labels turned."""
    flat, side = open_image(path, axes="zyx"), open_image(path, axes="yzx")
    segmenter = segmenter_of(side)
    labels = np.zeros(SHAPE, np.int32)
    journal = folder / "side.tif.journal.jsonl"
    with Session.create(
        journal,
        ArrayTarget(labels),
        image=ImageRecord.of(flat),
        setup=ModelRecord.of(segmenter),
        space=ZYX,
    ) as session:
        for y, x in ((13, 15), (16, 40), (36, 20)):
            plane = Plane((y,), (0, 2))
            accept(session, segmenter, Prompt([(1, x)]), y, on=plane)
        session.delete(2, Plane((16,), (0, 2)))
        session.derive(1, (1, 9, 3, 20), np.ones((2, 11), bool), plane, confidence=0.5)
    return labels


def main():
    """Write all of it."""
    folder = Path(__file__).parent / napari_hqsam.__version__
    if folder.exists():
        sys.exit(f"{folder} exists: what an earlier version wrote stays as it is")
    folder.mkdir()
    path = folder / "cells.tif"
    tifffile.imwrite(path, volume(), compression="zlib", metadata={"axes": "ZYX"})
    image = open_image(path, axes="zyx")
    labels = {
        "prompts": every_prompt(folder, image),
        "edits": every_edit(folder, image),
        "side": from_the_side(folder, path),
    }
    segmenter = segmenter_of(image, folder / "stores")
    for plane in (0, 2):
        segmenter.segment(Prompt([(16, 40)]), plane=plane, level=0)
    segmenter.segment(Prompt([(16, 40)]), plane=1, level=-1)
    prompts = [Prompt([(13, 14)]), Prompt([(16, 40)]), Prompt(box=(27, 33, 43, 50))]
    batch = plan_batch(image, "same", prompts, level=0)
    done = run_batch(segmenter_of(image), folder / "whole.tif", batch)
    assert done.complete
    labels["batch"] = napari_hqsam.read_labels(folder / "whole.tif")
    (folder / "whole.tif").unlink()
    times = iter([False, False, False, False, False, False, False, False, True])
    done = run_batch(
        segmenter_of(image), folder / "batch.tif", batch, cancelled=lambda: next(times)
    )
    assert (done.complete, done.planes) == (False, 2)
    np.savez_compressed(folder / "labels.npz", **labels)
    for lock in folder.rglob("*.lock"):
        lock.unlink()


if __name__ == "__main__":
    main()
