"""No save replaces a file that a layer or a journal is read from; nothing is lost."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
import zarr
from napari.components import ViewerModel
from napari.layers import Labels, Layer
from napari.layers._source import layer_source
from napari.utils.colormaps import DirectLabelColormap

from napari_hqsam.errors import HqsamWarning, OutputError
from napari_hqsam.images import open_image
from napari_hqsam.labels import check_writable, write_labels
from napari_hqsam.sessions import check_session_not_open
from napari_hqsam.viewer.contributions.readers import get_reader
from napari_hqsam.viewer.files.journal_files import check_free
from napari_hqsam.viewer.files.label_files import files_in_use, save_labels

PIXELS = np.arange(600, dtype=np.uint16).reshape(20, 30)


def test_files_of_open_images_are_not_replaced(tmp_path):
    viewer = ViewerModel()
    for name in ("opened.tif", "mapped.tif"):
        tifffile.imwrite(tmp_path / name, PIXELS)
    zarr.create_array(str(tmp_path / "lazy.zarr"), data=PIXELS)
    with layer_source(path=str(tmp_path / "opened.tif")):
        viewer.add_image(PIXELS)
    viewer.add_image(tifffile.memmap(tmp_path / "mapped.tif", mode="r")[2:])
    viewer.add_image(zarr.open_array(str(tmp_path / "lazy.zarr"), mode="r"))
    (tmp_path / "link.tif").symlink_to(tmp_path / "opened.tif")
    for name in ("opened.tif", "mapped.tif", "lazy.zarr", "link.tif"):
        with pytest.raises(OutputError, match="is the image that is read"):
            check_writable(tmp_path / name, sources=files_in_use(viewer))
    check_writable(tmp_path / "labels.tif", sources=files_in_use(viewer))
    with pytest.raises(OutputError, match="inside the image"):
        check_writable(tmp_path / "lazy.zarr" / "a.tif", sources=files_in_use(viewer))


def test_labels_in_memory_are_saved_in_their_own_file_again(tmp_path):
    viewer = ViewerModel()
    with layer_source(path=str(tmp_path / "labels.tif")):
        viewer.add_labels(PIXELS)
    write_labels(tmp_path / "labels.tif", PIXELS)
    check_writable(tmp_path / "labels.tif", sources=files_in_use(viewer))


def test_what_a_session_began_with_is_not_replaced(tmp_path):
    base, journal = tmp_path / "a.tif.base.tif", tmp_path / "a.tif.journal.jsonl"
    write_labels(base, PIXELS)
    check_free(base, None)
    journal.touch()
    for check in (lambda: check_free(base, None), lambda: check_session_not_open(base)):
        with pytest.raises(OutputError, match="began with"):
            check()


def test_a_unit_of_something_else_does_not_stop_a_save(tmp_path):
    layer = Labels(PIXELS, scale=(2, 3), units=("kilogram", "kilogram"))
    _, attributes, _ = layer.as_layer_data_tuple()
    with pytest.warns(HqsamWarning, match="kilogram"):
        save_labels(str(tmp_path / "a.ome.tif"), layer.data, attributes)
    image = open_image(tmp_path / "a.ome.tif")
    assert image.space.scale == (2, 3)
    assert image.space.units == (None, None)


def test_colours_that_were_given_are_kept(tmp_path):
    colors = {None: "gray", 0: "transparent", 3: "red", 7: (0, 0, 1, 0.5)}
    layer = Labels(PIXELS, colormap=DirectLabelColormap(color_dict=colors))
    _, attributes, _ = layer.as_layer_data_tuple()
    path = str(tmp_path / "a.zarr")
    save_labels(path, layer.data, attributes)
    reopened = Layer.create(*get_reader(path)(path)[0])
    for label_id in (3, 7):
        expected = layer.get_color(label_id)
        np.testing.assert_allclose(reopened.get_color(label_id), expected, atol=0.003)
    with pytest.warns(HqsamWarning, match="no place for colours"):
        save_labels(str(tmp_path / "a.tif"), layer.data, attributes)
    # Those that napari gives by itself need no place.
    _, attributes, _ = Labels(PIXELS).as_layer_data_tuple()
    save_labels(str(tmp_path / "b.tif"), PIXELS, attributes)
