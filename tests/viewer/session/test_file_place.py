"""TIFFs opened by napari's own reader, which leaves out where their pixels are."""

import numpy as np
import pytest
import tifffile
from napari.layers import Labels

from napari_hqsam import open_image, read_labels
from napari_hqsam.geometry import Space
from napari_hqsam.viewer.sections import PlaceQuestion
from napari_hqsam.viewer.stack.slices.shown_slices import slice_axis_of, spacing_of
from tests.helpers.vendor_tiffs import write_lsm

SPACE = Space.of("zyx", scale=(2, 0.5, 0.25), units="um")
SIZES = "z 2 µm, y 0.5 µm, x 0.25 µm"


def stack():
    pixels = np.full((4, 96, 112), 10, np.uint8)
    pixels[:, 30:50, 40:70] = 200
    return pixels


def write_imagej(path, **metadata):
    tifffile.imwrite(
        path,
        stack(),
        imagej=True,
        resolution=(4, 2),
        metadata={"axes": "ZYX", "spacing": 2.0, "unit": "um"} | metadata,
    )


def write_ome(path):
    sizes = {"PhysicalSizeZ": 2, "PhysicalSizeY": 0.5, "PhysicalSizeX": 0.25}
    tifffile.imwrite(path, stack(), ome=True, metadata={"axes": "ZYX"} | sizes)


WRITERS = {
    "a.tif": write_imagej,
    "b.ome.tif": write_ome,
    "c.lsm": lambda path: write_lsm(
        path, stack()[None, :, None], (2e-6, 0.5e-6, 0.25e-6)
    ),
}


@pytest.fixture
def opened(viewer, open_widget, tmp_path):
    """Open a file with napari's own reader, then the widget."""

    def open_file(name, write=None):
        (write or WRITERS[name])(tmp_path / name)
        viewer.open(str(tmp_path / name), plugin="napari")
        hand = open_widget()
        return hand, viewer.layers[0], hand.widget.findChild(PlaceQuestion)

    return open_file


@pytest.mark.parametrize("name", WRITERS)
def test_the_place_in_the_file_is_offered_and_used(opened, tmp_path, name):
    hand, image, question = opened(name)
    assert SIZES in question.text.text()
    assert not question.isHidden()
    question._place.answer(use=True)
    assert question.isHidden()
    np.testing.assert_allclose(image.scale, (2, 0.5, 0.25))
    assert {str(unit) for unit in image.units} == {"micrometer"}
    hand.click(40, 55)
    hand.key("N")
    hand.saver.save(str(tmp_path / "labels.tif"))
    hand.wait()
    saved = open_image(tmp_path / "labels.tif")
    assert saved.space.agrees(SPACE)
    labels = read_labels(tmp_path / "labels.tif")
    assert labels[hand.viewer.dims.current_step[0], 40, 55] == 1
    assert not hand.notes


def test_pixels_are_kept_on_request_and_the_spacing_is_that_of_the_file(opened):
    hand, image, question = opened("a.tif")
    question._place.answer(use=False)
    assert question.isHidden()
    np.testing.assert_array_equal(image.scale, 1)
    scene = hand.widget.controller.scene
    found = spacing_of(scene, slice_axis_of(scene, None))
    assert found == pytest.approx(2 / np.sqrt(0.125))


def test_labels_on_the_image_move_with_it(opened, viewer):
    hand, image, question = opened("a.tif")
    hand.click(40, 55)
    hand.key("N")
    elsewhere = viewer.add_labels(np.zeros((4, 96, 112), int), translate=(0, 50, 0))
    question._place.answer(use=True)
    on_image = [
        layer
        for layer in viewer.layers
        if isinstance(layer, Labels) and layer is not elsewhere
    ]
    assert on_image
    for layer in on_image:
        np.testing.assert_allclose(layer.scale, image.scale)
    np.testing.assert_array_equal(elsewhere.scale, 1)


def test_there_is_nothing_to_ask(opened, viewer):
    def plain(path):
        tifffile.imwrite(path, stack(), photometric="minisblack")

    _, image, question = opened("a.tif", plain)
    assert question.isHidden()
    # A place that the user has given counts.
    image.scale = (3, 1, 1)
    assert not question._place.question()
