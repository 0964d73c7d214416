"""What is in no label file is offered again: by its journal, with all that it needs."""

import datetime
import json
import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
from qtpy.QtWidgets import QMessageBox

from napari_hqsam.labels import read_labels
from napari_hqsam.sessions import read_session
from napari_hqsam.sessions.journal.file import Journal
from napari_hqsam.sessions.journal.paths import journal_path
from napari_hqsam.viewer.files.sessions_folder import sessions_folder
from napari_hqsam.viewer.files.unsaved_sessions import Unsaved
from napari_hqsam.viewer.saving.session_context import apply_choices
from napari_hqsam.viewer.sections.session import name_filter, with_suffix
from napari_hqsam.viewer.session import open_labels

A, B, C, D = (20, 20), (20, 50), (20, 80), (55, 20)


@pytest.fixture
def picture(tmp_path, squares):
    """The squares as a file."""
    path = tmp_path / "cells.tif"
    tifffile.imwrite(path, squares)
    return path


def opened(viewer, path):
    (layer,) = viewer.open(str(path), plugin="napari")
    return layer


def save(hand, path):
    hand.saver.save(str(path))
    hand.wait()


def start_again(hand, open_widget):
    """As after a crash: nothing but what is on the disk."""
    hand.viewer.window.remove_dock_widget(hand.widget)
    hand.viewer.layers.clear()
    return open_widget()


@pytest.mark.parametrize("name", ["own.tif", "own.ome.tif", "own.zarr", "own.ome.zarr"])
def test_what_came_after_a_save_is_offered(
    viewer, open_widget, picture, tmp_path, name
):
    opened(viewer, picture)
    hand = open_widget()
    hand.accept(A, B)
    labels = hand.widget.sections["labels"]
    assert "2 changes not saved" in labels.text()
    save(hand, tmp_path / name)
    assert f"saved in {name}" in labels.text()
    hand.accept(C)
    expected = hand.labels.copy()
    hand = start_again(hand, open_widget)
    (one,) = hand.restorer.unsaved
    assert (one.image, one.objects, one.steps) == ("cells", 3, 1)
    assert one.labels == tmp_path / name
    assert f"1 change not in {name}" in one.detail
    hand.restorer.restore(one)  # opens the image as well
    hand.wait()
    assert [layer.name for layer in viewer.layers][:2] == ["cells", "cells labels"]
    assert np.array_equal(hand.labels, expected)
    assert hand.saver.suggested_path() == tmp_path / name
    assert not hand.restorer.unsaved
    save(hand, tmp_path / name)
    hand = start_again(hand, open_widget)
    assert not hand.restorer.unsaved  # all of it is saved
    assert not hand.notes


def test_sessions_are_known_by_their_journals(viewer, open_widget, squares, tmp_path):
    """Two of one name and shape: the right one comes back, on its own image."""
    for folder, centres in (("a", (A, B)), ("b", (C,))):
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / "cells.tif"
        tifffile.imwrite(path, squares if folder == "a" else squares[::-1])
        layer = opened(viewer, path)
        hand = open_widget()
        hand.scene.use(layer)
        hand.wait()
        hand.accept(*centres) if folder == "a" else hand.accept((60, 80))
        viewer.window.remove_dock_widget(hand.widget)
        viewer.layers.clear()
    opened(viewer, tmp_path / "b" / "cells.tif")
    hand = open_widget()
    earlier = hand.widget.sections["session"].earlier
    assert [one.objects for one in hand.restorer.unsaved] in ([1, 2], [2, 1])
    assert earlier.chosen.objects == 1  # that of the image which is open
    row = [one.objects for one in hand.restorer.unsaved].index(2)
    earlier.entries.setCurrentRow(row)
    hand.restorer.find_unsaved_sessions()
    hand.wait()
    assert earlier.chosen.objects == 2  # whatever is listed anew meanwhile
    earlier.restore()
    hand.wait()
    assert hand.labels.max() == 2
    assert Path(hand.scene.image.source.path) == tmp_path / "a" / "cells.tif"
    (left,) = hand.restorer.unsaved
    assert left.objects == 1


def test_a_session_is_restored_as_it_was_worked_on(viewer, open_widget, squares):
    stack = np.stack([np.stack([squares, squares[::-1]])] * 3)  # z, c, y, x
    viewer.add_image(stack, name="channels")
    hand = open_widget()
    settings = hand.settings
    settings.channel_axis, settings.channels = 1, (1,)
    settings.stretch, settings.output, settings.scale = "contrast limits", "sam", "view"
    settings.overlap, settings.smooth = "overwrite", 1
    viewer.layers["channels"].contrast_limits = (3, 180)
    viewer.dims.set_point(0, 2)
    hand.wait()
    hand.accept((60, 20))
    expected = hand.labels.copy()
    hand = start_again(hand, open_widget)
    assert hand.settings.channel_axis is None
    viewer.add_image(stack, name="channels")
    hand.wait()
    hand.restorer.restore(hand.restorer.unsaved[0])
    hand.wait()
    settings = hand.settings
    assert (settings.channel_axis, settings.channels) == (1, (1,))
    assert (settings.stretch, settings.output) == ("contrast limits", "sam")
    assert (settings.scale, settings.overlap) == ("view", "overwrite")
    assert settings.smooth == 1
    assert tuple(viewer.layers["channels"].contrast_limits) == (3, 180)
    assert viewer.dims.current_step[0] == 2
    section = hand.widget.sections["image"]
    assert section.channels.text() == "1"
    assert section.axis.value == 1
    assert np.array_equal(hand.labels, expected)


def test_a_session_that_cannot_be_opened_is_reported_and_stays(
    viewer, open_widget, picture
):
    opened(viewer, picture)
    hand = open_widget()
    hand.accept(A)
    moved = picture.with_name("moved.tif")
    picture.rename(moved)
    hand = start_again(hand, open_widget)
    (one,) = hand.restorer.unsaved
    hand.restorer.restore(one)
    hand.wait()
    status = hand.widget.sections["session"].status.text()
    assert "Open the image cells of 80 x 100 pixels" in status
    assert str(picture) in status
    assert hand.restorer.unsaved == [one]
    viewer.open(str(moved), plugin="napari", name="cells")
    hand.wait()
    hand.restorer.restore(one)
    hand.wait()
    assert hand.labels.max() == 1
    hand.restorer.restore(one)  # twice
    hand.wait()
    assert "open already" in hand.messages[-1]
    assert not hand.notes


def test_an_image_of_that_name_and_another_shape_is_not_taken(
    viewer, open_widget, picture, squares
):
    opened(viewer, picture)
    hand = open_widget()
    hand.accept(A)
    hand = start_again(hand, open_widget)
    viewer.add_image(squares[:50], name="cells")
    hand.wait()
    hand.restorer.restore(hand.restorer.unsaved[0])
    hand.wait()
    assert hand.labels.shape == (80, 100)
    assert hand.scene.image.source.path == str(picture)


def test_a_sample_is_opened_again(viewer, open_widget, squares, tmp_path, monkeypatch):
    viewer.open_sample("napari-hqsam", "stack")
    hand = open_widget()
    monkeypatch.setattr(
        "platformdirs.user_documents_dir", lambda: str(tmp_path / "none")
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    assert hand.saver.suggested_path() == tmp_path / "stack-labels.ome.tif"
    hand.sessions.new_target()
    journal = hand.sessions.current_context()
    assert journal["source"] == {"sample": ["napari-hqsam", "stack"]}


def test_labels_are_saved_beside_their_image(viewer, open_widget, picture):
    opened(viewer, picture)
    hand = open_widget()
    assert hand.saver.suggested_path() == picture.with_name("cells-labels.ome.tif")
    picture.with_name("cells-labels.ome.tif").touch()
    assert hand.saver.suggested_path() == picture.with_name("cells-labels-2.ome.tif")
    assert with_suffix("a", "TIFF (*.tif)") == "a.tif"
    assert with_suffix("a", name_filter("b.ome.tif").split(";;")[0]) == "a.ome.tif"
    assert with_suffix("a.ome.zarr", "TIFF (*.tif)") == "a.ome.zarr"


def test_the_image_is_never_overwritten(viewer, open_widget, picture):
    opened(viewer, picture)
    hand = open_widget()
    hand.accept(A)
    before = picture.read_bytes()
    save(hand, picture)
    assert "is the image that is read" in hand.notes[-1]
    with pytest.raises(Exception, match="is the image that is read"):
        hand.sessions.target.layer.save(str(picture), plugin="napari-hqsam")
    assert picture.read_bytes() == before
    assert hand.sessions.labels.unsaved_steps == 1


def test_each_saved_file_keeps_the_journal_of_its_time(
    viewer, open_widget, picture, tmp_path
):
    opened(viewer, picture)
    hand = open_widget()
    hand.accept(A, B)
    save(hand, tmp_path / "first.tif")
    hand.accept(C)
    hand.click(*D)
    save(hand, tmp_path / "second.tif")
    assert "not accepted yet" in hand.messages[-1]
    hand.key("Q")
    hand.accept(D)
    for name, count in (("first.tif", 2), ("second.tif", 3)):
        assert read_labels(tmp_path / name).max() == count
    ids = [
        len(read_session(journal_path(tmp_path / name)).history.table.ids)
        for name in ("first.tif", "second.tif")
    ]
    assert ids == [2, 4]
    hand = start_again(hand, open_widget)
    (one,) = hand.restorer.unsaved
    assert one.labels == tmp_path / "second.tif"


def test_discarding_leaves_what_was_saved(
    viewer, open_widget, picture, tmp_path, monkeypatch
):
    opened(viewer, picture)
    hand = open_widget()
    hand.accept(A, B)
    path = tmp_path / "own.tif"
    save(hand, path)
    hand.accept(C)
    hand = start_again(hand, open_widget)
    monkeypatch.setattr(
        QMessageBox, "question", lambda *_: QMessageBox.StandardButton.Discard
    )
    hand.widget.sections["session"].earlier.discard()
    assert not hand.restorer.unsaved
    assert read_labels(path).max() == 2
    assert read_session(journal_path(path)).history.table.ids == [1, 2]
    hand.restorer.find_unsaved_sessions()
    hand.wait()
    assert not hand.restorer.unsaved


@pytest.mark.parametrize("more", [False, True])
def test_killed_between_a_save_and_its_note(
    viewer, open_widget, picture, tmp_path, monkeypatch, more
):
    """What is in the file is not offered, and discarding the rest leaves it so."""
    opened(viewer, picture)
    hand = open_widget()
    path = tmp_path / "own.tif"
    hand.accept(A)
    save(hand, path)
    hand.accept(B)
    with monkeypatch.context() as patch:
        patch.setattr(open_labels, "move_journal", lambda *_: None)  # the kill
        save(hand, path)
    if more:
        hand.accept(C)
    hand = start_again(hand, open_widget)
    assert [one.steps for one in hand.restorer.unsaved] == [1] * more
    if more:
        hand.restorer.discard(hand.restorer.unsaved[0])
    (layer,) = viewer.open(str(path), layer_type="labels", plugin="napari")
    hand.wait()
    assert hand.sessions.target.layer is layer
    assert hand.sessions.session.table.ids == [1, 2]
    assert not hand.notes


def hold(path, begun, over):
    journal, _ = Journal.reopen(path)
    begun.set()
    over.wait(60)
    journal.close()


def test_two_naparis_do_not_write_to_one_journal(
    viewer, open_widget, picture, tmp_path
):
    opened(viewer, picture)
    hand = open_widget()
    hand.accept(A)
    path = tmp_path / "own.tif"
    save(hand, path)
    hand.accept(B)
    hand = start_again(hand, open_widget)
    (one,) = hand.restorer.unsaved
    context = multiprocessing.get_context("spawn")
    begun, over = context.Event(), context.Event()
    other = context.Process(target=hold, args=(one.journal, begun, over))
    other.start()
    try:
        assert begun.wait(60)
        before = one.journal.read_bytes(), path.read_bytes()
        hand.restorer.restore(one)
        hand.wait()
        assert "in use by another session" in hand.notes[-1]
        assert hand.restorer.unsaved == [one]
        hand.controller.tools.activate()
        hand.accept(C)
        save(hand, path)
        assert "worked on in another session" in hand.notes[-1]
        assert (one.journal.read_bytes(), path.read_bytes()) == before
    finally:
        over.set()
        other.join(60)


@pytest.mark.parametrize("name", ["cells-labels.ome.tif", "cells-labels.tif"])
def test_saved_labels_opened_by_the_user_go_on(viewer, open_widget, picture, name):
    """napari shows a TIFF as a picture of scale 1, whatever it is."""
    layer = opened(viewer, picture)
    layer.scale = (0.25, 0.25)
    hand = open_widget()
    hand.accept(A, B)
    save(hand, picture.with_name(name))
    hand = start_again(hand, open_widget)
    opened(viewer, picture).scale = (0.25, 0.25)
    hand.wait()
    shown = opened(viewer, picture.with_name(name))
    hand.wait(lambda: hand.sessions.session is not None)
    hand.wait()
    target = hand.sessions.target.layer
    assert shown not in viewer.layers
    assert target.name == Path(name).name.split(".")[0] or target.name.startswith(
        "cells"
    )
    assert np.allclose(target.scale, 0.25)
    assert hand.scene.image.source.path == str(picture)
    hand.controller.tools.activate()
    hand.accept(C)
    assert hand.labels.max() == 3
    assert hand.sessions.labels.unsaved_steps == 1
    hand.key("U")
    hand.key("U")
    assert hand.labels.max() == 1
    assert not hand.notes


@pytest.mark.parametrize("answer", ["Open the image", "Cancel"])
def test_labels_and_journal_moved_elsewhere_go_on(
    viewer, open_widget, picture, answers, answer
):
    """As those that a colleague sends: an image elsewhere is not opened unasked."""
    opened(viewer, picture)
    hand = open_widget()
    hand.accept(A)
    path = picture.with_name("own.tif")
    save(hand, path)
    hand.accept(B)
    hand = start_again(hand, open_widget)
    away = picture.parent / "away"
    away.mkdir()
    journal_path(path).rename(away / journal_path(path).name)
    path.rename(away / path.name)
    hand.restorer.find_unsaved_sessions()
    hand.wait()
    assert not hand.restorer.unsaved
    asked = answers(answer)
    opened(viewer, away / path.name)  # without its image
    hand.wait(lambda: asked)
    if answer == "Cancel":
        hand.wait()
        assert [layer.name for layer in viewer.layers] == ["own"]
        assert "Open the image cells" in hand.messages[-1]
        opened(viewer, picture)
    hand.wait(lambda: hand.sessions.session is not None)
    hand.wait()
    assert str(picture) in asked[0]
    assert len(asked) == 1
    assert hand.labels.max() == 2
    assert hand.sessions.labels.unsaved_steps


def test_an_image_beside_its_session_is_opened_with_it(viewer, open_widget, picture):
    """Whoever sends both sends what would be opened anyway."""
    opened(viewer, picture)
    hand = open_widget()
    hand.accept(A)
    save(hand, picture.with_name("own.tif"))
    hand = start_again(hand, open_widget)
    for note in sessions_folder().glob("*.saved.json"):
        note.unlink()  # as on the computer of another
    opened(viewer, picture.with_name("own.tif"))
    hand.wait(lambda: hand.sessions.session is not None)
    hand.wait()
    assert hand.scene.image.source.path == str(picture)
    assert hand.labels.max() == 1
    assert not hand.notes


def test_a_model_file_is_not_loaded_for_another(
    viewer, open_widget, picture, tmp_path, monkeypatch
):
    weights = tmp_path / "weights.pth"
    weights.write_bytes(b"some")
    opened(viewer, picture)
    hand = open_widget()
    hand.accept(A)
    journal = hand.sessions.session.journal.path
    (one,) = [Unsaved.of(read_session(journal))]
    settings = one.context["settings"] | {"model": str(weights)}
    one.context["settings"] = settings
    assert not apply_choices(one, hand.scene, hand.settings)
    assert hand.settings.model == str(weights)
    hand.settings.model = "micro"
    monkeypatch.setenv("NAPARI_HQSAM_SESSIONS", str(tmp_path / "others"))
    (missing,) = apply_choices(one, hand.scene, hand.settings)
    assert str(weights) in missing
    assert hand.settings.model == "micro"


def test_a_full_disk_is_one_message_and_nothing_is_half_done(hand, monkeypatch):
    hand.accept(A)
    journal = hand.sessions.session.journal.path
    before = journal.read_bytes()
    write = os.write

    def full(descriptor, data):
        if len(data) > 100:
            write(descriptor, bytes(data)[:50])
            raise OSError(28, "No space left on device")
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", full)
    hand.click(*B)
    hand.key("N")
    assert len(hand.notes) == 1
    assert "No space left" in hand.notes[0]
    assert "\n" not in hand.notes[0]
    assert journal.read_bytes() == before
    assert hand.labels.max() == 1
    assert len(hand.scene.points.data) == 1
    monkeypatch.undo()
    hand.key("N")
    assert hand.labels.max() == 2


def test_each_entry_has_its_own_time(hand, open_widget):
    hand.accept(A)
    journal = hand.sessions.session.journal.path
    hand = start_again(hand, open_widget)
    before = journal.stat().st_mtime_ns
    hand.restorer.find_unsaved_sessions()
    hand.wait()
    assert journal.stat().st_mtime_ns == before
    written = json.loads(journal.read_text().splitlines()[-1])["time"]
    (one,) = hand.restorer.unsaved
    assert one.changed.astimezone() == datetime.datetime.fromisoformat(written)
    assert one.title == "squares: 1 object"
    assert one.detail == f"{one.changed:%d %b %H:%M}, not saved yet"
    assert sessions_folder() in one.journal.parents
