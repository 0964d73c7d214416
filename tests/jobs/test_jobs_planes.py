"""Which planes a text means."""

import numpy as np
import pytest

from napari_hqsam.errors import ImageError
from napari_hqsam.images import open_image
from napari_hqsam.jobs import parse_planes

STACK = open_image(np.zeros((3, 8, 4, 5), np.uint8), axes="tzyx")


@pytest.mark.parametrize(
    ("text", "first", "last", "count"),
    [
        (None, (0, 0), (2, 7), 24),
        ("1,2", (1, 2), (1, 2), 1),
        (":,2:6:2", (0, 2), (2, 4), 6),
        ("2,5:", (2, 5), (2, 7), 3),
    ],
)
def test_ranges_are_read_as_slices(text, first, last, count):
    found = parse_planes(text, STACK)
    assert (found[0], found[-1], len(found)) == (first, last, count)


@pytest.mark.parametrize(
    "text", ["", "1", "1,2,3", "a,1", "0,8", "0,0:9", "0,5:2", "0,-1", "0,0:4:-1", "0,"]
)
def test_others_are_refused_in_one_line(text):
    with pytest.raises(ImageError, match="planes") as told:
        parse_planes(text, STACK)
    assert "\n" not in str(told.value)


def test_an_image_of_one_plane_has_one():
    assert parse_planes(None, open_image(np.zeros((4, 5), np.uint8))) == [()]
