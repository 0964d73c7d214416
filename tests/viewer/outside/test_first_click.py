"""The first click answers, in whatever order things were opened."""

import json

import numpy as np
import tifffile

from napari_hqsam.sample import NUCLEI, PROMPTS
from tests.viewer.outside.program import OUTLINE, PANEL, POINTS, SHAPES

LAYER = "nuclei"


def centres():
    """(y, x) of nuclei of the sample that one click is enough for."""
    prompts = json.loads(PROMPTS.read_text())["prompts"]
    points = [p["points"][0] for p in prompts if list(p) == ["id", "points"]]
    return [(y, x) for y, x in points if 60 < y < 200 and 60 < x < 200]


def blobs(*at, shape=(200, 240)):
    """Image of bright discs of radius 15 around positions."""
    yy, xx = np.mgrid[: shape[0], : shape[1]]
    image = np.full(shape, 300, np.uint16)
    for y, x in at:
        image[np.hypot(yy - y, xx - x) < 15] = 3000
    return image


def ready(napari, layer=LAYER):
    """Wait for an image, and for a tool that is pressed."""
    napari.wait(lambda: napari.layer(layer), f"the image {layer}")
    napari.wait(lambda: napari.tool() == "Click", "the point tool")


def check_click(napari, layer, y, x):
    """Click, and see the outline round the click, and whose it is."""
    napari.click_at(layer, y, x)
    napari.wait_for_outline(y, x)
    assert napari.says(f"Image: {layer}")


def reject(napari):
    napari.key("q")
    napari.wait(lambda: napari.outline() is None, "no outline")


def test_widget_then_sample_then_a_click(start):
    napari = start("-w", "napari-hqsam")
    assert napari.widget(kind=PANEL)["seen"][2] > 250
    assert len(napari.tools()) == 7
    napari.open_sample("Cells")
    ready(napari)
    check_click(napari, LAYER, *centres()[0])


def test_widget_then_a_file_then_another(start, home):
    home.mkdir()
    tifffile.imwrite(home / "first.tif", blobs((60, 80)))
    tifffile.imwrite(home / "second.tif", blobs((130, 150)))
    napari = start("-w", "napari-hqsam")
    napari.open_file("first.tif")
    ready(napari, "first")
    check_click(napari, "first", 60, 80)
    napari.key("n")
    napari.wait(lambda: napari.layer("first labels"), "the labels")
    napari.wait(lambda: len(napari.labels("first labels")) == 1, "the object")
    napari.open_file("second.tif")
    napari.wait(lambda: napari.layer("second"), "the second image")
    napari.wait(lambda: napari.says("Image: second"), "the second image in the panel")
    ready(napari, "second")
    assert napari.outline() is None
    check_click(napari, "second", 130, 150)
    # back to the first: its session goes on
    napari.click_layer("first")
    napari.wait(lambda: napari.says("Image: first"), "the first image")
    napari.wait(lambda: not napari.layer("second")["visible"], "the first to be seen")
    napari.wait(lambda: napari.outline() is None, "the outline to go with its image")
    check_click(napari, "first", 62, 82)
    napari.key("u")
    napari.wait(lambda: napari.outline() is None, "the click to be undone")
    napari.key("u")
    napari.wait(lambda: not napari.labels("first labels"), "the undo")
    # and to the second, where a click was not accepted yet
    napari.click_layer("second")
    napari.wait(lambda: napari.says("Image: second"), "the second image")
    napari.wait_for_outline(130, 150)
    napari.key("n")
    napari.wait(lambda: napari.layer("second labels"), "the labels of the second")
    napari.wait(lambda: len(napari.labels("second labels")) == 1, "its object")
    assert not napari.labels("first labels")


def test_files_dropped_on_the_canvas(start, home):
    home.mkdir()
    spots = {"one": (60, 80), "two": (130, 150), "three": (60, 150), "four": (130, 80)}
    for name, spot in spots.items():
        tifffile.imwrite(home / f"{name}.tif", blobs(spot))
    napari = start("-w", "napari-hqsam")
    napari.drop(home / "one.tif")
    ready(napari, "one")
    check_click(napari, "one", *spots["one"])
    # several at once: the first of them, with a message
    napari.drop(*(home / f"{name}.tif" for name in ("two", "three", "four")))
    napari.wait(lambda: napari.layer("four"), "the images")
    napari.wait(lambda: napari.says("3 images were opened"), "the message")
    ready(napari, "two")
    check_click(napari, "two", *spots["two"])
    # another one by the panel's list
    napari.press("Image: two", kind="QPushButton")
    napari.choose("three", tip="Image layer to segment")
    napari.wait(lambda: napari.says("Image: three"), "the third image in the panel")
    ready(napari, "three")
    assert napari.outline() is None
    check_click(napari, "three", *spots["three"])


def test_image_first_and_layers_switched(start):
    napari = start(NUCLEI, "-w", "napari-hqsam")
    layer = napari.wait(lambda: napari.names() and napari.names()[0], "the image")
    ready(napari, layer)
    spot = centres()[0]
    # the image itself made active: clicks still prompt, as the panel shows
    napari.click_layer(layer)
    napari.wait(lambda: napari.state["active"] == layer, "the image to be active")
    assert napari.tool() == "Click"
    check_click(napari, layer, *spot)
    reject(napari)
    # a tool that needs a layer of its own is gone, and shown to be gone
    napari.take("Box")
    napari.wait(lambda: napari.state["active"] == SHAPES, "the box tool")
    napari.click_layer(layer)
    napari.wait(lambda: napari.tool() is None, "no tool to be pressed")
    napari.take("Click")
    napari.wait(lambda: napari.layer(POINTS)["mode"] == "add", "the point tool")
    # napari's own buttons and keys for modes
    for change in (
        lambda: napari.mode("Select points"),
        lambda: napari.mode("Move camera"),
        lambda: napari.key("z"),
    ):
        change()
        napari.wait(lambda: napari.layer(POINTS)["mode"] != "add", "napari's own mode")
        napari.wait(lambda: napari.tool() in (None, "Edit"), "no tool to be active")
        napari.take("Click")
        napari.wait(lambda: napari.layer(POINTS)["mode"] == "add", "the point tool")
    check_click(napari, layer, *spot)
    # the layer of the prompts deleted by the user
    napari.click_layer(POINTS)
    napari.key("Delete")
    napari.wait(lambda: napari.outline() is None, "the prompts to be gone")
    napari.wait(lambda: napari.layer(POINTS), "the layer made again")
    napari.wait(lambda: napari.tool() == "Click", "the point tool")
    check_click(napari, layer, *spot)
    assert napari.layer(OUTLINE)["count"]
