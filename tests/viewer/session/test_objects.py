"""Accept, undo, reopen, merge, split, delete; batches; the journal."""

import numpy as np
import pytest
import zarr
from qtpy.QtCore import Qt

from napari_hqsam.labels import read_labels

SHIFT = Qt.KeyboardModifier.ShiftModifier
CENTRES = [(20, 20), (20, 50), (20, 80), (55, 20), (55, 50), (55, 80)]


@pytest.fixture
def hand(viewer, open_widget, squares):
    viewer.add_image(squares, name="squares", scale=(0.5, 0.5), units=("um", "um"))
    return open_widget()


def test_accepted_objects_go_to_labels_and_their_table(hand):
    hand.accept(*CENTRES[:3])
    layer = hand.sessions.target.layer
    assert layer.name == "squares labels"
    assert np.array_equal(np.unique(hand.labels), [0, 1, 2, 3])
    assert (hand.labels[10:30, 40:60] == 2).all()
    table = layer.features
    assert list(table["index"]) == [1, 2, 3]
    assert list(table["pixels"]) == [400] * 3
    assert np.allclose(table["area"], 100)
    assert table["unit"][0] == "micrometer^2"
    # the next object begins without prompts, and with the tool still active
    assert len(hand.scene.points.data) == 0
    assert hand.current.mask is None
    assert hand.viewer.layers.selection.active == hand.scene.points


def test_reject_drops_the_prompts(hand):
    hand.click(20, 20)
    hand.key("Q")
    assert len(hand.scene.points.data) == 0
    assert hand.sessions.target is None


def test_accepting_while_the_answer_is_under_way(hand):
    hand.accept(CENTRES[0])
    hand.engine.gate.clear()
    hand.click(20, 50, wait=False)
    hand.wait(lambda: hand.current.waiting)
    hand.key("N", wait=False)
    hand.click(20, 80, wait=False)
    hand.wait(lambda: hand.current.waiting)
    hand.engine.gate.set()
    hand.wait()
    assert (hand.labels[10:30, 40:60] == 2).all()
    assert not hand.labels[10:30, 70:90].any()  # it is the next object's
    assert hand.current.mask.bbox == (10, 70, 30, 90)


def test_undo_goes_back_click_by_click_then_object_by_object(hand):
    hand.accept(*CENTRES[:2])
    hand.click(20, 80)
    hand.click(55, 80)
    hand.key("U")
    assert hand.current.mask.bbox == (10, 70, 30, 90)
    hand.key("U")
    assert hand.current.mask is None
    hand.key("U")
    assert hand.labels.max() == 1
    hand.key("U")
    assert hand.labels.max() == 0
    hand.undo.redo()
    hand.undo.redo()
    assert hand.labels.max() == 2


def test_naparis_own_undo_and_redo_work(hand):
    hand.accept(*CENTRES[:2])
    layer = hand.sessions.target.layer
    layer.undo()
    assert hand.labels.max() == 1
    assert list(layer.features["index"]) == [1]
    layer.redo()
    assert hand.labels.max() == 2
    assert list(layer.features["index"]) == [1, 2]
    layer.undo()
    layer.undo()
    assert hand.labels.max() == 0
    expected = hand.labels.copy()
    assert np.array_equal(hand.rebuilt(), expected)


def test_an_object_is_reopened_with_its_prompts(hand):
    hand.click(20, 20)
    hand.click(20, 50)
    hand.key("N")
    hand.accept(CENTRES[4])
    hand.move(15, 15)
    hand.key("J")
    assert hand.current.label_id == 1
    assert np.allclose(hand.scene.points.data, [(20, 20), (20, 50)], atol=0.5)
    hand.click(20, 24, modifiers=SHIFT)
    hand.key("N")
    assert set(np.unique(hand.labels)) == {0, 1, 2}
    assert not hand.labels[10:30, 10:30].any()
    assert (hand.labels[10:30, 40:60] == 1).all()


def test_objects_made_by_hand_are_opened_by_their_box(hand, squares):
    labels = np.zeros(squares.shape, np.uint16)
    labels[12:28, 12:28] = 7
    layer = hand.viewer.add_labels(labels, scale=(0.5, 0.5), units=("um", "um"))
    hand.sessions.use_target(layer)
    hand.settings.tool = "point"
    hand.controller.tools.activate()
    hand.move(20, 20)
    hand.key("J")
    hand.key("N")
    assert (labels[10:30, 10:30] == 7).sum() >= 256
    assert hand.sessions.target.layer == layer
    hand.accept(CENTRES[1])
    assert labels.max() == 8


def test_merge_split_and_delete(hand):
    hand.accept(*CENTRES[:2])
    hand.click(20, 80)
    hand.move(20, 50)
    hand.key("N", modifiers=SHIFT)
    assert (hand.labels[10:30, 70:90] == 2).all()
    hand.click(20, 80)
    hand.key("K", modifiers=SHIFT)
    assert (hand.labels[10:30, 70:90] == 3).all()
    assert (hand.labels[10:30, 40:60] == 2).all()
    hand.move(20, 20)
    hand.key("Q", modifiers=SHIFT)
    assert not hand.labels[10:30, 10:30].any()
    expected = hand.labels.copy()
    assert np.array_equal(hand.rebuilt(), expected)


def test_holes_and_ripples_of_the_current_object(hand, squares):
    ring = squares.copy()
    ring[17:23, 17:23] = 0
    hand.scene.image.data = ring
    hand.click(12, 12)
    assert len(hand.scene.outline.data) == 2  # outside, and round the hole
    hand.settings.fill = True
    assert len(hand.scene.outline.data) == 1
    hand.key("N")
    assert (hand.labels[10:30, 10:30] == 1).all()
    hand.key("U")
    assert not hand.labels.any()  # one step
    hand.settings.fill = False
    hand.click(12, 12)
    hand.key("N")
    assert (hand.labels[17:23, 17:23] == 0).all()
    hand.move(12, 12)
    hand.key("H", modifiers=SHIFT)
    assert (hand.labels[10:30, 10:30] == 1).all()
    expected = hand.labels.copy()
    assert np.array_equal(hand.rebuilt(), expected)


@pytest.mark.parametrize("policy", ["keep", "overwrite"])
def test_who_gets_pixels_of_two_objects(hand, policy):
    hand.accept(CENTRES[0])
    hand.settings.overlap = policy
    hand.click(20, 20)
    hand.click(20, 50)
    hand.key("N")
    assert hand.labels[20, 20] == (1 if policy == "keep" else 2)
    assert hand.labels[20, 50] == 2


def test_the_brush_is_in_the_journal(hand):
    hand.accept(CENTRES[0])
    layer = hand.sessions.target.layer
    layer.brush_size = 5
    layer.paint((40, 40), 9)
    layer.fill((0, 0), 12)
    hand.settings.overlap = "overwrite"
    hand.accept(CENTRES[1])
    assert hand.labels.max() == 13
    assert not hand.notes
    expected = hand.labels.copy()
    assert np.array_equal(hand.rebuilt(), expected)


def test_labels_on_disk(hand, squares, tmp_path):
    stored = zarr.create_array(
        str(tmp_path / "l.zarr"), shape=squares.shape, chunks=(32, 32), dtype="uint32"
    )
    layer = hand.viewer.add_labels(stored, scale=(0.5, 0.5), units=("um", "um"))
    hand.sessions.use_target(layer)
    hand.controller.tools.activate()
    hand.accept(*CENTRES[:2])
    on_disk = zarr.open_array(str(tmp_path / "l.zarr"), mode="r")[...]
    assert (on_disk[10:30, 40:60] == 2).all()
    layer.undo()
    assert zarr.open_array(str(tmp_path / "l.zarr"), mode="r")[...].max() == 1


@pytest.mark.parametrize("kind", ["points", "shapes", "labels"])
def test_a_batch_from_any_layer(hand, squares, kind):
    viewer = hand.viewer
    place = {"scale": (0.5, 0.5), "units": ("um", "um")}
    if kind == "points":
        moved = np.array(CENTRES) / 2  # in the world
        source = viewer.add_points(moved, units=("um", "um"))
    elif kind == "shapes":
        boxes = [np.array([(y - 12, x - 12), (y + 12, x + 12)]) for y, x in CENTRES]
        line = np.array([(1.0, 1.0), (1.0, 1.0)])
        source = viewer.add_shapes([line], shape_type="line", **place)
        source.add_rectangles(boxes)
    else:
        labels = np.zeros(squares.shape, np.uint8)
        for i, (y, x) in enumerate(CENTRES, 1):
            labels[y - 3 : y + 3, x - 3 : x + 3] = 3 * i
        source = viewer.add_labels(labels, **place)
    hand.batches.run(source)
    hand.wait(lambda: hand.messages and "objects accepted" in hand.messages[-1])
    assert hand.messages[-1].startswith("6 of ")
    for y, x in CENTRES:
        assert hand.labels[y, x]
    assert len(np.unique(hand.labels)) == 7
    hand.wait()


def test_a_batch_is_cancelled_and_clicks_come_first(hand):
    source = hand.viewer.add_points(np.array(CENTRES) / 2, units=("um", "um"))
    hand.controller.tools.activate()
    hand.engine.gate.clear()
    hand.batches.run(source)
    hand.engine.gate.set()
    hand.wait(lambda: hand.sessions.target and hand.labels.any())
    hand.batches.cancel()
    count = hand.labels.max()
    hand.wait()
    assert hand.labels.max() == count < 6
    hand.click(20, 20)
    assert hand.current.mask is not None


def test_saved_labels_have_scale_and_units(hand, tmp_path):
    hand.accept(*CENTRES[:2])
    for name in ("a.ome.tif", "a.tif", "a.ome.zarr"):
        hand.saver.save(str(tmp_path / name))
        hand.wait()
        assert hand.messages[-1] == f"Saved {tmp_path / name}"
        key = "0" if name.endswith("zarr") else None
        assert np.array_equal(read_labels(tmp_path / name, key=key), hand.labels)
    back = hand.viewer.open(str(tmp_path / "a.ome.zarr"), plugin="napari-hqsam")[0]
    assert np.allclose(back.scale, 0.5)
    assert str(back.units[0]) == "micrometer"
    hand.saver.save(str(tmp_path / "none" / "a.tif"))
    hand.wait()
    assert "does not exist" in hand.notes[-1]
