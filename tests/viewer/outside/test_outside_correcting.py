"""Negative clicks."""

import numpy as np
import pytest
from program import POINTS

IMAGE, LABELS = "nuclei", "nuclei labels"
NUCLEI = [(50, 122)]
MODEL_SECONDS = 60
"""On a busy machine, the first of them for loading the model."""


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
