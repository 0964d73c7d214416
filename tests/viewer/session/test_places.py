"""An object is where it was clicked: in the layer, in the file, reopened, replayed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tifffile

from napari_hqsam import open_image, read_labels
from tests.helpers.placed_images import ZARRS, centre, discs, ome_zarr

SLICE = 1
AT = (SLICE, *centre(SLICE))
UM = {"units": ("um", "um", "um"), "axis_labels": ("z", "y", "x")}
LAYERS = {
    "scaled": {"scale": (2, 0.5, 0.25)} | UM,
    "translated": {"scale": (2, 0.5, 0.25), "translate": (10, 30, -40)} | UM,
    "rotated": {"scale": (2, 0.5, 0.5), "rotate": 30, "translate": (1, 2, 3)} | UM,
    "sheared": {"scale": (2, 0.5, 0.25), "shear": (0, 0, 0.4)} | UM,
    "backwards": {"scale": (-2, -0.5, 0.25), "translate": (9, 8, 7)} | UM,
    "mirrored": {"affine": [[1, 0, 0, 5], [0, 0, 1, 6], [0, 1, 0, 7], [0, 0, 0, 1]]}
    | UM,
    "in other units": {"scale": (500, 0.1, 0.1), "units": ("nm", "um", "um")}
    | {"axis_labels": ("z", "y", "x")},
}
"""Keywords of a layer of three slices."""


def nearest_object(layer, world):
    """The id at a world position, and how far its centre is, in pixels."""
    labels, at = np.asarray(layer.data), layer.world_to_data(world)
    found = labels[tuple(np.rint(at).astype(int))]
    return found, np.abs(np.argwhere(labels == found).mean(0) - at).max()


def check_saved(hand, world, path, image_file, run_command):
    """Save, reopen and replay: the object is at the world position."""
    hand.saver.save(str(path))
    hand.wait(lambda: not hand.saver.saving)
    hand.sessions.session.close()
    (layer,) = hand.viewer.open(str(path), plugin="napari-hqsam")
    found, off = nearest_object(layer, world)
    assert (found, off < 0.2) == (1, True)
    again = path.with_name("again.ome.zarr")
    journal = path.with_name(f"{path.name}.journal.jsonl")
    code, _, err = run_command("replay", journal, image_file, "-o", again)
    assert code == 0, err
    np.testing.assert_array_equal(read_labels(again), read_labels(path))
    assert open_image(again).space.agrees(open_image(path).space)


@pytest.mark.filterwarnings("ignore:.*has no place for")
@pytest.mark.parametrize(
    ("place", "suffix"),
    [
        ("scaled", ".ome.tif"),
        ("translated", ".tif"),
        ("rotated", ".tif"),
        ("rotated", ".ome.tif"),
        ("rotated", ".ome.zarr"),
        ("sheared", ".ome.zarr"),
        ("backwards", ".tif"),
        ("mirrored", ".ome.tif"),
        ("in other units", ".tif"),
        ("in other units", ".ome.zarr"),
    ],
)
def test_a_layer_in_any_place(
    viewer, open_widget, tmp_path, run_command, place, suffix
):
    file = tmp_path / "stack.tif"
    tifffile.imwrite(file, discs("zyx"), imagej=True, metadata={"axes": "ZYX"})
    viewer.open(str(file), plugin="napari", **LAYERS[place])
    (image,) = viewer.layers
    world = image.data_to_world(AT)
    viewer.dims.set_current_step(0, SLICE)
    viewer.reset_view()
    hand = open_widget()
    hand.click(*AT[1:])
    hand.key("N")
    found, off = nearest_object(hand.sessions.target.layer, world)
    assert (found, off < 0.2) == (1, True)
    check_saved(hand, world, tmp_path / f"labels{suffix}", file, run_command)


@pytest.mark.parametrize("case", ZARRS)
def test_an_image_that_tells_its_place(
    viewer, open_widget, tmp_path, run_command, case
):
    file = ome_zarr(tmp_path / "image.zarr", case)
    (image,) = viewer.open(str(file), plugin="napari-hqsam")
    at = [AT["zyx".index(a)] for a in ZARRS[case][2]]
    space = open_image(file).space
    world = space.to_world(at)
    assert image.data_to_world(at) == pytest.approx(world)
    if case == "xyz":
        viewer.dims.order = (2, 1, 0)
    viewer.dims.set_current_step(ZARRS[case][2].index("z"), SLICE)
    viewer.reset_view()
    hand = open_widget()
    hand.click(*(at[axis] for axis in hand.scene.view().axes))
    hand.key("N")
    assert nearest_object(hand.sessions.target.layer, world)[0] == 1
    check_saved(hand, world, tmp_path / "labels.ome.tif", file, run_command)


def test_beside_a_layer_in_another_unit(viewer, open_widget):
    """Napari 0.9 shows both in nanometers; what it calls a layer's world is not."""
    image = viewer.add_image(discs("zyx"), **LAYERS["translated"])
    hand = open_widget()
    nanometers = {"units": ("nm",) * 3, "axis_labels": ("z", "y", "x")}
    arrow = [[(10_001, 40_000, -30_000), (0, 900, 900)]]
    viewer.add_vectors(np.array(arrow), **nanometers)
    viewer.layers.selection.active = image
    viewer.reset_view()
    hand.wait()
    assert hand.scene.image is image

    def go_to(z):
        hand.scene.go_to(replace(hand.scene.view(), position=(z, 0, 0)))
        assert hand.scene.view().position == (z, 0, 0)
        hand.wait()

    go_to(SLICE)
    hand.click(*AT[1:])  # on the image, then with napari's own tools
    hand.key("N")
    hand.controller.tools.activate()
    go_to(0)
    y, x = centre(0)
    hand.settings.tool = "box"
    hand.drag((y - 15, x - 15), (y, x), (y + 15, x + 15))
    hand.key("N")
    layer = hand.sessions.target.layer
    for number, at in ((1, AT), (2, (0, y, x))):
        found, off = nearest_object(layer, image.data_to_world(at))
        assert (found, off < 0.2) == (number, True)
    assert 90 < hand.scene.viewport.extent(image, hand.scene.view()) < 4000
