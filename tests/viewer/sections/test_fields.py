"""Fields of the panel: they follow settings and layers, and settings follow them."""

import napari
import numpy as np
import pytest
from qtpy.QtCore import Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QApplication,
    QCheckBox,
    QComboBox,
    QDialogButtonBox,
    QLineEdit,
)

from napari_hqsam.viewer.canvas.prompts.layers import POINTS


def field(hand, tip, kind=QComboBox):
    """The field whose tooltip begins so."""
    found = [f for f in hand.widget.findChildren(kind) if f.toolTip().startswith(tip)]
    assert len(found) == 1
    return found[0]


def entries(box):
    return [box.itemText(i) for i in range(box.count())]


def take(box, text):
    """Choose an entry by keys, as far as it is away."""
    for _ in range(box.count()):
        QTest.keyClick(box, Qt.Key.Key_Up)
    for _ in range(box.findText(text)):
        QTest.keyClick(box, Qt.Key.Key_Down)


FIELDS = [
    (QComboBox, "How pixel values", "stretch", "contrast limits", "percentile"),
    (QComboBox, "Where the model", "device", "cpu", "auto"),
    (QComboBox, "How closely", "scale", "whole", "auto"),
    (QComboBox, "Which mask", "output", "hq", "sam+hq"),
    (QComboBox, "What happens where", "overlap", "empty", "keep"),
    (QCheckBox, "Fill all holes", "fill", True, False),
    (QCheckBox, "The next clicks", "negative", True, False),
    (QAbstractSpinBox, "Smooth ripples", "smooth", 2, 0),
]


@pytest.mark.parametrize(
    ("kind", "tip", "name", "other", "first"), FIELDS, ids=lambda v: str(v)[:15]
)
def test_a_field_and_its_setting_are_bound_both_ways(
    hand, kind, tip, name, other, first
):
    part = field(hand, tip, kind)
    states = {
        QComboBox: lambda: part.currentIndex(),
        QCheckBox: lambda: part.isChecked(),
        QAbstractSpinBox: lambda: part.value(),
    }
    state = states[kind]
    before = state()
    assert getattr(hand.settings, name) == first
    setattr(hand.settings, name, other)
    changed = state()
    assert changed != before
    setattr(hand.settings, name, first)
    assert state() == before
    if kind is QComboBox:
        for _ in range(changed):
            QTest.keyClick(part, Qt.Key.Key_Down)
    elif kind is QCheckBox:
        part.click()
    else:
        part.stepBy(changed)
    assert getattr(hand.settings, name) == other


def test_a_value_that_is_no_choice_is_kept_and_not_shown(hand):
    box = field(hand, "Where the model")
    hand.settings.device = "cuda:1"
    assert box.currentText() == ""
    assert hand.settings.device == "cuda:1"
    hand.settings.device = "cpu"
    assert box.currentText() == "CPU"


def test_own_layers_are_no_source_of_prompts(viewer, hand):
    assert POINTS in viewer.layers
    assert entries(field(hand, "Points, Shapes or Labels")) == []
    assert entries(field(hand, "Whose prompts")) == ["the current prompts"]


@pytest.mark.parametrize("chosen", [True, False])
def test_a_model_from_a_file(hand, tmp_path, chosen):
    box, path = field(hand, "The bundled model"), tmp_path / "own.pth"
    path.touch()
    before = box.currentText()

    def answer():
        """Answer the dialog once it is ready for that."""
        dialog = QApplication.activeModalWidget()
        if dialog is None:
            return
        dialog.findChild(QLineEdit, "fileNameEdit").setText(str(path))
        buttons = dialog.findChild(QDialogButtonBox)
        kinds = QDialogButtonBox.StandardButton
        buttons.button(kinds.Open if chosen else kinds.Cancel).click()

    clock = QTimer()
    clock.timeout.connect(answer)
    clock.start(100)
    QTest.keyClick(box, Qt.Key.Key_End)
    clock.stop()
    assert hand.settings.model == (str(path) if chosen else "micro")
    assert box.currentText() == (str(path) if chosen else before)


def test_lists_of_layers_are_updated_with_the_viewer(viewer, hand):
    target = field(hand, "Labels layer that")
    source = field(hand, "Points, Shapes or Labels")
    assert entries(target) == ["a new layer"]
    zeros = np.zeros((80, 100), int)
    lower, upper = (viewer.add_labels(zeros, name=n) for n in ("lower", "upper"))
    viewer.add_points(np.zeros((1, 2)), name="seeds")
    assert entries(target) == ["a new layer", "upper", "lower"]
    assert entries(source) == ["seeds", "upper", "lower"]
    take(target, "upper")
    assert hand.sessions.target.layer is upper
    upper.name = "renamed"
    assert target.currentText() == "renamed"
    assert hand.sessions.target.layer is upper
    lower.name = "another"
    viewer.layers.move(viewer.layers.index(upper), 0)
    assert entries(target) == ["a new layer", "another", "renamed"]
    assert target.currentText() == "renamed"
    viewer.layers.remove(upper)
    hand.wait()
    assert hand.sessions.target is None  # not the one that is left
    assert target.currentText() == "a new layer"
    assert entries(target) == ["a new layer", "another"]


def test_lists_are_of_the_viewer_that_the_panel_is_in(viewer, open_widget, squares):
    other = napari.Viewer(show=False)  # and the current one from now on
    try:
        other.add_image(squares, name="elsewhere")
        hand = open_widget()
        box = field(hand, "Image layer")
        assert entries(box) == []
        viewer.add_image(squares, name="here")
        hand.wait()
        assert entries(box) == ["here"]
        assert box.currentText() == "here"
        other.add_image(squares, name="elsewhere too")
        assert entries(box) == ["here"]
    finally:
        other.close()
        QApplication.processEvents()
