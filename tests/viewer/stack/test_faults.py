"""Stacks: bad input, what goes in mid-flight, what is kept."""

import sys

import numpy as np
import pytest
import tifffile

from napari_hqsam import cli, models, read_labels
from tests.viewer.helpers.stack import (
    COUNT,
    SHIFT,
    begin_paced,
    centre,
    choose,
    discs,
    finish,
    go,
    on,
    release,
    run,
    starter,
)


@pytest.fixture
def start(viewer, open_widget):
    return starter(viewer, open_widget)


# --- trouble ------------------------------------------------------------------------


def test_one_slice_says_what_to_do(start):
    hand = start(discs(1)[0], axis=0, z=0)
    hand.click(*centre(0))
    run(hand)
    assert "one slice" in hand.notes[-1]
    assert "open a stack" in hand.notes[-1]
    assert hand.sessions.target is None
    assert hand.current.mask is not None
    assert not hand.section.run.isEnabled()
    hand.key("W", modifiers=SHIFT)
    assert len(hand.notes) == 2


def test_prompts_outside_the_range_and_none_at_all(start):
    hand = start(discs())
    run(hand)
    assert "there are no prompts; click on an object" in hand.notes[-1]
    hand.click(*centre(4))
    hand.section.first.setValue(5)
    run(hand)
    assert "slices 4 have prompts and are not in the range 5 to 8" in hand.notes[-1]
    assert hand.sessions.target is None
    assert len(hand.scene.points.data) == 1
    choose(hand, "accepted")
    run(hand)
    assert "not in the range" in hand.notes[-1]
    hand.section._all()
    run(hand)
    assert "no object is accepted yet" in hand.notes[-1]
    go(hand, 0)
    choose(hand, "same")
    run(hand)
    assert "there are no prompts" in hand.notes[-1]
    hand.key("W", modifiers=SHIFT)
    assert "Follow an object" in hand.messages[-1]
    assert len(hand.notes) == 5


def test_prompts_that_find_nothing_come_back(start):
    hand = start(discs())
    hand.click(90, 90)
    assert hand.current.mask is None
    run(hand)
    assert "no object was found at the prompts on slice 4" in hand.notes[-1]
    assert len(hand.scene.points.data) == 1
    assert not hand.labels.any()


def test_the_view_is_3d(start):
    hand = start(discs())
    hand.viewer.dims.ndisplay = 3
    hand.wait()
    assert "3D" in hand.section.none.text()
    hand.section.toggle()
    assert "3D" in hand.notes[-1]


@pytest.mark.parametrize("what", ["image", "target", "replaced", "data", "closed"])
def test_what_it_works_on_goes_in_mid_flight(start, what):
    hand = start(discs())
    hand.click(*centre(4))
    begin_paced(hand, slices=1)
    layer = hand.sessions.target.layer
    done = hand.labels.copy()
    if what == "image":
        hand.viewer.layers.remove(hand.scene.image)
    elif what == "target":
        hand.viewer.layers.remove(layer)
    elif what == "replaced":
        other = hand.viewer.add_labels(np.zeros_like(done), name="other")
        hand.sessions.use_target(other)
    elif what == "data":
        hand.scene.image.data = discs()[:, ::-1].copy()
    else:
        hand.viewer.window.remove_dock_widget(hand.widget)
    assert not hand.stacks.running
    release(hand)
    hand.controller.worker.join(20)
    hand.wait(lambda: not hand.controller.worker.busy)
    assert np.array_equal(layer.data, done)
    assert not hand.notes


def test_a_target_of_another_shape_in_mid_flight(start):
    hand = start(discs())
    hand.click(*centre(4))
    begin_paced(hand, slices=1)
    hand.sessions.target.layer.data = np.zeros((3, 5, 5), np.uint8)
    release(hand)
    finish(hand)
    assert "has shape (3, 5, 5) now" in hand.notes[-1]


def test_a_middle_slice_without_contrast(start):
    stack = discs()
    stack[4] = 255
    hand = start(stack)
    hand.click(*centre(4))
    run(hand)
    assert not hand.stacks.running
    assert hand.sessions.target is None or set(np.unique(hand.labels)) <= {0, 1}


# --- what is kept -------------------------------------------------------------------


def test_confidence_is_there_again_with_the_session(start, tmp_path):
    hand = start(discs())
    hand.click(*centre(4))
    run(hand)
    sure = {c.z: c.confidence for c in hand.stacks.cells()}
    hand.saver.save(str(tmp_path / "labels.tif"))
    hand.wait()
    labels = hand.labels.copy()
    hand.viewer.layers.remove(hand.sessions.target.layer)
    assert not hand.stacks.cells()
    back = hand.viewer.open(
        str(tmp_path / "labels.tif"), layer_type="labels", plugin="napari"
    )[0]
    hand.sessions.use_target(back)
    hand.wait()
    hand.section.object.setCurrentIndex(0)
    hand.section._on_object()
    assert {c.z: c.confidence for c in hand.stacks.cells()} == pytest.approx(sure)
    assert hand.section.strip.isVisibleTo(hand.section)
    hand.controller.tools.activate()
    go(hand, 7)
    hand.current.label_id = 1
    hand.click(*centre(7))
    encoded = hand.network.encoded
    run(hand)  # only what the new prompt can change, though another session began it
    assert hand.network.encoded == encoded
    assert np.array_equal(hand.labels[:5], labels[:5])
    assert on(hand) == set(range(COUNT))


def test_a_journal_with_propagated_slices_is_replayed(
    start, tmp_path, monkeypatch, capsys
):
    stack = discs()
    hand = start(stack)
    hand.click(*centre(4))
    go(hand, 7)
    hand.click(*centre(7))
    run(hand)
    go(hand, 4)
    hand.click(*centre(4, 1))
    run(hand)
    hand.key("W", modifiers=SHIFT)
    hand.click(*centre(hand.scene.view().position[0], 1))
    run(hand)
    hand.saver.save(str(tmp_path / "labels.tif"))
    hand.wait()
    tifffile.imwrite(tmp_path / "image.tif", stack, metadata={"axes": "ZYX"})
    model = hand.engine.bright
    monkeypatch.setattr(models, "load_model", lambda *_, **__: model, raising=False)
    journal, out = tmp_path / "labels.tif.journal.jsonl", tmp_path / "again.tif"
    args = "replay", journal, tmp_path / "image.tif", "-o", out, "-m", "bright"
    args += "--cache", "none"
    monkeypatch.setattr(sys, "argv", ["napari-hqsam", *map(str, args)])
    with pytest.raises(SystemExit, match=r"^0$"):
        cli.main()
    assert "0 of 4 masks differ" in capsys.readouterr().out
    assert np.array_equal(read_labels(out), hand.labels)


# --- ahead --------------------------------------------------------------------------


@pytest.mark.parametrize("way", [1, -1])
def test_slices_ahead_are_encoded_while_a_result_is_looked_at(start, monkeypatch, way):
    hand = start(discs(12), z=5 - way)
    hand.controller.warmup.idle.setInterval(30)
    hand.settings.prefetch = True
    go(hand, 5)
    hand.click(*centre(5))
    (source,) = hand.engine.sources
    tiles = hand.engine.tiles(hand.controller.shown[1].request)

    def ready():
        return {z for z in range(12) if all(source.in_memory((z,), t) for t in tiles)}

    wanted = {5, 5 + way, 5 + 2 * way, 5 + 3 * way, 5 - way}
    hand.wait(lambda: ready() >= wanted, seconds=20)
    assert ready() == wanted
