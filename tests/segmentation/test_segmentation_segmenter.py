"""Prompts in, masks out, with the bundled model on pictures with known answers."""

import numpy as np
import pytest
import torch

from napari_hqsam import Prompt, Segmenter, load_model, open_image
from napari_hqsam.errors import HqsamWarning, ImageError, PromptError
from napari_hqsam.evaluation import iou
from napari_hqsam.segmentation import segmenter as module


@pytest.fixture
def segmenter(discs, micro):
    return Segmenter(discs[0], micro)


def encodings(monkeypatch):
    """Count the calls of the image encoder."""
    calls = []
    real = module.encode_tile

    def counted(*args):
        calls.append(args[2])
        return real(*args)

    monkeypatch.setattr(module, "encode_tile", counted)
    return calls


@pytest.mark.parametrize(
    ("prompt", "least"),
    [
        (Prompt([(60, 160)]), 0.75),
        (Prompt(box=(35.5, 135.5, 84.5, 184.5)), 0.85),
        # a known weakness of the first weights: see their card
        (Prompt([(60, 160), (60, 250)], [1, 0]), 0.6),
        (Prompt([(60, 160)], box=(35.5, 135.5, 84.5, 184.5)), 0.85),
        (Prompt(mask=np.ones((40, 40), bool), mask_offset=(40, 140)), 0.75),
    ],
    ids=["click", "box", "clicks", "click and box", "mask"],
)
def test_every_kind_of_prompt_finds_the_disc(segmenter, discs, prompt, least):
    mask = segmenter.segment(prompt)
    assert iou(mask.to_plane(discs[1].shape), discs[1] == 2) > least
    assert mask.data.dtype == bool
    assert 0 <= mask.stability <= 1


def test_a_mask_is_a_tight_crop(segmenter):
    mask = segmenter.segment(Prompt([(60, 160)]))
    y0, x0, y1, x1 = mask.bbox
    assert mask.data.shape == (y1 - y0, x1 - x0)
    edges = (mask.data[0], mask.data[-1], mask.data[:, 0], mask.data[:, -1])
    assert all(edge.any() for edge in edges)
    assert mask.to_plane((200, 300)).sum() == mask.area == mask.data.sum()


def test_a_plane_is_encoded_once_for_all_its_prompts(segmenter, monkeypatch):
    calls = encodings(monkeypatch)
    segmenter.segment(Prompt([(60, 160)]))
    segmenter.segment_many([Prompt([(50, 60)]), Prompt(box=(30, 130, 90, 190))])
    segmenter.candidates(Prompt([(60, 160)]))
    assert len(calls) == 1


def test_many_prompts_equal_one_after_another(segmenter):
    prompts = [
        Prompt([(50, 60)]),
        Prompt([(60, 160), (60, 250)], [1, 0]),
        Prompt(box=(116, 56, 164, 104)),
        Prompt(mask=np.ones((40, 40), bool), mask_offset=(130, 180)),
    ]
    for together, prompt in zip(segmenter.segment_many(prompts), prompts, strict=True):
        alone = segmenter.segment(prompt)
        assert together.bbox == alone.bbox
        np.testing.assert_array_equal(together.data, alone.data)
        assert together.score == pytest.approx(alone.score, abs=1e-4)


def test_outputs_differ_and_candidates_are_sorted(segmenter):
    prompt = Prompt([(60, 160)])
    areas = {
        o: segmenter.segment(prompt, output=o).area for o in ("sam", "sam+hq", "hq")
    }
    assert len(set(areas.values())) > 1
    found = segmenter.candidates(prompt)
    assert [m.score for m in found] == sorted((m.score for m in found), reverse=True)
    assert len(found) == 3
    assert len(segmenter.candidates(prompt, output="hq")) == 1


def test_planes_of_a_stack(discs, micro, monkeypatch):
    image = np.stack([discs[0], discs[0][::-1], discs[0][:, ::-1]])
    calls = encodings(monkeypatch)
    segmenter = Segmenter(open_image(image, axes="zyx"), micro)
    mask = segmenter.segment(Prompt([(139, 160)]), plane=(1,))
    assert iou(mask.to_plane((200, 300)), discs[1][::-1] == 2) > 0.7
    segmenter.segment(Prompt([(139, 160)], plane=(1,)))
    assert len(calls) == 1
    with pytest.raises(ImageError, match="plane"):
        segmenter.segment(Prompt([(60, 160)]))
    with pytest.raises(PromptError, match="plane by plane"):
        segmenter.segment(Prompt([(60, 160)], plane=(1,)), plane=2)
    with pytest.raises(PromptError, match="plane by plane"):
        segmenter.segment_many(
            [Prompt([(9, 9)], plane=(0,)), Prompt([(9, 9)], plane=(2,))]
        )


def test_one_normalisation_for_all_planes(discs, micro):
    """A dark plane is not stretched: the model sees what the user sees."""
    bright = np.stack([discs[0], discs[0] // 8])
    segmenter = Segmenter(open_image(bright, axes="zyx"), micro)
    rgb = [
        segmenter.normalization.to_rgb8(segmenter.image.read_plane((z,)))
        for z in (0, 1)
    ]
    assert rgb[1].max() < 60 < 200 < rgb[0].max()


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        (Prompt([(60, 400)]), "outside"),
        (Prompt(box=(-90, -90, -10, -10)), "outside"),
    ],
)
def test_prompts_off_the_plane_are_refused(segmenter, prompt, words):
    with pytest.raises(PromptError, match=words):
        segmenter.segment(prompt)


def test_nothing_is_encoded_for_wrong_input(segmenter, monkeypatch):
    calls = encodings(monkeypatch)
    for bad in ([Prompt([(60, 160)]), Prompt([(60, 999)])],):
        with pytest.raises(PromptError):
            segmenter.segment_many(bad)
    with pytest.raises(PromptError, match="unknown"):
        segmenter.segment(Prompt([(60, 160)]), output="best")
    assert segmenter.segment_many([]) == []
    assert not calls


def test_images_without_content_get_an_answer(micro):
    one = Segmenter(np.full((1, 1), 7, np.uint8), micro, normalization="none")
    assert one.segment(Prompt([(0, 0)])).to_plane((1, 1)).shape == (1, 1)
    flat = Segmenter(np.full((64, 80), 300, np.uint16), micro)
    with pytest.warns(HqsamWarning, match="constant"):
        flat.segment(Prompt([(20, 20)]))
    thin = Segmenter(np.arange(3000, dtype=np.uint16)[None], micro)
    with pytest.warns(HqsamWarning, match="times smaller"):
        assert thin.segment(Prompt([(0, 1500)])).to_plane((1, 3000)).shape == (1, 3000)


def test_bf16_gives_nearly_the_same_mask(discs):
    precise = Segmenter(
        discs[0], load_model("micro", device="cpu", precision="float32")
    )
    rough = Segmenter(discs[0], load_model("micro", device="cpu", precision="bfloat16"))
    assert rough.model.dtype == torch.bfloat16
    prompt = Prompt(box=(35.5, 135.5, 84.5, 184.5))
    a, b = (s.segment(prompt).to_plane((200, 300)) for s in (precise, rough))
    assert (a == b).mean() > 0.99
