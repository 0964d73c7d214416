"""What of a prompt a tile is told."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_hqsam.prompts import Prompt
from napari_hqsam.segmentation.plane.encode_prompts import clip_to_tile, tokens_on_tile
from napari_hqsam.tiling import Grid

TILE = Grid((4000, 4000), 256).tile(0, 4, 4)  # rows and columns 512 to 767

places = st.tuples(st.integers(0, 1200), st.integers(0, 1200))


def test_what_lies_on_the_tile_is_told_as_it_is():
    prompt = Prompt([(600, 600), (512, 767)], [1, 0], box=(550, 550, 650, 700))
    assert clip_to_tile(prompt, TILE) is prompt


def test_points_off_the_tile_are_left_out_whichever_side_of_the_object():
    prompt = Prompt([(600, 600), (800, 600), (600, 400)], [1, 1, 0])
    seen = clip_to_tile(prompt, TILE)
    assert (seen.points, seen.point_labels) == (((600, 600),), (1,))


def test_a_box_is_cut_off_where_the_tile_ends():
    seen = clip_to_tile(Prompt(box=(500, 600, 900, 1200)), TILE)
    assert seen.box == (511.5, 600, 767.5, 767.5)


@pytest.mark.parametrize(
    "prompt", [Prompt([(100, 100)]), Prompt([(100, 100), (600, 600)], [1, 0])]
)
def test_nothing_is_left_out_where_nothing_positive_would_be_left(prompt):
    assert clip_to_tile(prompt, TILE) is prompt


@settings(deadline=None)
@given(st.lists(places, min_size=1, max_size=5, unique=True), places, st.data())
def test_all_that_the_network_is_told_lies_on_its_input(points, corner, data):
    labels = [1, *(data.draw(st.integers(0, 1)) for _ in points[1:])]
    box = (*corner, corner[0] + 300, corner[1] + 300)
    seen = clip_to_tile(Prompt([(600, 600), *points], [1, *labels], box=box), TILE)
    coords = tokens_on_tile([seen], TILE).coords
    assert coords.min() >= -0.5
    assert coords.max() <= 256
