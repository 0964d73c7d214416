"""Prompts from CSV, GeoJSON and JSON files, good and bad."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from napari_hqsam.errors import HqsamWarning, PromptError
from napari_hqsam.prompts import Prompt, read_prompts

# A busy machine is no failure.
at_leisure = settings(deadline=None)


@pytest.fixture
def read(tmp_path):
    """Read a text, or a document as JSON, as if it were a file of that name."""

    def read(name, content):
        path = tmp_path / name
        if isinstance(content, str):
            path.write_text(content, encoding="utf-8")
        elif isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(json.dumps(content))
        return read_prompts(path)

    return read


def feature(kind, coordinates, /, **properties):
    return {
        "type": "Feature",
        "geometry": {"type": kind, "coordinates": coordinates},
        "properties": properties,
    }


def collection(*features):
    return {"type": "FeatureCollection", "features": list(features)}


# CSV


def test_each_row_without_id_is_an_object(read):
    assert read("p.csv", "y,x\n1,2\n3.5,4e1\n") == [
        Prompt([(1, 2)]),
        Prompt([(3.5, 40)]),
    ]


def test_rows_with_one_id_are_one_prompt(read):
    text = "Y,X,Label,Object\n1,2,1,7\n3,4,,\n5,6,0,7\n7,8,positive,7\n9,9,,2.0\n"
    assert read("p.csv", text) == [
        Prompt([(1, 2), (5, 6), (7, 8)], [1, 0, 1], label_id=7),
        Prompt([(3, 4)]),
        Prompt([(9, 9)], label_id=2),
    ]


def test_boxes_and_points_may_share_a_table(read):
    text = (
        "id,y0,x0,y1,x1,y,x,label,note\n1,0,1,9,8,,,,cell\n1,,,,,2,2,0,\n,,,,,3,3,,\n"
    )
    assert read("p.csv", text) == [
        Prompt([(2, 2)], [0], box=(0, 1, 9, 8), label_id=1),
        Prompt([(3, 3)]),
    ]


def test_an_object_has_one_prompt_on_each_plane(read):
    text = "t,z,y,x,object\n0,3,1,2,5\n0,3,2,2,5\n0,4,1,2,5\n"
    assert read("p.csv", text) == [
        Prompt([(1, 2), (2, 2)], label_id=5, plane={"t": 0, "z": 3}),
        Prompt([(1, 2)], label_id=5, plane={"t": 0, "z": 4}),
    ]
    assert read("p.csv", "z,y0,x0,y1,x1\n3,0,0,2,2\n")[0].plane == {"z": 3}


@pytest.mark.parametrize(
    "content",
    [
        "\ufeffy,x\r\n1,2\r\n\r\n",
        "y;x\n1;2\n",
        "y\tx\n1\t2",
        '\n"y" , "x"\n 1 , 2 \n,\n'.replace(" , ", ","),
        "y,x,,\n1,2,,\n",
    ],
)
def test_tables_as_spreadsheets_write_them(read, content):
    assert read("p.CSV", content) == [Prompt([(1, 2)])]


def test_napari_points_table(read):
    # As napari 0.9.2 saves a Points layer with these features.
    text = (
        "index,axis-0,axis-1,axis-2,label,object\n"
        "0,3.0,10.5,20.0,positive,1\n"
        "1,3.0,30.0,40.25,negative,1\n"
    )
    expected = Prompt(
        [(10.5, 20), (30, 40.25)], [1, 0], label_id=1, plane={"axis-0": 3}
    )
    assert read("p.csv", text) == [expected]
    # With numeric features everything is written as a float.
    text = (
        "index,axis-0,axis-1,label,object\n"
        "0.0,10.5,20.0,1.0,1.0\n"
        "1.0,3.0,4.25,0.0,1.0\n"
    )
    expected = Prompt([(10.5, 20), (3, 4.25)], [1, 0], label_id=1)
    assert read("p.csv", text) == [expected]


def test_napari_shapes_table(read):
    # As napari 0.9.2 saves a Shapes layer; its ellipse has four corners.
    rows = {
        "rectangle": [(10, 10), (20, 10), (20, 30), (10, 30)],
        "ellipse": [(0, 0), (20, 0), (20, 40), (0, 40)],
        "polygon": [(0, 0), (5, 5), (0, 9)],
        "line": [(0, 0), (0, 2)],
        "path": [(0, 0), (0, 1), (1, 1)],
    }
    text = "index,shape-type,vertex-index,axis-0,axis-1\n" + "".join(
        f"{i},{kind},{n},{y:.1f},{x:.1f}\n"
        for i, (kind, vertices) in enumerate(rows.items())
        for n, (y, x) in enumerate(vertices)
    )
    rectangle, ellipse, polygon, line, path = read("s.csv", text)
    assert rectangle == Prompt(box=(10, 10, 20, 30))
    assert ellipse.box == (0, 0, 20, 40)
    assert ellipse.mask.sum() == pytest.approx(np.pi * 10 * 20, rel=0.02)
    assert polygon.box == (0, 0, 5, 9)
    # Row y holds the columns from y to 9 - 0.8 y: 10, 8, 6, 4, 2 and 1 of them.
    assert polygon.mask.sum() == 10 + 8 + 6 + 4 + 2 + 1
    assert line.points == ((0, 0.5), (0, 1.5))
    assert path.points == ((0, 0.5), (0.5, 1))


def test_napari_shapes_of_a_stack_know_their_plane(read):
    text = (
        "index,shape-type,vertex-index,axis-0,axis-1,axis-2\n"
        "0,line,0,4.0,1,1\n0,line,1,{z},1,3\n"
    )
    (prompt,) = read("s.csv", text.format(z=4.0))
    assert (prompt.plane, prompt.points) == ({"axis-0": 4}, ((1, 1.5), (1, 2.5)))
    with pytest.raises(PromptError, match=r"shape at line 2: .*plane"):
        read("s.csv", text.format(z=5.0))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "p.csv is empty"),
        (" \n\n", "p.csv is empty"),
        ("y,x\n", "no prompts"),
        ("1,2\n3,4\n", "first line .*must name y and x"),
        ("y\n1\n", "must name"),
        ("y0,x0,y1\n1,1,1\n", "must name"),
        ("row,col\n1,1\n", "'row, col'"),
        ("y,x,x\n1,2,3\n", "'x' appears twice"),
        ("y,x\n1,2\n\n3,abc\n", "line 4: column x: 'abc' is not a number"),
        ("y,x\n1,2\n3,\n", "line 3: column x: '' is not a number"),
        ("y,x\n1,2\n3,4,5\n", "line 3: 3 cells under 2 column names"),
        ("y,x\n1,nan\n", "line 2: .*finite"),
        ("y,x\n1,1e400\n", "line 2: .*finite"),
        ("y,x,label\n1,2,maybe\n", "line 2: column label: 'maybe'"),
        ("y,x,label\n1,2,2\n", "line 2: column label: '2' is neither"),
        ("y,x,label\n1,2,0\n", "line 2: only negative"),
        ("y,x,object\n1,2,0\n", "line 2: .*from 1 on"),
        ("y,x,z\n1,2,3.5\n", "line 2: column z: '3.5'"),
        ("y,x,z\n1,2,\n", "line 2: column z: ''"),
        ("y,x,z\n1,2,inf\n", "line 2: column z: 'inf'"),
        ("y,x,id,label\n1,2,4,1\n1,2,4,0\n", "object 4, line 2 to line 3: .*both"),
        ("y0,x0,y1,x1\n5,5,1,9\n", "line 2: box .*no area"),
        ("y0,x0,y1,x1,id\n1,1,5,5,1\n2,2,6,6,1\n", "object 1, .*2 boxes"),
        ("y0,x0,y1,x1,label\n1,1,5,5,0\n", "line 2: label 0 on a box"),
        ("id,y,x\n4,,\n", "line 2: neither a point nor a box"),
        ("index,shape-type,axis-0,axis-1\n0,star,1,1\n", "shape at line 2: .*star"),
        ("index,shape-type,axis-0,axis-1\n", "no prompts"),
        ("shape-type,y0,x0,y1,x1\nline,1,1,1,1\n", "axis-0"),
        (b"y,x\n\xff\xfe1,2\n", "UTF-8"),
        ('y,x\n"1\n' + "2" * 200_000, "line"),
    ],
)
def test_bad_tables_are_refused_by_file_and_line(read, content, message):
    with pytest.raises(PromptError, match=message) as caught:
        read("p.csv", content)
    text = str(caught.value)
    assert "p.csv" in text
    assert "\n" not in text
    assert len(text) < 400


# GeoJSON


def test_geojson_points_are_x_y_from_the_pixel_corner(read):
    document = collection(
        feature("Point", [30.5, 10.5]),
        feature("MultiPoint", [[1.5, 2.5], [3.5, 4.5, 99.0]], object=3),
        feature("Point", [6.5, 5.5], label=0, id="3"),
        feature("LineString", [[0.5, 0.5], [2.5, 0.5]], object=9, plane=[4]),
    )
    assert read("p.geojson", document) == [
        Prompt([(10, 30)]),
        Prompt([(2, 1), (4, 3), (5, 6)], [1, 1, 0], label_id=3),
        Prompt([(0, 0.5), (0, 1.5)], label_id=9, plane=(4,)),
    ]


def test_geojson_rectangles_are_boxes_and_polygons_masks(read):
    rectangle = [[[10, 20], [14, 20], [14, 26], [10, 26], [10, 20]]]
    triangle = [[[0, 0], [8, 0], [0, 4], [0, 0]]]
    document = [
        feature("Polygon", rectangle),
        feature("Polygon", triangle, kind="box"),
        feature("Polygon", triangle),
    ]
    box, boxed, masked = read("p.json", document)
    assert box == Prompt(box=(19.5, 9.5, 25.5, 13.5))
    assert boxed == Prompt(box=(-0.5, -0.5, 3.5, 7.5))
    assert masked.box == boxed.box
    # Row y has its centre at y + 0.5: columns up to 8 - 2 (y + 0.5) - 0.5.
    expected = [[1] * 7, [1] * 5 + [0] * 2, [1] * 3 + [0] * 4, [1] + [0] * 6]
    np.testing.assert_array_equal(masked.mask, expected)


def test_geojson_traced_along_pixel_edges_gives_the_pixels_back(read):
    ring = [[3, 1], [8, 1], [8, 2], [6, 2], [6, 4], [3, 4], [3, 1]]
    hole = [[4, 2], [5, 2], [5, 3], [4, 3], [4, 2]]
    (prompt,) = read("p.geojson", collection(feature("Polygon", [ring, hole])))
    expected = np.array([[1, 1, 1, 1, 1], [1, 0, 1, 0, 0], [1, 1, 1, 0, 0]], np.bool_)
    np.testing.assert_array_equal(prompt.mask, expected)
    assert prompt.mask_offset == (1, 3)
    assert prompt.box == (0.5, 2.5, 3.5, 7.5)


def test_geojson_rectangle_with_a_hole_is_no_box(read):
    ring = [[0, 0], [9, 0], [9, 9], [0, 9], [0, 0]]
    hole = [[3, 3], [6, 3], [6, 6], [3, 6], [3, 3]]
    (prompt,) = read("p.geojson", feature("Polygon", [ring, hole]))
    assert prompt.mask.sum() == 81 - 9


def test_geojson_multipolygon_is_one_object_and_a_given_box_wins(read):
    left = [[[0, 0], [4, 0], [0, 4], [0, 0]]]
    right = [[[10, 0], [14, 0], [14, 4], [10, 0]]]
    outer = [[[0, 0], [20, 0], [20, 9], [0, 9], [0, 0]]]
    document = collection(
        feature("MultiPolygon", [left, right], object=1),
        feature("Polygon", outer, id=1),
    )
    (prompt,) = read("p.geojson", document)
    assert prompt.box == (-0.5, -0.5, 8.5, 19.5)
    assert prompt.mask[:, :4].any()
    assert prompt.mask[:, -4:].any()
    assert not prompt.mask[:, 5:9].any()


def test_single_feature_and_null_properties_are_read(read):
    lone = feature("Point", [1.5, 2.5]) | {"properties": None}
    assert read("p.geojson", lone) == [Prompt([(2, 1)])]


def test_qupath_planes_are_not_guessed(read):
    document = feature("Point", [1.5, 2.5])
    document["geometry"]["plane"] = {"c": -1, "z": 0, "t": 0}
    assert read("p.geojson", document) == [Prompt([(2, 1)])]
    document["geometry"]["plane"] = {"c": -1, "z": 3, "t": 0}
    with pytest.raises(PromptError, match="lies on QuPath"):
        read("p.geojson", document)
    document["properties"]["plane"] = [3]
    assert read("p.geojson", document) == [Prompt([(2, 1)], plane=(3,))]


def test_qupath_planes_are_those_of_the_axes_of_the_image(tmp_path):
    first = feature("Point", [1.5, 2.5])  # on t=0, z=0, which QuPath leaves out
    third = feature("Point", [4.5, 2.5])
    third["geometry"]["plane"] = {"c": -1, "z": 3, "t": 0}
    path = tmp_path / "p.geojson"
    path.write_text(json.dumps(collection(first, third)))
    planes = [p.plane for p in read_prompts(path, axes="zyx")]
    assert planes == [{"z": 0}, {"z": 3}]
    planes = [p.plane for p in read_prompts(path, axes="ztcyx")]
    assert planes == [{"t": 0, "z": 0}, {"t": 0, "z": 3}]
    # An axis that the image lacks is there to be refused by name.
    assert read_prompts(path, axes="tyx")[1].plane == {"t": 0, "z": 3}
    path.write_text(json.dumps(collection(first)))
    assert read_prompts(path, axes="zyx")[0].plane is None
    third["geometry"]["plane"]["z"] = "three"
    path.write_text(json.dumps(collection(third)))
    with pytest.raises(PromptError, match="feature 1: QuPath's plane z: 'three' is"):
        read_prompts(path, axes="zyx")


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("frame,y,x", "column frame is not read: call it t"),
        ("Slice,y,x", "column slice is not read: call it z"),
        ("t,POSITION_Z,y,x", "column position_z is not read: call it z"),
        ("z,time,y0,x0,y1,x1", "column time is not read: call it t"),
    ],
)
def test_columns_of_planes_under_other_names_are_refused(read, header, told):
    row = ",".join("1" for _ in header.split(","))
    with pytest.raises(PromptError, match=told):
        read("p.csv", f"{header}\n{row}\n")
    read("p.csv", "slice,frame,z,t,y,x\n1,1,0,0,5,5\n")  # beside ours they do no harm


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (collection(), "no prompts"),
        ({"type": "FeatureCollection"}, "no list of features"),
        (collection("point"), "feature 1: not a Feature"),
        (collection(feature("Circle", [1, 2])), "feature 1: geometry 'Circle'"),
        (collection({"type": "Feature", "geometry": None}), "geometry None"),
        (collection({"type": "Feature", "geometry": {"type": []}}), "geometry \\[\\]"),
        (
            collection(feature("Point", [1, 2]), feature("Point", ["a", 2])),
            "feature 2: .*numbers",
        ),
        (collection(feature("Point", [1])), "feature 1: .*numbers"),
        (collection(feature("Point", [1, None])), "feature 1: .*finite"),
        (collection(feature("Point", None)), "feature 1: .*numbers"),
        (collection(feature("Polygon", [])), "feature 1: .*no coordinates"),
        (collection(feature("Polygon", [1, 2])), "feature 1: .*no coordinates"),
        (collection(feature("Polygon", [[[1, 2], [3, 4]]])), "fewer than 3"),
        (collection(feature("Point", [1, 2], label=0)), "feature 1: only negative"),
        (
            collection(feature("Polygon", [[[0, 0], [9, 0], [0, 9]]], label=0)),
            "label 0 on a Polygon",
        ),
        (collection(feature("Point", [1, 2], object=True)), "object id True"),
        (collection(feature("Point", [1, 2], plane=3)), "plane 3 is neither"),
        (collection(feature("Point", [1, 2], plane=[-1])), "plane index -1"),
        (
            collection(
                feature("Point", [1, 2], id=1), feature("Point", [1, 2], id=1, label=0)
            ),
            "both positive and negative",
        ),
    ],
)
def test_bad_geojson_is_refused_by_file_and_feature(read, document, message):
    with pytest.raises(PromptError, match=message) as caught:
        read("p.geojson", document)
    assert "p.geojson" in str(caught.value)
    assert "\n" not in str(caught.value)


# JSON


def test_own_json_says_all_that_a_prompt_can(read, tmp_path):
    pixels = np.zeros((6, 8), np.uint8)
    pixels[1:4, 2:5] = 200
    Image.fromarray(pixels).save(tmp_path / "object.png")
    document = {
        "prompts": [
            {"points": [[1, 2], [3, 4]], "point_labels": [1, 0], "id": 7},
            {"box": [0, 0, 9, 9], "id": 7},
            {"points": [[5, 5.5]], "plane": [2, 3]},
            {"mask": "object.png", "plane": []},
            {"mask": "object.png", "mask_offset": [100, 200]},
        ]
    }
    assert read("p.json", document) == [
        Prompt([(1, 2), (3, 4)], [1, 0], box=(0, 0, 9, 9), label_id=7),
        Prompt([(5, 5.5)], plane=(2, 3)),
        Prompt(mask=pixels > 0, plane=()),
        Prompt(mask=pixels > 0, mask_offset=(100, 200)),
    ]


def test_json_masks_stored_x_first_lie_on_their_image(tmp_path, read):
    mask = np.zeros((9, 9), np.uint8)
    mask[2:4, 1:8] = 255
    tifffile.imwrite(
        tmp_path / "object.tif", np.ascontiguousarray(mask.T), metadata={"axes": "XY"}
    )
    (prompt,) = read("p.json", {"prompts": [{"mask": "object.tif"}]})
    np.testing.assert_array_equal(prompt.mask, mask > 0)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{", "line 1: not JSON"),
        ('{"prompts":\n [1,]}', "line 2: not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("3", "neither a GeoJSON"),
        ({"points": []}, "neither a GeoJSON"),
        ({"prompts": {}}, "not a list"),
        ({"prompts": []}, "no prompts"),
        ({"prompts": [3]}, "prompt 1: not an object"),
        ({"prompts": [{}]}, "prompt 1: .*empty"),
        (
            {"prompts": [{"box": [0, 0, 1, 1]}, {"point": [1, 2]}]},
            "prompt 2: key 'point'",
        ),
        ({"prompts": [{"points": [1, 2]}]}, "prompt 1: .*pairs"),
        (
            {"prompts": [{"points": [[1, 2]], "point_labels": []}]},
            "0 point_labels for 1",
        ),
        ({"prompts": [{"points": [[1, 2]], "point_labels": 1}]}, "not a list"),
        ({"prompts": [{"points": [[1, 2]], "point_labels": ["+"]}]}, "label '\\+'"),
        ({"prompts": [{"box": [1, 2, "b", 4]}]}, "prompt 1: box"),
        ({"prompts": [{"box": [1, 2, 3, 4], "id": 1.5}]}, "id 1.5"),
        ({"prompts": [{"box": [1, 2, 3, 4], "plane": [1.5]}]}, "plane index 1.5"),
        ({"prompts": [{"mask": "none.png"}]}, "'none.png': No such file"),
        ({"prompts": [{"mask": "p.json"}]}, "'p.json': .* is no TIFF"),
        ({"prompts": [{"mask": "colour.png"}]}, "colour image"),
        ({"prompts": [{"mask": "cut.png"}]}, "'cut.png': .*damaged"),
        ({"prompts": [{"mask": "grey.png", "mask_offset": [0.5, 1]}]}, "offset"),
    ],
)
def test_bad_json_is_refused_by_file_and_entry(read, tmp_path, document, message):
    noise = np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "colour.png")
    Image.fromarray(noise[..., 0]).save(tmp_path / "grey.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "grey.png").read_bytes()[:500])
    with pytest.raises(PromptError, match=message) as caught:
        read("p.json", document)
    assert "p.json" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_giant_mask_images_are_refused(read, tmp_path, monkeypatch):
    Image.fromarray(np.ones((50, 50), np.uint8)).save(tmp_path / "m.png")
    monkeypatch.setenv("NAPARI_HQSAM_DECODE_GB", "2e-6")
    with pytest.raises(PromptError, match="NAPARI_HQSAM_DECODE_GB"):
        read("p.json", {"prompts": [{"mask": "m.png"}]})
    monkeypatch.delenv("NAPARI_HQSAM_DECODE_GB")
    monkeypatch.setattr("napari_hqsam.prompts.json_file.MAX_CROP_PIXELS", 2000)
    with pytest.raises(PromptError, match="50 x 50 pixels, the limit is 2000"):
        read("p.json", {"prompts": [{"mask": "m.png"}]})


# Any file


def test_missing_foreign_and_unreadable_files(tmp_path):
    with pytest.raises(PromptError, match=r"none\.csv: No such file"):
        read_prompts(tmp_path / "none.csv")
    with pytest.raises(PromptError, match=r"\.csv, \.geojson, \.json"):
        read_prompts(tmp_path / "prompts.xlsx")
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(PromptError, match=r"folder\.json"):
        read_prompts(str(tmp_path / "folder.json"))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=12,
)
properties = st.dictionaries(
    st.sampled_from(["label", "object", "id", "kind", "plane"]), json_values, max_size=3
)
kinds = st.sampled_from(
    ["Point", "MultiPoint", "LineString", "Polygon", "MultiPolygon"]
)
entries = st.dictionaries(
    st.sampled_from(
        ["points", "point_labels", "box", "mask", "mask_offset", "id", "plane"]
    ),
    json_values,
)
csv_texts = st.lists(
    st.lists(
        st.sampled_from(
            "y x y0 x0 y1 x1 z id label axis-0 axis-1 shape-type index line "
            'polygon 0 1 7.5 -3 1e300 nan 1e999 " é'.split(" ")
        ),
        min_size=1,
        max_size=5,
    ).map(",".join),
    max_size=6,
).map("\n".join)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("any")


def only_prompt_errors(path, content):
    """Reading gives prompts or one line that names the file."""
    path.write_text(content, encoding="utf-8")
    message = path.name
    try:
        assert all(len(prompt.extent) == 4 for prompt in read_prompts(path))
    except PromptError as error:
        message = str(error)
    assert path.name in message
    assert "\n" not in message


@at_leisure
@given(kinds, json_values, properties)
def test_no_geojson_raises_anything_but_prompt_errors(folder, kind, coordinates, given):
    document = collection(feature(kind, coordinates, **given))
    only_prompt_errors(folder / "p.geojson", json.dumps(document))


@at_leisure
@given(st.lists(entries, max_size=3))
def test_no_json_raises_anything_but_prompt_errors(folder, prompts):
    only_prompt_errors(folder / "p.json", json.dumps({"prompts": prompts}))


@at_leisure
@given(csv_texts)
def test_no_table_raises_anything_but_prompt_errors(folder, text):
    only_prompt_errors(folder / "p.csv", text)


# What every format means by the same words


POSITIVE = (1, "1", "positive", "Positive", True, 1.0, "1.0", None)
NEGATIVE = (0, "0", "negative", False, 0.0, "0.0")


@pytest.mark.parametrize("suffix", ["csv", "geojson", "json"])
@pytest.mark.parametrize("label", [*POSITIVE, *NEGATIVE, -1, "-1", "nucleus", 2, [1]])
def test_label_means_the_same_in_every_format(read, suffix, label):
    wanted = 1 if label in POSITIVE else 0
    if suffix == "csv":
        cell = "" if label is None else label
        document = f"y,x,label,object\n5,6,1,1\n2,3,{cell},1\n"
        document = document if not isinstance(label, list) else "y,x,label\n1,1,[1]\n"
    elif suffix == "json":
        points = {"points": [[5, 6], [2, 3]], "point_labels": [1, label]}
        document = {"prompts": [points]}
    else:
        document = collection(
            feature("Point", [6.5, 5.5], object=1, label="positive"),
            feature("Point", [3.5, 2.5], object=1, label=label),
        )
    if label in POSITIVE + NEGATIVE and not isinstance(label, list):
        (prompt,) = read(f"p.{suffix}", document)
        assert prompt.point_labels == (1, wanted)
        return
    with pytest.raises(PromptError, match=r"is neither 1 \(positive") as caught:
        read(f"p.{suffix}", document)
    assert str(label).strip("[]") in str(caught.value)


@pytest.mark.parametrize("suffix", ["csv", "geojson", "json"])
def test_ids_that_are_text_are_numbered_in_order_and_told(read, suffix):
    ids = ["7a3c-uuid", "another", "7a3c-uuid", 4]
    document = {
        "csv": "y,x,object\n" + "".join(f"{n},1,{i}\n" for n, i in enumerate(ids)),
        "json": {"prompts": [{"points": [[n, 1]], "id": i} for n, i in enumerate(ids)]},
        "geojson": collection(
            *(feature("Point", [1.5, n + 0.5], id=i) for n, i in enumerate(ids))
        ),
    }[suffix]
    with pytest.warns(HqsamWarning, match="'7a3c-uuid' is 5, 'another' is 6"):
        prompts = read(f"p.{suffix}", document)
    assert [(p.label_id, len(p.points)) for p in prompts] == [(5, 2), (6, 1), (4, 1)]


def test_all_shapes_of_an_object_belong_to_it(read):
    square = [[10, 10], [20, 10], [20, 20], [10, 20], [10, 10]]
    triangle = [[50, 50], [70, 52], [60, 70], [50, 50]]
    document = collection(
        feature("Polygon", [square], object=1), feature("Polygon", [triangle], id=1)
    )
    (prompt,) = read("p.geojson", document)
    assert prompt.box == (9.5, 9.5, 69.5, 69.5)
    assert prompt.mask_offset == (10, 10)
    assert prompt.mask[:10, :10].all()
    assert prompt.mask[50, 50]  # the middle of the triangle
    assert 100 < prompt.mask.sum() < 100 + 20 * 20
    assert not prompt.mask[:10, 20:].any()
