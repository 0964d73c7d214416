from __future__ import annotations

import pickle
import zipfile

import pytest
import safetensors.torch
import torch

from napari_hqsam.errors import CheckpointError
from napari_hqsam.models import read_instance_decoder, read_state_dict


def whole(encoder="image_encoder.pos_embed", width=768):
    """A few keys of a whole HQ-SAM: enough to be taken for one."""
    return {
        encoder: torch.arange(4.0 * width).reshape(1, 2, 2, width),
        "prompt_encoder.no_mask_embed.weight": torch.ones(1, 256),
        "mask_decoder.iou_token.weight": torch.ones(1, 256),
        "mask_decoder.hf_token.weight": torch.full((1, 256), 2.0),
    }


def save(path, content, **how):
    torch.save(content, path, **how)
    return path


def refused(path, *words):
    with pytest.raises(CheckpointError) as caught:
        read_state_dict(path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    for word in words:
        assert word in message
    return message


def same(state, other):
    assert state.keys() == other.keys()
    assert all(torch.equal(state[key], other[key]) for key in state)


@pytest.mark.parametrize("zipped", [True, False])
def test_pth_round_trip(tmp_path, zipped):
    path = save(tmp_path / "a.pth", whole(), _use_new_zipfile_serialization=zipped)
    state, metadata = read_state_dict(path)
    same(state, whole())
    assert metadata == {}


@pytest.mark.parametrize("suffix", [".safetensors", ".bin"])
def test_safetensors_round_trip_with_metadata_whatever_the_suffix(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    safetensors.torch.save_file(whole(), path, {"variant": "vit_b"})
    state, metadata = read_state_dict(path)
    same(state, whole())
    assert metadata == {"variant": "vit_b"}


@pytest.mark.parametrize("key", ["model", "state_dict"])
def test_what_training_wraps_around_weights_is_taken_off(tmp_path, key):
    parallel = {f"module.{k}": v for k, v in whole().items()}
    for content in (
        {key: whole()},
        parallel,
        {key: parallel, "epoch": 3, "optimizer": {"lr": 0.1}},
    ):
        state, _ = read_state_dict(save(tmp_path / "a.pth", content))
        same(state, whole())


class Runs:
    """Writes a file when a careless loader unpickles it."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def unpickle_carelessly(path):
    torch.load(path, weights_only=False)


@pytest.mark.parametrize("form", ["zip", "legacy", "bare pickle"])
def test_a_file_that_would_run_code_is_refused_and_runs_nothing(tmp_path, form):
    proof = tmp_path / "it_ran"
    path = tmp_path / "evil.pth"
    content = {**whole(), "x": Runs(proof)}
    if form == "bare pickle":
        path.write_bytes(pickle.dumps(content, protocol=2))
    else:
        save(path, content, _use_new_zipfile_serialization=form == "zip")
    refused(path, "could run a program", "state dict alone")
    assert not proof.exists()


class Sampler:
    """Stands for a loader or another class that training pickles."""


def test_a_raw_file_of_micro_sams_training_is_refused_with_the_remedy(tmp_path):
    content = {
        "model_state": {f"sam.{key}": value for key, value in whole().items()},
        "decoder_state": {},
        "optimizer_state": {},
        "init": {"train_loader": Sampler()},
    }
    path = save(tmp_path / "best.pt", content)
    refused(path, "more than tensors", "export_custom_sam_model")


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_that_file_does_run_code_in_a_careless_loader(tmp_path):
    """Guards the test above against being empty."""
    proof = tmp_path / "it_ran"
    unpickle_carelessly(save(tmp_path / "evil.pth", {"x": Runs(proof)}))
    assert proof.exists()


@pytest.mark.parametrize("kept", [0.99, 0.5, 0.01])
@pytest.mark.parametrize("form", ["zip", "legacy", "safetensors"])
def test_a_file_that_was_cut_short_is_refused(tmp_path, form, kept):
    path = tmp_path / "a.pth"
    if form == "safetensors":
        safetensors.torch.save_file(whole(), path)
    else:
        save(path, whole(), _use_new_zipfile_serialization=form == "zip")
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    refused(path, "damaged", "cut short", f"{path.stat().st_size} bytes")


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html>Please log in</html>", "web page"),
        (b"\n<html lang='en'>\xc3\xa9</html>", "web page"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0f32\nsize 42\n",
            "git-LFS pointer",
        ),
        (b"Entry not found", "text file"),
        (b'{"error": "gated"}', "text file"),
    ],
)
def test_what_a_failed_download_leaves_is_called_what_it_is(tmp_path, content, word):
    path = tmp_path / "sam_hq_vit_b.pth"
    path.write_bytes(content)
    refused(path, word)


@pytest.mark.parametrize(
    "content",
    [b"\x93NUMPY\x01\x00", b"\x80\x02garbage\xff", b"PK\x03\x04\x00\xff" * 99, b"\xff"],
)
def test_binary_rubbish_is_refused(tmp_path, content):
    path = tmp_path / "a.pth"
    path.write_bytes(content)
    refused(path, "damaged")


def test_a_zip_of_something_else_is_refused(tmp_path):
    path = tmp_path / "a.pth"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("notes/hello.txt", "hello")
    refused(path, "damaged")


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ([torch.ones(2)], "list"),
        (torch.ones(2), "Tensor"),
        ({}, "dict"),
        ({"lr": 0.1}, "'lr' is float"),
        ({1: torch.ones(2)}, "1 is Tensor"),
        ({"layer1.conv.weight": torch.ones(2)}, "no SAM (it holds layer1.conv"),
    ],
)
def test_torch_files_that_are_not_hq_sam_are_refused(tmp_path, content, word):
    refused(save(tmp_path / "a.pth", content), word)


def test_plain_sam_is_read(tmp_path):
    state = whole()
    del state["mask_decoder.hf_token.weight"]
    same(read_state_dict(save(tmp_path / "sam.pth", state))[0], state)


def maps(outputs=3):
    """A few keys of micro-sam's instance decoder."""
    return {"out_conv.weight": torch.ones(outputs, 64, 1, 1), "base.x": torch.ones(1)}


def test_instance_decoders_of_micro_sam_are_read(tmp_path):
    alone = save(tmp_path / "vit_b_lm_decoder", maps())
    expected = {f"instance_decoder.{key}": value for key, value in maps().items()}
    same(read_instance_decoder(alone)[0], expected)
    both = {"model_state": whole(), "decoder_state": maps()}
    same(read_state_dict(save(tmp_path / "b.pt", both))[0], whole() | expected)
    del both["decoder_state"]
    same(read_state_dict(save(tmp_path / "c.pt", both))[0], whole())


def test_other_decoders_are_refused(tmp_path):
    refused(save(tmp_path / "d", maps()), "decoder alone", "file of its network")
    with pytest.raises(CheckpointError, match=r"8 outputs.*semantic"):
        read_instance_decoder(save(tmp_path / "e", maps(8)))
    with pytest.raises(CheckpointError, match="is no instance decoder"):
        read_instance_decoder(save(tmp_path / "f", whole()))
    both = {"model_state": whole(), "decoder_state": maps(8)}
    refused(save(tmp_path / "g", both), "8 outputs", "semantic")


def test_other_files_of_micro_sam_are_called_what_they_are(tmp_path):
    training = {"model_state": {f"sam.{k}": v for k, v in whole().items()}}
    refused(save(tmp_path / "a.pt", training), "export_custom_sam_model")
    lora = whole() | {
        "image_encoder.blocks.0.attn.qkv.qkv_proj.weight": torch.ones(1),
        "image_encoder.blocks.0.attn.qkv.w_a_linear_q.weight": torch.ones(1),
    }
    refused(save(tmp_path / "b.pt", lora), "LoRA", "merge")


def test_a_decoder_alone_is_refused(tmp_path):
    state = {
        key.removeprefix("mask_decoder."): value
        for key, value in whole().items()
        if key.startswith("mask_decoder.")
    }
    refused(save(tmp_path / "epoch_11.pth", state), "mask decoder alone", "epoch_N")


def test_other_networks_of_the_family_are_called_by_name(tmp_path):
    sam2 = {"model": {"image_encoder.trunk.pos_embed": torch.ones(2)}}
    refused(save(tmp_path / "a.pth", sam2), "SAM 2")
    theirs = {"vision_encoder.pos_embed": torch.ones(2)}
    refused(save(tmp_path / "b.pth", theirs), "transformers")


def test_a_path_that_is_no_file_is_refused(tmp_path):
    refused(tmp_path / "nowhere.pth", "No such file")
    refused(tmp_path, "directory")
