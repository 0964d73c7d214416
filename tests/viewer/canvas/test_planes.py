"""Planes in any orientation, axes and channels of every kind."""

from dataclasses import replace

import dask.array as da
import numpy as np
import pytest
import zarr
from napari.components import Dims
from napari.layers import Image

from napari_hqsam.errors import ImageError
from napari_hqsam.viewer.canvas.layer_placing import agree, layer_affine, transfer
from napari_hqsam.viewer.planes import PlaneView, shown_plane


def boxes():
    """(12, 40, 50) uint8 with one bright box: z 3..7, y 10..20, x 25..45."""
    stack = np.zeros((12, 40, 50), np.uint8)
    stack[3:7, 10:20, 25:45] = 200
    return stack


def test_points_lie_on_the_nearest_slice():
    view = PlaneView((1, 2), (3, 0, 0))
    rows = [(z, 1, 1) for z in (2.4, 2.5, 3.0, 3.4, 3.5)]
    assert view.holds(rows).tolist() == [False, True, True, True, False]


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 0, 1), (2, 1, 0)])
def test_the_plane_is_what_the_sliders_show(order):
    layer = Image(boxes(), scale=(2, 1, 0.5), translate=(5, 6, 7))
    world = layer.data_to_world((4, 15, 30))
    dims = Dims(ndim=3, order=order, range=[(0, 60, 0.5)] * 3, point=world)
    view = shown_plane(dims, layer)
    assert view.axes == tuple(sorted(order[1:]))
    hidden = order[0]
    assert view.position[hidden] == (4, 15, 30)[hidden]
    point = np.delete((4.0, 15.0, 30.0), hidden)
    assert np.array_equal(view.to_data([point])[0], (4, 15, 30))
    assert np.array_equal(view.to_plane([(4, 15, 30)])[0], point)
    assert view.holds([(4, 15, 30)])[0]
    off = np.array((4, 15, 30))
    off[hidden] += 1
    assert not view.holds([off])[0]


def test_letters_and_index_are_those_of_open_image():
    view = PlaneView((1, 4), (3, 0, 2, 1, 0))
    channels = replace(view, channel_axis=2)
    assert view.letters() == "wytzx"
    assert channels.letters() == "tyczx"
    assert view.index((5, 30, 4, 1, 40)) == (3, 2)
    assert channels.index((5, 30, 4, 1, 40)) == (3,)


def test_a_layer_out_of_view_says_what_to_do():
    layer = Image(np.zeros((8, 9)), name="flat")
    with pytest.raises(ImageError, match="3D; switch to 2D"):
        shown_plane(Dims(ndim=3, ndisplay=3), layer)
    with pytest.raises(ImageError, match="flat has 2 axes"):
        shown_plane(Dims(ndim=3, order=(1, 0, 2)), layer)
    stack = Image(boxes(), name="stack", translate=(100, 0, 0))
    with pytest.raises(ImageError, match="slider of axis 0 is at -100"):
        shown_plane(Dims(ndim=3), stack)


def test_points_go_from_layer_to_layer_as_napari_maps_them():
    rng = np.random.default_rng(0)
    place = {"rotate": 25, "shear": [0.3], "scale": (2, 3), "translate": (5, 1)}
    source = Image(np.zeros((8, 9)), **place)
    target = Image(boxes(), scale=(3, 0.5, 2))
    points = rng.uniform(0, 8, (5, 2))
    dims = Dims(ndim=3, range=[(0, 9, 1)] * 3, point=(6, 0, 0))
    moved = transfer(points, source, target, dims)
    for point, there in zip(points, moved, strict=True):
        world = (6.0, *source.data_to_world(point))
        assert np.allclose(there, target.world_to_data(world))
    assert agree(layer_affine(source), layer_affine(source), (8, 9))
    assert not agree(
        layer_affine(source), layer_affine(Image(np.zeros((8, 9)))), (8, 9)
    )


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0)])
def test_objects_are_accepted_in_xy_xz_and_yz(viewer, open_widget, order):
    viewer.add_image(boxes(), scale=(2, 1, 1), name="stack")
    viewer.dims.order = order
    viewer.dims.point = (8.0, 15.0, 30.0)
    viewer.reset_view()
    hand = open_widget()
    hand.click(*hand.scene.view().to_plane([(4, 15, 30)])[0])
    hand.key("N")
    wanted = boxes() > 0
    other = np.ones(wanted.shape, bool)
    index = [slice(None)] * 3
    index[order[0]] = (4, 15, 30)[order[0]]
    other[tuple(index)] = False
    wanted[other] = False
    assert np.array_equal(hand.labels, wanted)


def test_each_slice_has_an_object_of_its_own(viewer, open_widget):
    viewer.add_image(boxes())
    viewer.dims.set_point(0, 4)
    hand = open_widget()
    hand.click(15, 30)
    viewer.dims.set_point(0, 5)
    hand.wait()
    assert hand.current.mask is None
    assert not hand.scene.points.data[0][0] == 5
    viewer.dims.set_point(0, 4)
    hand.wait()
    assert hand.current.mask.bbox == (10, 25, 20, 45)


def arrays(tmp_path):
    flat = boxes()[4]
    stored = zarr.create_array(
        str(tmp_path / "a.zarr"), data=boxes() + 1, chunks=(1, 16, 16)
    )
    big = np.kron(flat, np.ones((8, 8), np.uint8))
    return {
        "dask": (da.from_array(boxes(), chunks=(2, 20, 20)), {}),
        "zarr": (stored, {}),
        "rgb": (np.stack([flat] * 3, -1), {"rgb": True}),
        "float": (boxes().astype(np.float32), {}),
        "time and z": (np.stack([boxes()] * 2), {"axis_labels": tuple("tzyx")}),
        "multiscale": ([big, big[::2, ::2], big[::4, ::4]], {"multiscale": True}),
    }


def test_a_candidate_is_chosen_for_its_slice_alone(viewer, open_widget):
    viewer.add_image(boxes(), name="stack")
    hand = open_widget()
    for z in (4, 5):
        viewer.dims.set_point(0, z)
        hand.wait()
        hand.click(15, 30)
    hand.key("K")
    assert hand.current.chosen > 0
    viewer.dims.set_point(0, 4)
    hand.wait()
    assert hand.current.chosen == 0
    assert len(hand.current.masks) == 1


@pytest.mark.parametrize(
    "kind", ["dask", "zarr", "rgb", "float", "time and z", "multiscale"]
)
def test_layers_of_every_kind(viewer, open_widget, tmp_path, kind):
    data, how = arrays(tmp_path)[kind]
    layer = viewer.add_image(data, **how)
    if layer.ndim > 2:
        viewer.dims.set_point(layer.ndim - 3, 4)
    hand = open_widget()
    factor = 8 if kind == "multiscale" else 1
    hand.click(15 * factor, 30 * factor)
    box = tuple(factor * v for v in (10, 25, 20, 45))
    assert hand.current.mask.bbox == box
    hand.key("N")
    assert (hand.labels == 1).sum() == 200 * factor**2
    assert hand.labels.ndim == layer.ndim


def test_a_leading_channel_axis_is_no_plane(viewer, open_widget):
    data = np.stack([np.zeros_like(boxes()), boxes()])
    viewer.add_image(data)
    viewer.dims.set_point(1, 4)
    hand = open_widget()
    hand.settings.channel_axis = 0
    hand.settings.channels = (1,)
    hand.wait()
    assert hand.scene.points.ndim == 3
    hand.click(15, 30)
    hand.key("N")
    assert hand.labels.shape == boxes().shape
    assert (hand.labels[4] == 1).sum() == 200


def test_other_layers_are_channels(viewer, open_widget):
    viewer.add_image(np.zeros_like(boxes()[4]), name="red")
    viewer.add_image(boxes()[4], name="green", visible=False)
    hand = open_widget()
    hand.scene.use(viewer.layers["red"])
    hand.settings.tool = "none"
    hand.settings.tool = "point"
    hand.settings.more_layers = ("green", "green")
    hand.click(15, 30)
    assert hand.current.mask.bbox == (10, 25, 20, 45)


def test_other_pixels_of_a_further_channel_give_another_mask(
    viewer, open_widget, squares
):
    hand = open_widget()
    viewer.add_image(np.stack([squares, squares]), channel_axis=0, name=["a", "b"])
    hand.wait()
    assert hand.settings.more_layers == ("b",)
    hand.settings.stretch = "contrast limits"
    hand.click(20, 20)
    first = hand.current.mask
    assert first.area == 400
    viewer.layers["b"].contrast_limits = (0, 255)
    hand.wait()
    second = hand.current.mask
    assert second is not first  # asked again; the stand-in sees no contrast limits
    viewer.layers["b"].data = squares * 0
    hand.wait()
    assert hand.current.mask is None


def test_a_channel_that_is_not_used_any_more_changes_nothing(
    viewer, open_widget, squares
):
    hand = open_widget()
    viewer.add_image(np.stack([squares, squares]), channel_axis=0, name=["a", "b"])
    hand.wait()
    hand.settings.stretch = "contrast limits"
    changes = []
    hand.scene.data_changed.connect(lambda: changes.append(1))
    hand.settings.more_layers = ()
    viewer.layers["b"].contrast_limits = (0, 99)
    assert not changes
    hand.settings.more_layers = ("b",)
    viewer.layers["b"].contrast_limits = (0, 98)
    assert len(changes) == 1
    hand.settings.stretch = "percentile"
    viewer.layers["b"].contrast_limits = (0, 97)
    assert len(changes) == 1
