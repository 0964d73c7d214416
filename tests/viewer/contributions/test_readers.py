"""What napari is given to show of zarr folders of every layout, and of label TIFFs."""

from __future__ import annotations

import numpy as np
import pytest
import zarr
from napari.layers import Image, Labels, Layer

from napari_hqsam.errors import HqsamWarning, ImageError
from napari_hqsam.geometry import Space
from napari_hqsam.images import open_image
from napari_hqsam.labels import write_labels
from napari_hqsam.viewer.contributions import field_picker
from napari_hqsam.viewer.contributions.readers import get_reader

SCALE = {"t": 3.0, "c": 1.0, "z": 2.0, "y": 0.5, "x": 0.25}
KINDS = {"t": "time", "c": "channel"}


def add_image(group, axes, shape, *, omero=None, levels=2, dtype=np.uint16):
    """Make a multiscale image of 0.4 or 0.5 in a group; pixels tell their channel."""
    datasets = []
    for level in range(levels):
        size = [
            n // 2**level if a in "yx" else n for a, n in zip(axes, shape, strict=True)
        ]
        pixels = np.zeros(size, dtype)
        if "c" in axes:
            number = np.arange(size[axes.index("c")])
            pixels += np.expand_dims(
                number, [i for i, a in enumerate(axes) if a != "c"]
            ).astype(dtype)
        group.create_array(str(level), data=pixels)
        scale = [SCALE[a] * (2**level if a in "yx" else 1) for a in axes]
        transforms = [{"type": "scale", "scale": scale}]
        datasets.append({"path": str(level), "coordinateTransformations": transforms})
    named = [{"name": a, "type": KINDS.get(a, "space")} for a in axes]
    named = [a | ({"unit": "micrometer"} if a["name"] in "zyx" else {}) for a in named]
    entry = {"name": "image", "axes": named, "datasets": datasets}
    if group.metadata.zarr_format == 2:
        found = {"multiscales": [entry | {"version": "0.4"}]}
        group.attrs.update(found | ({"omero": omero} if omero else {}))
    else:
        found = {"version": "0.5", "multiscales": [entry]}
        group.attrs["ome"] = found | ({"omero": omero} if omero else {})


@pytest.fixture(params=[2, 3])
def root(request, tmp_path):
    """Make a zarr group of both versions."""
    return zarr.create_group(str(tmp_path / "a.zarr"), zarr_format=request.param)


def tell(group, metadata):
    """Set OME metadata of a group where its version has them."""
    if group.metadata.zarr_format == 2:
        group.attrs.update(metadata)
    else:
        group.attrs["ome"] = {"version": "0.5"} | metadata


def layers_of(path):
    """Open a path as napari does."""
    reader = get_reader(str(path))
    assert reader is not None
    return [Layer.create(*each) for each in reader(str(path))]


def test_channels_have_their_names_colours_and_limits(root, tmp_path):
    channels = [
        {"label": "DAPI", "color": "0000FF", "window": {"start": 10, "end": 900}},
        {"label": "GFP", "color": "00ff00", "active": False, "window": {"start": 5}},
        {"color": 7, "window": None},
    ]
    add_image(root, "czyx", (3, 4, 32, 40), omero={"channels": channels})
    layers = layers_of(tmp_path / "a.zarr")
    assert [layer.name for layer in layers] == ["DAPI", "GFP", "a [2]"]
    assert layers[0].colormap.colors[-1].tolist() == [0, 0, 1, 1]
    assert layers[1].colormap.colors[-1].tolist() == [0, 1, 0, 1]
    assert tuple(layers[0].contrast_limits) == (10, 900)
    assert [layer.visible for layer in layers] == [True, False, True]
    for number, layer in enumerate(layers):
        assert layer.multiscale
        assert [level.shape for level in layer.data] == [(4, 32, 40), (4, 16, 20)]
        assert tuple(layer.scale) == (2, 0.5, 0.25)
        assert layer.axis_labels == ("z", "y", "x")
        assert [str(unit) for unit in layer.units] == ["micrometer"] * 3
        assert (np.asarray(layer.data[1][1, 2:5, 3]) == number).all()


@pytest.mark.parametrize("samples", [3, 4])
def test_colour_pictures_keep_their_scale(root, tmp_path, samples):
    add_image(root, "yxc", (32, 40, samples), dtype=np.uint8)
    (layer,) = layers_of(tmp_path / "a.zarr")
    assert layer.rgb
    assert tuple(layer.scale) == (0.5, 0.25)
    assert [level.shape for level in layer.data] == [
        (32, 40, samples),
        (16, 20, samples),
    ]
    image = open_image(tmp_path / "a.zarr")
    assert image.is_rgb
    assert image.read_plane().shape == (32, 40, 3)


def test_each_image_of_a_converted_file_is_a_layer(root, tmp_path):
    root.attrs["bioformats2raw.layout"] = 3
    add_image(root.create_group("0"), "zyx", (4, 32, 40))
    add_image(root.create_group("1"), "yx", (20, 24))
    layers = layers_of(tmp_path / "a.zarr")
    assert [layer.name for layer in layers] == ["a 0", "a 1"]
    assert [layer.data[0].shape for layer in layers] == [(4, 32, 40), (20, 24)]
    with pytest.warns(HqsamWarning, match="several images, of which 0"):
        assert open_image(tmp_path / "a.zarr").shape == (4, 32, 40)
    assert open_image(tmp_path / "a.zarr", key="1").shape == (20, 24)


@pytest.fixture
def plate(root, tmp_path):
    """Make a plate of two wells with two fields each."""
    wells = [{"path": "A/1", "rowIndex": 0}, {"path": "B/2", "rowIndex": 1}]
    tell(root, {"plate": {"wells": [*wells, {"path": "C/1"}, 5], "columns": []}})
    for number, well in enumerate(("A/1", "B/2")):
        group = root.create_group(well)
        tell(group, {"well": {"images": [{"path": "0"}, {"path": "1"}]}})
        for field in "01":
            add_image(group.create_group(field), "yx", (20 + number, 24))
    return tmp_path / "a.zarr"


def test_fields_of_a_plate_are_picked(plate, monkeypatch):
    asked = []

    def ask(parent, path, fields):
        asked.append((path, list(fields)))
        return list(fields[1:3])

    monkeypatch.setattr(field_picker, "_window", lambda: "window")
    monkeypatch.setattr(field_picker, "_ask", ask)
    layers = layers_of(plate)
    assert asked == [(plate, ["A/1/0", "A/1/1", "B/2/0", "B/2/1"])]
    assert [layer.name for layer in layers] == ["a A/1/1", "a B/2/0"]
    assert [layer.data[0].shape for layer in layers] == [(20, 24), (21, 24)]
    layers_of(plate / "B" / "2")
    assert asked[-1] == (plate / "B" / "2", ["0", "1"])
    monkeypatch.setattr(field_picker, "_ask", lambda *_: [])
    assert get_reader(str(plate))(str(plate)) == [(None,)]  # cancelled


def test_without_a_window_the_first_field_is_opened_with_a_word(plate):
    with pytest.warns(HqsamWarning, match="A/1/0 is opened"):
        (layer,) = layers_of(plate)
    assert layer.name == "a A/1/0"
    (field,) = layers_of(plate / "B" / "2" / "1")
    assert field.data[0].shape == (21, 24)


def test_a_plate_is_opened_by_key_elsewhere(plate):
    with pytest.raises(ImageError, match=r"plate of wells \(A/1, B/2, C/1\).*A/1/0"):
        open_image(plate)
    with pytest.raises(ImageError, match=r"well of fields \(0, 1\)"):
        open_image(plate / "A" / "1")
    assert open_image(plate, key="B/2/0").shape == (21, 24)
    assert open_image(plate / "B" / "2" / "0").shape == (21, 24)


def test_labels_in_an_image_come_with_it(root, tmp_path):
    path = tmp_path / "a.zarr"
    add_image(root, "czyx", (2, 4, 32, 40))
    labels = np.zeros((4, 32, 40), np.uint16)
    labels[1, 3:9, 4:20] = 5
    space = open_image(path).space.select("zyx")
    colors = {5: (255, 0, 255, 255)}
    write_labels(path / "labels" / "cells", labels, space=space, colors=colors)
    *images, layer = layers_of(path)
    assert [type(each) for each in (*images, layer)] == [Image, Image, Labels]
    assert layer.name == "cells"
    assert isinstance(layer.data, np.ndarray)  # to be edited
    np.testing.assert_array_equal(layer.data, labels)
    for name in ("scale", "translate"):
        assert tuple(getattr(layer, name)) == tuple(getattr(images[0], name))
    assert layer.get_color(5).tolist() == [1, 0, 1, 1]
    (again,) = layers_of(path / "labels")
    (itself,) = layers_of(path / "labels" / "cells")
    for each in (again, itself):
        np.testing.assert_array_equal(each.data, labels)


def test_a_group_of_one_array(tmp_path):
    group = zarr.create_group(str(tmp_path / "a.zarr"))
    group.create_array(
        "picture", data=np.ones((4, 32, 40), np.uint16), dimension_names=("z", "y", "x")
    )
    (layer,) = layers_of(tmp_path / "a.zarr")
    assert isinstance(layer, Image)
    assert layer.data.shape == (4, 32, 40)


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif", "a.zarr", "a.TIFF"])
@pytest.mark.parametrize("axes", ["zyx", "ztyx", "xyz", "tyx"])
def test_what_we_write_opens_in_its_place_as_labels(tmp_path, name, axes):
    labels = np.random.default_rng(0).integers(0, 9, (3, 1, 5, 6)[: len(axes)])
    space = Space.of(
        axes,
        scale=[SCALE[a] for a in axes],
        units=["s" if a == "t" else "um" for a in axes],
        translate=[0.0 if a == "t" else 7.0 for a in axes],
    )
    write_labels(tmp_path / name, labels, space=space)
    (layer,) = layers_of(tmp_path / name)
    assert isinstance(layer, Labels)
    np.testing.assert_array_equal(layer.data, labels)
    assert tuple(layer.scale) == pytest.approx(space.scale)
    assert tuple(layer.translate) == pytest.approx(space.translation)
    assert layer.axis_labels == tuple(axes)


def test_rotated_labels_lie_on_their_image_again(tmp_path):
    image = Image(np.zeros((20, 30)), rotate=30, scale=(2, 3), translate=(5, 6))
    space = Space.of("yx", scale=(2, 3), translate=(5, 6), rotate=image.rotate)
    with pytest.warns(HqsamWarning, match="rotation"):
        write_labels(tmp_path / "a.tif", np.ones((20, 30), int), space=space)
    (layer,) = layers_of(tmp_path / "a.tif")
    for point in ((0, 0), (7, 19)):
        there = image.data_to_world(point)
        assert layer.data_to_world(point) == pytest.approx(there)


def test_what_is_no_label_image_is_left_to_others(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    for name in ("a.png", "folder", "missing.tif"):
        assert get_reader(str(tmp_path / name)) is None


def test_sizes_are_kept_where_the_names_of_axes_are_no_letters(tmp_path):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    group.create_array("0", data=np.ones((4, 32, 40), np.uint16))
    named = [
        {"name": f"dim_{i}", "type": "space", "unit": "micrometer"} for i in range(3)
    ]
    scale = {"type": "scale", "scale": [2, 0.5, 0.25]}
    entry = {
        "axes": named,
        "datasets": [{"path": "0", "coordinateTransformations": [scale]}],
    }
    group.attrs["ome"] = {"version": "0.5", "multiscales": [entry]}
    path = str(tmp_path / "a.zarr")
    ((_, attributes, kind),) = get_reader(path)(path)
    assert (kind, attributes["scale"]) == ("image", (2, 0.5, 0.25))
    assert attributes["units"] == ("micrometer",) * 3
    assert "axis_labels" not in attributes
