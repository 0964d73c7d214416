"""Clicks that correct an answer, and what goes with them to the model."""

from types import SimpleNamespace

import numpy as np
import pytest

from napari_hqsam.masks import Logits
from napari_hqsam.masks.mask import Mask
from napari_hqsam.models import Tuning
from napari_hqsam.prompts import Prompt
from napari_hqsam.segmentation import SegmentOptions
from napari_hqsam.sessions import AcceptOptions, CorrectedPrediction
from napari_hqsam.viewer.inference.engine import Engine
from napari_hqsam.viewer.inference.requests.click_history import ClickHistory
from napari_hqsam.viewer.inference.requests.request import ImageSpec, ModelSpec, Request
from tests.helpers.accept_options import accept_options

A, B, C = (10, 10), (20, 20), (30, 30)
PIXELS = np.zeros((40, 40), np.uint8)


def request(*points, what="mask", output="sam+hq", typical_size=None, **parts):
    image = ImageSpec(PIXELS, "yx", (), "percentile", 0)
    prompt = Prompt(list(points), **parts)
    model = ModelSpec("micro", "cpu")
    return Request(
        image,
        model,
        (),
        prompt,
        SegmentOptions(output=output, typical_size=typical_size),
        what=what,
    )


class Noting(Engine):
    """An engine whose segmenter records its prompts and logits."""

    def __init__(self):
        super().__init__(cache=False)
        self.asked = []

    def segmenter(self, image, model):
        def segment(prompt, **how):
            seen = None if prompt.logits is None else float(prompt.logits.values[0, 0])
            self.asked.append((len(prompt.points), seen))
            return self.mask(len(prompt.points))

        def candidates(prompt, **how):
            return [self.mask(100 + i) for i in range(3)]

        model = SimpleNamespace(tuning=Tuning())
        return SimpleNamespace(segment=segment, candidates=candidates, model=model)

    def setup(self, request):
        return None

    @staticmethod
    def mask(number):
        logits = Logits(np.full((2, 2), number, np.float16), (0, 0), 1.0)
        return Mask((0, 0, 1, 1), np.ones((1, 1), bool), 0.9, 0.9, logits=logits)


def test_a_click_that_is_added_corrects_the_answer_before():
    history, engine = ClickHistory(), Noting()
    engine.answer(history.linked(request(A)))
    engine.answer(history.linked(request(A, B)))
    engine.answer(history.linked(request(A, B, C)))
    assert engine.asked == [(1, None), (2, 1.0), (3, 2.0)]


def test_cancelled_requests_are_part_of_the_history():
    history, engine = ClickHistory(), Noting()
    history.linked(request(A))
    engine.answer(history.linked(request(A, B)))
    assert engine.asked == [(1, None), (2, 1.0)]


def test_without_its_last_click_the_request_is_the_one_before():
    history = ClickHistory()
    first = history.linked(request(A))
    second = history.linked(request(A, B))
    history.linked(request(A, B, C))
    assert history.linked(request(A, B)) == second
    assert history.linked(request(A)) == first


@pytest.mark.parametrize(
    "other",
    [
        request(A, C),  # the second was moved
        request(B),  # the first was deleted
        request(A, B, point_labels=(1, 0)),
        request(A, B, box=(0, 0, 40, 40)),
        request(A, B, C, mask=np.ones((50, 50), bool)),
    ],
)
def test_what_is_changed_is_looked_at_afresh(other):
    history, engine = ClickHistory(), Noting()
    history.linked(request(A, B))
    engine.answer(history.linked(other))
    assert engine.asked == [(len(other.prompt.points), None)]


def test_a_box_is_corrected_by_clicks():
    history, engine = ClickHistory(), Noting()
    engine.answer(history.linked(request(box=(0, 0, 40, 40))))
    engine.answer(history.linked(request(A, box=(0, 0, 40, 40))))
    assert engine.asked == [(0, None), (1, 0.0)]


def test_the_candidate_that_was_shown_is_corrected():
    history, engine = ClickHistory(), Noting()
    engine.answer(history.linked(request(A, what="all")))
    engine.answer(history.linked(request(A, B), chosen=2))
    assert engine.asked[-1] == (2, 101.0)


def test_an_accepted_object_goes_on_where_it_stood():
    history, engine, resumed = ClickHistory(), Noting(), ClickHistory()
    history.linked(request(A, what="all", output="sam"))
    history.linked(request(A, B), chosen=2)
    last = history.linked(request(A, B, C))
    assert last.corrects == (
        CorrectedPrediction(1, 1, "sam"),
        CorrectedPrediction(2, None, "sam+hq"),
    )
    resumed.resume(last.prompt, AcceptOptions(corrects=last.corrects))
    assert resumed.linked(request(A, B, C)) == last
    engine.answer(last)
    assert [points for points, _ in engine.asked] == [1, 2, 3]


def test_the_output_that_was_shown_is_corrected():
    history = ClickHistory()
    for output in ("sam+hq", "sam"):
        history.linked(request(A, output=output))
    assert history.linked(request(A, B, output="hq")).corrects == (
        CorrectedPrediction(1, None, "sam"),
    )


def test_comparing_outputs_does_not_ask_for_all_clicks_again():
    history, engine = ClickHistory(), Noting()
    for output in ("sam+hq", "sam", "hq"):
        for points in ((A,), (A, B)):
            engine.answer(history.linked(request(*points, output=output)))
    before = len(engine.asked)
    engine.answer(history.linked(request(A, B, output="sam")))
    assert len(engine.asked) == before + 1


def test_what_is_accepted_meanwhile_makes_no_difference_to_an_object():
    history, other = ClickHistory(), request(A, B, typical_size=30.0)
    first = history.linked(request(A, typical_size=20.0))
    second = history.linked(other)
    assert tuple(r.options.typical_size for r in (first, second)) == (20.0, 20.0)
    assert second.after == first.as_link()
    history.clear()
    assert history.linked(other).options.typical_size == 30.0
    history.resume(
        second.prompt, accept_options(typical_size=20.0, corrects=second.corrects)
    )
    assert history.linked(other) == second
