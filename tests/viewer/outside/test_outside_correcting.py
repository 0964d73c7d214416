"""Wrong accepts, negative clicks, poor masks, and one action an object."""

import numpy as np
import pytest
from program import OUTLINE, PANEL, POINTS

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
MODEL_SECONDS = 60
"""On a busy machine, the first of them for loading the model."""
NOTHING = (150, 60)
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


def outlined(napari, position):
    """Wait for an outline round a position, and return its corners."""

    def around():
        box = napari.outline()
        there = box and all(
            low < at < high
            for low, at, high in zip(box[0], position, box[1], strict=True)
        )
        return box if there else None

    return np.array(napari.wait(around, f"an outline round {position}", MODEL_SECONDS))


def test_after_a_wrong_accept_is_undone_clicks_are_as_good_as_before(cells):
    cells.click_at(IMAGE, *NUCLEI[0])
    before = outlined(cells, NUCLEI[0])
    cells.key("q")
    cells.wait(lambda: not clicks(cells), "the prompts to go")
    cells.click_at(IMAGE, *NOTHING)
    outlined(cells, NOTHING)
    cells.key("n")
    cells.wait(lambda: found(cells) == [1], "the object", MODEL_SECONDS)
    cells.key("u")
    cells.wait(lambda: not found(cells), "the object to go")
    outlined(cells, NOTHING)  # to be corrected; a click elsewhere drops it
    cells.click_at(IMAGE, *NUCLEI[0])
    after = outlined(cells, NUCLEI[0])
    assert np.abs(after - before).max() < 3
    assert len(clicks(cells)) == 1


def test_a_negative_click_looks_negative_and_is_not_in_the_object(cells):
    cells.click_at(IMAGE, *NUCLEI[0])
    outlined(cells, NUCLEI[0])
    wrong = (50, 134)
    cells.click_at(IMAGE, *wrong, hold=["shift"])
    cells.wait(lambda: len(clicks(cells)) == 2, "the second click")
    points = cells.layer(POINTS)
    assert points["features"]["sign"] == ["positive", "negative"]
    assert not points["selected"]  # napari paints over those
    assert len(set(points["symbols"])) == 2
    x, y = map(round, cells.pixel(IMAGE, *wrong))
    cells.move_to(IMAGE, 340, 30)
    picture = cells.wait(lambda: _vermilion(cells, x, y), "a point that looks negative")
    assert picture
    cells.key("n")
    cells.wait(lambda: found(cells) == [1], "the object")
    assert cells.ask("label_at", LABELS, NUCLEI[0]) == 1
    assert cells.ask("label_at", LABELS, wrong) == 0


def _vermilion(napari, x, y):
    """Whether the screen has the colour of negative clicks at a pixel."""
    from PIL import Image

    path = napari.screenshot("negative")
    around = np.asarray(Image.open(path).convert("RGB"))[y - 2 : y + 3, x - 2 : x + 3]
    return (np.abs(around.astype(int) - (0xD5, 0x5E, 0x00)).sum(-1) < 60).sum() > 9


def test_a_poor_mask_looks_poor_and_help_is_offered(cells):
    cells.click_at(IMAGE, *NUCLEI[0])
    outlined(cells, NUCLEI[0])
    assert cells.layer(OUTLINE)["count"] == 1
    assert not cells.says("Uncertain")
    cells.key("q")
    cells.wait(lambda: not cells.outline(), "the outline to go")
    cells.click_at(IMAGE, *NOTHING)
    outlined(cells, NOTHING)
    cells.wait(lambda: cells.layer(OUTLINE)["count"] > 4, "a dashed outline")
    assert cells.says("Uncertain")
    status = next(w for w in cells.widgets(inside=PANEL) if "Uncertain" in w["text"])
    left, top, width, height = status["seen"]
    cells.screenshot("uncertain")
    for x in range(left + 60, left + width, 15):  # along the line with the links
        if cells.tool() != "Click":
            break
        cells.desktop.click(x, top + height // 4)
        cells.settle(0.2)
    assert cells.tool() == "Box"


def test_ten_cells_in_eleven_actions_and_it_is_remembered(cells, start):
    cells.click_on(cells.widget("click accepts", inside=PANEL))
    cells.wait(
        lambda: cells.widget("click accepts", inside=PANEL)["checked"], "the switch"
    )
    for nucleus in NUCLEI:
        cells.click_at(IMAGE, *nucleus)
    cells.key("n")
    cells.wait(lambda: found(cells) == list(range(1, 11)), "ten objects", MODEL_SECONDS)
    for number, nucleus in enumerate(NUCLEI, 1):
        assert cells.ask("label_at", LABELS, nucleus) == number
    assert not cells.toasts()
    cells.click_at(IMAGE, *NOTHING)
    outlined(cells, NOTHING)
    cells.click_at(IMAGE, 20, 20)
    cells.wait(lambda: len(found(cells)) == 11, "the accept")
    cells.key("u")
    cells.wait(lambda: len(found(cells)) == 10, "undo of the accept")
    cells.wait(
        lambda: np.allclose(clicks(cells), [NOTHING], atol=2), "and of the click"
    )
    cells.kill()
    again = start("-w", "napari-hqsam")
    assert again.widget("click accepts", inside=PANEL)["checked"]
