"""Prompts in, masks out, with the bundled model on pictures with known answers."""

import numpy as np
import pytest
import torch

from napari_hqsam import Prompt, Segmenter, load_model, open_image
from napari_hqsam.errors import HqsamWarning, ImageError, PromptError
from napari_hqsam.masks.metrics import iou
from napari_hqsam.network import upsample_logits
from napari_hqsam.segmentation.plane.encode_prompts import mask_logits
from napari_hqsam.segmentation.plane.levels import tile_for


@pytest.fixture
def segmenter(discs, micro):
    return Segmenter(discs[0], micro, cache=False)


@pytest.mark.parametrize(
    ("prompt", "least"),
    [
        (Prompt([(60, 160)]), 0.75),
        (Prompt(box=(35.5, 135.5, 84.5, 184.5)), 0.85),
        (Prompt([(60, 160), (60, 250)], [1, 0]), 0.75),
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


def test_a_tile_is_encoded_once_for_all_its_prompts(segmenter):
    segmenter.segment(Prompt(box=(35, 135, 85, 185)), level=0)
    segmenter.segment_many(
        [Prompt(box=(26, 36, 74, 84)), Prompt(box=(36, 226, 84, 274))], level=0
    )
    segmenter.candidates(Prompt([(60, 160)]), level=0)
    segmenter.outputs(Prompt([(60, 160)]), level=0)
    assert segmenter.source.encoded == 1


def test_an_answer_goes_back_with_the_next_click_to_where_it_came_from(segmenter):
    mask = segmenter.segment(Prompt([(60, 160)]))
    prompt = Prompt([(60, 160), (55, 165)], logits=mask.logits)
    tile = tile_for(prompt, segmenter.grid, mask.level)
    fed = mask_logits(prompt, tile)
    sam = segmenter.outputs(Prompt([(60, 160)]), level=mask.level)["sam"]
    seen = upsample_logits(fed[None, None], tile.size, tile.resized_shape, tile.shape)
    h, w = tile.shape
    plane = np.zeros((200 + h, 300 + w), bool)
    plane[tile.y0 : tile.y0 + h, tile.x0 : tile.x0 + w] = seen[0, 0].numpy() > 0
    disc = np.s_[30:91, 130:191]  # others may be seen as well
    assert iou(plane[disc], sam.to_plane((200, 300))[disc]) > 0.95
    again = segmenter.segment(prompt, level=mask.level)
    without = segmenter.segment(Prompt([(60, 160), (55, 165)]), level=mask.level)
    assert again.score != without.score
    # the size is known now: as with a box, the finest level that shows it whole
    boxed = segmenter.segment(Prompt(box=(35.5, 135.5, 84.5, 184.5)))
    assert segmenter.segment(prompt).level == boxed.level


def test_a_click_of_unknown_size_is_looked_at_on_a_few_levels(segmenter):
    mask = segmenter.segment(Prompt([(60, 160)]))
    assert 2 <= segmenter.source.encoded <= 4  # 0, -2 and those beside the best
    before = segmenter.source.encoded
    again = segmenter.segment(Prompt([(60, 160)]), typical_size=48)
    assert segmenter.source.encoded <= before + 1
    share = segmenter.model.tuning.object_share
    assert again.level == segmenter.grid.level_for(48, share)
    assert mask.level in (-2, -1, 0)


def test_the_whole_plane_in_one_tile_as_in_sams_predictor(segmenter, discs):
    mask = segmenter.segment(Prompt(box=(35.5, 135.5, 84.5, 184.5)), level="whole")
    assert mask.level is None
    assert iou(mask.to_plane(discs[1].shape), discs[1] == 2) > 0.85


def test_all_outputs_of_one_decoding_equal_those_of_their_own(segmenter):
    prompt = Prompt(box=(35.5, 135.5, 84.5, 184.5))
    for output, mask in segmenter.outputs(prompt).items():
        alone = segmenter.segment(prompt, output=output)
        assert mask.bbox == alone.bbox
        np.testing.assert_array_equal(mask.data, alone.data)


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


def test_planes_of_a_stack(discs, micro):
    image = np.stack([discs[0], discs[0][::-1], discs[0][:, ::-1]])
    segmenter = Segmenter(open_image(image, axes="zyx"), micro, cache=False)
    mask = segmenter.segment(Prompt([(139, 160)]), plane=(1,))
    assert iou(mask.to_plane((200, 300)), discs[1][::-1] == 2) > 0.7
    encoded = segmenter.source.encoded
    segmenter.segment(Prompt([(139, 160)], plane=(1,)))
    segmenter.segment(Prompt([(139, 160)]), plane=np.int64(1), level=np.int64(0))
    assert segmenter.source.encoded == encoded
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


def test_nothing_is_encoded_for_wrong_input(segmenter):
    for bad in ([Prompt([(60, 160)]), Prompt([(60, 999)])],):
        with pytest.raises(PromptError):
            segmenter.segment_many(bad)
    with pytest.raises(PromptError, match="unknown"):
        segmenter.segment(Prompt([(60, 160)]), output="best")
    for level in ("coarse", 1.5, None, True):
        with pytest.raises(PromptError, match='is unknown; use "auto"'):
            segmenter.segment(Prompt([(60, 160)]), level=level)
    for size in (0, -3, np.nan, np.inf):
        with pytest.raises(PromptError, match="must be above 0"):
            segmenter.segment(Prompt([(60, 160)]), typical_size=size)
    assert segmenter.segment_many([]) == []
    assert segmenter.source.encoded == 0


def test_images_without_content_get_an_answer(micro):
    one = Segmenter(np.full((1, 1), 7, np.uint8), micro, normalization="none")
    assert one.segment(Prompt([(0, 0)])).to_plane((1, 1)).shape == (1, 1)
    flat = Segmenter(np.full((64, 80), 300, np.uint16), micro)
    with pytest.warns(HqsamWarning, match="constant"):
        flat.segment(Prompt([(20, 20)]))
    thin = Segmenter(np.arange(3000, dtype=np.uint16)[None], micro)
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
