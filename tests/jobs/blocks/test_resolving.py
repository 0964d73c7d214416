"""Matching and merging masks of cells; linking planes."""

import numpy as np

from napari_hqsam.jobs.blocks.cells import Cells
from napari_hqsam.jobs.blocks.matching import DUPLICATES, SAME, match_masks
from napari_hqsam.jobs.blocks.resolving import link_objects, resolve_plane
from napari_hqsam.masks import Mask
from napari_hqsam.segmentation.automatic.proposing import rows_of_tiles
from napari_hqsam.tiling import Grid


def box(y0, x0, y1, x1):
    return Mask.from_crop(np.ones((y1 - y0, x1 - x0), bool), (y0, x0), 0.9, 1.0)


def test_masks_match_their_mutual_best_only():
    whole = box(0, 0, 10, 20)
    left, right, away = box(0, 0, 10, 12), box(0, 12, 10, 20), box(0, 40, 5, 45)
    found = match_masks([whole, away], [left, right])
    assert found.tolist() == [[0, 0, SAME], [0, 1, DUPLICATES]]
    reverse = match_masks([left, right], [whole, away])
    assert reverse.tolist() == [[0, 0, SAME], [1, 0, DUPLICATES]]
    assert match_masks([away], [left]).shape == (0, 3)


def test_touching_objects_do_not_match():
    assert not len(match_masks([box(0, 0, 10, 10)], [box(0, 8, 10, 18)]))


def test_matches_through_others_are_one_object():
    same = np.array([[0, 1, SAME], [3, 1, SAME], [2, 4, DUPLICATES]])
    found = resolve_plane(np.array([0.5, 0.9, 0.4, 0.6, 0.8]), same)
    assert found.ids.tolist() == [1, 1, 0, 1, 2]
    assert found.qualities.tolist() == [0.9, 0.9, 0.4, 0.9, 0.8]


def test_a_rival_of_what_is_left_out_stays():
    rivals = np.array([[0, 1, DUPLICATES], [1, 2, DUPLICATES]])
    assert resolve_plane(np.array([0.9, 0.8, 0.7]), rivals).ids.tolist() == [1, 0, 2]


def test_objects_go_on_or_are_new():
    ids, following = link_objects(
        np.array([0, 7, 3]),
        np.array([0, 100, 50]),
        np.array([0, 90, 0, 40, 20]),
        np.array([[1, 1, 80], [2, 4, 5], [2, 3, 35]]),
        9,
        0.25,
    )
    assert ids.tolist() == [0, 7, 0, 3, 9]
    assert following == 10


def test_cells_divide_the_plane_and_no_tile_is_in_two():
    for shape in ((40, 50), (900, 1500), (1337, 64)):
        for level in (-1, 0, 1):
            grid = Grid(shape, 128)
            cells = Cells(grid, level)
            owned = np.zeros(shape, int)
            tiles = []
            for cell in (c for block in cells.blocks(2) for c in block):
                y0, x0, y1, x1 = cells.box(cell)
                owned[y0:y1, x0:x1] += 1
                for row in rows_of_tiles(grid, level, cells.box(cell)):
                    tiles += [tile.address for tile in row]
                assert cells.cell(cells.number(cell)) == cell
            assert (owned == 1).all()
            assert len(tiles) == len(set(tiles)) == np.prod(grid.shape(level))
