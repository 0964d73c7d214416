"""What can be chosen is checked in one place, and planes are named by their axes."""

import numpy as np
import pytest

from napari_hqsam import Prompt, Segmenter, open_image
from napari_hqsam.errors import ImageError, PromptError
from napari_hqsam.segmentation import SegmentOptions

BAD = [
    ({"level": "fine"}, "level 'fine'"),
    ({"level": 1.5}, "level 1.5"),
    ({"output": "best"}, "output 'best'"),
    ({"typical_size": 0}, "typical size 0"),
    ({"typical_size": float("nan")}, "typical size nan"),
    ({"view_extent": -1}, "view extent -1"),
]


@pytest.fixture
def segmenter(bright):
    pixels = np.full((2, 3, 40, 50), 20, np.uint8)
    pixels[1, 2, 10:24, 12:30] = 220
    image = open_image(pixels, axes="tzyx")
    return Segmenter(image, bright(64), normalization=(0, 255), cache=False)


@pytest.mark.parametrize(("given", "words"), BAD)
def test_options_that_exist_can_be_used(given, words):
    with pytest.raises(PromptError, match=words):
        SegmentOptions(**given)


@pytest.mark.parametrize(("given", "words"), BAD)
def test_each_way_to_segment_checks_them(segmenter, given, words):
    prompt, plane = Prompt([(15, 20)]), {"t": 1, "z": 2}
    for ask in (segmenter.segment, segmenter.candidates, segmenter.outputs):
        with pytest.raises(PromptError, match=words):
            ask(prompt, plane=plane, **given)
    with pytest.raises(PromptError, match=words):
        segmenter.prepare([prompt], plane=plane, **given)
    if "view_extent" not in given:
        with pytest.raises(PromptError, match=words):
            segmenter.segment_everything(plane=plane, **given)


def test_a_plane_is_named_by_its_axes_in_any_order(segmenter):
    prompt = Prompt([(15, 20)])
    named = segmenter.segment(prompt, plane={"z": 2, "t": 1}, level=0)
    own = Prompt([(15, 20)], plane={"t": 1, "z": 2})
    numbered = segmenter.segment(own, level=0)
    assert named.area
    np.testing.assert_array_equal(named.data, numbered.data)
    empty = segmenter.segment(prompt, plane={"t": 0, "z": 2}, level=0)
    assert not empty.area
    pixels = segmenter.image.read_plane({"z": 2, "t": 1})
    assert pixels[15, 20, 0] == 220
    found = segmenter.segment_everything(plane={"z": 2, "t": 1}, level=0,
                                         points_per_side=8)  # fmt: skip
    assert len(found) == 1


@pytest.mark.parametrize(
    ("plane", "message"),
    [
        ({"z": 2}, "no position along t .* its axes t, z"),
        ({}, "no position along t, z .* its axes t, z"),
        ({"t": 1, "z": 2, "c": 0}, "axis c, which array does not have"),
        ({"t": 1, "y": 2}, "spans axis y.*the axes of array are t, z, y, x"),
    ],
)
def test_a_plane_must_name_each_leading_axis_once(segmenter, plane, message):
    with pytest.raises(ImageError, match=message):
        segmenter.segment(Prompt([(15, 20)]), plane=plane)


@pytest.mark.parametrize("plane", [{"t": 2, "z": 0}, {"t": 0, "z": 3}])
def test_a_plane_must_be_there(segmenter, plane):
    with pytest.raises(ImageError, match="plane index"):
        segmenter.segment(Prompt([(15, 20)]), plane=plane)


@pytest.mark.parametrize("plane", [(1, 2), 1, (1,)])
def test_numbers_do_not_say_which_of_several_axes_they_are_for(segmenter, plane):
    prompt, told = Prompt([(15, 20)]), r'plane=\{"t": 0, "z": 0\}'
    for ask in (segmenter.segment, segmenter.candidates, segmenter.outputs):
        with pytest.raises(ImageError, match=told):
            ask(prompt, plane=plane)
    with pytest.raises(ImageError, match=told):
        segmenter.segment_many([prompt], plane=plane)
    with pytest.raises(ImageError, match=told):
        segmenter.prepare([prompt], plane=plane)
    with pytest.raises(ImageError, match=told):
        segmenter.segment_everything(plane=plane)
    with pytest.raises(ImageError, match=told):
        segmenter.segment(Prompt([(15, 20)], plane=plane))
