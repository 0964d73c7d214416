"""Bad input, layers that go in mid-flight, and closing while working."""

import threading

import dask.array as da
import numpy as np
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication

from napari_hqsam.masks.mask import Mask
from napari_hqsam.models import Tuning
from napari_hqsam.viewer.inference.engine import Engine
from napari_hqsam.viewer.inference.requests.request import Answer
from napari_hqsam.viewer.widget import HqsamWidget


def test_no_image(open_widget):
    hand = open_widget()
    hand.settings.tool = "point"
    assert "there is no image" in hand.notes[-1]
    assert hand.settings.tool == "none"
    hand.acceptor.accept()
    hand.undo.undo()
    hand.acceptor.reject()
    hand.viewer.add_image(np.zeros((30, 40), np.uint8), name="late")
    hand.wait()
    assert hand.scene.image.name == "late"
    assert hand.settings.tool == "point"


def test_one_pixel(viewer, open_widget):
    viewer.add_image(np.full((1, 1), 200, np.uint8))
    hand = open_widget()
    hand.click(0, 0)
    hand.key("N")
    assert hand.labels.tolist() == [[1]]


def test_numbers_that_are_none(viewer, open_widget, squares):
    image = squares.astype(np.float32)
    image[40, 5] = np.nan
    image[41, 5] = np.inf
    viewer.add_image(image, contrast_limits=(0, 255))
    hand = open_widget()
    hand.click(20, 20)
    hand.key("N")
    assert (hand.labels == 1).sum() == 400
    assert not hand.notes


def test_five_axes(viewer, open_widget, squares):
    viewer.add_image(np.broadcast_to(squares, (5, 6, 7, *squares.shape)))
    viewer.dims.set_point((0, 1, 2), (1, 2, 1))
    hand = open_widget()
    hand.click(20, 20)
    hand.key("N")
    assert hand.labels.shape == (5, 6, 7, 80, 100)
    assert (hand.labels[1, 2, 1] == 1).sum() == 400 == (hand.labels > 0).sum()


def test_shapes_of_no_length(viewer, open_widget, squares):
    viewer.add_image(squares)
    hand = open_widget()
    hand.click(20, 20)
    hand.scene.shapes.add_lines(np.array([(50.0, 50.0), (50.0, 50.0)]))
    hand.wait()
    hand.scene.shapes.add_rectangles(np.array([(60.0, 60.0), (60.0, 70.0)]))
    hand.wait()
    assert hand.current.mask is not None
    assert not hand.notes
    source = viewer.add_shapes(
        [np.array([(5.0, 5.0), (5.0, 9.0)])], shape_type="rectangle", name="flat"
    )
    hand.batches.run(source)
    hand.wait()
    assert "nothing on the plane shown" in hand.notes[-1]


def test_a_model_file_that_is_gone(viewer, open_widget, squares, tmp_path):
    viewer.add_image(squares)
    hand = open_widget(engine=None)
    hand.settings.prefetch = False
    hand.settings.model = str(tmp_path / "gone.pth")
    hand.click(20, 20)
    assert "gone.pth" in hand.notes[-1]
    assert "Error:" not in hand.notes[-1]  # one line, no name of a class
    assert len(hand.scene.points.data) == 1


class Elsewhere(Engine):
    """Answers on planes that cannot be read: a square round the click."""

    def warm_up(self, *_):
        pass

    def encode_around(self, *_):
        pass

    def answer(self, request):
        y, x = (int(v) for v in request.prompt.points[0])
        mask = Mask((y - 5, x - 5, y + 5, x + 5), np.ones((10, 10), bool), 0.9, 0.9)
        return Answer(request, (mask,), None, Tuning(), 0.0)

    def answer_if_quick(self, request):
        return None


def test_labels_that_no_memory_holds(viewer, open_widget, monkeypatch):
    monkeypatch.setattr("napari_hqsam.images.memory.MEMORY_SHARE", 1e-3)
    side = 100_000
    levels = [
        da.zeros((side >> k, side >> k), dtype=np.uint8, chunks=2048)
        for k in range(0, 9, 2)
    ]
    viewer.add_image(levels, multiscale=True, contrast_limits=(0, 255))
    hand = open_widget(engine=Elsewhere)
    hand.click(50_000, 50_000)
    assert hand.current.mask.area == 100
    hand.key("N")
    assert "GiB" in hand.notes[-1]
    assert "zarr" in hand.notes[-1]
    assert hand.sessions.target is None
    assert len(hand.scene.points.data) == 1  # nothing is lost


def test_only_negative_points(viewer, open_widget, squares):
    viewer.add_image(squares)
    hand = open_widget()
    hand.settings.negative = True
    hand.click(20, 20)
    assert "only negative points" in hand.notes[-1]
    hand.settings.negative = False
    hand.click(20, 50)
    assert hand.current.mask.bbox == (10, 40, 30, 60)


def test_a_click_beside_the_image_is_removed(viewer, open_widget, squares):
    viewer.add_image(squares)
    hand = open_widget()
    hand.click(20, 20)
    hand.click(20, -8)
    assert "outside the plane" in hand.notes[-1]
    assert len(hand.scene.points.data) == 1
    assert hand.current.mask.bbox == (10, 10, 30, 30)


def test_nothing_there(viewer, open_widget, squares):
    viewer.add_image(squares)
    hand = open_widget()
    hand.click(2, 2)
    assert hand.current.mask is None
    hand.key("N")
    assert "no object was found" in hand.notes[-1]


def test_targets_that_do_not_fit(viewer, open_widget, squares):
    viewer.add_image(squares)
    small = viewer.add_labels(np.zeros((4, 5), np.uint8), name="small")
    moved = viewer.add_labels(np.zeros((80, 100), np.uint8), translate=(9, 9))
    fixed = np.zeros((80, 100), np.uint8)
    fixed.flags.writeable = False
    fixed = viewer.add_labels(fixed, name="fixed")
    hand = open_widget()
    for layer, why in ((small, "shape"), (moved, "elsewhere"), (fixed, "read-only")):
        hand.sessions.use_target(layer)
        assert why in hand.notes[-1]
        assert hand.sessions.target is None
    hand.click(20, 20)
    hand.key("N")  # goes to a new one
    assert hand.labels.max() == 1


def test_all_ids_taken(viewer, open_widget, squares):
    viewer.add_image(squares)
    full = np.zeros(squares.shape, np.uint8)
    full[70:, 70:] = 255
    layer = viewer.add_labels(full)
    hand = open_widget()
    hand.sessions.use_target(layer)
    hand.controller.tools.activate()
    hand.click(20, 20)
    hand.key("N")
    assert "255" in hand.notes[-1]
    assert set(np.unique(full)) == {0, 255}
    # nothing is lost: the prompts are there again
    assert len(hand.scene.points.data) == 1


def test_a_broken_model_is_a_notification(viewer, open_widget, squares):
    viewer.add_image(squares)
    hand = open_widget()
    hand.settings.model = "broken"
    hand.click(20, 20)
    assert "RuntimeError: the network is broken" in hand.notes[-1]
    hand.settings.model = "micro"
    hand.click(20, 24)
    assert hand.current.mask.bbox == (10, 10, 30, 30)


def test_the_image_goes_in_mid_flight(viewer, open_widget, squares):
    image = viewer.add_image(squares)
    hand = open_widget()
    hand.engine.gate.clear()
    hand.click(20, 20, wait=False)
    hand.wait(lambda: hand.current.waiting)
    viewer.layers.remove(image)
    hand.engine.gate.set()
    hand.wait()
    assert hand.scene.image is None
    assert not len(viewer.layers)
    assert hand.current.mask is None


def test_accepted_just_before_the_image_was_changed(viewer, open_widget, squares):
    viewer.add_image(squares, name="first")
    hand = open_widget()
    hand.click(20, 20)
    hand.key("N")
    labels = hand.sessions.target.layer
    first = hand.scene.image
    second = viewer.add_image(squares, name="second")
    hand.wait()
    hand.widget.image_switcher.work_on(first)
    hand.controller.tools.activate()
    hand.engine.gate.clear()
    hand.click(20, 50, wait=False)
    hand.wait(lambda: hand.current.waiting)
    hand.key("N", wait=False)
    hand.engine.gate.set()
    hand.widget.image_switcher.work_on(second)
    assert (labels.data[10:30, 40:60] == 2).all()
    assert hand.sessions.target is None
    hand.wait()
    assert not hand.notes


def test_other_data_and_another_name_in_mid_flight(viewer, open_widget, squares):
    image = viewer.add_image(squares)
    hand = open_widget()
    hand.engine.gate.clear()
    hand.click(20, 20, wait=False)
    hand.wait(lambda: hand.current.waiting)
    image.name = "other"
    image.data = np.roll(squares, 3, axis=1)
    viewer.layers.move(0, 3)
    hand.engine.gate.set()
    hand.wait()
    assert hand.current.mask.bbox == (10, 13, 30, 33)
    assert hand.widget.sections["image"].layer.current_choice == "other"


def test_own_layers_and_target_may_be_deleted(viewer, open_widget, squares):
    viewer.add_image(squares)
    hand = open_widget()
    hand.click(20, 20)
    hand.key("N")
    viewer.layers.remove(hand.sessions.target.layer)
    assert hand.sessions.target is None
    viewer.layers.remove(hand.scene.points)
    viewer.layers.remove(hand.scene.outline)
    hand.settings.tool = "box"
    hand.settings.tool = "point"
    hand.click(20, 50)
    hand.key("N")
    assert (hand.labels[10:30, 40:60] == 1).all()


def test_the_view_is_3d(viewer, open_widget):
    viewer.add_image(np.zeros((4, 30, 30), np.uint8))
    hand = open_widget()
    viewer.dims.ndisplay = 3
    hand.wait()
    source = viewer.add_points([(1, 2, 3)])
    hand.batches.run(source)
    assert "the view is 3D" in hand.notes[-1]


def test_sources_without_anything_here(viewer, open_widget):
    viewer.add_image(np.zeros((4, 30, 30), np.uint8))
    hand = open_widget()
    source = viewer.add_points([(3, 2, 3)])
    viewer.dims.set_point(0, 0)
    hand.batches.run(source)
    assert "nothing on the plane shown" in hand.notes[-1]


def test_closing_while_layers_load(viewer, notes, squares, monkeypatch):
    loading, gate = threading.Event(), threading.Event()

    def slow():
        loading.set()
        assert gate.wait(30)

    monkeypatch.setattr("napari_hqsam.viewer.widget.load_layers", slow)
    viewer.add_image(squares)
    widget = HqsamWidget(viewer)
    viewer.window.add_dock_widget(widget, name="HQ-SAM")
    assert loading.wait(30)
    worker = widget.controller.worker
    viewer.window.remove_dock_widget(widget)
    gate.set()
    assert worker.join(20)
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    QApplication.processEvents()
    assert [layer.name for layer in viewer.layers] == ["squares"]
    assert not notes


def test_a_tool_activated_while_layers_load(viewer, open_widget, squares, monkeypatch):
    gate = threading.Event()
    monkeypatch.setattr("napari_hqsam.viewer.widget.load_layers", lambda: gate.wait(30))
    viewer.add_image(squares)
    hand = open_widget(wait=False)
    assert hand.settings.tool == "none"
    hand.settings.tool = "box"
    gate.set()
    hand.wait()
    assert hand.settings.tool == "box"
    assert hand.viewer.layers.selection.active == hand.scene.shapes


def test_closing_while_working(viewer, open_widget, squares):
    viewer.add_image(squares)
    hand = open_widget()
    hand.engine.gate.clear()
    hand.click(20, 20, wait=False)
    hand.wait(lambda: hand.current.waiting)
    worker = hand.controller.worker
    viewer.window.remove_dock_widget(hand.widget)
    assert [layer.name for layer in viewer.layers] == ["squares"]
    assert not viewer.mouse_move_callbacks
    hand.engine.gate.set()
    assert worker.join(20)
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    QApplication.processEvents()
