"""Prompts simulated from true labels, and the folder they are measured on."""

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_hqsam.errors import ImageError
from napari_hqsam.evaluation.evaluate import (
    answer,
    evaluate,
    find_pairs,
    middle,
    paint_all,
    tight_box,
)
from napari_hqsam.segmentation import Mask

masks = hnp.arrays(bool, st.tuples(st.integers(1, 15), st.integers(1, 15))).filter(
    np.any
)


class Scripted:
    """Answers with given planes, one after another, and keeps the prompts."""

    def __init__(self, *planes):
        self.planes, self.prompts = list(planes), []

    def segment(self, prompt, *, output):
        self.prompts.append(prompt)
        return Mask.from_plane(self.planes.pop(0), 1.0, 1.0)


@given(masks)
def test_the_box_holds_the_object_and_nothing_more(mask):
    y0, x0, y1, x1 = tight_box(mask)
    ys, xs = np.nonzero(mask)
    assert (y0, y1) == (ys.min() - 0.5, ys.max() + 0.5)
    assert (x0, x1) == (xs.min() - 0.5, xs.max() + 0.5)


@given(masks)
def test_the_middle_lies_inside_as_deep_as_can_be(mask):
    y, x = map(int, middle(mask))
    assert mask[y, x]
    padded = np.pad(mask, 1)

    def depth(y, x):
        oy, ox = np.nonzero(~padded)
        return np.hypot(oy - y - 1, ox - x - 1).min()

    deepest = max(depth(*p) for p in np.argwhere(mask))
    assert depth(y, x) == pytest.approx(deepest)


def test_further_clicks_go_to_the_largest_error_with_its_sign():
    target = np.zeros((40, 40), bool)
    target[10:30, 10:30] = True
    too_small, too_large = target.copy(), target.copy()
    too_small[10:30, 20:30] = False  # the right half is missing
    too_large[0:9, 0:9] = True  # a corner too much
    segmenter = Scripted(too_small, too_large, target)
    found = answer(segmenter, target, "clicks3", "sam")
    assert (found.to_plane(target.shape) == target).all()
    first, second, third = segmenter.prompts
    assert first.point_labels == (1,)
    assert second.point_labels == (1, 1)
    assert second.points[1][1] >= 20
    assert third.point_labels == (1, 1, 0)
    assert max(third.points[2]) < 9
    assert second.foreground.sum() == too_small.sum()


def test_a_right_answer_ends_the_clicking():
    target = np.zeros((20, 20), bool)
    target[5:15, 5:15] = True
    segmenter = Scripted(target)
    answer(segmenter, target, "clicks5", "sam")
    assert len(segmenter.prompts) == 1


def test_the_more_stable_mask_wins_contested_pixels():
    plane = np.ones((4, 4), bool)
    labels = paint_all(
        [Mask.from_plane(plane, 1.0, 0.5), Mask.from_plane(plane, 0.1, 0.9)], (4, 4)
    )
    assert (labels == 2).all()


def test_pairs_are_matched_by_name_and_test_parts_found(tmp_path):
    for root in (tmp_path, tmp_path / "set" / "test"):
        for kind, suffix in (("images", ".ome.tif"), ("labels", ".tif")):
            (root / kind).mkdir(parents=True)
            for name in "ba":
                (root / kind / f"{name}{suffix}").write_text("")
    (tmp_path / "images" / "lonely.tif").write_text("")
    assert [i.name[0] for i, _ in find_pairs(tmp_path)] == ["a", "b"]
    assert find_pairs(tmp_path / "set")[0][0].parent.parent.name == "test"
    with pytest.raises(ImageError, match="no images with labels"):
        find_pairs(tmp_path / "images")


def test_dots_in_names_do_not_mix_up_pairs(tmp_path):
    for kind in ("images", "labels"):
        (tmp_path / kind).mkdir()
        for name in ("x_0.5um_1", "x_0.5um_2"):
            (tmp_path / kind / f"{name}.png").write_text("")
        (tmp_path / kind / ".hidden.png").write_text("")
    assert [(i.name, m.name) for i, m in find_pairs(tmp_path)] == [
        ("x_0.5um_1.png", "x_0.5um_1.png"),
        ("x_0.5um_2.png", "x_0.5um_2.png"),
    ]
    (tmp_path / "labels" / "x_0.5um_1.tif").write_text("")
    with pytest.raises(ImageError, match="both called"):
        find_pairs(tmp_path)


def test_labels_of_another_size_and_unknown_prompts_are_refused(tmp_path, discs, micro):
    for kind, pixels in (("images", discs[0]), ("labels", discs[1][:50])):
        (tmp_path / kind).mkdir()
        tifffile.imwrite(tmp_path / kind / "a.tif", pixels)
    with pytest.raises(ImageError, match="same size"):
        evaluate(micro, tmp_path)
    with pytest.raises(ImageError, match="clicks5"):
        evaluate(micro, tmp_path, prompts="scribble")


def test_specks_are_left_out_and_counted(tmp_path, discs, micro):
    labels = discs[1].copy()
    labels[0, :3] = 9
    for kind, pixels in (("images", discs[0]), ("labels", labels)):
        (tmp_path / kind).mkdir()
        tifffile.imwrite(tmp_path / kind / "a.tif", pixels)
    (scores,) = evaluate(micro, tmp_path, outputs=("sam",), max_objects=2)
    assert (scores.objects, scores.skipped) == (2, 1)
    assert {m for _, m in scores.means} == {
        "iou", "boundary_iou", "boundary_iou_2px", "ap"
    }  # fmt: skip
