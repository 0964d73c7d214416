"""The learning curve: what the log holds, as a picture."""

import json
import sys
from xml.etree import ElementTree

import pytest

from napari_hqsam.training.curve import draw, main, read_log

SVG = "{http://www.w3.org/2000/svg}"


def write_log(path, entries):
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return path


@pytest.fixture
def log(tmp_path):
    entries = [{"step": step, "loss": 4 - step / 100} for step in (50, 100, 150, 200)]
    entries += [
        {"step": 150, "loss": 1.0},  # resumed from step 100
        {"step": 100, "validation": {"a": {"box": 0.9}, "mean": {"box": 0.25}}},
        {
            "step": 200,
            "validation": {"mean": {"box": 0.5, "click": 0.75, "box_sam": 0}},
        },
    ]
    return write_log(tmp_path / "log.jsonl", entries)


def test_means_and_losses_are_read_and_the_later_run_holds(log):
    loss, validation = read_log(log)
    assert loss == {"loss": {50: 3.5, 100: 3.0, 150: 1.0, 200: 2.0}}
    assert validation == {"box": {100: 0.25, 200: 0.5}, "click": {200: 0.75}}


def test_the_picture_shows_every_series_at_its_place(log):
    root = ElementTree.fromstring(draw(*read_log(log)))
    lines = [
        [tuple(map(float, point.split(","))) for point in line.get("points").split()]
        for line in root.iter(f"{SVG}polyline")
    ]
    box, click, loss = lines
    assert [len(line) for line in lines] == [2, 1, 4]
    assert box[0][0] < box[1][0] == click[0][0] == loss[-1][0]  # one axis of steps
    assert box[0][1] > box[1][1] > click[0][1]  # up is better
    quarter = box[0][1] - box[1][1]  # 0.25 of the panel
    assert box[1][1] - click[0][1] == pytest.approx(quarter, abs=0.2)
    texts = {text.text for text in root.iter(f"{SVG}text")}
    assert {"box", "click", "loss", "200 steps", "3.50"} <= texts
    height = float(root.get("height"))
    assert all(0 <= y <= height for line in lines for _, y in line)


@pytest.mark.parametrize(
    ("steps", "left"), [((50, 900), "0"), ((700, 900), "700"), ((900,), "0")]
)
def test_the_axis_begins_where_the_log_does(steps, left):
    root = ElementTree.fromstring(draw({"loss": dict.fromkeys(steps, 1.0)}, {}))
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert texts[1:3] == [left, "900 steps"]


def test_a_log_without_validation_has_one_panel(log, tmp_path):
    both = ElementTree.fromstring(draw(*read_log(log)))
    only = ElementTree.fromstring(draw(read_log(log)[0], {}))
    assert float(only.get("height")) * 2 == float(both.get("height"))


def test_the_command_writes_the_picture_or_says_why_not(
    log, tmp_path, monkeypatch, capsys
):
    picture = tmp_path / "curve.svg"
    monkeypatch.setattr(sys, "argv", ["curve", str(log), str(picture)])
    main()
    assert picture.read_text() == draw(*read_log(log))
    write_log(tmp_path / "empty.jsonl", [{"step": 1}])
    for name, words in (("empty.jsonl", "train first"), ("none.jsonl", "none.jsonl")):
        args = [str(tmp_path / name), str(tmp_path / "o.svg")]
        monkeypatch.setattr(sys, "argv", ["curve", *args])
        with pytest.raises(SystemExit):
            main()
        assert words in capsys.readouterr().err
        assert not (tmp_path / "o.svg").exists()
