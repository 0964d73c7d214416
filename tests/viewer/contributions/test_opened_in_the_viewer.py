"""Images that the reader opens are clicked in, saved and shown like any other."""

import numpy as np
import pytest
import zarr
from napari.layers import Image, Labels
from qtpy.QtWidgets import QDialog, QListWidget

from napari_hqsam.labels import read_labels
from napari_hqsam.viewer.contributions import field_picker

CENTRE = (20, 50)


@pytest.fixture
def path(tmp_path, squares):
    """An OME-Zarr image of two channels and three slices, with scale and offset."""
    group = zarr.create_group(str(tmp_path / "image.zarr"))
    datasets = []
    for level in range(2):
        pixels = np.zeros((2, 3, *squares[:: 2**level, :: 2**level].shape), np.uint8)
        pixels[1, :] = squares[:: 2**level, :: 2**level]
        group.create_array(str(level), data=pixels, dimension_names=tuple("czyx"))
        transforms = [
            {"type": "scale", "scale": [1.0, 2.0, 0.5 * 2**level, 0.5 * 2**level]},
            {"type": "translation", "translation": [0.0, 5.0, 6.0, 7.0]},
        ]
        datasets.append({"path": str(level), "coordinateTransformations": transforms})
    axes = [{"name": "c", "type": "channel"}]
    axes += [{"name": a, "type": "space", "unit": "micrometer"} for a in "zyx"]
    entry = {"name": "image", "axes": axes, "datasets": datasets}
    channels = [{"label": "first"}, {"label": "second", "color": "00FF00"}]
    group.attrs["ome"] = {
        "version": "0.5",
        "multiscales": [entry],
        "omero": {"channels": channels},
    }
    return tmp_path / "image.zarr"


def test_a_click_in_a_channel_and_labels_inside_the_image(viewer, open_widget, path):
    layers = viewer.open(str(path), plugin="napari-hqsam")
    assert [layer.name for layer in layers] == ["first", "second"]
    assert all(isinstance(layer, Image) and layer.multiscale for layer in layers)
    hand = open_widget()
    hand.scene.use(viewer.layers["second"])
    hand.wait()
    world = np.asarray(viewer.layers["second"].data_to_world((1, *CENTRE)))
    viewer.dims.set_point(0, world[0])
    hand.wait()
    hand.accept(CENTRE)
    assert (hand.labels == 1).sum() == 400
    target = path / "labels" / "cells"
    hand.saver.save(str(target))
    hand.wait(lambda: not hand.saver.saving)
    labels = read_labels(target)
    assert labels.shape == (3, 80, 100)
    assert labels[(1, *CENTRE)] == 1
    hand.sessions.release_target()
    viewer.layers.clear()
    *_, layer = viewer.open(str(path), plugin="napari-hqsam")
    assert isinstance(layer, Labels)
    assert layer.get_value(world, world=True) == 1
    hand.scene.use(viewer.layers["second"])
    hand.wait()
    hand.sessions.use_target(layer)
    hand.wait()
    assert hand.sessions.session.journal.path.name == "cells.journal.jsonl"


@pytest.mark.parametrize("answer", [QDialog.DialogCode.Accepted, 0])
def test_the_window_that_asks_for_fields(viewer, tmp_path, monkeypatch, answer):
    shown = []

    def answered(dialog):
        listed = dialog.findChild(QListWidget)
        shown.extend(listed.item(i).text() for i in range(listed.count()))
        listed.item(2).setSelected(True)
        return answer

    monkeypatch.setattr(QDialog, "exec", answered)
    parent = viewer.window._qt_window
    fields = ["A/1/0", "A/1/1", "B/2/0"]
    chosen = field_picker._ask(parent, tmp_path / "plate.zarr", fields)
    assert shown == fields
    assert chosen == (["A/1/0", "B/2/0"] if answer else [])
