"""At which level a click is looked at, and what the user's view says to that."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from napari_hqsam import Prompt, Segmenter
from napari_hqsam.errors import PromptError
from napari_hqsam.models import Tuning
from napari_hqsam.segmentation.plane.levels import levels_to_try, size_prior
from napari_hqsam.tiling import Grid

CLICK = Prompt([(500, 500)])
GRID = Grid((1000, 1000), 448)
TUNING = Tuning(object_share=1 / 3, first_levels=(2, 0, -2), view_sigmas=1.5)


def test_the_size_of_an_object_counts_less_the_rarer_it_is_in_the_view():
    middle = 900 / np.sqrt(40 * 2)
    assert size_prior(GRID, middle, 900, 1.5) == pytest.approx(1)
    smallest, largest = (size_prior(GRID, 900 * s, 900, 1.5) for s in (1 / 40, 1 / 2))
    assert smallest == pytest.approx(largest)
    assert smallest == pytest.approx(np.exp(-(1.5**2) / 2))
    assert size_prior(GRID, 900, 900, 1.5) < largest < size_prior(GRID, 300, 900, 1.5)
    # a plane that fills only a part of the view is all that can be seen
    assert size_prior(GRID, 300, 5000, 1.5) == size_prior(GRID, 300, 1000, 1.5)
    assert size_prior(GRID, 300, None, 1.5) == 1


def test_levels_that_do_not_fit_the_view_are_not_tried():
    assert levels_to_try(CLICK, GRID, TUNING) == [-2, 0, 2]
    assert levels_to_try(CLICK, GRID, TUNING, view_extent=1000) == [-2, 0, 2]
    # objects of 5 to 100 pixels
    assert levels_to_try(CLICK, GRID, TUNING, view_extent=200) == [-2, 0]
    assert levels_to_try(CLICK, GRID, TUNING, view_extent=20) == [-3]
    assert levels_to_try(Prompt([(50, 50)]), Grid((100, 100), 448), TUNING) == [-2]


def test_what_is_known_of_the_size_counts_more_than_the_view():
    assert levels_to_try(CLICK, GRID, TUNING, 140, view_extent=20) == [0]
    box = Prompt(box=(100, 100, 400, 400))
    assert levels_to_try(box, GRID, TUNING, view_extent=20) == levels_to_try(
        box, GRID, TUNING
    )


@pytest.mark.parametrize("extent", [0, -3, np.inf, np.nan])
def test_a_view_has_a_size(micro, extent):
    segmenter = Segmenter(np.zeros((64, 64), np.uint8), micro, cache=False)
    with pytest.raises(PromptError, match="view extent"):
        segmenter.segment(Prompt([(10, 10)]), view_extent=extent)


def test_the_view_tells_a_part_from_the_whole(micro):
    """A bright spot in a large disc: which of them is clicked on the zoom tells."""
    yy, xx = np.mgrid[:700, :700]
    away = np.hypot(yy - 350, xx - 350)
    image = np.where(away < 120, 110, 30) + np.where(away < 9, 110, 0)
    segmenter = Segmenter(image.astype(np.uint8), micro, cache=False)
    click = Prompt([(350, 350)])
    spot = segmenter.segment(click, view_extent=100)
    disc = segmenter.segment(click, view_extent=700)
    assert np.ptp([spot.bbox[0], spot.bbox[2]]) < 40
    assert np.ptp([disc.bbox[0], disc.bbox[2]]) > 100
    again = segmenter.outputs(click, view_extent=100)["sam+hq"]
    assert_array_equal(again.data, spot.data)
    (many,) = segmenter.segment_many([click], view_extent=100)
    assert_array_equal(many.data, spot.data)


def test_what_fits_a_tile_is_the_models_own():
    small = Tuning(object_share=1 / 12, first_levels=(1, -1))
    assert levels_to_try(CLICK, GRID, small) == [-1, 1]
    assert levels_to_try(CLICK, GRID, small, 140) == [2]
    assert levels_to_try(CLICK, GRID, TUNING, 140) == [0]
    box = Prompt(box=(100, 100, 240, 240))
    assert levels_to_try(box, GRID, small) == [2]


@pytest.mark.parametrize(
    ("tuning", "level"),
    [
        (Tuning(first_levels=(0,)), 0),
        (Tuning(first_levels=(1,)), 1),
        (Tuning(first_levels=(2, 1)), 0),
    ],
)
def test_a_click_is_looked_at_as_the_model_needs(drawn, soft, bright, tuning, level):
    """A disc of 60 pixels, on tiles of 128 network pixels."""
    plane = drawn((400, 500), lambda y, x: soft(30 - np.hypot(y - 200, x - 250)))
    model = bright(128)
    model.tuning = tuning
    segmenter = Segmenter(plane, model, normalization="none", cache=False)
    assert segmenter.segment(Prompt([(200, 250)])).level == level
