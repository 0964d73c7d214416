"""What a newcomer does, with the bundled model: sample, menu, clicks, a file."""

import json
import sys

import numpy as np
import pytest
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication

from napari_hqsam import Prompt, Segmenter
from napari_hqsam.labels import read_labels
from napari_hqsam.sample import PROMPTS
from napari_hqsam.viewer.state import Settings
from napari_hqsam.viewer.widget import HqsamWidget


def clicks():
    """Centres of the sample's nuclei that one click is enough for."""
    prompts = json.loads(PROMPTS.read_text())["prompts"]
    return [p["points"][0] for p in prompts if list(p) == ["id", "points"]]


def test_ten_nuclei_of_the_sample_in_a_file(viewer, open_widget, tmp_path, micro):
    viewer.open_sample("napari-hqsam", "cells")
    hand = open_widget(engine=None)
    hand.settings.prefetch = False
    hand.settings.device = "cpu"
    for y, x in clicks():
        hand.click(y, x)
        assert 200 < hand.current.mask.area < 6000
        if hand.sessions.target is None:  # the first
            check_without_viewer(hand, micro)
        hand.key("N")
    hand.saver.save(str(tmp_path / "nuclei.ome.tif"))
    hand.wait()
    saved = read_labels(tmp_path / "nuclei.ome.tif")
    assert np.array_equal(saved, hand.labels)
    assert len(np.unique(saved)) == len(clicks()) + 1
    assert not hand.notes


def check_without_viewer(hand, micro):
    """The prompt gives what it gives in a script."""
    segmenter = Segmenter(hand.scene.image.data, micro, cache=False)
    request = hand.controller.awaited_request[1]
    mask = segmenter.segment(
        Prompt(request.prompt.points), view_extent=request.options.view_extent
    )
    assert hand.current.mask.bbox == mask.bbox
    # In bfloat16 a batch of another size rounds otherwise: single pixels of the rim.
    assert (hand.current.mask.data == mask.data).mean() > 0.995


def test_the_menu_opens_the_widget_and_closing_its_dock_closes_it(viewer, notes):
    from napari._app_model import get_app_model

    get_app_model().commands.execute_command("napari-hqsam.show").result()
    QApplication.processEvents()
    (widget,) = [w for w in QApplication.allWidgets() if isinstance(w, HqsamWidget)]
    assert widget.sizeHint().width() <= 360
    assert widget.sizeHint().height() <= 900
    dock = widget.parent()
    dock.destroyOnClose()
    assert widget._closed
    del widget, dock
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    QApplication.processEvents()


def test_every_part_of_the_widget_says_what_it_is(open_widget):
    hand = open_widget()
    from qtpy.QtWidgets import QAbstractButton, QComboBox, QLineEdit

    for kind in (QAbstractButton, QComboBox, QLineEdit):
        for part in hand.widget.findChildren(kind):
            inner = part.objectName().startswith("qt_")
            if inner or part.parent().inherits("QComboBox"):
                continue  # parts of parts
            tip = part.toolTip() or part.parent().toolTip()
            assert tip, f"{part} has no tooltip"


def test_preferences_are_where_the_widget_begins(monkeypatch):
    from napari import settings

    from napari_hqsam.viewer.preferences import preferred_settings

    class Chosen:
        class widget:
            model, overlap, hover = "vit_b", "overwrite", False

    monkeypatch.setattr(settings, "get_plugin_settings", lambda name: Chosen)
    found = preferred_settings()
    assert (found.model, found.overlap, found.hover) == ("vit_b", "overwrite", False)
    assert found.stretch == Settings().stretch


def test_icons_take_the_colour_of_the_theme(viewer, open_widget):
    from qtpy.QtWidgets import QAbstractButton

    hand = open_widget()

    def seen():
        marked = [
            b
            for b in hand.widget.findChildren(QAbstractButton)
            if b.property("hqsam_icon")
        ]
        assert len(marked) > 15
        return [b.icon().pixmap(16, 16).toImage() for b in marked]

    dark = seen()
    viewer.theme = "light"
    light = seen()
    viewer.theme = "dark"
    assert all(a != b for a, b in zip(dark, light, strict=True))
    assert all(
        any(image.pixelColor(x, y).alpha() for x in range(32) for y in range(32))
        for image in dark
    )


@pytest.mark.skipif(sys.platform != "linux", reason="one display is enough")
def test_what_the_model_sees_is_shown(viewer, open_widget):
    viewer.add_image(np.full((300, 900), 200, np.uint8))
    hand = open_widget(engine=None)
    section = hand.widget.sections["image"]
    hand.settings.stretch = "contrast limits"
    section._request_picture()
    hand.wait(lambda: not section.picture.pixmap().isNull())
    hand.wait()
