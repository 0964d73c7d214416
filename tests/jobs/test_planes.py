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
        ("t=1,z=2", (1, 2), (1, 2), 1),
        ("z=2:6:2,t=:", (0, 2), (2, 4), 6),
        ("z=2:6:2", (0, 2), (2, 4), 6),
        ("t=2,z=5:", (2, 5), (2, 7), 3),
    ],
)
def test_ranges_are_read_as_slices(text, first, last, count):
    found = parse_planes(text, STACK)
    named = [dict(zip("tz", each, strict=True)) for each in (first, last)]
    assert [found[0], found[-1], len(found)] == [*named, count]


@pytest.mark.parametrize(
    "text",
    [
        *("", "1", "1,2", "1,2,3", "t=a,z=1", "t=0,z=8", "z=0:9", "z=5:2", "z=-1"),
        *("z=0:4:-1", "z=", "z=1,z=2", "c=0", "z", "t=0,1"),
    ],
)
def test_others_are_refused_in_one_line(text):
    with pytest.raises(ImageError, match="planes") as told:
        parse_planes(text, STACK)
    assert "\n" not in str(told.value)


def test_numbers_without_names_are_told_how_to_name_them():
    with pytest.raises(ImageError, match="such as t=0,z=0"):
        parse_planes("1,2", STACK)
    flat = open_image(np.zeros((8, 4, 5), np.uint8), axes="zyx")
    assert (
        parse_planes("2:4", flat) == parse_planes("z=2:4", flat) == [{"z": 2}, {"z": 3}]
    )


def test_an_image_of_one_plane_has_one():
    assert parse_planes(None, open_image(np.zeros((4, 5), np.uint8))) == [{}]
