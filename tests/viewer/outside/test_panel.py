"""What the panel shows and what the keys do, judged from the screen."""

import numpy as np
import tifffile

from tests.viewer.outside.program import PANEL


def discs(shape, step=40, radius=12):
    """uint8: bright discs on a grid, the same on each slice."""
    yy, xx = np.mgrid[: shape[-2], : shape[-1]]
    plane = np.full(shape[-2:], 20, np.uint8)
    middle = step // 2
    plane[np.hypot(yy % step - middle, xx % step - middle) < radius] = 210
    return np.broadcast_to(plane, shape).copy()


def test_keys_work_after_every_control_had_the_focus(start):
    napari = start("-w", "napari-hqsam")
    napari.open_sample("Cells")
    napari.wait(lambda: napari.layer("nuclei"), "the sample")
    napari.wait(napari.tool, "a tool")

    # Lists that popped up by a click keep the focus when they close.
    for tip in ("How closely the model looks", "Which mask is shown"):
        box = napari.widget(tip=tip, inside=PANEL)
        napari.click_on(box)
        napari.wait(lambda text=box["text"]: in_a_list(napari, text), "a list")
        napari.key("Escape")
        napari.wait(
            lambda text=box["text"]: not in_a_list(napari, text), "the list to close"
        )
        check_key_g(napari, tip)
        assert napari.widget(tip=tip, inside=PANEL)["text"] == box["text"]

    # With the Tab key from control to control, through all of the panel.
    napari.take("Click")
    seen = []
    while True:
        napari.key("Tab")
        napari.wait(lambda: focus(napari) not in seen[-1:], "the next control")
        control = focus(napari)
        if control is None or control in seen:
            break
        seen.append(control)
        check_key_g(napari, control)
        assert focus(napari) == control, "the key did something to the control"
    texts = {text for text, *_ in seen}
    assert {"Accept (N)", "negative", "automatic", "SAM + HQ", "0 px"} <= texts
    assert len(seen) > 30


def in_a_list(napari, text):
    """Whether a list with an entry has popped up."""
    return any(
        part["text"] == text
        for w in napari.ask("widgets")
        if not w["window"]
        for part in w["parts"]
    )


def focus(napari):
    """What has the focus in the panel, and what it shows; None elsewhere.

    What G itself changes is no part of it.
    """
    for w in napari.widgets(inside=PANEL):
        if w["focus"]:
            checked = None if w["text"].startswith("hover") else w["checked"]
            return w["text"], w["tip"], checked
    return None


def check_key_g(napari, after):
    """Press G, and see the hover switch change."""

    def hover():
        return napari.widget("hover", inside=PANEL)["checked"]

    before = hover()
    napari.key("g")
    napari.wait(lambda: hover() != before, f"the key G after {after}")


def test_without_an_image_the_sample_is_offered(start):
    napari = start("-w", "napari-hqsam")
    assert napari.says("No image is open")
    napari.press("Open the sample image")
    napari.wait(lambda: napari.layer("nuclei"), "the sample")
    napari.wait(lambda: napari.says("Click on an object"), "what to do")
    assert not napari.widgets("Open the sample image", inside=PANEL)
    napari.wait(napari.tool, "a tool")
    napari.key("ctrl+y")  # while the libraries for the first answer are imported
    napari.wait(lambda: napari.says("3D display is for looking"), "the message on 3D")
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
    found = napari.labels("discs labels")
    assert 7 <= len(found) <= 11
    assert sorted(f["pixels"] for f in found.values())[-7] > 300
    napari.key("u")
    napari.wait(lambda: not napari.labels("discs labels"), "the undo of all of it")
