"""Objects followed through stacks, in the real viewer."""

import threading

import numpy as np
import psutil
import pytest
import zarr
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_hqsam.geometry import Plane
from napari_hqsam.viewer.parts.confidence_strip import ConfidenceStrip
from tests.viewer.helpers.stack import (
    COUNT,
    CTRL,
    SHIFT,
    SIDE,
    active_target,
    begin_paced,
    centre,
    choose,
    dim,
    direct,
    discs,
    finish,
    go,
    iou,
    on,
    release,
    run,
    starter,
)


@pytest.fixture
def start(viewer, open_widget):
    return starter(viewer, open_widget)


# --- following ----------------------------------------------------------------


def test_a_clicked_object_is_propagated_live_and_in_order(start):
    stack = discs()
    hand = start(stack, scale=(2, 1, 1))
    hand.click(*centre(4))
    outline, encoded = hand.current.mask, hand.network.encoded
    begin_paced(hand)
    order = [on(hand)]
    while len(on(hand)) < COUNT:
        before = on(hand)
        hand.network.permits.release()
        hand.wait(lambda b=before: on(hand) != b)
        order.append(on(hand) - before)
        assert f"{len(order)} of" in hand.section.progress.native.text()
        if len(order) < COUNT:
            assert hand.section.run.text() == "Cancel"
    release(hand)
    finish(hand)
    assert order == [{4}, {3}, {2}, {1}, {0}, {5}, {6}, {7}, {8}]
    labels = hand.labels
    y0, x0, y1, x1 = outline.bbox
    assert np.array_equal(labels[4, y0:y1, x0:x1] == 1, outline.data)
    one = discs(objects=1) > 100
    assert all(iou(labels[z] == 1, one[z]) > 0.85 for z in range(COUNT))
    assert set(np.unique(labels)) == {0, 1}
    assert not len(hand.scene.points.data)
    assert hand.messages[-1].startswith(
        "Object 1 found on 9 slices; lowest confidence: object 1"
    )
    assert not hand.section.progress.native.isVisibleTo(hand.section)
    assert hand.network.encoded == encoded + COUNT - 1  # 1 tile a slice
    assert not hand.notes


def test_clicks_are_answered_while_slices_are_worked_on(start):
    hand = start(discs())
    hand.settings.scale = "whole"  # one tile
    hand.click(*centre(4))
    begin_paced(hand, slices=1)
    assert on(hand) == {4, 3}
    hand.click(*centre(4, 1), wait=False)  # its tile is in memory
    hand.wait(lambda: hand.current.waiting)
    hand.network.permits.release()
    hand.wait(lambda: hand.current.mask is not None)
    assert hand.stacks.running
    assert on(hand) <= {4, 3, 2}
    hand.key("N", wait=False)
    hand.wait(lambda: (hand.labels[4] == 2).any())
    release(hand)
    finish(hand)
    assert on(hand, 1) == set(range(COUNT))
    assert on(hand, 2) == {4}
    done = hand.labels.copy()
    hand.key("U")  # what was begun last
    assert on(hand, 2) == set()
    hand.key("U")  # the run, whole
    assert not hand.labels.any()
    hand.key("U", modifiers=SHIFT)
    hand.key("U", modifiers=SHIFT)
    assert np.array_equal(hand.labels, done)


def test_a_brush_stroke_while_it_runs_leaves_the_run_one_step(start):
    hand = start(discs())
    hand.click(*centre(4))
    begin_paced(hand, slices=1)
    layer = hand.sessions.target.layer
    layer.brush_size = 4
    layer.paint((7, 2, 2), 1)
    stroke = hand.labels[7] == 1
    release(hand)
    finish(hand)
    assert on(hand, 1) == set(range(COUNT))
    assert np.array_equal(hand.labels[7] == 1, stroke)  # by hand: left alone
    hand.key("U")
    assert on(hand, 1) == set(range(COUNT)) - {7}
    hand.key("U")
    assert not hand.labels.any()


def test_the_mask_propagated_is_the_candidate_that_was_chosen(start, monkeypatch):
    """Corrected by a second click, and of a mask that is shown: not another one."""
    # The network's readings are all the same: none is to be left out here.
    monkeypatch.setattr("napari_hqsam.segmentation.mask_checks.SAME_IOU", 2)
    hand = start(discs())
    hand.click(*centre(4))
    hand.key("K")
    hand.click(centre(4)[0] + 4, centre(4)[1])
    hand.key("H")
    shown = hand.current.mask
    run(hand)
    first = next(iter(hand.sessions.session.history.events))
    assert first.options.segmentation.output == "sam"
    assert [c.candidate for c in first.options.corrects] == [0]
    y0, x0, y1, x1 = shown.bbox
    assert np.array_equal(hand.labels[4, y0:y1, x0:x1] == 1, shown.data)


def test_direction_and_range(start):
    hand = start(discs())
    section = hand.section
    section.first.setValue(2)
    section.last.setValue(6)
    ways = {"both": {2, 3, 4, 5, 6}, "forward": {4, 5, 6}, "backward": {2, 3, 4}}
    for direction, wanted in ways.items():
        direct(hand, direction)
        hand.click(*centre(4))
        run(hand)
        assert on(hand) == wanted
        hand.key("U")
        assert not on(hand)


def test_a_range_counts_along_its_own_axis_alone(start, viewer):
    """The slider that is moved last is walked; a range of another one is not its."""
    hand = start(np.stack([discs()] * 3), z=4, axis=1)

    def slide(axis, to):
        viewer.dims.last_used = axis  # as the sliders do
        viewer.dims.set_point(axis, to)
        hand.wait()

    slide(1, 5)
    section = hand.section
    section.first.setValue(3)
    section.last.setValue(6)
    slide(0, 0)
    assert (section.first.value(), section.last.value()) == (0, 2)
    hand.click(*centre(5))
    run(hand)
    assert not hand.notes
    found = np.argwhere(hand.labels.any((2, 3))).tolist()
    assert found == [[t, 5] for t in range(3)]
    slide(1, 4)
    assert (section.first.value(), section.last.value()) == (3, 6)


@pytest.mark.parametrize("task", ["follow", "accepted"])
def test_one_way_and_then_the_other(start, task):
    hand = start(discs())
    hand.click(*centre(4))
    if task == "accepted":
        hand.key("N")
        choose(hand, "accepted")
    direct(hand, "forward")
    run(hand)
    assert on(hand) == {4, 5, 6, 7, 8}
    onward = hand.labels.copy()
    direct(hand, "backward")
    run(hand)
    assert on(hand) == set(range(COUNT))
    assert np.array_equal(hand.labels[4:], onward[4:])


def test_several_prompted_slices_are_one_object(start):
    hand = start(discs())
    hand.click(*centre(4))
    go(hand, 7)
    hand.click(*centre(7))
    run(hand)
    assert on(hand, 1) == set(range(COUNT))
    assert {c.z for c in hand.stacks.cells() if c.confidence is None} == {4, 7}
    assert set(np.unique(hand.labels)) == {0, 1}


def test_all_accepted_objects_of_a_slice_are_propagated(start):
    hand = start(discs())
    for k in (0, 1):
        hand.click(*centre(4, k))
        hand.key("N")
    encoded = hand.network.encoded
    choose(hand, "accepted")
    run(hand)
    assert on(hand, 1) == on(hand, 2) == set(range(COUNT))
    assert iou(hand.labels > 0, discs() > 100) > 0.85
    assert hand.network.encoded == encoded + COUNT - 1
    assert hand.messages[-1].startswith("2 objects found on 8 slices")


# --- cancel, undo, what is there already ----------------------------------------


def test_cancel_keeps_what_was_done_as_one_step(start):
    hand = start(discs())
    hand.click(*centre(4, 1))
    hand.key("N")
    before = hand.labels.copy()
    hand.click(*centre(4))
    begin_paced(hand, slices=2)
    encoded = hand.network.encoded
    hand.key("G", modifiers=SHIFT, wait=False)  # the same key cancels
    assert not hand.stacks.running
    assert hand.messages[-1].startswith("Cancelled")
    done = hand.labels.copy()
    assert on(hand, 2) == {4, 3, 2}
    release(hand)
    hand.wait()
    assert hand.network.encoded <= encoded + 1
    assert np.array_equal(hand.labels, done)
    active_target(hand)
    hand.key("Z", modifiers=CTRL)
    assert np.array_equal(hand.labels, before)
    hand.key("Z", modifiers=CTRL | SHIFT)
    assert np.array_equal(hand.labels, done)
    hand.key("U")
    hand.key("U")
    assert not hand.labels.any()


def test_undo_while_it_runs_stops_it(start):
    hand = start(discs())
    hand.click(*centre(4))
    begin_paced(hand, slices=2)
    hand.key("U", wait=False)
    assert not hand.stacks.running
    release(hand)
    hand.wait()
    assert not hand.labels.any()


def test_an_old_undone_step_stops_nothing(start, tmp_path):
    hand = start(discs())
    hand.click(*centre(4, 1))
    hand.key("N")
    hand.key("U")
    hand.click(*centre(4))
    hand.network.paced = True
    hand.key("G", modifiers=SHIFT, wait=False)
    hand.sessions.changed.emit()  # as when it is saved
    assert hand.stacks.running
    release(hand)
    finish(hand)
    assert on(hand) == set(range(COUNT))


def test_accepted_objects_are_never_overwritten(start):
    stack = discs()
    labels = np.zeros(stack.shape, np.uint16)
    labels[:, :, 36:44] = 7  # right through the object
    layer = None
    hand = start(stack)
    layer = hand.viewer.add_labels(labels)
    hand.sessions.use_target(layer)
    hand.controller.tools.activate()
    hand.settings.overlap = "overwrite"  # for clicks only, not for slices
    before = labels.copy()
    hand.click(*centre(0 + 4))
    run(hand)
    assert (labels == 8).any((1, 2)).sum() > 3
    assert np.array_equal(labels == 7, before == 7)


def test_objects_found_in_the_labels_are_looked_up_once_and_by_the_worker(
    start, monkeypatch
):
    """Not plane by plane for each object, on the main thread."""
    stack = discs()
    labels = np.zeros(stack.shape, np.uint16)
    labels[4] = (stack[4] > 100) * np.where(np.arange(96) < 48, 3, 7)[:, None]
    hand = start(stack)
    layer = hand.viewer.add_labels(labels)
    hand.sessions.use_target(layer)
    reads = []

    def read(plane, array, box):
        y0, x0, y1, x1 = box
        main = threading.current_thread() is threading.main_thread()
        reads.append((main, (y1 - y0) * (x1 - x0)))
        return plane_read(plane, array, box)

    plane_read = Plane.read
    monkeypatch.setattr(Plane, "read", read)
    choose(hand, "accepted")
    hand.controller.tools.activate()
    run(hand)
    assert on(hand, 3) == on(hand, 7) == set(range(COUNT))
    assert iou(hand.labels > 0, stack > 100) > 0.85
    assert max(area for main, area in reads if main) < 40 * 40
    assert sum(area == 96 * 96 for _, area in reads) == COUNT + 1
    hand.key("U")
    assert on(hand) == {4}
    layer.brush_size = 3
    layer.paint((6, 90, 90), 3)  # since it was looked at
    run(hand)
    assert hand.labels[6, 90, 90] == 3  # by hand
    assert not hand.notes


# --- confidence -------------------------------------------------------------------


def test_the_strip_shows_confidence_and_goes_to_slices(start):
    hand = start(dim(discs(), 7))
    strip = hand.section.strip
    assert not strip.isVisibleTo(hand.section)
    hand.click(*centre(4))
    run(hand)
    assert strip.isVisibleTo(hand.section)
    cells = {cell.z: cell for cell in hand.stacks.cells()}
    assert set(cells) == set(range(COUNT))
    assert cells[4].confidence is None
    assert all(0 < cells[z].confidence < 1 for z in range(COUNT) if z != 4)
    assert cells[7].parts.overlap < cells[6].parts.overlap
    assert "prompted" in strip.text_of(4)
    assert f"confidence {cells[7].confidence:.2f}\nstability" in strip.text_of(7)
    strip.resize(180, 30)
    at = strip.rect().topLeft()
    at.setX(int(180 * 1.5 / COUNT))
    QTest.mouseClick(strip, Qt.MouseButton.LeftButton, pos=at)
    hand.wait()
    assert hand.scene.view().position[0] == 1
    alone = ConfidenceStrip(hand.viewer)  # in the window it has no room yet
    alone.show_cells(list(cells.values()), COUNT, 1)
    alone.resize(180, 30)
    image = alone.grab().toImage()
    per, middle = image.width() / COUNT, image.height() // 2
    prompted, unsure = (image.pixelColor(int((z + 0.5) * per), middle) for z in (4, 7))
    assert prompted.blue() > prompted.red()
    assert unsure != prompted
    worst = [z for z, _ in sorted(cells.items(), key=lambda c: c[1].confidence or 1)]
    hand.key("W", modifiers=SHIFT)
    assert hand.scene.view().position[0] == worst[0]
    hand.key("W", modifiers=SHIFT)
    assert hand.scene.view().position[0] == worst[1]
    assert f"slice {worst[1]}: confidence" in hand.messages[-1]


def test_a_slice_that_was_stepped_over_is_the_least_sure(start):
    stack = discs()
    stack[6] = 20
    hand = start(stack)
    hand.click(*centre(4))
    run(hand)
    assert on(hand) == set(range(COUNT)) - {6}
    hand.key("W", modifiers=SHIFT)
    assert hand.scene.view().position[0] == 6
    assert "confidence 0.00" in hand.messages[-1]


def test_a_click_on_the_worst_slice_redoes_only_what_it_can_change(start):
    stack = discs(13)
    hand = start(dim(stack, 8))
    hand.click(*centre(4))
    go(hand, 11)
    hand.click(*centre(11))
    run(hand)
    assert on(hand) == set(range(13))
    layer = hand.sessions.target.layer
    go(hand, 6)
    layer.brush_size = 3
    layer.paint((6, 5, 5), 1)  # by hand
    before = hand.labels.copy()
    sure = {c.z: c.confidence for c in hand.stacks.cells()}
    assert sure[6] is None
    go(hand, 4)
    hand.key("W", modifiers=SHIFT)
    z = hand.scene.view().position[0]
    assert z in (8, 9)
    events = len([*hand.sessions.session.history.events])
    hand.click(*centre(z))
    encoded = hand.network.encoded
    assert hand.current.label_id == 1
    run(hand)
    # all in memory, but where the click's own level is carried on to a neighbour
    assert hand.network.encoded <= encoded + 1
    redone = {5, 7, 8, 9, 10}  # between the prompted slices 4, 6, z, 11
    new = [*hand.sessions.session.history.events][events:]
    assert {e.plane.index[0] for e in new} <= redone
    assert (1, 1) == tuple(np.unique(hand.labels)[1:].repeat(2))
    same = [at for at in range(13) if at not in redone]
    assert np.array_equal(hand.labels[same], before[same])
    after = {c.z: c.confidence for c in hand.stacks.cells()}
    assert [at for at in after if after[at] is None] == sorted({4, 6, 11, z})
    assert all(after[at] == sure[at] for at in (0, 1, 2, 3, 12))
    hand.key("U")  # of the whole correction
    assert np.array_equal(hand.labels, before)


def test_slices_changed_by_hand_are_kept_when_all_is_propagated_again(start):
    hand = start(discs())
    hand.click(*centre(4))
    run(hand)
    layer = hand.sessions.target.layer
    layer.brush_size = 5
    layer.paint((6, 80, 80), 1)
    before = hand.labels.copy()
    run(hand)  # nothing is new but the brush
    assert np.array_equal(hand.labels[:7], before[:7])
    assert on(hand) == set(range(COUNT))


def test_an_object_that_is_gone_after_a_correction(start):
    """Where it is not found any more, what it had there goes."""
    hand = start(discs())
    hand.click(*centre(4))
    run(hand)
    stack = hand.scene.image.data.copy()
    stack[6:] = 20
    hand.scene.image.data = stack
    go(hand, 5)
    hand.current.label_id = 1
    hand.click(*centre(5))
    run(hand)
    assert on(hand) == set(range(6))
    assert [cell.z for cell in hand.stacks.cells()] == list(range(6))


def test_jumping_elsewhere_begins_another_object(start):
    hand = start(discs())
    hand.click(*centre(4))
    run(hand)
    hand.key("W", modifiers=SHIFT)
    assert hand.current.label_id == 1
    go(hand, 2)
    assert hand.current.label_id is None
    hand.click(*centre(2, 1))
    run(hand)
    assert on(hand, 2) == set(range(COUNT))
    assert hand.stacks.state.object_id == 2


# --- larger than memory -------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*chunks are missing")
def test_a_volume_larger_than_memory_is_read_where_the_object_is(
    start, tmp_path, monkeypatch
):
    shape, at = (2000, 4000, 4000), 1900
    volume = zarr.create_array(
        tmp_path / "volume.zarr", shape=shape, chunks=(1, 500, 500), dtype="uint16"
    )
    corner = 1500  # of the piece with the object, in rows and columns
    here = slice(corner, corner + SIDE)
    for z, plane in enumerate(discs(objects=1), at):
        volume[z, here, here] = plane
    labels = zarr.create_array(
        tmp_path / "labels.zarr", shape=shape, chunks=(1, 500, 500), dtype="uint32"
    )
    assert volume.nbytes > psutil.virtual_memory().total
    hand = start(volume, z=at + 4, contrast_limits=(0, 255))
    hand.settings.stretch = "contrast limits"
    layer = hand.viewer.add_labels(labels)
    hand.sessions.use_target(layer)
    hand.controller.tools.activate()
    hand.viewer.scene.camera.center = (corner + 48, corner + 48)
    hand.viewer.scene.camera.zoom = 4
    hand.section.first.setValue(at + 2)
    hand.section.last.setValue(at + 6)
    read = {"volume": 0, "labels": 0}
    get = zarr.Array.__getitem__

    def counted(array, key):
        found = get(array, key)
        which = "volume" if array.dtype == np.uint16 else "labels"
        read[which] += found.nbytes
        return found

    monkeypatch.setattr(zarr.Array, "__getitem__", counted)
    y, x = centre(4)
    hand.click(corner + y, corner + x)
    run(hand)
    assert not hand.notes
    there = labels[at : at + COUNT, here, here] == 1
    assert set(np.flatnonzero(there.any((1, 2))).tolist()) == {2, 3, 4, 5, 6}
    assert iou(there[2:7], discs(objects=1)[2:7] > 100) > 0.85
    assert hand.sessions.session.table.pixels[1] == there.sum()
    assert 0 < read["volume"] < 1600 * 1600 * 2
    # napari shows the slice anew after each change of labels on the disk
    assert read["labels"] < 6 * 4000 * 4000 * 4
