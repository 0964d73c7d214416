"""Labels that are wrong come back better; labels that are right come back as they were.

With the bundled model on a picture of discs, and with a network of known answers.
"""

import numpy as np
import pytest
from scipy import ndimage

from napari_hqsam import RefineRules, Segmenter, open_image
from napari_hqsam.errors import ImageError, PromptError
from napari_hqsam.masks.metrics import boundary_iou

DAMAGES = {
    "eroded": lambda labels: ndimage.grey_erosion(labels, 5),
    "dilated": lambda labels: ndimage.grey_dilation(labels, 5),
    "shifted": lambda labels: ndimage.shift(labels, (2, 2), order=0),
}


@pytest.fixture
def segmenter(discs, micro):
    return Segmenter(discs[0], micro, cache=False)


def agreement(labels, truth):
    return [boundary_iou(labels == i, truth == i, width=2) for i in range(1, 6)]


@pytest.mark.parametrize("damage", DAMAGES)
def test_outlines_of_damaged_labels_come_closer_to_the_truth(segmenter, discs, damage):
    truth = discs[1]
    before = DAMAGES[damage](truth)
    after = segmenter.refine(before)
    assert max(agreement(before, truth)) < 0.3
    assert min(agreement(after, truth)) > 0.4
    assert after.dtype == before.dtype


def test_right_labels_stay_as_they_are(segmenter, discs):
    np.testing.assert_array_equal(segmenter.refine(discs[1]), discs[1])


def test_the_table_tells_what_became_of_each_object(segmenter, discs):
    labels = discs[1].copy()
    labels[labels == 2] = 0
    labels[38:86, 140:188][discs[1][36:84, 138:186] == 2] = 2  # 2 pixels off
    (plane,) = segmenter.iter_refine(labels)
    rows = {each.label_id: each for each in plane.objects}
    assert list(rows) == [1, 2, 3, 4, 5]
    assert rows[2].kept == ""
    assert {rows[i].kept for i in (1, 3, 4, 5)} == {"gain"}
    assert 0.7 < rows[2].iou < 0.95 < rows[1].iou
    assert rows[1].distance < 0.6 < rows[2].distance < 2
    assert rows[2].pixels == np.count_nonzero(plane.labels == 2)
    assert rows[2].old_pixels == np.count_nonzero(labels == 2)
    assert 0 < rows[2].stability <= 1


# --- with a network that segments what is bright ---------------------------------


@pytest.fixture
def two_squares(bright):
    """Two soft squares of 40 pixels on 128 x 128, and a segmenter."""
    pixels = np.zeros((128, 128), np.float32)
    pixels[16:56, 16:56] = pixels[16:56, 72:112] = 255
    pixels = ndimage.gaussian_filter(pixels, 2).astype(np.uint8)
    return Segmenter(open_image(pixels), bright(), normalization="none", cache=False)


NO_RULES = dict.fromkeys(
    ("score", "stability", "overlap", "core", "consistency", "gain"), 0
)
ANYTHING = RefineRules(**NO_RULES)


def squares(first, second, dtype=np.uint16):
    labels = np.zeros((128, 128), dtype)
    labels[20:50, 20:50] = first
    labels[20:50, 76:106] = second
    return labels


@pytest.mark.parametrize(
    ("dtype", "first", "second"),
    [
        (np.uint8, 3, 255),
        (np.uint32, 1, 2**32 - 1),
        (np.int64, 7, 2**32),
        (np.uint64, 2**40, 2**64 - 1),
    ],
)
def test_ids_of_any_size_stay(two_squares, dtype, first, second):
    refined = two_squares.refine(squares(first, second, dtype), rules=ANYTHING)
    assert refined.dtype == dtype
    assert np.unique(refined).tolist() == [0, first, second]
    for i, x in ((first, 16), (second, 72)):
        wanted = np.zeros((128, 128), bool)
        wanted[16:56, x : x + 40] = True
        assert np.count_nonzero(wanted ^ (refined == i)) < 60
    assert two_squares.source.encoded == 1  # for both


def test_whole_floats_and_bool_are_labels(two_squares):
    as_ints = two_squares.refine(squares(1, 2), rules=ANYTHING)
    as_floats = two_squares.refine(squares(1, 2, float), rules=ANYTHING)
    assert as_floats.dtype == np.uint32
    np.testing.assert_array_equal(as_floats, as_ints)
    one = squares(1, 0) > 0
    refined = two_squares.refine(one, rules=ANYTHING)
    assert refined.dtype == bool
    np.testing.assert_array_equal(refined, as_ints == 1)


def test_background_alone_stays_and_costs_nothing(two_squares):
    empty = squares(0, 0)
    (plane,) = two_squares.iter_refine(empty)
    np.testing.assert_array_equal(plane.labels, empty)
    assert plane.objects == ()
    assert two_squares.source.encoded == 0


def test_holes_pieces_and_single_pixels_are_kept_or_refined_but_never_lost(two_squares):
    labels = squares(1, 2)
    labels[30:40, 30:40] = 0  # a hole
    labels[20:50, 90:92] = 0  # two pieces
    labels[100, 100] = 3  # a pixel on the background
    labels[36, 35] = 4  # a pixel within the hole
    before = labels.copy()
    refined = two_squares.refine(labels)
    np.testing.assert_array_equal(labels, before)
    assert np.unique(refined).tolist() == [0, 1, 2, 3, 4]
    assert (refined == 3).sum() == (refined == 4).sum() == 1
    assert (refined == 2).sum() >= (labels == 2).sum()


def test_an_object_that_loses_a_contest_keeps_its_old_shape(two_squares):
    """Both halves of a square become the whole of it; the tie goes to the first."""
    labels = np.zeros((128, 128), np.uint16)
    labels[20:52, 20:36] = 1
    labels[20:52, 36:52] = 2
    rules = RefineRules(**(NO_RULES | {"overlap": 0.3}))
    (plane,) = two_squares.iter_refine(labels, rules=rules)
    np.testing.assert_array_equal(plane.labels == 2, labels == 2)
    assert [each.kept for each in plane.objects] == ["", "empty"]
    assert ((plane.labels == 1) & (labels == 1)).sum() == (labels == 1).sum()
    assert (plane.labels == 1).sum() > (labels == 1).sum()


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ({"score": 0.95}, "score"),
        ({"overlap": 0.9}, "overlap"),
        ({"consistency": 99}, "consistency"),
        ({"gain": 99}, "gain"),
    ],
)
def test_each_rule_keeps_the_old_shape(two_squares, rules, reason):
    labels = squares(1, 2)
    (plane,) = two_squares.iter_refine(labels, rules=RefineRules(**(NO_RULES | rules)))
    np.testing.assert_array_equal(plane.labels, labels)
    assert {each.kept for each in plane.objects} == {reason}


def test_objects_that_were_merged_do_not_lose_one_of_them(bright):
    """The network sees one of two squares that have one id."""
    pixels = np.zeros((128, 128), np.uint8)
    pixels[16:56, 16:56] = pixels[16:50, 62:96] = 255
    segmenter = Segmenter(pixels, bright(), normalization="none", cache=False)
    labels = np.zeros((128, 128), np.uint8)
    labels[22:50, 22:50] = labels[22:44, 68:90] = 1
    (plane,) = segmenter.iter_refine(labels, rules=RefineRules(gain=0))
    np.testing.assert_array_equal(plane.labels, labels)
    assert [each.kept for each in plane.objects] == ["core"]


def test_an_unstable_mask_does_not_replace_a_shape(bright):
    pixels = np.zeros((128, 128), np.uint8)
    pixels[16:56, 16:56] = pixels[16:56, 72:112] = 140  # barely an object
    segmenter = Segmenter(pixels, bright(), normalization="none", cache=False)
    (plane,) = segmenter.iter_refine(squares(1, 2))
    np.testing.assert_array_equal(plane.labels, squares(1, 2))
    assert {each.kept for each in plane.objects} == {"stability"}


def test_all_planes_of_a_stack_each_by_itself_or_one(bright):
    pixels = np.zeros((2, 3, 64, 64), np.uint8)
    labels = np.zeros(pixels.shape, np.int32)
    pixels[1, 0, 10:40, 10:40] = pixels[0, 2, 20:50, 20:50] = 255
    labels[1, 0, 14:36, 14:36] = labels[0, 2, 24:46, 24:46] = 5
    image = open_image(pixels, axes="tzyx")
    segmenter = Segmenter(image, bright(), normalization="none", cache=False)
    refined = segmenter.refine(labels, rules=ANYTHING)
    wanted = np.where(pixels > 0, 5, 0)
    assert np.count_nonzero(refined != wanted) < 20
    assert segmenter.source.encoded == 2  # none where there are no labels
    where = {"t": 1, "z": 0}
    one = segmenter.refine(labels[1, 0], plane=where, rules=ANYTHING)
    np.testing.assert_array_equal(one, refined[1, 0])
    (plane,) = segmenter.iter_refine(labels[1, 0], plane=where, rules=ANYTHING)
    assert plane.objects[0].plane == where
    assert plane.position == (1, 0)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.zeros((128, 127), int), r"\(128, 127\) do not fit"),
        (np.zeros((2, 128, 128), int), r"\(2, 128, 128\) do not fit"),
        (squares(-3, 1, int), "the id -3"),
        (squares(1, 2, float) / 2, "holds 0.5"),
        (squares(1, np.nan, float), "holds nan"),
        (squares(1, 2).astype(complex), "complex"),
        (squares(1, 2).astype(str), "<U"),
    ],
)
def test_what_are_no_labels_of_the_image_is_refused(two_squares, labels, words):
    with pytest.raises(ImageError, match=words):
        two_squares.refine(labels)
    assert two_squares.source.encoded == 0


@pytest.mark.parametrize("wrong", [{"overlap": 1.1}, {"score": -0.1}, {"gain": np.nan}])
def test_rules_out_of_range_are_refused(wrong):
    with pytest.raises(PromptError, match=next(iter(wrong))):
        RefineRules(**wrong)
