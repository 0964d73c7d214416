"""The grid covers everything, holds every small object whole, and is exact."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from napari_hqsam.errors import ImageError
from napari_hqsam.tiling import FINEST, Address, Grid

# A busy machine is no failure.
at_leisure = settings(deadline=None)

SIZES = st.sampled_from([64, 448, 1024])
LEVELS = st.integers(FINEST, 8)


@st.composite
def grids(draw, most=10**6):
    """A grid and a level of it at which there are not too many tiles to try all."""
    size, level = draw(SIZES), draw(LEVELS)
    sides = st.integers(1, min(most, int(4 * size * 2.0**level)))
    return Grid((draw(sides), draw(sides)), size), level


def every_tile(grid, level):
    rows, cols = grid.shape(level)
    return [grid.tile(level, *at) for at in itertools.product(range(rows), range(cols))]


def points_of(grid):
    """Points of the plane, which reaches half a pixel beyond the outer centres."""
    h, w = grid.plane_shape
    return st.tuples(
        st.floats(-0.5, h - 0.5, exclude_max=True),
        st.floats(-0.5, w - 0.5, exclude_max=True),
    )


@at_leisure
@given(grids(), st.data())
def test_every_point_lies_in_its_nearest_tile(grid_level, data):
    grid, level = grid_level
    y, x = data.draw(points_of(grid))
    y0, x0, y1, x1 = grid.nearest(level, (y, x)).region
    assert y0 <= y + 0.5 < y1
    assert x0 <= x + 0.5 < x1


@at_leisure
@given(grids(), st.data())
def test_no_tile_has_its_centre_nearer(grid_level, data):
    grid, level = grid_level
    point = data.draw(points_of(grid))
    half = grid.size / 2 * 2.0**level

    def distance(tile):
        return math.hypot(
            tile.y0 + half - point[0] - 0.5, tile.x0 + half - point[1] - 0.5
        )

    best = min(map(distance, every_tile(grid, level)))
    assert distance(grid.nearest(level, point)) == pytest.approx(best, rel=1e-12)


@at_leisure
@given(grids(), st.data())
def test_a_box_of_half_a_tile_lies_whole_in_some_tile(grid_level, data):
    grid, level = grid_level
    box = []
    for length in grid.plane_shape:
        side = min(length, data.draw(st.floats(0, grid.size / 2 * 2.0**level)))
        start = data.draw(st.floats(0, length - side))
        box.append((start, min(start + side, start + grid.size / 2 * 2.0**level)))
    (y0, y1), (x0, x1) = box
    # An end that was rounded up may lie an ulp beyond: a box still half a tile.
    assert any(
        tile.y0 <= y0
        and y1 <= tile.region[2]
        and tile.x0 <= x0
        and x1 <= tile.region[3]
        for tile in every_tile(grid, level)
    )


def test_a_box_larger_than_half_a_tile_may_lie_whole_in_none():
    grid = Grid((256, 256), 64)
    tiles = every_tile(grid, 0)
    assert not any(t.y0 <= 31 and t.region[2] >= 31 + 34 for t in tiles)


@at_leisure
@given(grids(), st.data())
def test_tiles_cover_the_plane_and_less_than_a_pixel_beyond(grid_level, data):
    grid, level = grid_level
    h, w = grid.plane_shape
    tiles = every_tile(grid, level)
    assert len({tile.address for tile in tiles}) == len(tiles)
    for tile in tiles:
        assert tile.y0 < h
        assert tile.x0 < w
        assert tile.address is not None
        assert max(tile.resized_shape) <= tile.size
        assert min(tile.resized_shape) >= 1
        assert tile.scale == (2.0**-level, 2.0**-level)
    bottom = max(tile.region[2] for tile in tiles)
    right = max(tile.region[3] for tile in tiles)
    assert 0 <= bottom - h < max(1, 2**level)
    assert 0 <= right - w < max(1, 2**level)
    assert min(tile.y0 for tile in tiles) == min(tile.x0 for tile in tiles) == 0


@at_leisure
@given(grids(), st.data())
def test_every_tile_but_the_last_is_full_and_none_is_superfluous(grid_level, data):
    grid, level = grid_level
    rows, cols = grid.shape(level)
    for tile in every_tile(grid, level):
        _, row, col = tile.address
        for place, count, side in zip(
            (row, col), (rows, cols), tile.resized_shape, strict=True
        ):
            assert side == grid.size or place == count - 1
            # What it adds to the one before, or else it would not be needed.
            assert place == 0 or side > grid.stride


@at_leisure
@given(grids(), st.data())
def test_overlapping_gives_exactly_the_tiles_that_overlap(grid_level, data):
    grid, level = grid_level
    h, w = grid.plane_shape
    # width=32: no numbers so small that dividing them by the stride gives 0
    ys, xs = st.floats(-h, 2 * h, width=32), st.floats(-w, 2 * w, width=32)
    if data.draw(st.booleans()):  # borders of tiles are where it may go wrong
        unit = grid.stride * 2.0**level
        ys, xs = (st.integers(-2, 12).map(lambda i: i * unit) for _ in "yx")
    y0, y1 = sorted(data.draw(st.tuples(ys, ys)))
    x0, x1 = sorted(data.draw(st.tuples(xs, xs)))
    expected = [
        tile.address
        for tile in every_tile(grid, level)
        if max(tile.y0, y0) < min(tile.region[2], y1, h)
        and max(tile.x0, x0) < min(tile.region[3], x1, w)
    ]
    assert [t.address for t in grid.overlapping(level, (y0, x0, y1, x1))] == expected


def test_what_is_off_the_plane_meets_no_tile():
    grid = Grid((100, 100), 448)
    assert list(grid.overlapping(0, (200, 0, 300, 100))) == []
    assert list(grid.overlapping(0, (0, -20, 100, 0))) == []
    assert list(grid.overlapping(0, (5, 5, 5, 50))) == []
    assert len(list(grid.overlapping(0, (-20, -20, 1, 1)))) == 1


@at_leisure
@given(grids(), st.data())
def test_coordinates_survive_the_round_trip_exactly(grid_level, data):
    grid, level = grid_level
    tile = data.draw(st.sampled_from(every_tile(grid, level)))
    halves = st.integers(-(2 * 10**6), 4 * 10**6).map(lambda i: i / 2)
    points = data.draw(st.lists(st.tuples(halves, halves), min_size=1, max_size=5))
    np.testing.assert_array_equal(tile.to_plane(tile.to_network(points)), points)


@at_leisure
@given(grids(), st.data())
def test_two_tiles_see_a_point_at_places_that_differ_by_whole_pixels(grid_level, data):
    grid, level = grid_level
    tiles = every_tile(grid, level)
    one, other = data.draw(st.sampled_from(tiles)), data.draw(st.sampled_from(tiles))
    halves = st.integers(0, 10**6).map(lambda i: i / 2)
    point = data.draw(st.tuples(halves, halves))
    apart = one.to_network([point]) - other.to_network([point])
    steps = np.subtract(other.address[1:], one.address[1:])[::-1]
    np.testing.assert_array_equal(apart[0], steps * grid.stride)


def test_pixel_centres_go_to_pixel_centres():
    tile = Grid((4000, 4000), 64).tile(2, 3, 5)
    assert tile.region == (384, 640, 640, 896)
    # The centre of a network pixel is that of the 4 x 4 it covers.
    np.testing.assert_array_equal(tile.to_plane([(0, 0)]), [(385.5, 641.5)])
    tile = Grid((40, 40), 64).tile(-1, 0, 0)
    np.testing.assert_array_equal(tile.to_network([(0, 0)]), [(0.5, 0.5)])


@at_leisure
@given(
    st.tuples(st.integers(1, 10**9), st.integers(1, 10**9)),
    SIZES,
    st.floats(0, 1e9),
    st.sampled_from([0.5, 0.25, 0.4]),
)
@example((10**6, 10**6), 448, 224.0, 0.5)
@example((10**6, 10**6), 448, 224.01, 0.5)
def test_level_for_is_the_finest_that_leaves_enough_room(shape, size, extent, share):
    grid = Grid(shape, size)
    level = grid.level_for(extent, share)
    assert FINEST <= level <= grid.coarsest

    def fits(k):
        return extent <= size * share * 2.0**k * (1 + 1e-8)

    assert fits(level) or level == grid.coarsest
    assert (
        not fits(level - 1)
        or level == FINEST
        or math.isclose(extent, size * share * 2.0 ** (level - 1), rel_tol=1e-8)
    )


def test_level_for_at_the_limit():
    grid = Grid((10**6, 10**6), 448)
    assert [grid.level_for(e, 0.5) for e in (223, 224, 225, 448, 449)] == [
        0,
        0,
        1,
        1,
        2,
    ]
    assert grid.level_for(0, 0.5) == FINEST
    assert grid.level_for(1e12, 0.5) == grid.coarsest


@at_leisure
@given(st.tuples(st.integers(1, 10**9), st.integers(1, 10**9)), SIZES)
def test_coarsest_is_the_first_level_with_a_single_tile(shape, size):
    grid = Grid(shape, size)
    assert grid.shape(grid.coarsest) == (1, 1)
    assume(grid.coarsest > FINEST)
    assert grid.shape(grid.coarsest - 1) != (1, 1)


@at_leisure
@given(st.integers(-100, 100))
def test_clip_keeps_what_makes_sense(level):
    grid = Grid((5000, 300), 448)
    clipped = grid.clip(level)
    assert FINEST <= clipped <= grid.coarsest == 4
    assert clipped == level or not FINEST <= level <= grid.coarsest


@at_leisure
@given(grids(), st.data())
def test_open_sides_are_those_with_a_neighbour(grid_level, data):
    grid, level = grid_level
    tile = data.draw(st.sampled_from(every_tile(grid, level)))
    ways = [(-1, 0), (0, -1), (1, 0), (0, 1)]
    beyond = [grid.neighbour(tile, *way) for way in ways]
    assert grid.open_sides(tile) == tuple(other is not None for other in beyond)
    for (down, right), other in zip(ways, beyond, strict=True):
        if other is not None:
            _, row, col = tile.address
            assert other.address == Address(level, row + down, col + right)


def test_huge_planes_cost_nothing(monkeypatch):
    made = []
    tile = Grid.tile
    monkeypatch.setattr(
        Grid, "tile", lambda self, *at: made.append(at) or tile(self, *at)
    )
    grid = Grid((10**6, 10**6), 448)
    assert grid.coarsest == 12
    assert grid.shape(-3) == (35714, 35714)
    box = (500_000, 700_000, 500_010, 700_010)
    assert 1 <= len(list(grid.overlapping(0, box))) <= 4
    assert len(list(grid.overlapping(12, (0, 0, 10**6, 10**6)))) == 1
    grid.nearest(-3, (999_999, 0))
    next(grid.overlapping(-3, (0, 0, 10**6, 10**6)))
    assert len(made) <= 7


@pytest.mark.parametrize("at", [(0, -1, 0), (0, 0, 8), (0, 8, 0), (-4, 0, 0)])
def test_there_is_no_tile_off_the_grid(at):
    grid = Grid((256, 256), 64)
    assert grid.shape(0) == (7, 7)
    with pytest.raises(IndexError, match="no tile"):
        grid.tile(*at)


@pytest.mark.parametrize("shape", [(0, 5), (5, 0)])
def test_a_grid_needs_a_plane(shape):
    with pytest.raises(ImageError, match="nothing to segment"):
        Grid(shape, 64)
