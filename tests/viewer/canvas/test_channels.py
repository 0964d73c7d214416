"""Stacks whose channel axis is not the first one, as ImageJ writes them: z, c, y, x.

Labels have no channels: they are seen on all, and files and journals lack the axis.
"""

import sys

import numpy as np
import pytest
import tifffile
from napari.layers import Labels

from napari_hqsam import cli, read_labels
from napari_hqsam.sessions import read_session
from napari_hqsam.viewer.canvas.layer_placing import (
    layer_affine,
    placement,
    without_channels,
)
from tests.viewer.helpers.stack import SHIFT, BrightEngine, centre, discs, iou, run

DEPTH, CHANNELS, AXIS = 5, 3, 1


@pytest.fixture
def path(tmp_path):
    """A hyperstack of ImageJ; what can be seen is in the first channel."""
    stack = discs(DEPTH)
    data = np.stack([stack, stack // 8, stack // 4], AXIS)
    path = tmp_path / "hyper.tif"
    tifffile.imwrite(path, data, imagej=True, metadata={"axes": "ZCYX"})
    return path


@pytest.fixture
def start(viewer, open_widget, path):
    """Return what opens the stack and the widget."""

    def started(z=2, channel=0):
        viewer.open(str(path), plugin="napari")
        show(viewer, z, channel)
        viewer.reset_view()
        hand = open_widget(engine=BrightEngine)
        hand.settings.prefetch = hand.settings.hover = False
        hand.stacks = hand.widget.stacks
        return hand

    return started


def show(viewer, z, channel):
    viewer.dims.set_point((0, AXIS), (z, channel))


def go(hand, z, channel):
    show(hand.viewer, z, channel)
    hand.wait()


def seen(hand, point):
    """The label that the layer shows at a place of the slice shown."""
    layer, dims = hand.sessions.target.layer, hand.viewer.dims
    return layer.get_value((*dims.point[:2], *point), world=True) or 0


def points_seen(hand):
    """How many points napari shows."""
    return len(hand.scene.points._view_indices)


def test_objects_are_seen_on_all_channels(start):
    hand = start()
    assert hand.settings.channel_axis == AXIS
    assert not hand.widget.image_switcher.question()  # the file tells it
    hand.click(*centre(2))
    for channel in range(CHANNELS):
        go(hand, 2, channel)
        assert points_seen(hand) == 1
        assert hand.current.mask is not None
    hand.key("N")
    hand.accept(centre(2, 1))  # on the last channel
    for channel in range(CHANNELS):
        go(hand, 2, channel)
        assert [seen(hand, centre(2, k)) for k in (0, 1)] == [1, 2]
    go(hand, 3, 1)
    assert seen(hand, centre(3)) == 0
    session = hand.sessions.session
    assert session.header.labels.shape == (DEPTH, 96, 96)
    go(hand, 2, 1)
    hand.key("U")
    assert [seen(hand, centre(2, k)) for k in (0, 1)] == [1, 0]
    assert not hand.notes


def test_an_object_is_corrected_on_another_channel(start):
    hand = start(channel=0)
    hand.accept(centre(2), centre(2, 1))
    go(hand, 2, 2)
    hand.move(*centre(2))
    hand.key("J")
    assert "object 1" in hand.widget.sections["object"].status.text()
    hand.key("Q")
    hand.move(*centre(2, 1))
    hand.key("Q", modifiers=SHIFT)
    assert hand.messages[-1] == "Object 2 deleted from this slice"
    assert [seen(hand, centre(2, k)) for k in (0, 1)] == [1, 0]
    assert np.array_equal(hand.rebuilt(), hand.labels)


def test_an_object_is_propagated_along_z(start):
    hand = start(z=2, channel=1)
    hand.click(*centre(2))
    run(hand)
    assert hand.messages[-1].startswith("Object 1 found on 5 slices")
    one = discs(DEPTH, objects=1) > 100
    labels = hand.labels
    assert all(iou(labels[z] == 1, one[z]) > 0.85 for z in range(DEPTH))
    go(hand, 4, 2)
    assert seen(hand, centre(4)) == 1
    assert not hand.notes


@pytest.mark.parametrize("name", ["own.tif", "own.ome.tif", "own.ome.zarr"])
def test_files_have_no_channel_axis_and_go_on(
    viewer, open_widget, start, path, tmp_path, name
):
    hand = start()
    hand.accept(centre(2))
    file = tmp_path / name
    hand.saver.save(str(file))
    hand.wait()
    expected = hand.labels.copy()
    assert np.array_equal(read_labels(file), expected)
    hand.accept(centre(2, 1))
    expected = hand.labels.copy()
    viewer.window.remove_dock_widget(hand.widget)
    viewer.layers.clear()
    hand = open_widget(engine=BrightEngine)
    viewer.open(str(path), plugin="napari")
    hand.wait()
    if name.endswith("tif"):  # the labels are opened
        viewer.open(str(file), plugin="napari")
    else:  # the session is restored
        hand.restorer.restore(hand.restorer.unsaved[0])
    hand.wait()
    assert np.array_equal(hand.labels, expected)
    for channel in range(CHANNELS):
        go(hand, 2, channel)
        assert [seen(hand, centre(2, k)) for k in (0, 1)] == [1, 2]
    hand.key("U")
    assert seen(hand, centre(2, 1)) == 0
    assert not hand.notes


def test_a_session_that_was_never_saved_is_restored(viewer, open_widget, start, path):
    hand = start(channel=1)
    hand.accept(centre(2), centre(2, 1))
    viewer.window.remove_dock_widget(hand.widget)
    viewer.layers.clear()
    hand = open_widget(engine=BrightEngine)
    (unsaved,) = hand.restorer.unsaved
    assert unsaved.shape == (DEPTH, 96, 96)
    hand.restorer.restore(unsaved)
    hand.wait()
    assert [seen(hand, centre(2, k)) for k in (0, 1)] == [1, 2]
    assert not hand.notes


def test_it_is_replayed_without_the_viewer(start, path, tmp_path, monkeypatch):
    hand = start(channel=2)
    hand.accept(centre(2), centre(2, 1))
    hand.saver.save(str(tmp_path / "own.tif"))
    hand.wait()
    out = tmp_path / "again.tif"
    journal = tmp_path / "own.tif.journal.jsonl"
    assert read_session(journal).header.labels.space.axes[-2:] == "yx"
    args = "replay", journal, path, "-o", out
    monkeypatch.setattr(sys, "argv", ["napari-hqsam", *map(str, args)])
    with pytest.raises(SystemExit, match="0"):
        cli.main()
    np.testing.assert_array_equal(read_labels(out), hand.labels)


def test_napari_saves_them_without_the_axis_too(start, tmp_path):
    hand = start()
    hand.accept(centre(2))
    file = tmp_path / "by_napari.tif"
    hand.sessions.target.layer.save(str(file), plugin="napari-hqsam")
    assert np.array_equal(read_labels(file), hand.labels)
    assert hand.sessions.labels.file == file


def test_the_brush_is_recorded(start):
    hand = start()
    hand.accept(centre(2))
    layer = hand.sessions.target.layer
    layer.selected_label = 1
    layer.paint((2, 0, 70, 70), 1)
    layer.undo()
    layer.paint((2, 0, 10, 80), 1)
    assert np.array_equal(hand.rebuilt(), hand.labels)
    assert hand.labels[2, 10, 80] == 1


@pytest.mark.parametrize("fits", [True, False])
def test_labels_without_the_axis_can_be_the_target(viewer, start, fits):
    hand = start()
    shape = (DEPTH, 96, 96) if fits else (DEPTH, CHANNELS, 96, 96)
    labels = viewer.add_labels(np.zeros(shape, np.uint16), name="mine")
    hand.sessions.use_target(labels)
    hand.wait()
    target = hand.sessions.target
    assert (target is not None) == fits
    if fits:
        assert labels not in viewer.layers
        hand.key("W")
        hand.accept(centre(2))
        assert target.layer.name == "mine"
        assert target.shape == shape
        assert seen(hand, centre(2)) == 1
    else:
        assert "mine has shape" in hand.notes[-1]


def test_a_displayed_channel_axis_says_what_to_do(viewer, start):
    hand = start()
    viewer.dims.order = (0, 2, 1, 3)
    hand.wait()
    hand.acceptor.accept()
    hand.acceptor.reject()
    assert "holds channels; roll the axes" in hand.notes[-1]


def test_labels_of_all_channels_are_prompts(viewer, start):
    hand = start(channel=1)
    hand.accept(centre(2), centre(2, 1))
    first = hand.sessions.target.layer
    hand.sessions.use_target(None)
    hand.batches.run(first)
    hand.wait(lambda: hand.messages[-1].endswith("objects accepted"))
    assert hand.sessions.target.layer is not first
    assert set(np.unique(hand.labels)) == {0, 1, 2}


@pytest.mark.filterwarnings("ignore:Non-orthogonal")
@pytest.mark.parametrize("axis", [None, 0, 1, 2])
def test_own_layers_lie_on_all_channels(viewer, axis):
    turned = np.linalg.qr(np.random.default_rng(3).normal(size=(5, 5)))[0]
    affine = np.eye(6)
    affine[:5, :5] = turned
    image = viewer.add_image(
        np.zeros((2, 3, 4, 5, 6)),
        scale=(2, 3, 0.5, 1, 2),
        translate=(1, 2, 3, 4, 5),
        shear=np.eye(5) + np.triu(np.full((5, 5), 0.1), 1),
        rotate=np.linalg.qr(np.random.default_rng(4).normal(size=(5, 5)))[0],
        affine=affine,
    )
    if axis == 0:
        image.affine, image.rotate = np.eye(6), np.eye(5)
    shape = [2, 3, 4, 5, 6]
    if axis is not None:
        shape[axis] = 1
    layer = Labels(np.zeros(shape[axis == 0 :], int), **placement(image, axis))
    expected = without_channels(layer_affine(image), axis, [2, 3, 4, 5, 6][axis or 0])
    assert np.allclose(layer_affine(layer).linear, expected.linear)
    assert np.allclose(layer_affine(layer).offset, expected.offset)
