"""What negative clicks cut out of a mask."""

import numpy as np

from napari_hqsam.masks.negatives import cut_negatives


def discs(*centres, radius=10, shape=(40, 80)):
    yy, xx = np.mgrid[: shape[0], : shape[1]]
    away = [np.hypot(yy - y, xx - x) <= radius for y, x in centres]
    return np.any(away, axis=0)


def test_of_touching_objects_the_denied_one_goes_at_the_neck():
    both = discs((20, 20), (20, 39))
    cut = cut_negatives(both, np.array([[20.0, 18]]), np.array([[20.0, 42]]))
    wanted = both & (np.arange(80) < 30)
    assert np.count_nonzero(cut ^ wanted) < 0.05 * both.sum()
    assert cut[20, 18]
    assert not cut[20, 42]


def test_of_a_round_object_only_a_piece_of_the_rim_goes():
    disc = discs((20, 40), radius=15)
    cut = cut_negatives(disc, np.array([[20.0, 40]]), np.array([[20.0, 53]]))
    assert not cut[20, 53]
    assert 0.8 < cut.sum() / disc.sum() < 1


def test_a_click_beside_the_mask_cuts_nothing():
    disc = discs((20, 40))
    assert cut_negatives(disc, np.array([[20.0, 40]]), np.array([[5.0, 5]])) is disc
    assert cut_negatives(disc, np.array([[20.0, 40]]), np.zeros((0, 2))) is disc


def test_without_a_positive_click_the_deepest_part_stays():
    both = discs((20, 20), (20, 41))
    cut = cut_negatives(both, np.zeros((0, 2)), np.array([[20.0, 41]]))
    assert cut[20, 20]
    assert not cut[20, 41]
