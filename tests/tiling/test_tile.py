"""Coordinates go to the network as in SAM and come back exactly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_hqsam.errors import ImageError
from napari_hqsam.tiling import Tile, fit_plane

# A busy machine is no failure.
at_leisure = settings(deadline=None)

sides = st.integers(1, 200_000)
sizes = st.sampled_from([256, 512, 1024])
coordinates = st.floats(-1e5, 3e5)
tiles = st.builds(
    Tile,
    y0=st.integers(0, 100_000),
    x0=st.integers(0, 100_000),
    shape=st.tuples(st.integers(1, 5000), st.integers(1, 5000)),
    resized_shape=st.tuples(st.integers(1, 1024), st.integers(1, 1024)),
    size=st.just(1024),
)


@pytest.mark.parametrize(
    ("shape", "resized"),
    # The first two as ResizeLongestSide itself gave them, the others by hand.
    [
        ((427, 640), (683, 1024)),
        ((500, 333), (1024, 682)),
        ((1024, 1024), (1024, 1024)),
        ((100, 100), (1024, 1024)),
        ((3, 4096), (1, 1024)),
        ((1, 5000), (1, 1024)),
        ((1, 1), (1024, 1024)),
    ],
)
def test_longest_side_becomes_the_size(shape, resized):
    tile = fit_plane(shape, 1024)
    assert tile.resized_shape == resized
    assert tile.region == (0, 0, *shape)
    assert tile.size == 1024


@at_leisure
@given(sides, sides, sizes)
def test_resized_plane_fits_and_keeps_its_aspect(h, w, size):
    tile = fit_plane((h, w), size)
    assert max(tile.resized_shape) == size
    for side, resized in zip((h, w), tile.resized_shape, strict=True):
        assert resized == 1 or abs(resized - side * size / max(h, w)) <= 0.5 + 1e-9
        assert resized >= 1


def test_points_are_scaled_by_the_exact_new_size_of_each_axis():
    # SAM's apply_coords: x * (new_w / w), y * (new_h / h), nothing added.
    tile = fit_plane((427, 640), 1024)
    network = tile.to_network([(0, 0), (10, 20), (427, 640)])
    expected = [(0, 0), (20 * 1024 / 640, 10 * 683 / 427), (1024, 683)]
    np.testing.assert_allclose(network, expected, rtol=1e-15)
    np.testing.assert_allclose(
        tile.box_to_network((10, 20, 427, 640)), [32, 10 * 683 / 427, 1024, 683]
    )


def test_a_tile_off_the_origin_covers_its_region():
    tile = Tile(y0=512, x0=2048, shape=(1024, 600), resized_shape=(512, 300), size=512)
    assert tile.region == (512, 2048, 1536, 2648)
    assert tile.scale == (0.5, 0.5)
    np.testing.assert_array_equal(
        tile.to_network([(512, 2048), (1536, 2648)]), [(0, 0), (300, 512)]
    )


@at_leisure
@given(tiles, st.lists(st.tuples(coordinates, coordinates), max_size=5))
def test_to_plane_undoes_to_network(tile, points):
    there = tile.to_network(points)
    back = tile.to_plane(there)
    assert there.shape == back.shape == (len(points), 2)
    np.testing.assert_allclose(back, np.reshape(points, (-1, 2)), rtol=0, atol=1e-9)


@at_leisure
@given(tiles, st.tuples(coordinates, coordinates, coordinates, coordinates))
def test_a_box_is_its_two_corners(tile, box):
    corners = tile.to_network([box[:2], box[2:]])
    np.testing.assert_array_equal(tile.box_to_network(box), corners.ravel())


def test_tiles_are_keys():
    assert len({fit_plane((30, 40), 256), fit_plane((30, 40), 256)}) == 1


@pytest.mark.parametrize("shape", [(0, 5), (5, 0)])
def test_plane_without_pixels_is_refused(shape):
    with pytest.raises(ImageError, match="nothing to segment"):
        fit_plane(shape, 1024)
