"""Means of means, the gate, and tables that hold every figure."""

import json
import math

import pytest

from napari_hqsam.evaluation.levels import VIEWS
from napari_hqsam.evaluation.report import as_json, gate_of, rows_of, tables_of
from napari_hqsam.evaluation.tables import Table
from tests.evaluation.fake_segmenter import image_scores

IMAGES = [
    image_scores("nuclei", 0.9, modality="fluorescence", trained=True),
    image_scores("nuclei", 0.8, modality="fluorescence", trained=True),
    image_scores("nuclei", 0.4, modality="histology", trained=True, objects=100),
    image_scores("nuclei", 0.0, modality="histology", trained=True, objects=0),
    image_scores("worms", 0.3),
]


def figures(rows, key=("box", "sam+hq", "iou")):
    return {row.name: round(row.means[key], 6) for row in rows}


def test_images_count_alike_and_so_do_data_sets():
    rows = rows_of(IMAGES)
    assert figures(rows) == {
        "nuclei": 0.7,
        "nuclei: fluorescence": 0.85,
        "nuclei: histology": 0.4,
        "worms": 0.3,
        "mean": 0.5,
        "mean with a train part": 0.7,
        "mean without a train part": 0.3,
    }
    assert [(r.images, r.objects) for r in rows] == [
        (3, 106), (2, 6), (1, 100), (1, 3), (4, 109), (3, 106), (1, 3)
    ]  # fmt: skip


def test_one_data_set_has_no_mean_of_data_sets():
    assert [row.name for row in rows_of(IMAGES[-1:])] == ["worms"]
    assert [r.name for r in rows_of([IMAGES[-1], image_scores("x", 0.1)])] == [
        "worms", "x", "mean"
    ]  # fmt: skip


def test_the_gate_names_what_the_model_is_not_good_enough_for():
    box, click = gate_of(rows_of(IMAGES))
    assert box.startswith("box: beats ellipse on 2 of 4")
    assert box.endswith("not on nuclei: histology, worms")
    assert click.startswith("1 click: beats Otsu on 2 of 4")
    (nuclei, *_) = rows_of([image_scores("nuclei", 0.5, rival=0.5)])
    assert nuclei.beats("box") is False  # as good is not better
    assert nuclei.beats("clicks3") is None


def test_without_baselines_there_is_no_gate():
    image = image_scores("nuclei", 0.5)
    image.means = {
        k: v for k, v in image.means.items() if k[1] not in ("ellipse", "Otsu")
    }
    assert gate_of(rows_of([image])) == []
    assert "beats" not in "".join(table.text() for table in tables_of([image]))


def test_every_table_has_every_data_set():
    tables = {table.title: table for table in tables_of(IMAGES)}
    assert list(tables) == [
        "IoU, box", "IoU, 1 click", "IoU, 3 clicks",
        "Boundary IoU, box", "Boundary IoU, 1 click", "All measures, mean",
    ]  # fmt: skip
    box = tables["IoU, box"]
    assert box.header == [
        "data set", "images", "objects", "sam", "sam+hq", "hq", "ellipse",
        "beats ellipse",
    ]  # fmt: skip
    assert box.rows[3] == ["worms", "1", "3", "0.200", "0.300", "0.100", "0.500", "no"]
    assert len(box.rows) == 7
    assert tables["Boundary IoU, box"].rows[3][1:4] == ["0.200", "0.300", "0.100"]
    measures = tables["All measures, mean"]
    assert measures.rows[1] == ["box", "sam+hq", *["0.500"] * 7]
    assert len(measures.rows) == 4 + 4 + 3


def test_levels_have_a_table_where_they_were_measured():
    image = image_scores("nuclei", 0.5)
    image.levels = {"auto": 0.6, "1": 0.5, "0": 0.7, "-1": 0.2, "oracle": 0.8}
    other = image_scores("worms", 0.5)
    other.levels = {"auto": 0.5, "0": 0.3, "-1": 0.1, "oracle": 0.5}
    image.views = dict.fromkeys(VIEWS, 0.6)
    other.views = dict.fromkeys(VIEWS, 0.2) | {"object 1/9": 0.4}
    *_, table, views = tables_of([image, other, image_scores("x", 0.5)])
    assert table.header == [
        "image",
        "-1",
        "0",
        "1",
        "auto",
        "oracle",
        "best level",
        "best - auto",
    ]
    assert table.rows[0] == [
        "nuclei/a.png", "0.200", "0.700", "0.500", "0.600", "0.800", "0",
        "0.100",
    ]  # fmt: skip
    assert table.rows[1][3:] == ["-", "0.500", "0.500", "0", "-0.200"]
    assert table.rows[2] == ["mean", "", "", "", "0.550", "0.650", "", "-0.050"]
    assert views.header == ["data set", *VIEWS]
    assert views.rows[1] == ["worms", "0.200", "0.200", "0.200", "0.400", "0.200"]
    assert views.rows[2] == ["mean", "0.400", "0.400", "0.400", "0.500", "0.400"]


def test_json_holds_everything_also_by_image():
    found = json.loads(json.dumps(as_json(IMAGES)))
    assert [image["objects"] for image in found["images"]] == [3, 3, 100, 0, 3]
    assert found["images"][0]["means"]["box"]["hq"]["ap75"] == 0.7
    worms = found["rows"][3]
    assert worms["beats"] == {"box": False, "click": False}
    assert math.isclose(worms["scores"]["clicks3"]["sam"]["boundary_iou"], 0.2)


def test_a_table_as_text_and_as_markdown():
    table = Table("Figures", ["what", "value"])
    table.add(["a|b", "-0.500"])
    table.add(["longer", "12"])
    assert table.text().splitlines() == [
        "Figures", "-" * 14, "what     value", "a|b     -0.500", "longer      12"
    ]  # fmt: skip
    assert table.markdown().splitlines()[2:] == [
        "| what | value |", "| --- | --- |", "| a\\|b | -0.500 |", "| longer | 12 |"
    ]  # fmt: skip
    with pytest.raises(ValueError, match="1 cells under 2"):
        table.add(["alone"])
