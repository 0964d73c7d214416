"""Labels take over the pixel size of their image, and nonsense does not stop them."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from napari_hqsam.errors import HqsamWarning, ImageError
from napari_hqsam.geometry.space import space_of_image
from napari_hqsam.labels import write_labels


@pytest.mark.parametrize(
    ("axes", "scale", "units", "wanted"),
    [
        ("yx", None, None, (None, None)),
        ("yx", {}, {}, (None, None)),
        ("yx", {"z": 2.0}, {"z": "um"}, (None, None)),
        ("yx", {"y": 2}, None, ((2.0, 1.0), (None, None))),
        (
            "tzyx",
            {"x": 0.5, "y": 0.25, "z": 2.0, "t": 3.0, "c": 1.0},
            {"x": "micron", "y": "µm", "z": "\\u00B5m", "t": "sec"},
            ((3.0, 2.0, 0.25, 0.5), ("second", *["micrometer"] * 3)),
        ),
        (
            "tyx",
            {"t": np.float32(1), "y": 1, "x": 1},
            {"t": "us", "y": "inch", "x": "pixel"},
            ((1.0, 1.0, 1.0), ("microsecond", "inch", None)),
        ),
    ],
)
def test_what_an_image_tells(axes, scale, units, wanted):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert space_of_image(axes, scale, units) == wanted


@pytest.mark.parametrize(
    ("scale", "units", "wanted", "message"),
    [
        ({"y": 0, "x": 2}, {"x": "um"}, ((1.0, 2.0), (None, "micrometer")), "y = 0"),
        ({"y": -1.0, "x": np.nan}, {}, (None, None), "y = -1.0, x = nan"),
        ({"y": "wide", "x": np.inf}, {}, (None, None), "y = 'wide', x = inf"),
        ({"y": 3, "x": 2}, {"y": "furlong"}, ((3.0, 2.0), (None, None)), "furlong"),
    ],
)
def test_nonsense_is_left_out_with_a_word(scale, units, wanted, message):
    with pytest.warns(HqsamWarning, match=message):
        assert space_of_image("yx", scale, units) == wanted


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif", "a.ome.zarr"])
@pytest.mark.parametrize("unit", ["pm", "nm", "um", "inch", "km"])
def test_what_was_taken_over_can_be_written(tmp_path, name, unit):
    scale, units = space_of_image(
        "tyx", {"t": 2, "y": 0.5, "x": 0.25}, {"t": "d", "y": unit, "x": unit}
    )
    write_labels(
        tmp_path / name, np.ones((2, 4, 5), int), axes="tyx", scale=scale, units=units
    )


def test_a_unit_given_on_purpose_must_be_known(tmp_path):
    with pytest.raises(ImageError, match="furlong"):
        write_labels(
            tmp_path / "a.tif", np.ones((4, 5), int), scale=(1, 1), units="furlong"
        )
