"""Synthetic images: repeatable, exactly labelled, told from the background as promised.

What a person who looks at a sheet would check, by numbers: the borders of the
labels lie on edges of the picture, objects are brighter or darker than what is
beside them, and nothing that looks like an object is left without a label.
"""

import subprocess
import sys

import numpy as np
import pytest
from scipy import ndimage
from skimage import measure
from skimage.io import imread

from napari_hqsam.training import synthetic
from napari_hqsam.training.synthetic import KINDS, synthetic_image
from napari_hqsam.training.synthetic.noise import SIDE, fractal, smooth
from napari_hqsam.training.synthetic.shapes import tidy, voronoi

SEEDS = range(6)
every_kind = pytest.mark.parametrize("kind", KINDS)


def draw(kind, seed):
    return synthetic.draw(kind, np.random.default_rng(seed))


def grey(image):
    """Red of a colour image, where haematoxylin absorbs; else the image itself."""
    return (image[..., 0] if image.ndim == 3 else image).astype(np.float32)


def edges(image):
    """Local standard deviation after a little smoothing, in the steepest channel."""
    channels = np.atleast_3d(image).astype(np.float32)
    x = ndimage.gaussian_filter(channels, (1, 1, 0))
    mean = ndimage.gaussian_filter(x, (2, 2, 0))
    variance = ndimage.gaussian_filter(x**2, (2, 2, 0)) - mean**2
    return np.sqrt(np.clip(variance, 0, None)).max(2)


def outline(labels):
    """Pixels next to a pixel of another label or of the background."""
    return (ndimage.maximum_filter(labels, 3) != labels) | (
        ndimage.minimum_filter(labels, 3) != labels
    )


@every_kind
def test_images_are_what_the_table_says(kind):
    for seed in SEEDS:
        image, labels = draw(kind, seed)
        assert image.dtype == np.uint8
        assert image.shape in {(SIDE, SIDE), (SIDE, SIDE, 3)}
        assert labels.dtype == np.int32
        assert labels.shape == (SIDE, SIDE)
        assert image.std() > 4
        ids = np.unique(labels)
        assert ids[ids > 0].tolist() == list(range(1, labels.max() + 1)), "dense"
        assert labels.max() > 0, "not empty"


@every_kind
def test_a_seed_gives_one_image_and_another_seed_another(kind):
    image, labels = draw(kind, 3)
    again, same = draw(kind, 3)
    np.testing.assert_array_equal(image, again)
    np.testing.assert_array_equal(labels, same)
    assert not np.array_equal(labels, draw(kind, 4)[1])


@pytest.mark.parametrize("kind", [k for k in KINDS if KINDS[k].connected])
def test_each_object_is_in_one_piece(kind):
    for seed in SEEDS:
        labels = draw(kind, seed)[1]
        pieces = measure.label(labels, background=0, connectivity=2)
        assert pieces.max() == labels.max()


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "neuropil"])
def test_outlines_of_labels_lie_on_edges_of_the_image(kind):
    there, beside = [], []
    for seed in SEEDS:
        image, labels = draw(kind, seed)
        steep, border = edges(image), outline(labels)
        there.append(steep[border].mean())
        moved = [np.roll(border, s, (0, 1)) for s in ((5, 2), (-2, 5), (-4, -4))]
        beside.append(np.mean([steep[m].mean() for m in moved]))
    assert np.mean(there) > 1.15 * np.mean(beside)


def contrast(image, labels):
    """Difference of each object (n,) from the background within 6 pixels of it."""
    around = ndimage.distance_transform_edt(labels == 0, return_indices=True)
    near = (around[0] > 1) & (around[0] <= 6)
    owner = labels[tuple(around[1])]
    ids = np.unique(labels[labels > 0])
    ids = ids[np.isin(ids, owner[near])]
    inside = ndimage.mean(image, labels, ids)
    outside = ndimage.mean(image[near], owner[near], ids)
    return inside - outside


@pytest.mark.parametrize("kind", [k for k in KINDS if KINDS[k].sign])
def test_objects_differ_from_the_background_in_the_promised_direction(kind):
    differences = [contrast(grey(i), lab) for i, lab in (draw(kind, s) for s in SEEDS)]
    for difference in differences:
        assert KINDS[kind].sign * np.median(difference) > 3
    right = np.sign(np.concatenate(differences)) == KINDS[kind].sign
    assert right.mean() > 0.95


@pytest.mark.parametrize("kind", ["rods", "yeast"])
def test_objects_of_one_image_differ_from_the_background_alike(kind):
    for seed in SEEDS:
        difference = contrast(*draw(kind, seed))
        alike = np.sign(difference) == np.sign(np.median(difference))
        assert alike.mean() > 0.9 or abs(np.median(difference)) < 5  # rings alone


@pytest.mark.parametrize("kind", [k for k in KINDS if KINDS[k].sign])
def test_nothing_that_looks_like_an_object_is_left_without_a_label(kind):
    sign, shares = KINDS[kind].sign, []
    for seed in SEEDS:
        image, labels = draw(kind, seed)
        pixels = grey(image)  # neither uneven light nor a thin line is an object
        pixels = sign * (
            ndimage.gaussian_filter(pixels, 3) - ndimage.gaussian_filter(pixels, 40)
        )
        far = ndimage.distance_transform_edt(labels == 0) > 6
        alike = far & (pixels > np.median(pixels[labels > 0]))
        shares.append(alike.sum() / (labels > 0).sum())
    assert np.mean(shares) < 0.2


def test_neuropil_is_labelled_throughout_and_parted_by_dark_lines():
    for seed in SEEDS:
        image, labels = draw("neuropil", seed)
        assert (labels > 0).mean() > 0.98
        border = outline(labels)
        assert image[border].mean() < image[~border].mean() - 15


def test_an_image_without_objects_is_drawn_again(monkeypatch):
    empty = np.zeros((8, 8), np.int32)
    results = [empty, empty, np.eye(8, dtype=np.int32)]

    def spy(rng):
        return empty.astype(np.uint8), results.pop(0)

    monkeypatch.setitem(KINDS, "rods", KINDS["rods"]._replace(draw=spy))
    assert synthetic.draw("rods", np.random.default_rng(0))[1].any()
    assert not results


def test_the_kinds_come_by_their_shares(monkeypatch):
    chosen = []
    for name, kind in list(KINDS.items()):

        def spy(rng, name=name):
            chosen.append(name)
            labels = np.zeros((8, 8), np.int32)
            labels[2:5, 2:5] = 1
            return (labels * 200).astype(np.uint8), labels

        share = {"tissue": 3.0, "rods": 1.0}.get(name, 0.0)
        monkeypatch.setitem(KINDS, name, kind._replace(draw=spy, share=share))
    rng = np.random.default_rng(0)
    for _ in range(200):
        synthetic_image(rng)
    assert set(chosen) == {"tissue", "rods"}
    assert 0.65 < chosen.count("tissue") / 200 < 0.85


def test_the_trainer_is_handed_a_fully_annotated_image():
    rng, again = np.random.default_rng(5), np.random.default_rng(5)
    for _ in range(8):
        item, same = synthetic_image(rng), synthetic_image(again)
        assert item.full
        assert item.labels.shape == (SIDE, SIDE)
        assert len(item.boxes) == item.labels.max()
        assert (item.levels[0] == same.levels[0]).all()


# --- primitives ------------------------------------------------------------


@pytest.mark.parametrize("field", [smooth, fractal])
def test_fields_have_no_mean_and_unit_deviation(field):
    values = field(np.random.default_rng(0), 1.5)
    assert values.shape == (SIDE, SIDE)
    assert values.dtype == np.float32
    assert abs(values.mean()) < 1e-3
    assert abs(values.std() - 1) < 1e-3


def test_a_split_object_keeps_its_largest_part_and_numbers_are_dense():
    labels = np.zeros((SIDE, SIDE), np.int32)
    labels[:10, :10] = 7
    labels[:10, 20:25] = 7
    labels[40:60, 40:60] = 3
    labels[100:102, 100:102] = 5  # too small
    out = tidy(labels)
    assert set(np.unique(out)) == {0, 1, 2}
    assert (out > 0).sum() == 100 + 400


def test_voronoi_margins_are_about_the_distances_to_the_next_cell():
    cells, margin = voronoi(np.random.default_rng(0), 40.0)
    borders = outline(cells)
    true = ndimage.distance_transform_edt(~borders)
    inner = true > 3
    assert np.abs(margin - true)[inner].mean() < 2.5
    assert margin[borders].mean() < 1


# --- the contact sheets ----------------------------------------------------


def run(*arguments):
    command = [sys.executable, "-m", "napari_hqsam.training.synthetic", *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_a_sheet_is_written_for_a_kind(tmp_path):
    done = run(str(tmp_path / "new" / "folder"), "nuclei")
    assert done.returncode == 0, done.stderr
    sheet = imread(tmp_path / "new" / "folder" / "nuclei.png")
    assert sheet.shape == (10 * SIDE, 8 * SIDE, 3)
    assert (sheet == (255, 220, 0)).all(2).sum() > 1000, "outlines"


def test_an_unknown_kind_is_answered_with_the_known_ones(tmp_path):
    done = run(str(tmp_path), "unicorns")
    assert done.returncode == 2
    assert "no such kind: unicorns; there are filaments" in done.stderr
    assert "Traceback" not in done.stderr
