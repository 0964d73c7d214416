"""The widget works on the image that the user looks at, and asks about channels."""

import numpy as np
import pytest
import tifffile

from napari_hqsam.viewer.canvas.channels import channel_axis


@pytest.fixture
def two(viewer, open_widget, squares):
    """The widget on the second of two images."""
    viewer.add_image(squares, name="first")
    hand = open_widget()
    viewer.add_image(squares.T.copy(), name="second")
    hand.wait()
    return hand


def activate(hand, name):
    hand.viewer.layers.selection.active = hand.viewer.layers[name]
    hand.wait()


def test_an_opened_image_is_used_with_the_tool_active(two):
    assert two.scene.image.name == "second"
    assert two.settings.tool == "point"
    two.click(20, 20)
    assert two.current.mask is not None


def test_an_image_made_active_is_worked_on_and_clicks_prompt(two):
    activate(two, "first")
    assert two.scene.image.name == "first"
    assert not two.viewer.layers["second"].visible
    assert two.viewer.layers.selection.active == two.scene.image
    assert two.settings.tool == "point"
    two.click(20, 50)
    assert two.current.mask.bbox == (10, 40, 30, 60)


def test_going_back_finds_prompts_session_and_undo(two):
    activate(two, "first")
    two.accept((20, 50), (20, 80))
    labels, session = two.sessions.target.layer, two.sessions.session
    two.click(20, 20)
    activate(two, "second")
    assert two.sessions.target is None
    assert two.current.mask is None
    assert not labels.editable
    activate(two, "first")
    assert two.sessions.session is session
    assert labels.editable
    assert labels.visible
    assert two.current.mask.bbox == (10, 10, 30, 30)
    two.key("Q")
    assert two.sessions.step("undo")
    assert set(np.unique(labels.data)) == {0, 1}


def test_each_image_knows_what_of_its_labels_is_saved(two, tmp_path):
    two.accept((20, 20))
    two.saver.save(str(tmp_path / "second.tif"))
    two.wait()
    assert two.sessions.labels.unsaved_steps == 0
    activate(two, "first")
    two.accept((20, 50))
    assert two.sessions.labels.unsaved_steps == 1
    activate(two, "second")
    assert two.sessions.labels.unsaved_steps == 0


def test_the_labels_of_another_image_made_active(two):
    two.accept((20, 20))
    name = two.sessions.target.layer.name
    activate(two, "first")
    activate(two, name)
    assert two.scene.image.name == "second"


def test_channels_of_a_split_image_are_one_image(viewer, open_widget, squares):
    hand = open_widget()
    split = [squares, squares // 2, squares // 3]
    viewer.add_image(np.stack(split), channel_axis=0, name=["a", "b", "c"])
    hand.wait()
    assert hand.scene.image.name == "a"
    assert hand.settings.more_layers == ("b", "c")
    key = hand.scene.key
    activate(hand, "c")
    assert hand.scene.key == key
    assert hand.settings.tool == "point"


def test_of_many_files_the_first_is_used_with_a_message(
    viewer, open_widget, squares, tmp_path
):
    hand = open_widget()
    hand.widget.image_switcher.message.connect(hand.messages.append)
    files = [tmp_path / f"file{i}.tif" for i in range(5)]
    for file in files:
        tifffile.imwrite(file, squares)
    viewer.open(list(map(str, files)), plugin="napari")
    hand.wait()
    assert hand.scene.image.name == "file0"
    assert "5 images were opened" in hand.messages[-1]
    shown = [layer.name for layer in hand.viewer.layers if layer.name[:4] == "file"]
    assert [n for n in shown if viewer.layers[n].visible] == ["file0"]


def take_point(hand):
    """As by its button."""
    hand.settings.tool = "point"
    hand.controller.tools.activate()
    hand.wait()


def test_other_layers_and_modes_take_the_tool_away(hand):
    viewer = hand.viewer
    hand.settings.tool = "box"
    activate(hand, "squares")
    assert hand.settings.tool == "none"
    take_point(hand)
    hand.scene.points.mode = "pan_zoom"
    hand.wait()
    assert hand.settings.tool == "none"
    take_point(hand)
    viewer.add_points(np.zeros((1, 2)))
    hand.wait()
    assert hand.settings.tool == "none"
    take_point(hand)
    hand.scene.image.visible = False
    hand.wait()
    assert hand.settings.tool == "none"
    take_point(hand)
    assert hand.scene.image.visible
    viewer.layers.remove(hand.scene.points)
    hand.wait()
    assert hand.settings.tool == "point"
    hand.click(20, 50)
    assert hand.current.mask.bbox == (10, 40, 30, 60)


@pytest.mark.parametrize(
    ("shape", "labels", "expected"),
    [
        ((3, 20, 20), None, (0, False)),
        ((2, 9, 20, 20), None, (0, False)),
        ((9, 2, 20, 20), None, (1, False)),
        ((9, 20, 20), None, (None, True)),
        ((3, 20, 20), ("z", "y", "x"), (None, True)),
        ((7, 20, 20), ("c", "y", "x"), (0, True)),
    ],
)
def test_the_channel_axis_is_found(viewer, shape, labels, expected):
    layer = viewer.add_image(np.zeros(shape, np.uint8), axis_labels=labels)
    assert channel_axis(layer) == expected


def test_the_file_tells_the_channel_axis(viewer, tmp_path):
    path = tmp_path / "hyper.tif"
    data = np.zeros((5, 3, 16, 16), np.uint8)
    tifffile.imwrite(path, data, imagej=True, metadata={"axes": "ZCYX"})
    (layer,) = viewer.open(str(path), plugin="napari")
    assert channel_axis(layer) == (1, True)


def test_a_question_about_channels_then_a_new_target(viewer, open_widget):
    stack = np.zeros((3, 60, 60), np.uint8)
    stack[:, 10:30, 10:30] = 200
    viewer.add_image(stack, name="odd")
    hand = open_widget()
    image_switcher = hand.widget.image_switcher
    assert hand.settings.channel_axis == 0
    assert "3 steps" in image_switcher.question()
    hand.accept((20, 20))
    first = hand.sessions.target.layer
    assert first.ndim == 2
    image_switcher.answer(channels=False)
    hand.wait()
    assert not image_switcher.question()
    hand.accept((20, 20))
    assert hand.labels.shape == (3, 60, 60)
    assert first.data.any()
