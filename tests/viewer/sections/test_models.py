"""Parts of the widget that need no viewer: rows, getting ready."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from napari_hqsam import Prompt, open_image
from napari_hqsam.geometry import Space
from napari_hqsam.masks.mask import Mask
from napari_hqsam.models import Tuning
from napari_hqsam.segmentation import Segmenter, SegmentOptions
from napari_hqsam.sessions.changes.target import ArrayTarget
from napari_hqsam.sessions.journal.headers import (
    Header,
    ImageRecord,
    LabelsRecord,
    ModelRecord,
)
from napari_hqsam.sessions.session import Session
from napari_hqsam.tiling import Grid
from napari_hqsam.viewer.inference.engine import CachedSegmenter, Engine
from napari_hqsam.viewer.inference.requests.request import ImageSpec, ModelSpec, Request
from napari_hqsam.viewer.session.object_rows import ObjectRows

# --- rows ---------------------------------------------------------------------


class Counting(Session):
    rows = 0

    def feature_row(self, label_id):
        self.rows += 1
        return super().feature_row(label_id)


@pytest.fixture
def session():
    labels = np.zeros((100, 130), np.uint16)
    header = Header(
        ImageRecord("a", "yx", labels.shape, "0"),
        LabelsRecord(labels.shape, Space.of("yx", scale=(0.5, 0.5), units="um")),
        ModelRecord("threshold", "0", (0, 0, 0), ((0, 1),)),
    )
    return Counting(ArrayTarget(labels), header)


def accept(session, y, x, side=3, **how):
    mask = Mask((y, x, y + side, x + side), np.ones((side, side), bool), 0.9, 0.8)
    return session.accept(mask, Prompt([(y, x)]), **how)


def test_the_500th_object_touches_as_many_rows_as_the_first(session):
    rows = ObjectRows(session)
    made = []
    for i in range(500):
        session.rows = 0
        accept(session, 4 * (i // 30), 4 * (i % 30))
        rows.update(session.history.to_undo)
        made.append(session.rows)
    assert set(made) == {1}
    assert rows.columns == session.features()


def test_rows_are_updated_by_undo_deletion_and_pixels_that_change_owner(session):
    rows = ObjectRows(session)

    def check(step):
        rows.update(step)
        assert rows.columns == session.features()

    for x in (0, 10, 20):
        accept(session, 0, x)
        check(session.history.to_undo)
    session.delete(2)
    check(session.history.to_undo)
    session.undo()
    check(session.history.to_redo)
    from napari_hqsam.sessions.journal.accept_options import AcceptOptions

    accept(session, 0, 1, options=AcceptOptions(overlap="overwrite"))
    check(session.history.to_undo)
    assert rows.columns["pixels"][0] == 3  # of 9: the new one has the others
    session.merge([1, 2])
    check(session.history.to_undo)


# --- getting ready ----------------------------------------------------------------


class Noting(Engine):
    def __init__(self, image, size):
        super().__init__(cache=False)
        self.wanted, self.cancelled = [], 0
        grid = Grid(image.plane_shape, size)
        model = SimpleNamespace(tuning=Tuning())
        segmenter = SimpleNamespace(grid=grid, image=image, model=model)
        segmenter.first_tiles = partial(Segmenter.first_tiles, segmenter)
        background = SimpleNamespace(submit=self.submit, cancel=self.cancel)
        self._only = CachedSegmenter(segmenter, background)

    def _cached(self, image, model):
        self._kept[0] = self._only
        return self._only

    def submit(self, plane, tile):
        self.wanted.append((plane, tile))

    def cancel(self):
        self.cancelled += 1


def test_the_tile_itself_comes_first_then_other_slices_then_its_neighbours():
    image = open_image(np.zeros((5, 2000, 2000), np.uint8), axes="zyx")
    engine = Noting(image, 448)
    spec = ImageSpec(None, "zyx", (), "percentile", 0)
    prompt = Prompt([(1000, 1000)])
    model = ModelSpec("micro", "cpu")
    request = Request(spec, model, (2,), prompt, SegmentOptions(level=0, output="sam"))
    engine.encode_around(request, lambda: None, [(3,), (1,)])
    planes = [plane for plane, _ in engine.wanted]
    (own,) = engine.tiles(request)
    assert engine.wanted[0] == ((2,), own)
    assert planes == [(2,), (3,), (1,)] + [(2,)] * 8
    assert {tile for _, tile in engine.wanted[:3]} == {own}
    assert len({tile for _, tile in engine.wanted[2:]}) == 9
    engine.cancel_prefetch()
    assert engine.cancelled == 1
    engine.wanted.clear()
    engine.warm_up(request, lambda: None)
    assert engine.wanted == [((2,), own)]
