"""The coordinate model: composed, inverted, transposed, compared, converted."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_hqsam.errors import HqsamWarning, ImageError
from napari_hqsam.geometry import Affine, Space
from napari_hqsam.geometry.ome_zarr import (
    axes_metadata,
    not_held,
    read_space,
    transforms_metadata,
)
from napari_hqsam.geometry.units import convert, unit_name, unit_or_pixel

numbers = st.floats(-1e4, 1e4).map(lambda v: round(v, 3))
sizes = st.floats(1e-3, 1e3)
LENGTHS = (None, "nanometer", "micrometer", "millimeter", "inch", "angstrom")
TIMES = (None, "second", "millisecond", "minute")


@st.composite
def affines(draw, ndim, *, diagonal=False):
    """Scale with any sign, turned and sheared, and moved."""
    scale = [draw(sizes) * draw(st.sampled_from((1, -1))) for _ in range(ndim)]
    offset = [draw(numbers) for _ in range(ndim)]
    linear = np.diag(scale)
    if not diagonal:
        for i, j in zip(*np.triu_indices(ndim, 1), strict=True):
            shear, angle = np.eye(ndim), np.eye(ndim)
            shear[i, j] = draw(st.floats(-2, 2))
            a = draw(st.floats(-math.pi, math.pi))
            angle[np.ix_([i, j], [i, j])] = [
                [math.cos(a), -math.sin(a)],
                [math.sin(a), math.cos(a)],
            ]
            linear = angle @ shear @ linear
    return Affine.of(linear, offset)


@st.composite
def spaces(draw, *, diagonal=False):
    """Make up to five axes in any order, with units that fit them."""
    axes = "".join(draw(st.permutations("tczyx")))[: draw(st.integers(1, 5))]
    units = tuple(
        None if a == "c" else draw(st.sampled_from(TIMES if a == "t" else LENGTHS))
        for a in axes
    )
    return Space(axes, units, draw(affines(len(axes), diagonal=diagonal)))


def points_in(space, draw_from=0):
    return np.random.default_rng(draw_from).uniform(0, 100, (5, len(space.axes)))


def size_of(points, space):
    """Rounding allowed for: a millionth of the largest number there is."""
    return 1e-6 * (1 + np.abs(space.to_world(points)).max())


@given(st.integers(1, 4).flatmap(lambda n: st.tuples(*[affines(n)] * 3)))
@settings(max_examples=30, deadline=None)
def test_maps_are_composed_and_inverted(three):
    a, b, c = three
    points = np.random.default_rng(0).uniform(-9, 9, (7, a.ndim))
    np.testing.assert_allclose((a @ b)(points), a(b(points)), rtol=1e-6, atol=1e-3)
    np.testing.assert_allclose(a.inverse()(a(points)), points, atol=1e-5)
    left, right = (a @ b) @ c, a @ (b @ c)
    np.testing.assert_allclose(left.matrix, right.matrix, rtol=1e-6, atol=1e-3)


@given(spaces())
@settings(max_examples=30, deadline=None)
def test_a_space_leads_to_the_world_and_back(space):
    points = points_in(space)
    np.testing.assert_allclose(space.to_data(space.to_world(points)), points, atol=1e-5)
    assert space.agrees(space, (50,) * len(space.axes), 1e-5)


@given(spaces(), st.data())
@settings(max_examples=30, deadline=None)
def test_axes_are_transposed_and_dropped(space, data):
    order = "".join(data.draw(st.permutations(space.axes)))
    turned, points = space.select(order), points_in(space)
    place = [space.axes.index(a) for a in order]
    expected = space.to_world(points)[:, place]
    np.testing.assert_allclose(
        turned.to_world(points[:, place]), expected, atol=size_of(points, space)
    )
    assert turned.select(space.axes) == space
    kept = order[: data.draw(st.integers(1, len(order)))]
    fixed = dict(zip(space.axes, points[0], strict=True))
    place = [space.axes.index(a) for a in kept]
    try:
        few = space.select(kept, fixed)
    except ImageError:  # turned so that a kept axis points along one that is dropped
        return
    np.testing.assert_allclose(
        few.to_world(points[:1, place]),
        space.to_world(points[:1])[:, place],
        atol=size_of(points, space),
    )


@given(spaces())
@settings(max_examples=30, deadline=None)
def test_json_gives_it_back(space):
    told = json.loads(json.dumps(space.to_dict()))
    assert Space.from_dict(space.axes, told).agrees(space)


@given(spaces())
@settings(max_examples=30, deadline=None)
def test_napari_puts_a_layer_there(space):
    again = Space.of(
        **{
            {"axis_labels": "axes"}.get(k, k): "".join(v) if k == "axis_labels" else v
            for k, v in space.to_napari().items()
        }
    )
    assert again.agrees(space, tolerance=1e-5)


@given(spaces(diagonal=True))
@settings(max_examples=30, deadline=None)
def test_ome_zarr_holds_scale_and_translation(space):
    image = {"axes": axes_metadata(space)}
    dataset = {"coordinateTransformations": transforms_metadata(space)}
    again, problems = read_space(image, dataset, space.axes, "a")
    assert not problems
    if not_held(space) is None:
        assert again.agrees(space)
    else:
        assert again.translation == space.translation
        assert again.affine.pixel_size == space.affine.pixel_size


@given(spaces(diagonal=True), st.data())
@settings(max_examples=30, deadline=None)
def test_a_crop_and_a_level_lie_on_their_image(space, data):
    n = len(space.axes)
    start = data.draw(st.lists(st.integers(0, 99), min_size=n, max_size=n))
    points = points_in(space)
    np.testing.assert_allclose(
        space.of_crop(start).to_world(points),
        space.to_world(points + start),
        atol=size_of(points, space),
    )
    factors = data.draw(st.lists(st.integers(1, 8), min_size=n, max_size=n))
    level = space.of_level(factors)
    corner, own = np.full(n, -0.5), np.full(n, -0.5)
    np.testing.assert_allclose(level.to_world(own), space.to_world(corner), atol=1e-2)
    np.testing.assert_allclose(
        level.to_world(own + 1), space.to_world(corner + factors), atol=1e-2
    )


def test_units_are_compared_as_quantities():
    micro = Space.of("zyx", scale=(0.5, 0.1, 0.1), units="um", translate=(1, 0, 2))
    nano = Space.of("zyx", scale=(500, 100, 100), units="nm", translate=(1e3, 0, 2e3))
    assert micro != nano
    assert micro.agrees(nano, (100, 1000, 1000))
    assert micro.in_units(nano.units).agrees(nano)
    assert not micro.agrees(Space.of("zyx", scale=(0.5, 0.1, 0.1)))
    assert micro.distance(micro.of_crop((0, 3, 0))) == pytest.approx(3)
    assert micro.in_units(("second", None, None)) is None


def test_spacing_and_area_are_those_of_the_world():
    mixed = Space.of("zyx", scale=(500, 0.1, 0.1), units=("nm", "um", "um"))
    assert mixed.spacing("z") == pytest.approx(5)
    assert mixed.spacing("y", "zx") == pytest.approx(0.1 / math.sqrt(0.5 * 0.1))
    assert mixed.area() == (pytest.approx(0.01), "micrometer^2")
    assert Space.of("tyx", units=("s", "um", "um")).spacing("t") is None
    assert Space.pixels("zyx").spacing("z") is None
    assert Space.of("zyx", scale=(3, 1, 1)).spacing("z") == 3
    turned = Space.of("zyx", scale=(2, 0.5, 0.25), units="um", rotate=30)
    assert turned.spacing("z") == pytest.approx(2 / math.sqrt(0.125))
    assert turned.area()[0] == pytest.approx(0.125)
    sheared = Space.of("yx", units="um", shear=[0.7])
    assert sheared.area()[0] == pytest.approx(1)
    assert Space.of("zyx", scale=(-2, 1, 1)).spacing("z") == 2


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ({"scale": (1, 2)}, "one number for each axis"),
        ({"scale": (0, 1, 1)}, "holds 0"),
        ({"scale": (math.nan, 1, 1)}, "one number"),
        ({"units": "furlong"}, "furlong"),
        ({"units": ("um", "um")}, "one for each axis"),
        ({"units": ("s", "um", "um")}, "no unit of length"),
        ({"rotate": np.eye(4)}, "does not fit 3 axes"),
        ({"shear": [1, 2]}, "upper triangle"),
        ({"affine": np.zeros((4, 4))}, "singular"),
    ],
)
def test_what_is_no_place_is_refused(place, words):
    with pytest.raises(ImageError, match=words):
        Space.of("zyx", **place)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("um", "micrometer"),
        ("µm", "micrometer"),
        ("μm", "micrometer"),
        ("\\u00B5m", "micrometer"),
        ("Micrometer", "micrometer"),
        ("microns", "micrometer"),
        ("micrometres", "micrometer"),
        ("Å", "angstrom"),
        ("inches", "inch"),
        ("mm", "millimeter"),
        ("Mm", "megameter"),
        ("parsec", "parsec"),
        ("pixel", None),
        ("", None),
        (None, None),
    ],
)
def test_units_have_many_spellings(text, name):
    assert unit_name(text, "x") == name


def test_units_that_are_none_are_told_and_count_as_pixels():
    for unit, letter in (("furlong", "x"), ("s", "z"), ("um", "t"), ({"a": 1}, "y")):
        with pytest.warns(HqsamWarning, match=f'axis "{letter}"'):
            assert unit_or_pixel(unit, letter, "a.tif") is None
    assert convert(500, "nanometer", "micrometer") == pytest.approx(0.5)
    assert convert(1, "second", "meter") is convert(1, None, "meter") is None


def test_other_names_for_the_axes_keep_what_fits_them():
    series = Space.of("tyx", scale=(3, 0.5, 0.5), units=("s", "um", "um"))
    assert series.renamed("zyx") == Space.of(
        "zyx", scale=(1, 0.5, 0.5), units=(None, "um", "um")
    )
    stack = Space.of("zyx", scale=(2, 0.5, 0.25), units="um")
    assert stack.renamed("yzx").scale == (2, 0.5, 0.25)


SYSTEM = {
    "name": "physical",
    "axes": [{"name": a, "type": "space", "unit": "micrometer"} for a in "zyx"],
}
TURN = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]


def in_system(*transforms):
    """Metadata of OME-Zarr 0.6: an image with coordinate systems."""
    dataset = {"path": "0", "coordinateTransformations": [*transforms]}
    for each in transforms:
        each |= {"input": "0", "output": "physical"}
    other = {"name": "world", "axes": [{"name": a} for a in "abc"]}
    image = {"coordinateSystems": [other, SYSTEM], "datasets": [dataset]}
    image["coordinateTransformations"] = [
        {"type": "scale", "scale": [9, 9, 9], "input": "physical", "output": "world"}
    ]
    return image, dataset


@pytest.mark.parametrize(
    ("transform", "linear", "offset"),
    [
        ({"type": "identity"}, np.eye(3), 0),
        ({"type": "scale", "scale": [2, 1, 3]}, np.diag([2, 1, 3]), 0),
        ({"type": "rotation", "rotation": TURN}, TURN, 0),
        (
            {"type": "affine", "affine": np.c_[TURN, [4, 5, 6]].tolist()},
            TURN,
            [4, 5, 6],
        ),
        (
            {
                "type": "sequence",
                "transformations": [
                    {"type": "translation", "translation": [1, 1, 1]},
                    {"type": "scale", "scale": [2, 3, 4]},
                ],
            },
            np.diag([2, 3, 4]),
            [2, 3, 4],
        ),
    ],
)
def test_coordinate_systems_are_read_as_far_as_they_are_affine(
    transform, linear, offset
):
    space, problems = read_space(*in_system(transform), "zyx", "a")
    assert not problems
    assert space.units == ("micrometer",) * 3
    np.testing.assert_allclose(space.affine.matrix, linear)
    np.testing.assert_allclose(space.translation, np.broadcast_to(offset, 3))


@pytest.mark.parametrize(
    "transform",
    [
        {"type": "displacements", "path": "field"},
        {"type": "mapAxis", "mapAxis": [1, 1, 2]},
        {"type": "scale", "scale": [1, 2]},
        {"type": "scale", "scale": [0, 1, 1]},
        {"type": "scale", "scale": ["wide", 1, 1]},
        {"type": "scale", "path": "where/it/is"},
        {},
        None,
    ],
)
def test_what_is_not_affine_is_told(transform):
    image = {"axes": SYSTEM["axes"]}
    dataset = {"coordinateTransformations": [transform]}
    space, problems = read_space(image, dataset, "zyx", "a")
    assert len(problems) == 1
    assert space.scale == (1, 1, 1)
