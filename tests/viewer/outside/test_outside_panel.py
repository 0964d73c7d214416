"""What the panel shows and what the keys do, judged from the screen."""

import numpy as np
import pytest
import tifffile
from program import PANEL

LAPTOP = pytest.mark.parametrize("size", [(1366, 768), (1440, 900)])


def discs(shape, step=40, radius=12):
    """uint8: bright discs on a lattice, the same on each slice."""
    yy, xx = np.mgrid[: shape[-2], : shape[-1]]
    plane = np.full(shape[-2:], 20, np.uint8)
    middle = step // 2
    plane[np.hypot(yy % step - middle, xx % step - middle) < radius] = 210
    return np.broadcast_to(plane, shape).copy()


@LAPTOP
def test_all_that_is_needed_is_seen_beside_a_stack(start, size):
    napari = start("-w", "napari-hqsam")
    napari.open_sample("Stack")
    napari.wait(lambda: napari.layer("stack"), "the sample")
    napari.wait(napari.tool, "a tool")
    napari.screenshot("stack")
    names = ("Accept", "Reject", "Undo", "Redo", "Save")
    parts = [napari.widget(name, inside=PANEL) for name in names] + napari.tools()
    assert len(parts) == len(names) + 7
    x0, y0, width, height = napari.widget(kind=PANEL)["rect"]
    for part in parts:
        assert part["seen"] == part["rect"], f"{part['text'] or part['tip']} is cut off"
        x, y, w, h = part["rect"]
        assert x0 <= x
        assert x + w <= min(x0 + width, size[0])
        assert y0 <= y
        assert y + h <= min(y0 + height, size[1])


def test_keys_work_after_controls_had_the_focus(start):
    napari = start("-w", "napari-hqsam")
    napari.open_sample("Cells")
    napari.wait(lambda: napari.layer("nuclei"), "the sample")
    napari.wait(napari.tool, "a tool")

    def hover():
        return napari.widget("hover", inside=PANEL)["checked"]

    def lists(text):
        """Whether a list with an entry has popped up."""
        return any(
            part["text"] == text
            for w in napari.ask("widgets")
            if not w["window"]
            for part in w["parts"]
        )

    for tip in ("How closely the model looks", "Which mask is shown", "What happens"):
        box = napari.widget(tip=tip, inside=PANEL)
        chosen = box["text"]
        napari.click_on(box)
        napari.wait(lambda text=chosen: lists(text), "a list")
        napari.key("Escape")
        napari.wait(lambda text=chosen: not lists(text), "the list to close")
        before = hover()
        napari.key("g")
        napari.wait(lambda b=before: hover() != b, f"the key G after {tip}")
        assert napari.widget(tip=tip, inside=PANEL)["text"] == chosen
    tool = napari.tool()
    napari.press("Candidate")
    napari.key("w")
    napari.wait(lambda: napari.tool() != tool, "the key W after a button")


def test_without_an_image_the_sample_is_offered(start):
    napari = start("-w", "napari-hqsam")
    assert napari.says("No image is open")
    napari.press("Open the sample image")
    napari.wait(lambda: napari.layer("nuclei"), "the sample")
    napari.wait(lambda: napari.says("Click on an object"), "what to do")
    assert not napari.widgets("Open the sample image", inside=PANEL)
    napari.wait(napari.tool, "a tool")
    napari.key("ctrl+y")  # while the libraries for the first answer are imported
    napari.wait(lambda: napari.says("3D display is for looking"), "a word on 3D")
    assert napari.tool() is None
    napari.key("ctrl+y")
    napari.wait(napari.tool, "the tool in 2D")


def test_all_objects_of_a_plain_image_are_found(start, tmp_path):
    tifffile.imwrite(tmp_path / "discs.tif", discs((120, 120)))
    napari = start(tmp_path / "discs.tif", "-w", "napari-hqsam")
    napari.wait(lambda: napari.layer("discs"), "the image")
    napari.press("Find all objects")
    napari.wait(lambda: napari.widgets("Cancel", inside=PANEL), "the work to begin", 60)
    napari.wait(lambda: napari.says("objects found"), "the end", 120)
    napari.screenshot("found")
    found = napari.labels("discs labels")
    assert 7 <= len(found) <= 11
    assert sorted(f["pixels"] for f in found.values())[-7] > 300
    napari.key("u")
    napari.wait(lambda: not napari.labels("discs labels"), "the undo of all of it")
