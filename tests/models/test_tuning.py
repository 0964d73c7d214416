"""The numbers that hang on a model's weights: where they are and who gets them."""

from dataclasses import fields

import pytest

from napari_hqsam import load_model
from napari_hqsam.models import Tuning, find_checkpoint, list_models
from napari_hqsam.network import build_network
from napari_hqsam.training.weights import save_weights


@pytest.mark.parametrize("checkpoint", list_models(), ids=lambda c: c.name)
def test_the_record_of_every_model_is_complete(checkpoint):
    names = {field.name for field in fields(Tuning)}
    assert names == set(vars(checkpoint.tuning))
    missing = {name for name in names if getattr(checkpoint.tuning, name) is None}
    assert missing <= {"boxed_quality"}  # None: no boxes
    # a denser grid than logits would look at the same places again and again
    assert checkpoint.tuning.points_per_side <= checkpoint.input_size // 4


def test_the_limits_of_the_paper_are_those_of_official_weights():
    tuning = find_checkpoint("vit_b").tuning
    assert tuning.quality == pytest.approx(0.88 * 0.95**0.5, abs=0.003)
    assert tuning.points_per_side == 32


@pytest.mark.parametrize(
    "wrong",
    [
        {"object_share": 0.0},
        {"automatic_share": 0.6},
        {"first_levels": ()},
        {"cut_factor": 1.5},
        {"view_sigmas": 0.0},
        {"uncertain_score": 1.5},
        {"quality": float("nan")},
        {"points_per_side": 0},
        {"prompted_quality": -0.1},
        {"boxed_quality": 1.1},
        {"logit_blur": -0.5},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_number_out_of_its_range_is_refused_by_name(wrong):
    with pytest.raises(ValueError, match=f"tuning {next(iter(wrong))}="):
        Tuning(**wrong)


def test_a_model_carries_the_tuning_of_its_record(micro):
    assert micro.tuning is find_checkpoint("micro").tuning


@pytest.mark.parametrize("size", [448, 512])
def test_a_file_is_tuned_as_the_model_of_its_input_size(tmp_path, size):
    path = tmp_path / "weights.safetensors"
    network = build_network("efficientnet_lite0", input_size=size, render_prompts=True)
    save_weights(network, path, 1)
    tuning = load_model(path, device="cpu").tuning
    assert tuning == (find_checkpoint("micro").tuning if size == 448 else Tuning())
