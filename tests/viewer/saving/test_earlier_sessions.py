"""Earlier sessions: those that cannot be read, of another image, of other weights."""

import numpy as np
import pytest
import tifffile
from qtpy.QtWidgets import QMessageBox

from napari_hqsam.sessions import read_session
from napari_hqsam.viewer.files.sessions_folder import sessions_folder
from tests.viewer.helpers.hand import ThresholdEngine

A, B, C = (20, 20), (20, 50), (20, 80)
YES, NO = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No


@pytest.fixture
def picture(tmp_path, squares):
    path = tmp_path / "cells.tif"
    tifffile.imwrite(path, squares)
    return path


@pytest.fixture
def asked(monkeypatch):
    """Questions that were put, and what is answered: no."""
    found = []

    def question(parent, title, text, buttons, default):
        assert default == NO
        found.append(text)
        return question.answer

    question.answer = NO
    monkeypatch.setattr(QMessageBox, "question", question)
    found_by = type("Asked", (), {"texts": found, "question": question})
    return found_by


def opened(viewer, path):
    (layer,) = viewer.open(str(path), plugin="napari")
    return layer


def start_again(hand, open_widget, **how):
    """As after a crash: nothing but what is on the disk."""
    hand.viewer.window.remove_dock_widget(hand.widget)
    hand.viewer.layers.clear()
    return open_widget(**how)


def section(hand):
    return hand.widget.sections["session"]


# --- damaged journals ---------------------------------------------------------


def test_damaged_journals_are_reported_and_kept(viewer, open_widget, picture):
    opened(viewer, picture)
    hand = open_widget()
    hand.accept(A)
    journal = hand.sessions.session.journal.path
    hand = start_again(hand, open_widget)
    assert section(hand).earlier.damaged.isHidden()
    viewer.window.remove_dock_widget(hand.widget)
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(lines[0] + b"{damaged}\n" + b"".join(lines[1:]))
    before = journal.read_bytes()
    hand = open_widget()
    text = section(hand).earlier.damaged
    assert not hand.restorer.unsaved
    assert not section(hand).isHidden()
    assert not text.isHidden()
    assert text.text().startswith("An earlier session cannot be read")
    assert journal.name in text.text()
    assert str(journal) in text.toolTip()
    assert "line 2" in text.toolTip()
    assert journal.read_bytes() == before
    # Another one, that can be read, is offered beside it.
    opened(viewer, picture)
    hand.wait()
    hand.accept(B)
    hand = start_again(hand, open_widget)
    (unsaved,) = hand.restorer.unsaved
    assert unsaved.objects == 1
    assert not section(hand).earlier.damaged.isHidden()
    (sessions_folder() / "other.journal.jsonl").write_text("nonsense\n")
    hand.restorer.find_unsaved_sessions()
    hand.wait()
    assert section(hand).earlier.damaged.text().startswith("2 earlier sessions cannot")


# --- another image ------------------------------------------------------------


@pytest.mark.parametrize("answer", [NO, YES], ids=["no", "yes"])
def test_restoring_on_another_image_asks(viewer, open_widget, picture, asked, answer):
    asked.question.answer = answer
    opened(viewer, picture)
    hand = open_widget()
    hand.accept(A)
    tifffile.imwrite(picture, np.fliplr(tifffile.imread(picture)) // 2 + 60)
    hand = start_again(hand, open_widget)
    (unsaved,) = hand.restorer.unsaved
    hand.restorer.restore(unsaved)
    hand.wait()
    (text,) = asked.texts
    assert text.startswith(
        "cells is not the image that the session was made on (cells)"
    )
    if answer == YES:
        assert (hand.labels == 1).sum() == 400
        assert not hand.restorer.unsaved
    else:
        assert hand.sessions.target is None
        assert hand.restorer.unsaved == [unsaved]
        assert "left as it was" in hand.notes[-1]
        hand.accept((50, 50))  # all goes on
        assert hand.labels.any()


@pytest.mark.parametrize("rgb", [False, True])
def test_the_same_image_is_not_asked_about(
    viewer, open_widget, tmp_path, squares, asked, rgb
):
    path = tmp_path / "same.tif"
    tifffile.imwrite(path, np.stack([squares] * 3, -1) if rgb else squares)
    opened(viewer, path)
    hand = open_widget()
    hand.accept(A)
    hand = start_again(hand, open_widget)
    hand.restorer.restore(hand.restorer.unsaved[0])
    hand.wait()
    assert (hand.labels == 1).sum() == 400
    assert not asked.texts


def test_channels_in_layers_are_the_same_image(viewer, open_widget, squares, asked):
    split = [squares, squares // 2, squares // 4]
    viewer.add_image(np.stack(split), channel_axis=0, name=["a", "b", "c"])
    hand = open_widget()
    hand.accept(A)
    viewer.window.remove_dock_widget(hand.widget)
    del viewer.layers["a labels"]
    hand = open_widget()
    hand.restorer.restore(hand.restorer.unsaved[0])
    hand.wait()
    assert hand.labels[A] == 1
    assert not asked.texts
    hand.sessions.release_target()
    del viewer.layers["a labels"]
    viewer.layers["b"].data = squares  # another green
    hand.wait()
    hand.restorer.restore(hand.restorer.unsaved[0])
    hand.wait()
    assert len(asked.texts) == 1


@pytest.mark.parametrize("answer", [NO, YES], ids=["no", "yes"])
def test_saved_labels_of_another_image_ask(
    viewer, open_widget, picture, tmp_path, asked, answer
):
    asked.question.answer = answer
    opened(viewer, picture)
    hand = open_widget()
    hand.accept(A)
    file = tmp_path / "mine.tif"
    hand.saver.save(str(file))
    hand.wait()
    tifffile.imwrite(picture, np.fliplr(tifffile.imread(picture)) // 2 + 60)
    hand = start_again(hand, open_widget)
    opened(viewer, picture)
    hand.wait()
    opened(viewer, file)
    hand.wait()
    assert len(asked.texts) == 1
    assert (hand.sessions.session is not None) == (answer == YES)
    assert (hand.labels == 1).sum() == 400
    assert read_session(f"{file}.journal.jsonl").lines == 2


# --- a layer that was deleted -----------------------------------------------------


def test_the_session_of_a_deleted_layer_is_offered_at_once(hand):
    hand.accept(A, B)
    hand.viewer.layers.remove(hand.sessions.target.layer)
    hand.wait()
    (unsaved,) = hand.restorer.unsaved
    assert unsaved.objects == 2
    assert not section(hand).isHidden()
    section(hand).earlier.restore()
    hand.wait()
    assert [hand.labels[at] for at in (A, B)] == [1, 2]
    assert section(hand).isHidden()


def test_so_is_that_of_an_image_that_is_put_aside(viewer, open_widget, squares):
    viewer.add_image(squares, name="one")
    hand = open_widget()
    hand.accept(A)
    first = hand.sessions.target.layer
    viewer.add_image(squares // 2 + 100, name="two")
    hand.wait()
    assert not hand.restorer.unsaved
    viewer.layers.remove(first)
    hand.wait()
    (unsaved,) = hand.restorer.unsaved
    assert unsaved.image == "one"


# --- other weights ------------------------------------------------------------


class OtherWeights(ThresholdEngine):
    """The same model, of other weights."""

    def model(self, spec, progress=None):
        model = super().model(spec)
        model.digest = "f" * 64
        return model


@pytest.mark.parametrize("engine", [ThresholdEngine, OtherWeights])
def test_other_weights_are_reported(viewer, open_widget, picture, engine):
    opened(viewer, picture)
    hand = open_widget()
    hand.accept(A)
    hand = start_again(hand, open_widget, engine=engine)
    hand.restorer.restore(hand.restorer.unsaved[0])
    hand.wait()
    assert hand.labels[A] == 1
    if engine is ThresholdEngine:
        assert not hand.notes
    else:
        (note,) = hand.notes
        assert note.startswith("the session was made with other weights of threshold")
        assert "under Model" in note
        assert "\n" not in note
