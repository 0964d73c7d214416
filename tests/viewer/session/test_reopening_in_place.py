"""Labels of an image with a place: saved, reopened and resumed where they were."""

import numpy as np
import pytest
import tifffile
from napari.layers import Labels

from napari_hqsam.labels import read_labels
from napari_hqsam.sessions import journal_path

CENTRES = [(20, 20), (20, 50), (20, 80)]

PLACE = {
    "scale": (0.5, 0.25),
    "translate": (10, -20),
    "units": ("um", "um"),
    "axis_labels": ("y", "x"),
}


@pytest.fixture
def placed(viewer, open_widget, squares):
    """The widget beside the squares, which have a scale and an offset."""
    viewer.add_image(squares, name="squares", **PLACE)
    return open_widget()


@pytest.mark.parametrize("suffix", [".ome.tif", ".tif", ".ome.zarr"])
def test_labels_reopen_on_their_image_and_the_session_goes_on(
    placed, viewer, tmp_path, suffix
):
    hand = placed
    hand.accept(*CENTRES[:2])
    image = hand.scene.image
    world = image.data_to_world(CENTRES[0])
    path = tmp_path / f"squares-labels{suffix}"
    hand.saver.save(str(path))
    hand.wait(lambda: not hand.saver.saving)
    viewer.layers.remove(hand.sessions.target.layer)
    hand.wait()
    (layer,) = viewer.open(str(path), plugin="napari-hqsam")
    assert isinstance(layer, Labels)
    assert layer.get_value(world, world=True) == 1
    assert tuple(layer.scale) == pytest.approx(PLACE["scale"])
    assert tuple(layer.translate) == pytest.approx(PLACE["translate"])
    assert [str(unit) for unit in layer.units] == ["micrometer"] * 2
    hand.sessions.use_target(layer)
    hand.wait()
    assert hand.sessions.target.layer is layer
    assert hand.sessions.session.journal.path == journal_path(path)
    hand.controller.tools.activate()
    hand.accept(CENTRES[2])
    assert hand.labels.max() == 3
    assert np.array_equal(hand.labels, hand.rebuilt())


def test_the_file_of_the_image_is_not_replaced(viewer, open_widget, squares, tmp_path):
    path = tmp_path / "raw.tif"
    tifffile.imwrite(path, squares)
    before = path.read_bytes()
    viewer.open(str(path), plugin="napari")
    hand = open_widget()
    hand.accept(CENTRES[0])
    hand.saver.save(str(path))
    hand.wait()
    assert path.read_bytes() == before
    assert "is the image that is read" in hand.notes[-1]
    layer = hand.sessions.target.layer
    hand.viewer.layers.selection = {layer}
    with pytest.raises(Exception, match="is the image that is read"):
        hand.viewer.layers.save(str(path), selected=True, plugin="napari-hqsam")
    assert path.read_bytes() == before
    other = tmp_path / "raw-labels.ome.tif"
    assert hand.saver.suggested_path() == other
    hand.saver.save(str(other))
    hand.wait(lambda: not hand.saver.saving)
    assert read_labels(other).max() == 1
