"""Same keys and same values as the reference implementation, in float32.

The golden values were made by `make_golden.py` with seeded weights for which
activations are of order 1 and mask logits of order 1 to 20. Everything is held
to 1e-4, absolute; float32 rounding alone leaves about 1e-5 on such values.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from napari_hqsam.errors import CheckpointError
from napari_hqsam.network import (
    HQSAM,
    Decoded,
    PromptTokens,
    TileFeatures,
    build_network,
    combine,
    expected_shapes,
    find_variant,
    network_input,
    pack_tokens,
    resize_rgb8,
    upsample_logits,
)
from tests.parity.cases import (
    CLICKS,
    IMAGE_SHAPE,
    SIZE,
    image,
    prompts,
    rows,
    sample,
)
from tests.parity.seeded import seeded_state_dict

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
VARIANTS = ("vit_tiny", "vit_b", "vit_l", "vit_h")
"""Those with an official HQ-SAM checkpoint."""
ATOL = 1e-4
RESIZED = (731, SIZE)  # int(300 * 1024 / 420 + 0.5)
PROMPTS = prompts()
KEYS = json.loads((HERE / "keys.json").read_text())


class Golden:
    """What the reference gave for a variant."""

    def __init__(self, variant):
        with np.load(HERE / f"golden_{variant}.npz") as file:
            self.arrays = dict(file)
        self.made_with = json.loads(str(self.arrays.pop("made_with")))

    def check(self, name, values):
        """Compare: whole arrays as they are, others where a sample was taken."""
        taken = self.made_with["samples"].get(name)
        if taken is not None:
            assert list(values.shape) == taken["shape"], name
            values = sample(values, taken["stride"])
        golden = self.arrays[name]
        np.testing.assert_allclose(values, golden, rtol=0, atol=ATOL, err_msg=name)


class Run(NamedTuple):
    """A network with seeded weights and the image of the cases, encoded."""

    network: HQSAM
    golden: Golden
    features: Tensor
    early: Tensor
    tile: TileFeatures


def load_seeded(variant) -> HQSAM:
    network = build_network(variant)
    network.load(seeded_state_dict(expected_shapes(variant)))
    return network


def pillow_input() -> Tensor:
    """The image of the cases as the reference feeds it to its encoder."""
    resized = Image.fromarray(image()).resize(RESIZED[::-1], Image.Resampling.BILINEAR)
    return network_input(torch.from_numpy(np.array(resized)).permute(2, 0, 1), SIZE)


def encode(network, variant) -> Run:
    features, early = network.encode(pillow_input())
    tile = network.prepare(features, early)
    return Run(network, Golden(variant), features, early, tile)


# One network at a time: pytest drops a parameter's value before it makes the next.
# vit_l and vit_h run the code of vit_b; the names and shapes of keys, which tell their
# sizes, are compared for all.
@pytest.fixture(
    scope="module",
    params=[
        *("vit_tiny", "vit_b"),
        *(pytest.param(name, marks=pytest.mark.large) for name in ("vit_l", "vit_h")),
    ],
)
def run(request):
    with torch.inference_mode():
        return encode(load_seeded(request.param).optimize(torch.float32), request.param)


# The large encoders take their time; their decoder is the same.
with_the_small_variants = pytest.mark.parametrize(
    "run", ["vit_tiny", "vit_b"], indirect=True, scope="module"
)


@pytest.fixture(autouse=True)
def _no_gradients():
    with torch.inference_mode():
        yield


def pack(*kinds: str) -> PromptTokens:
    every = [row for kind in kinds for row in rows(PROMPTS[kind])]
    return pack_tokens(*(list(column) for column in zip(*every, strict=True)))


def reference_order(decoded: Decoded) -> Tensor:
    """(B, 5, 256, 256): SAM's mask, the candidates, the HQ mask."""
    assert decoded.hq is not None
    return torch.cat([decoded.sam, decoded.hq], 1)


# -- weights -----------------------------------------------------------------------


@pytest.mark.parametrize("variant", VARIANTS)
def test_keys_and_shapes_are_the_references(variant):
    expected = {k: tuple(v) for k, v in KEYS[variant].items()}
    assert expected_shapes(variant) == expected
    assert find_variant(expected) == variant


def test_weights_that_do_not_fit_are_refused_by_name():
    state = seeded_state_dict(expected_shapes("vit_tiny"))
    hq = [k for k in state if "hf_mlp" in k]
    for key in hq:  # as in a plain SAM file, which the official loader accepts
        del state[key]
    state["mask_decoder.hf_tokens"] = torch.zeros(1)
    state["prompt_encoder.no_mask_embed.weight"] = torch.zeros(1, 255)
    network = build_network("vit_tiny")
    before = {k: v.clone() for k, v in network.state_dict().items()}
    with pytest.raises(CheckpointError) as error:
        network.load(state)
    message = str(error.value)
    for key in (*hq, "mask_decoder.hf_tokens", "no_mask_embed.weight (1, 255)"):
        assert key in message
    assert "\n" not in message
    for key, value in network.state_dict().items():  # nothing was half loaded
        assert torch.equal(value, before[key]), key


def test_a_checkpoint_of_another_variant_is_refused():
    with pytest.raises(
        CheckpointError, match=r"do not fit vit_tiny.*surplus.*misshaped"
    ):
        build_network("vit_tiny").load(
            {k: torch.empty(v, device="meta") for k, v in KEYS["vit_b"].items()}
        )


# -- values ------------------------------------------------------------------------


def test_image_is_the_one_the_golden_values_were_made_for(run):
    assert zlib.crc32(image().tobytes()) == run.golden.made_with["image_crc32"]


def test_encoder(run):
    for name, values in (("features", run.features), ("early", run.early)):
        run.golden.check(name, values)
        run.golden.check(f"{name}_stats", torch.stack([values.mean(), values.std()]))


@with_the_small_variants
@pytest.mark.parametrize("kind", PROMPTS)
def test_decoder(run, kind):
    check_decoded(run.golden, kind, run.network.decode(run.tile, pack(kind)))


def check_decoded(golden, kind, decoded):
    """All masks and scores, then the reference's own outputs made from them.

    The reference's ``multimask_output=True`` gives one mask, the candidate with
    the highest score; here that choice is made from the outside.
    """
    golden.check(f"{kind}/masks", reference_order(decoded))
    golden.check(f"{kind}/iou", decoded.iou)
    best = decoded.iou[:, 1:].argmax(1) + 1
    each = torch.arange(len(best))
    for multimask, choice in ((0, torch.zeros_like(best)), (1, best)):
        golden.check(f"{kind}/iou_{multimask}", decoded.iou[each, choice][:, None])
        for hq_only, output in ((0, "sam+hq"), (1, "hq")):
            chosen = combine(decoded, output)[each, choice][:, None]
            golden.check(f"{kind}/out_{multimask}{hq_only}", chosen)
    assert torch.equal(combine(decoded, "sam"), decoded.sam)


def test_prompts_of_all_kinds_in_one_batch(run):
    """Unequal point counts, with and without box and mask: as if run apart."""
    decoded = run.network.decode(run.tile, pack(*PROMPTS))
    sizes = [len(rows(asked)) for asked in PROMPTS.values()]
    parts = zip(*(values.split(sizes) for values in decoded), strict=True)
    for kind, part in zip(PROMPTS, parts, strict=True):
        check_decoded(run.golden, kind, Decoded(*part))


@with_the_small_variants
def test_sam_masks_do_not_need_the_hq_mask(run):
    tokens = pack("box_points")
    decoded = run.network.decode(run.tile, tokens, hq=False)
    assert decoded.hq is None
    with_hq = run.network.decode(run.tile, tokens)
    torch.testing.assert_close(decoded.sam, with_hq.sam, rtol=0, atol=ATOL)


@with_the_small_variants
def test_from_pixels_to_pixels(run):
    """As `SamPredictor`: set_image, predict, and its answer as the next prompt."""
    source = torch.from_numpy(image()).permute(2, 0, 1)
    x = network_input(resize_rgb8(source, RESIZED), SIZE)
    assert torch.equal(x, pillow_input())  # which was encoded
    scale = torch.tensor([RESIZED[1] / IMAGE_SHAPE[1], RESIZED[0] / IMAGE_SHAPE[0]])

    def predict(asked, output, mask=None):
        box = asked.get("box")
        tokens = pack_tokens(
            [torch.tensor(asked["point_coords"]) * scale],
            [torch.tensor(asked["point_labels"])],
            [None if box is None else torch.tensor(box) * scale.repeat(2)],
            [mask],
        )
        decoded = run.network.decode(run.tile, tokens)
        return combine(decoded, output), decoded.iou[0, 1:].argmax() + 1

    def full(low):
        return upsample_logits(low[None, None], SIZE, RESIZED, IMAGE_SHAPE)[0]

    for i, asked in enumerate(CLICKS):
        low, best = predict(asked, "sam+hq")
        run.golden.check(f"click{i}_00", full(low[0, 0]))
        run.golden.check(f"click{i}_10", full(low[0, best]))
        again, _ = predict(asked, "sam+hq", mask=low[0, 0])
        run.golden.check(f"click{i}_again", full(again[0, 0]))
        only, _ = predict(asked, "hq")
        run.golden.check(f"click{i}_01", full(only[0, 0]))


def test_in_the_form_that_trains():
    """With gradients and unfused batch norms other code runs; same values."""
    with torch.inference_mode(False), torch.enable_grad():
        run = encode(load_seeded("vit_tiny").eval(), "vit_tiny")
        assert run.features.requires_grad
        run.golden.check("features", run.features)
        run.golden.check("early", run.early)
        for kind in ("points", "mask_box"):
            decoded = run.network.decode(run.tile, pack(kind))
            run.golden.check(f"{kind}/masks", reference_order(decoded))


@pytest.mark.parametrize(
    "key", ["attention_biases", "running_mean", "mlp.norm.bias", "neck.3.bias"]
)
def test_the_golden_values_notice_a_change(key):
    """So that the tests above are not vacuous (`attention_biases`: see hq-sam#44)."""
    network = load_seeded("vit_tiny")
    for name, value in network.state_dict().items():
        if key in name:
            value.zero_()
    run = encode(network.optimize(torch.float32), "vit_tiny")
    with pytest.raises(AssertionError, match="Mismatched"):
        run.golden.check("features", run.features)


@pytest.mark.parametrize(
    ("shape", "target"),
    [
        ((300, 420), (731, 1024)),
        ((731, 1025), (730, 1024)),
        ((1500, 2250), (683, 1024)),
        ((97, 31), (1024, 327)),
        ((1, 640), (2, 1024)),
        ((1024, 1), (1024, 1)),
    ],
)
def test_resize_is_pillows_within_one_grey_level(shape, target):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    pixels[: shape[0] // 2] = image()[0, 0]  # half noise, half flat
    resized = Image.fromarray(pixels).resize(target[::-1], Image.Resampling.BILINEAR)
    ours = resize_rgb8(torch.from_numpy(pixels).permute(2, 0, 1), target)
    assert ours.dtype == torch.uint8
    difference = ours.permute(1, 2, 0).numpy().astype(int) - np.array(resized)
    assert np.abs(difference).max() <= 1
