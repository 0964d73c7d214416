"""All objects of one plane without prompts: a plain image, or one slice of a stack."""

from dataclasses import replace

import numpy as np
import pytest

from napari_hqsam.viewer.canvas.viewport import camera
from napari_hqsam.viewer.time_left import TimeLeft
from tests.viewer.helpers.stack import SIDE, discs, finish, starter


@pytest.fixture
def start(viewer, open_widget):
    return starter(viewer, open_widget)


def plane(size=SIDE, step=48):
    """(size, size) uint8: bright discs of radius 12 on a grid."""
    yy, xx = np.mgrid[:size, :size]
    image = np.full((size, size), 20, np.uint8)
    image[np.hypot(yy % step - step // 2, xx % step - step // 2) < 12] = 220
    return image


def objects(hand):
    labels = hand.labels
    return [] if not labels.any() else np.unique(labels[labels > 0]).tolist()


def press(hand):
    hand.widget.find_all.run.click()


def test_all_objects_of_a_plain_image_are_one_step(viewer, start):
    hand = start(plane(), axis=1, z=0)
    run = hand.widget.find_all.run
    assert run.text() == "Find all objects"
    assert run.isEnabled()
    press(hand)
    finish(hand)
    assert len(objects(hand)) == 4
    assert (hand.labels > 0).sum() == pytest.approx((plane() > 100).sum(), rel=0.15)
    assert hand.messages[-1] == "4 objects found"
    assert not hand.notes
    hand.key("U")
    assert not hand.labels.any()
    hand.undo.redo()
    assert len(objects(hand)) == 4
    expected = hand.labels.copy()
    assert np.array_equal(hand.rebuilt(), expected)


def test_accepted_objects_stay_and_are_not_found_again(start):
    hand = start(plane(), axis=1, z=0)
    hand.accept((24, 24))
    before = hand.labels == 1
    press(hand)
    finish(hand)
    assert len(objects(hand)) == 4
    assert np.array_equal(hand.labels == 1, before)
    hand.key("U")
    assert np.array_equal(hand.labels, before)


def zoomed_in(start):
    """Show a part of a plane of 49 discs, one of which is accepted already.

    So the scale is known: how levels are rated is no part of the test.
    """
    hand = start(plane(336), axis=1, z=0)
    known = hand.engine.bright
    known.tuning = replace(known.tuning, automatic_share=1 / 4)
    hand.accept((216, 216))
    scene, shown = hand.scene, camera(hand.viewer)
    shown.zoom *= scene.viewport.extent(scene.image, scene.view()) / 140
    shown.center = (0, 240, 240)
    hand.wait()
    return hand


def test_objects_in_view_come_first_and_then_the_rest(start):
    hand, reports = zoomed_in(start), []
    hand.stacks.advanced.connect(lambda share, text: reports.append((share, text)))
    press(hand)
    finish(hand)

    labels, dark = hand.labels.copy(), plane(336) < 100
    assert len(objects(hand)) == 49  # each once, those on the border of the view too
    assert ((labels > 0) & dark).sum() < 0.15 * (labels > 0).sum()
    areas = np.bincount(labels.ravel())[1:]
    assert areas.min() > 0.7 * areas.max()  # none is cut
    assert labels[190:290, 190:290].max() <= 17  # ids are by the time of the find
    texts = [text for _, text in reports]
    in_view = [i for i, text in enumerate(texts) if "in view" in text]
    beyond = [i for i, text in enumerate(texts) if "beyond the view" in text]
    assert in_view[-1] < beyond[0]
    shares = [share for share, _ in reports]
    assert shares == sorted(shares)
    hand.key("U")
    assert objects(hand) == [1]  # one step of undo, both parts


def test_cancelled_after_the_preview_its_objects_stay(start):
    hand = zoomed_in(start)

    def cancel(share, text):
        if "beyond the view" in text and hand.stacks.running:
            hand.stacks.cancel()

    hand.stacks.advanced.connect(cancel)
    press(hand)
    finish(hand)
    assert 5 <= len(objects(hand)) <= 17
    assert not hand.labels[:140].any()
    hand.key("U")
    assert objects(hand) == [1]


def test_where_prompts_come_from_is_chosen(start):
    hand = start(plane(), axis=1, z=0)
    choice = hand.widget.find_all.proposer
    assert choice.value == "auto"
    choice.value = "apg"
    press(hand)
    hand.wait(lambda: bool(hand.notes))
    assert "no instance decoder" in hand.notes[-1]
    assert not objects(hand)
    hand.notes.clear()
    choice.value = "grid"
    press(hand)
    finish(hand)
    assert len(objects(hand)) == 4


def test_one_slice_of_a_stack(viewer, start):
    stack = discs()
    hand = start(stack, z=4)
    assert hand.widget.find_all.run.text() == "Find all on this slice"
    press(hand)
    finish(hand)
    assert set(np.flatnonzero(hand.labels.any((1, 2)))) == {4}
    assert len(objects(hand)) == 2


def test_tiles_are_counted_and_it_is_cancelled_within_the_plane(viewer, start):
    hand = start(plane(384), axis=1, z=0)
    bar, reports = hand.widget.find_all.progress.native, []
    hand.stacks.advanced.connect(lambda share, text: reports.append((share, text)))
    hand.network.paced = True
    press(hand)
    hand.wait(lambda: hand.stacks.running)
    assert hand.widget.find_all.run.text() == "Cancel"
    assert "choosing the scale" in reports[-1][1]

    def counts():
        hand.network.permits.release()
        return any(0 < share < 1 and "tiles" in text for share, text in reports)

    hand.wait(counts)
    assert bar.isVisibleTo(hand.widget)
    assert " of " in bar.text()
    press(hand)  # cancels
    assert not hand.stacks.running
    assert "Cancelled" in hand.messages[-1]
    hand.network.paced = False
    hand.network.permits.release(1000)
    hand.wait()
    assert hand.widget.find_all.run.text() == "Find all objects"
    assert not bar.isVisibleTo(hand.widget)
    if hand.labels.any():  # what was found stays, as one step
        hand.key("U")
    assert not hand.labels.any()


def test_the_stack_tells_tiles_of_a_slice_as_well(start):
    hand = start(discs(6), z=1)
    reports = []
    hand.stacks.advanced.connect(lambda share, text: reports.append((share, text)))
    hand.stacks.state.task = "auto"
    hand.section.toggle()
    told = "0 of 6 slices, 2 of 25 tiles"
    hand.wait(lambda: told in [text for _, text in reports])
    hand.section.toggle()  # cancels: 150 tiles with 1,024 points each take a minute
    finish(hand)
    shares = [share for share, _ in reports]
    assert shares == sorted(shares)


def test_the_time_left():
    now = [0.0]
    left = TimeLeft(lambda: now[0])
    assert not left.text(0.5)
    now[0] = 30.0
    assert not left.text(0.0)
    assert left.text(0.5) == "30 s left"
    assert left.text(0.1) == "4 min left"
    assert left.text(0.5) == "30 s left"
    now[0] = 4000.0
    assert left.text(0.25) == "3.3 h left"
    assert not left.text(1.0)
