"""A session of the viewer, made again without it."""

import sys

import numpy as np
import pytest
from PIL import Image as Pillow

from napari_hqsam import cli, models, read_labels
from napari_hqsam.sample import NUCLEI


def test_clicks_of_the_viewer_give_the_same_masks_on_the_command_line(
    viewer, open_widget, micro, tmp_path, monkeypatch, capsys
):
    """Added clicks, another candidate, other outputs, one too many, and reopened."""
    monkeypatch.setattr(models, "load_model", lambda *_, **__: micro, raising=False)
    viewer.add_image(np.asarray(Pillow.open(NUCLEI)), name="nuclei")
    hand = open_widget(engine=None)
    hand.settings.prefetch = False
    hand.click(88, 63)
    hand.key("K")
    hand.click(95, 75)
    hand.settings.negative = True
    hand.click(80, 90)
    hand.settings.negative = False
    hand.key("N")
    hand.click(50, 122)
    hand.key("H")
    hand.click(55, 130)
    hand.key("H")
    hand.click(60, 140)
    hand.key("U")
    hand.key("N")
    hand.click(119, 18, wait=False)  # faster than the machine
    hand.click(125, 22)
    accepted = hand.current.mask
    hand.key("N")
    hand.move(119, 18)
    hand.key("J")
    np.testing.assert_array_equal(hand.current.mask.data, accepted.data)
    hand.click(112, 14)
    hand.key("N")
    assert not hand.notes
    hand.saver.save(str(tmp_path / "labels.tif"))
    hand.wait()
    assert [len(e.options.corrects) for e in hand.sessions.session.history.events] == [
        2,
        1,
        1,
        2,
    ]
    out = tmp_path / "again.tif"
    journal = tmp_path / "labels.tif.journal.jsonl"
    args = "replay", journal, NUCLEI, "-o", out, "-m", "micro"
    monkeypatch.setattr(sys, "argv", ["napari-hqsam", *map(str, args)])
    with pytest.raises(SystemExit, match="0"):
        cli.main()
    assert "0 of 4 masks differ" in capsys.readouterr().out
    np.testing.assert_array_equal(read_labels(out), hand.labels)
