"""The ablation: what is off stays off, SAM stays as it is, and runs resume."""

import json
import sys

import numpy as np
import pytest
import torch
from skimage.io import imsave

from napari_hqsam import load_model
from napari_hqsam.datasets.labelled import Dataset, labelled_image
from napari_hqsam.network import HQSAM
from napari_hqsam.training import ablation
from napari_hqsam.training.initial import initial_network
from napari_hqsam.training.loop import Trainer, is_hq
from napari_hqsam.training.weights import load_weights, save_weights

SIZE = 64


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(5)
    save_weights(initial_network("vit_tiny", SIZE), tmp_path / "base.safetensors", 7)
    return tmp_path / "base.safetensors"


@pytest.fixture
def data(tmp_path):
    """One data set of five images, one of which is for validation."""
    for kind in ("images", "labels"):
        (tmp_path / "data" / "a" / "train" / kind).mkdir(parents=True)
    for i in range(5):
        labels = np.zeros((96, 96), np.uint16)
        labels[20:50, 20 + i : 60] = 1
        pixels = {"images": (labels * 200).astype(np.uint8), "labels": labels}
        for kind, array in pixels.items():
            path = tmp_path / "data" / "a" / "train" / kind / f"{i}.png"
            imsave(path, array, check_contrast=False)
    return tmp_path / "data"


def test_weights_come_back_as_they_ship(weights):
    network = load_weights(weights)
    assert (network.input_size, network.prompt_encoder.render_prompts) == (SIZE, True)
    torch.manual_seed(5)
    for key, value in initial_network("vit_tiny", SIZE).state_dict().items():
        wanted = value.half().float() if value.is_floating_point() else value
        torch.testing.assert_close(network.state_dict()[key], wanted)


@pytest.mark.parametrize("features", ablation.VARIANTS.values())
def test_only_the_hq_modules_start_anew_with_some_features_off(weights, features):
    before = load_weights(weights).state_dict()
    network = ablation.with_new_hq(load_weights(weights), features)
    after = network.state_dict()
    changed = {k for k in after if not after[k].equal(before[k])}
    assert changed
    assert all(map(is_hq, changed))
    torch.manual_seed(0)
    maps, early = torch.randn(1, 256, 4, 4), torch.randn(1, 4, 4, 160)
    whole = network.mask_decoder.hq_features(maps, early)
    assert whole.any() == bool(features)
    for name, other in (
        ("final", network.mask_decoder.hq_features(torch.randn_like(maps), early)),
        ("early", network.mask_decoder.hq_features(maps, torch.randn_like(early))),
    ):
        assert whole.equal(other) != (name in features)


def test_training_leaves_sam_and_what_is_off_alone(weights, tmp_path):
    yy, xx = np.mgrid[:96, :96]
    labels = (np.hypot(yy - 48, xx - 48) < 20).astype(np.int32)
    item = labelled_image("disc", (labels * 255).astype(np.uint8), labels, "cpu")
    network = ablation.with_new_hq(load_weights(weights), ["early"])
    before = {k: v.clone() for k, v in network.state_dict().items()}
    recipe = ablation.hq_recipe(2, SIZE)
    trainer = Trainer(
        recipe,
        [Dataset("disc", [item])],
        tmp_path / "run",
        network=network,
        frozen=ablation.frozen_without(["early"]),
    )
    trainer.run()
    after = trainer.network.state_dict()
    trained = {k for k, v in after.items() if not v.equal(before[k])}
    off = {k for k in after if k.startswith("mask_decoder.embedding_encoder.")}
    assert off
    assert trained == {k for k in after if is_hq(k)} - off


def test_one_command_trains_and_measures_the_variants(
    data, weights, tmp_path, monkeypatch, capsys
):
    folder = tmp_path / "ablation"
    two = {k: ablation.VARIANTS[k] for k in ("mask feature", "with final")}
    monkeypatch.setattr(ablation, "VARIANTS", two)
    args = [str(data), str(folder), "--weights", str(weights), "--steps", "1"]
    monkeypatch.setattr(sys, "argv", ["ablation", *args, "--crops", "1"])
    ablation.main()
    found = json.loads((folder / "ablation.json").read_text())
    assert found["steps"] == 1
    assert list(found["validation"]) == ["SAM", *two]
    table = (folder / "ablation.md").read_text()
    for variant in two:
        value = found["validation"][variant]["mean"]["box_hq_2px"]
        assert f"| {variant} | hq |" in table
        assert f"| {value:.3f} |" in table
    assert table in capsys.readouterr().out
    assert not list(folder.rglob("checkpoint.pt"))
    # what is written is an ordinary model, for `evaluate` on test images
    model = load_model(folder / "with_final.safetensors", device="cpu")
    assert isinstance(model.network, HQSAM)

    # the weights that are there are not trained again
    monkeypatch.setattr(Trainer, "run", lambda *_: pytest.fail("trained again"))
    ablation.main()
    assert json.loads((folder / "ablation.json").read_text()) == found


def test_a_stopped_run_goes_on_where_it_was(data, weights, tmp_path, monkeypatch):
    folder = tmp_path / "ablation"
    args = [str(data), str(folder), "--weights", str(weights), "--steps", "2"]
    monkeypatch.setattr(sys, "argv", ["ablation", *args, "--crops", "1"])
    steps = []
    step = Trainer._train_step

    def stopping(self, *rest):
        steps.append(self.step)
        if len(steps) == 1:
            self.stop()
        return step(self, *rest)

    monkeypatch.setattr(Trainer, "_train_step", stopping)
    monkeypatch.setattr(ablation, "VARIANTS", {"all": ("final", "early")})
    with pytest.raises(SystemExit, match="stopped and saved in all"):
        ablation.main()
    assert not (folder / "all.safetensors").exists()
    ablation.main()
    assert steps == [0, 1]
    assert (folder / "all.safetensors").exists()


@pytest.mark.parametrize(
    ("more", "words"),
    [(["--steps", "0"], "--steps 0"), (["--weights", "none"], "none is no file")],
)
def test_wrong_arguments_get_a_line(
    weights, tmp_path, monkeypatch, capsys, more, words
):
    args = [str(tmp_path), str(tmp_path / "out"), "--weights", str(weights), *more]
    monkeypatch.setattr(sys, "argv", ["ablation", *args])
    with pytest.raises(SystemExit):
        ablation.main()
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
