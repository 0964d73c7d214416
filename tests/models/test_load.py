from __future__ import annotations

import hashlib

import numpy as np
import pytest
import safetensors.torch
import torch

from napari_hqsam import Prompt, Segmenter, open_image
from napari_hqsam.errors import (
    CheckpointError,
    FetchError,
    HqsamWarning,
    ModelError,
    PromptError,
)
from napari_hqsam.models import (
    Checkpoint,
    WeightsFile,
    checkpoint_path,
    doctor_report,
    encoder_digest,
    list_models,
    load_model,
    registry,
)
from napari_hqsam.network import HQ_MODULES, build_network

SIZE = 128
METADATA = {"variant": "vit_tiny", "input_size": str(SIZE), "render_prompts": "true"}


@pytest.fixture(scope="module")
def state():
    torch.manual_seed(0)
    network = build_network("vit_tiny")
    with torch.no_grad():  # fresh batch norms would hide a wrong fusion
        for name, buffer in network.named_buffers():
            if "running" in name:
                buffer.uniform_(0.5, 1.5)
    return network.state_dict()


@pytest.fixture
def ours(tmp_path, state):
    """A file as this package writes them: half precision, with metadata."""
    path = tmp_path / "mine.safetensors"
    half = {k: v.half() if v.is_floating_point() else v for k, v in state.items()}
    safetensors.torch.save_file(half, path, METADATA)
    return path


@pytest.fixture
def official(tmp_path, state):
    path = tmp_path / "sam_hq_vit_tiny.pth"
    torch.save(state, path)
    return path


def encode(network):
    image = torch.linspace(-2, 2, 3 * SIZE * SIZE).reshape(1, 3, SIZE, SIZE)
    with torch.inference_mode():
        return network.encode(image)


def test_an_official_file_loads_at_its_full_size(official):
    model = load_model(official, device="cpu", precision="float32")
    assert (model.name, model.variant, model.input_size) == (
        "sam_hq_vit_tiny",
        "vit_tiny",
        1024,
    )
    assert model.path == official
    assert model.device == torch.device("cpu")
    assert model.dtype == model.network.dtype == torch.float32
    assert "1024" in model.description
    assert not model.network.training
    assert not any(p.requires_grad for p in model.network.parameters())


def test_our_own_file_says_what_it_is(ours):
    model = load_model(str(ours), device="cpu", precision="float32")
    assert (model.name, model.variant, model.input_size) == ("mine", "vit_tiny", SIZE)
    assert model.network.prompt_encoder.render_prompts


def test_a_loaded_network_computes_as_the_one_that_was_saved(official, state):
    """Nothing may be left as it was in memory, since no weight is drawn."""
    saved = build_network("vit_tiny", input_size=SIZE)
    saved.load(state)
    loaded = load_model(official, device="cpu", precision="float32").network
    for got, wanted in zip(encode(loaded), encode(saved.eval()), strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-4)


def test_bfloat16_can_be_asked_for(ours):
    model = load_model(ours, device="cpu", precision="bfloat16")
    assert model.dtype == model.network.dtype == torch.bfloat16
    assert encode(model.network)[0].isfinite().all()


def test_no_random_weights_are_drawn_only_to_be_overwritten(ours, monkeypatch):
    def drawn(*_, **__):
        pytest.fail("drawn at random")

    for draw in ("uniform_", "normal_"):
        monkeypatch.setattr(torch.Tensor, draw, drawn)
    load_model(ours, device="cpu")


def test_networks_made_afterwards_are_drawn_at_random_again(ours):
    load_model(ours, device="cpu")
    assert torch.nn.Linear(64, 64).weight.std() > 0.01


def test_the_digest_is_that_of_the_encoder_alone(state, ours, official):
    digest = encoder_digest(state)
    assert len(digest) == 64
    tuned = dict(state)
    tuned["mask_decoder.hf_token.weight"] = torch.zeros(1, 256)
    tuned["image_encoder.patch_embed.seq.0.bn.num_batches_tracked"] = torch.tensor(7)
    assert encoder_digest(dict(reversed(tuned.items()))) == digest
    for key in (
        "image_encoder.neck.0.weight",
        "image_encoder.layers.0.blocks.0.conv1.bn.running_mean",
    ):
        other = dict(state)
        other[key] = state[key].clone()
        other[key].view(-1)[-1] += 1e-6
        assert encoder_digest(other) != digest
    assert load_model(official, device="cpu").digest == digest


def test_the_digest_does_not_depend_on_the_files_precision(state, ours):
    rounded = {
        k: v.half().float() if v.is_floating_point() else v for k, v in state.items()
    }
    assert load_model(ours, device="cpu").digest == encoder_digest(rounded)
    assert encoder_digest(rounded) != encoder_digest(state)


def test_missing_and_surplus_weights_are_named(tmp_path, state):
    lame = dict(state)
    lame["mask_decoder.extra"] = lame.pop("mask_decoder.iou_token.weight")
    path = tmp_path / "a.pth"
    torch.save(lame, path)
    with pytest.raises(CheckpointError, match=r"iou_token.*mask_decoder\.extra") as e:
        load_model(path, device="cpu")
    assert str(path) in str(e.value)


@pytest.mark.parametrize(
    ("metadata", "word"),
    [
        ({"variant": "vit_h"}, "says vit_h and holds vit_tiny"),
        ({"input_size": "big"}, "big"),
        ({"input_size": "100"}, "multiple of 64"),
        ({"render_prompts": "perhaps"}, "perhaps"),
    ],
)
def test_bad_metadata_is_refused(tmp_path, state, metadata, word):
    path = tmp_path / "a.safetensors"
    safetensors.torch.save_file(state, path, METADATA | metadata)
    with pytest.raises(CheckpointError, match=word):
        load_model(path, device="cpu")


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(tmp_path, state, bad):
    broken = dict(state)
    broken["mask_decoder.hf_token.weight"] = torch.full((1, 256), bad)
    path = tmp_path / "a.pth"
    torch.save(broken, path)
    with pytest.raises(CheckpointError, match=r"NaN or infinite.*hf_token"):
        load_model(path, device="cpu")


def test_neither_a_name_nor_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=r"'vit_x'.*micro"):
        load_model("vit_x")
    for path in ("nowhere.pth", "some/where", tmp_path / "nowhere"):
        with pytest.raises(CheckpointError, match="No such file"):
            load_model(path)


def test_a_file_without_suffix_in_this_folder_loads(official, monkeypatch):
    official.rename(official.with_name("weights"))
    monkeypatch.chdir(official.parent)
    assert load_model("weights", device="cpu").variant == "vit_tiny"


def test_a_bad_device_is_noticed_before_anything_is_fetched(monkeypatch, tmp_path):
    monkeypatch.setenv("NAPARI_HQSAM_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match="'tpu' is unknown"):
        load_model("vit_b", device="tpu")
    assert not list(tmp_path.iterdir())


def test_no_download_unless_allowed(monkeypatch, tmp_path):
    monkeypatch.setenv("NAPARI_HQSAM_CACHE", str(tmp_path))
    with pytest.raises(FetchError, match=r"not fetched yet.*sam_hq_vit_b\.pth"):
        load_model("vit_b", download=False)
    assert not list(tmp_path.iterdir())


def test_a_named_model_is_verified_and_keeps_its_name(monkeypatch, tmp_path, official):
    known = Checkpoint(
        name="vit_tiny",
        weights=WeightsFile(
            file=official.name,
            url="http://127.0.0.1:9/none",
            bytes=official.stat().st_size,
            sha256=hashlib.sha256(official.read_bytes()).hexdigest(),
        ),
        variant="vit_tiny",
        description="Light HQ-SAM",
    )
    monkeypatch.setattr(registry, "CHECKPOINTS", (known,))
    monkeypatch.setenv("NAPARI_HQSAM_CACHE", str(tmp_path))
    here = checkpoint_path(known)
    here.parent.mkdir()
    official.rename(here)
    model = load_model("vit_tiny", device="cpu", download=False)
    assert (model.name, model.path, model.description) == (
        "vit_tiny",
        here,
        "Light HQ-SAM",
    )
    assert ("model vit_tiny", "here, verified") in doctor_report()
    damaged = bytearray(here.read_bytes())
    damaged[-100] ^= 1
    here.write_bytes(damaged)
    with pytest.raises(CheckpointError, match="fetch it again"):
        load_model("vit_tiny", device="cpu", download=False)
    assert "fetch it again" in dict(doctor_report())["model vit_tiny"]


def test_the_bundled_model_is_what_the_registry_says():
    micro = next(c for c in list_models() if c.bundled)
    model = load_model(micro.name, device="cpu")
    assert (model.name, model.variant, model.input_size, model.description) == (
        micro.name,
        micro.variant,
        micro.input_size,
        micro.description,
    )


def test_doctor_describes_machine_and_models(monkeypatch, tmp_path):
    monkeypatch.setenv("NAPARI_HQSAM_CACHE", str(tmp_path / "none"))
    rows = doctor_report()
    assert all(text and "\n" not in title + text for title, text in rows)
    report = dict(rows)
    assert torch.__version__.startswith(report["torch"])  # the build may follow
    assert report["cache"] == f"{tmp_path / 'none'} (0.00B)"
    assert "379MB" in report["model vit_b"]
    assert "fetched on first use" in report["model vit_b"]
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "x").write_bytes(bytes(2000))
    assert dict(doctor_report())["cache"].endswith("(2.00kB)")


# --- the SAM family -----------------------------------------------------------------


@pytest.fixture
def plain(tmp_path, state):
    """A file of MobileSAM: what HQ adds is not in it."""
    hq = tuple(f"mask_decoder.{module}." for module in HQ_MODULES)
    path = tmp_path / "mobile_sam.pt"
    torch.save({k: v for k, v in state.items() if not k.startswith(hq)}, path)
    return path


def test_plain_sam_segments_and_says_what_it_lacks(plain):
    model = load_model(plain, device="cpu")
    image = np.zeros((64, 64), np.uint8)
    image[20:40, 20:40] = 200
    segmenter = Segmenter(open_image(image, axes="yx"), model, cache=False)
    click = Prompt([(30, 30)])
    with pytest.raises(PromptError, match=r'without HQ.*"sam"'):
        segmenter.segment(click, output="hq", level=0)
    assert segmenter.source.encoded == 0
    with pytest.warns(HqsamWarning, match=r'its own mask is given \(output "sam"\)'):
        given = segmenter.segment(click, level=0)
    mask = segmenter.segment(click, output="sam", level=0)  # asked for: no warning
    assert (given.bbox, given.score) == (mask.bbox, mask.score)
    assert list(segmenter.outputs(click, level=0)) == ["sam"]
