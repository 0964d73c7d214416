"""Wrong accepts, negative clicks, poor masks, and one action an object."""

import numpy as np
import pytest

from tests.viewer.outside.program import OUTLINE, PANEL, POINTS

IMAGE, LABELS = "nuclei", "nuclei labels"
NUCLEI = [
    (50, 122),
    (88, 63),
    (119, 18),
    (177, 168),
    (126, 225),
    (212, 224),
    (203, 297),
    (302, 102),
    (317, 261),
    (126, 338),
]
NOTHING, SPECK = (300, 20), (20, 20)
"""Background, of which the model makes something, and says that it is poor."""


@pytest.fixture
def cells(start):
    """The sample, the panel, and the tool for clicks taken."""
    napari = start("-w", "napari-hqsam")
    napari.open_sample("Cells")
    napari.wait(lambda: napari.layer(IMAGE), "the sample")
    napari.wait(lambda: napari.layer(POINTS), "the layer for clicks")
    napari.take("Click")
    return napari


def found(napari):
    """Ids in the target; none where there is no target yet."""
    return sorted(napari.labels(LABELS)) if napari.layer(LABELS) else []


def clicks(napari):
    return napari.layer(POINTS)["data"]


def test_corrections_can_be_read_and_undone(cells):
    nucleus = NUCLEI[0]
    cells.click_at(IMAGE, *nucleus)
    before = np.array(cells.wait_for_outline(*nucleus))
    cells.key("q")
    cells.wait(lambda: not clicks(cells), "the prompts to go")

    # A wrong accept that is undone changes nothing about the next clicks.
    cells.click_at(IMAGE, *SPECK)
    cells.wait_for_outline(*SPECK)
    cells.key("n")
    cells.wait(lambda: found(cells) == [1], "the object")
    cells.key("u")
    cells.wait(lambda: not found(cells), "the object to go")
    cells.wait_for_outline(*SPECK)  # to be corrected; a click elsewhere drops it
    cells.click_at(IMAGE, *nucleus)
    after = cells.wait_for_outline(*nucleus)
    assert np.abs(np.array(after) - before).max() < 3
    assert len(clicks(cells)) == 1

    # Negative clicks look negative, and what they lie on is not in the object.
    low, high = before
    outside, inside = (nucleus[0], high[1] + 6), (nucleus[0], nucleus[1] + 12)
    assert low[1] < inside[1] < high[1]
    cells.click_at(IMAGE, *outside, hold=["shift"])
    cells.wait(lambda: len(clicks(cells)) == 2, "the click outside")
    cells.wait_for_outline(*nucleus)
    cells.click_at(IMAGE, *inside, hold=["shift"])
    cells.wait(lambda: len(clicks(cells)) == 3, "the click inside")
    points = cells.layer(POINTS)
    assert points["features"]["sign"] == ["positive", "negative", "negative"]
    assert not points["selected"]  # napari paints over those
    assert len(set(points["symbols"])) == 2
    cells.move_to(IMAGE, 340, 30)
    for click in (outside, inside):
        cells.wait(lambda at=click: _vermilion(cells, *at), "a negative point")
    cells.key("n")
    cells.wait(lambda: found(cells) == [1], "the object")
    assert cells.ask("label_at", LABELS, nucleus) == 1
    for click in (outside, inside):
        assert cells.ask("label_at", LABELS, [round(v) for v in click]) == 0

    # A good mask has one line round it; a poor one looks poor, with help.
    cells.click_at(IMAGE, *NUCLEI[1])
    cells.wait_for_outline(*NUCLEI[1])
    assert cells.layer(OUTLINE)["count"] == 1
    assert not cells.says("Uncertain")
    cells.key("q")
    cells.wait(lambda: not cells.outline(), "the outline to go")
    cells.click_at(IMAGE, *NOTHING)
    cells.wait_for_outline(*NOTHING)
    cells.wait(lambda: cells.layer(OUTLINE)["count"] > 2, "a dashed outline")
    status = next(w for w in cells.widgets(inside=PANEL) if "Uncertain" in w["text"])
    left, top, width, height = status["seen"]
    for x in range(left + 60, left + width, 15):  # along the line with the links
        if cells.tool() != "Click":
            break
        cells.desktop.click(x, top + height // 4)
        cells.settle(0.1)
    assert cells.tool() == "Box"
    cells.key("q")
    cells.wait(lambda: not cells.outline(), "the outline to go")
    y, x = NUCLEI[4]
    cells.drag_over(IMAGE, (y - 28, x - 26), (y + 32, x + 26))
    cells.wait_for_outline(y, x)
    cells.key("n")
    cells.wait(lambda: found(cells) == [1, 2], "the object in the box")
    assert cells.ask("label_at", LABELS, (y, x)) == 2


def _vermilion(napari, *position):
    """Whether the screen has the colour of negative clicks at a data position."""
    from PIL import Image

    x, y = map(round, napari.pixel(IMAGE, *position))
    path = napari.screenshot("negative", (x - 2, y - 2, 5, 5))
    around = np.asarray(Image.open(path).convert("RGB"))
    return (np.abs(around.astype(int) - (0xD5, 0x5E, 0x00)).sum(-1) < 60).sum() > 9


def test_ten_cells_in_eleven_actions(cells):
    switch = {"text": "click accepts", "inside": PANEL}
    assert not cells.widget(**switch)["checked"]
    cells.click_on(cells.widget(**switch))
    cells.wait(lambda: cells.widget(**switch)["checked"], "the switch")
    for nucleus in NUCLEI:
        cells.click_at(IMAGE, *nucleus)
    cells.key("n")
    cells.wait(lambda: found(cells) == list(range(1, 11)), "ten objects")
    for number, nucleus in enumerate(NUCLEI, 1):
        assert cells.ask("label_at", LABELS, nucleus) == number
    assert not cells.toasts()
    cells.click_at(IMAGE, *NOTHING)
    cells.wait_for_outline(*NOTHING)
    cells.click_at(IMAGE, *SPECK)
    cells.wait(lambda: len(found(cells)) == 11, "the accept")
    cells.key("u")
    cells.wait(lambda: len(found(cells)) == 10, "undo of the accept")
    cells.wait(
        lambda: np.allclose(clicks(cells), [NOTHING], atol=2), "and of the click"
    )
