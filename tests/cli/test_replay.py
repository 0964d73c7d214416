"""`napari-hqsam replay`: the same labels again, with and without the network."""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

from napari_hqsam import Segmenter, open_image, read_labels
from napari_hqsam.geometry import Plane, Space
from napari_hqsam.masks import Mask
from napari_hqsam.prompts import Prompt
from napari_hqsam.sample import NUCLEI
from napari_hqsam.sessions import (
    AcceptOptions,
    ArrayTarget,
    CorrectedPrediction,
    ImageRecord,
    ModelRecord,
    Session,
    journal_path,
)
from tests.helpers.accept_options import accept_options


@pytest.fixture
def command(monkeypatch, run_command, micro):
    """Run the command line in this process: exit code, output, error output."""
    from napari_hqsam import models

    load = models.load_model
    monkeypatch.setattr(
        models,
        "load_model",
        lambda name, **how: micro if name == "micro" else load(name, **how),
        raising=False,
    )

    return partial(run_command, "replay")


HALF = Space.of("yx", units="um", scale=(0.5, 0.5))


def begin(path, segmenter, labels, **given):
    """Begin a session on an image, as the viewer does."""
    return Session.create(
        path,
        ArrayTarget(labels),
        image=ImageRecord.of(segmenter.image),
        setup=ModelRecord.of(segmenter),
        **given,
    )


def accept(session, segmenter, prompt, *, options=None, plane=None, **more):
    """Segment and accept, as the viewer does."""
    how = options or AcceptOptions()
    asked = {
        **how.segmentation.arguments(),
    }
    if how.candidate is None:
        mask = segmenter.segment(prompt, **asked)
    else:
        mask = segmenter.candidates(prompt, **asked)[how.candidate]
    return session.accept(
        mask, prompt, options=how, setup=ModelRecord.of(segmenter), plane=plane, **more
    )


@pytest.fixture(scope="module")
def nuclei(tmp_path_factory, micro):
    """A session on the shipped picture with all that can be done: journal, labels."""
    path = journal_path(tmp_path_factory.mktemp("nuclei") / "nuclei.tif")
    image = open_image(NUCLEI)
    segmenter = Segmenter(image, micro, cache=False)
    labels = np.zeros(image.plane_shape, np.uint16)
    given = json.loads((NUCLEI.parent / "prompts.json").read_text())["prompts"]
    prompts = [
        Prompt(p.get("points", ()), p.get("point_labels"), p.get("box")) for p in given
    ]
    hows = [
        accept_options(typical_size=60.0),
        accept_options("sam", level="whole", clean=False),
        AcceptOptions(candidate=1, overlap="overwrite"),
        accept_options("hq", level=0),
    ]
    with begin(path, segmenter, labels, space=HALF) as session:
        for prompt, how in zip(prompts[:4], hows, strict=True):
            accept(session, segmenter, prompt, options=how)
        session.undo()
        session.redo()
        darker = Segmenter(image, micro, normalization=(0, 120), cache=False)
        more = Prompt(given[0]["points"]) if "points" in given[0] else prompts[0]
        accept(session, darker, more, label_id=1, replaces=True)
        whole = Prompt(mask=labels == 2)
        accept(session, segmenter, whole, label_id=2, replaces=True)
        session.merge([3, 4])
        accept(session, segmenter, prompts[5])
        session.delete(2)
        session.undo()
    return path, labels


def test_the_labels_are_the_same_without_the_network(command, tmp_path, nuclei):
    path, labels = nuclei
    out = tmp_path / "labels.ome.tif"
    code, said, err = command(path, NUCLEI, "-o", out)
    assert (code, err) == (0, "")
    assert "4 objects" in said
    assert "load the model" not in said
    np.testing.assert_array_equal(read_labels(out), labels)
    with tifffile.TiffFile(out) as file:
        assert 'PhysicalSizeX="0.5"' in file.ome_metadata


def test_the_network_makes_the_same_labels_again(command, tmp_path, nuclei):
    path, labels = nuclei
    out = tmp_path / "labels.ome.zarr"
    code, said, err = command(path, NUCLEI, "-o", out, "-m", "micro", "--cache", "none")
    assert (code, err) == (0, "")
    assert "0 of 7 masks differ" in said
    np.testing.assert_array_equal(read_labels(out), labels)


def test_clicks_that_corrected_an_answer_are_given_click_by_click(
    command, tmp_path, micro
):
    path = tmp_path / "labels.tif.journal.jsonl"
    segmenter = Segmenter(open_image(NUCLEI), micro, cache=False)
    labels = np.zeros(segmenter.image.plane_shape, np.uint16)
    clicks = Prompt([(88, 63), (95, 75), (80, 90)], [1, 1, 0])
    first = segmenter.candidates(clicks.first(1), output="sam")[2]
    second = segmenter.segment(replace(clicks.first(2), logits=first.logits))
    third = segmenter.segment(replace(clicks, logits=second.logits))
    answers = CorrectedPrediction(1, 2, "sam"), CorrectedPrediction(2)
    with begin(path, segmenter, labels) as session:
        session.accept(third, clicks, options=AcceptOptions(corrects=answers))
    out = tmp_path / "labels.tif"
    again = path, NUCLEI, "-o", out, "-m", "micro", "--cache", "none"
    code, said, err = command(*again)
    assert (code, err) == (0, "")
    assert "0 of 1 masks differ" in said
    np.testing.assert_array_equal(read_labels(out), labels)
    assert not np.array_equal(segmenter.segment(clicks).data, third.data)
    # A journal from before has none of it, and is replayed as it says.
    said = json.loads(path.read_text().splitlines()[1])["settings"]
    assert [answer["points"] for answer in said.pop("corrects")] == [1, 2]
    assert AcceptOptions.from_json(said) == AcceptOptions()
    assert "corrects" not in AcceptOptions().to_json()


def test_a_volume_looked_at_from_the_side(command, tmp_path, micro, discs):
    volume = np.stack([discs[0][:120, :120]] * 40, 1)[None]  # t, y, z, x: discs in yx
    image = tmp_path / "volume.npy"
    np.save(image, volume)
    flat = open_image(volume, axes="tzyx")  # as the labels have it
    side = open_image(volume, axes="tyzx")
    labels = np.zeros(volume.shape, np.int32)
    path = tmp_path / "labels.tif.journal.jsonl"
    segmenter = Segmenter(side, micro, cache=False)
    with Session.create(
        path,
        ArrayTarget(labels),
        image=ImageRecord.of(flat),
        setup=ModelRecord.of(segmenter),
    ) as session:
        click = Prompt([(50, 60)])
        mask = segmenter.segment(click, plane=7)
        session.accept(mask, click, plane=Plane((0, 7), (1, 3)))
    assert labels[0, 50, 7, 60] == 1
    assert labels[0, :, 8].sum() == 0
    for again in ((), ("-m", "micro", "--cache", "none")):
        out = tmp_path / f"out{len(again)}.tif"
        code, said, err = command(path, image, "-o", out, *again)
        assert (code, err) == (0, "")
        np.testing.assert_array_equal(read_labels(out), labels[0])
    assert "0 of 1 masks differ" in said


SETUP = ModelRecord("micro", "00", (0, 0, 0), ((0.0, 255.0),))


def small_session(folder, pixels, found=None, setup=SETUP):
    """A session made by hand: an object of 4 pixels."""
    image = folder / "image.tif"
    tifffile.imwrite(image, pixels)
    path = folder / "labels.tif.journal.jsonl"
    labels = np.zeros((40, 50), np.uint16) if found is None else found
    record = ImageRecord.of(open_image(image))
    with Session.create(
        path, ArrayTarget(labels), image=record, setup=setup
    ) as session:
        square = Mask.from_crop(np.ones((2, 2), bool), (5, 6), 0.9, 0.8)
        session.accept(square, Prompt([(5, 6)]))
    return path, image, labels


@pytest.fixture
def small(tmp_path):
    return small_session(tmp_path, np.arange(2000, dtype=np.uint8).reshape(40, 50))


def test_masks_that_differ_are_told(command, tmp_path, small, monkeypatch):
    path, image, _ = small
    wider = Mask.from_crop(np.ones((2, 3), bool), (5, 6), 0.9, 0.8)
    monkeypatch.setattr(Segmenter, "segment", lambda *_, **__: wider)
    out = tmp_path / "out.tif"
    code, said, _ = command(path, image, "-o", out, "-m", "micro", "--cache", "none")
    assert code == 0
    assert "1 of 1 masks differ from those accepted; most of all that of" in said
    assert "object 1, by 2 pixels (IoU 0.667)" in said
    assert (read_labels(out) == 1).sum() == 6


@pytest.mark.parametrize(
    ("change", "warned"),
    [
        ({}, False),
        ({"decoder_digest": ""}, False),  # a journal of 0.1, which lacks it
        ({"decoder_digest": "ab" * 32}, True),
        ({"digest": "00" * 32}, True),
        ({"digest": "00" * 32, "decoder_digest": ""}, True),
        ({"digest": "00" * 32, "model": "another"}, False),  # --model asks for it
    ],
)
def test_other_weights_of_the_same_name_are_told(
    command, tmp_path, micro, monkeypatch, change, warned
):
    setup = ModelRecord(
        "micro", micro.digest, (0, 0, 0), ((0.0, 255.0),), micro.decoder_digest
    )
    pixels = np.arange(2000, dtype=np.uint8).reshape(40, 50)
    path, image, _ = small_session(tmp_path, pixels, setup=replace(setup, **change))
    same = Mask.from_crop(np.ones((2, 2), bool), (5, 6), 0.9, 0.8)
    monkeypatch.setattr(Segmenter, "segment", lambda *_, **__: same)
    out = tmp_path / "out.tif"
    code, _, err = command(path, image, "-o", out, "-m", "micro", "--cache", "none")
    assert code == 0
    assert ("other weights of micro" in err) == warned
    assert ("as model (--model)" in err) == warned


def test_masks_without_pixels_are_told(command, tmp_path, small, monkeypatch):
    path, image, _ = small
    nothing = Mask.from_crop(np.zeros((2, 3), bool), (5, 6), 0.9, 0.8)
    monkeypatch.setattr(Segmenter, "segment", lambda *_, **__: nothing)
    out = tmp_path / "out.tif"
    code, _, err = command(path, image, "-o", out, "-m", "micro", "--cache", "none")
    assert code == 0
    assert "1 masks gave no pixels of their own, of objects 1" in err
    assert not read_labels(out).any()


def test_a_torn_line_is_told_and_the_rest_is_there(command, tmp_path, small):
    path, image, labels = small
    with path.open("ab") as file:
        file.write(b'{"event":"acc')
    code, _, err = command(path, image, "-o", tmp_path / "out.tif")
    assert code == 0
    assert "line 3, the last, is cut short" in err
    np.testing.assert_array_equal(read_labels(tmp_path / "out.tif"), labels)


def test_labels_that_were_there_come_from_their_copy(command, tmp_path):
    found = np.zeros((40, 50), np.int64)
    found[5, 6], found[20:25, 3:9] = 2, 70000
    path, image, labels = small_session(tmp_path, found.astype(np.uint8), found)
    out = tmp_path / "out.tif"
    assert command(path, image, "-o", out)[0] == 0
    np.testing.assert_array_equal(read_labels(out), labels)
    assert labels[5, 6] == 2
    out.unlink()
    base = tmp_path / "labels.tif.base.tif"
    code, _, err = command(path, image, "-o", base)
    assert code == 2
    assert "base.tif holds the labels that the session" in err
    base.unlink()
    code, _, err = command(path, image, "-o", out)
    assert code == 2
    assert "labels.tif.base.tif is missing" in err
    assert not out.exists()


def test_another_image_is_told(command, tmp_path, small):
    path, image, labels = small
    pixels = tifffile.imread(image)
    Pillow.fromarray(255 - pixels).save(tmp_path / "other.png")
    code, _, err = command(path, tmp_path / "other.png", "-o", tmp_path / "out.tif")
    assert code == 0
    assert "other.png differs from the image of the session, image.tif" in err
    np.testing.assert_array_equal(read_labels(tmp_path / "out.tif"), labels)


def test_bad_input_gets_one_line_and_writes_nothing(command, tmp_path, small):
    path, image, _ = small
    lines = path.read_bytes()
    (tmp_path / "damaged.jsonl").write_bytes(lines.replace(b'"id":1', b'"id":2') * 2)
    np.save(tmp_path / "wide.npy", np.zeros((40, 51), np.uint8))
    out = tmp_path / "out.tif"
    cases = [
        ((tmp_path / "none.jsonl", image, "-o", out), "none.jsonl cannot be read"),
        ((image, image, "-o", out), "is not a journal"),
        ((tmp_path / "damaged.jsonl", image, "-o", out), "line 2 does not fit"),
        ((path, tmp_path / "none.tif", "-o", out), "none.tif"),
        ((path, tmp_path / "wide.npy", "-o", out), "wide.npy has yx (40, 51)"),
        ((path, image, "-o", out, "--axes", "zyx"), "axes"),
        ((path, image, "-o", out, "--channels", "x"), "--channels"),
        ((path, image, "-o", out, "-m", "nobody"), "nobody"),
        ((path, image, "-o", out, "-m", "nobody", "--cache", image), "--cache"),
        ((path, image, "-o", image), "is the image that is read"),
        ((path, image, "-o", path), "cannot tell the format"),
        ((path, image, "-o", tmp_path / "no" / "out.tif"), "does not exist"),
        ((path, image, "-o", tmp_path / "out.png"), ".png"),
    ]
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    for args, words in cases:
        code, _, err = command(*args)
        assert code == 2, args
        assert words in err, args
        assert err.count("\n") == 1, err
        assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before
