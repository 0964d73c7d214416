"""Models of micro-sam: files known by XXH128, in two places, with a decoder each."""

from __future__ import annotations

import hashlib
import io

import pooch.core
import pytest
import safetensors.torch
import torch

from napari_hqsam.errors import CheckpointError, FetchError
from napari_hqsam.models import (
    Checkpoint,
    WeightsFile,
    encoder_digest,
    fetch,
    is_cached,
    known_digests,
    load_model,
    registry,
    verify,
)
from napari_hqsam.network import HQ_MODULES, build_network
from napari_hqsam.network.unetr import UnetrDecoder
from tests.helpers.file_server import DROP_AFTER, serving

xxhash = pytest.importorskip("xxhash")

NETWORK, DECODER = bytes(range(256)) * 4096, bytes(range(255, -1, -1)) * 4096


@pytest.fixture
def server():
    with serving(b"") as server:
        yield server


@pytest.fixture
def know(server, tmp_path, monkeypatch):
    """Know models of two files each, which the server has."""
    monkeypatch.setenv("NAPARI_HQSAM_CACHE", str(tmp_path / "ours"))
    monkeypatch.setenv("MICROSAM_CACHEDIR", str(tmp_path / "theirs"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(pooch.core.time, "sleep", lambda _: None)
    monkeypatch.setattr(registry, "CHECKPOINTS", ())

    def file(name, content):
        server.files[f"/{name}"] = content
        return WeightsFile(
            file=f"{name}.pt",
            url=f"http://127.0.0.1:{server.server_port}/{name}",
            bytes=len(content) + 1000,  # about
            xxh128=xxhash.xxh128(content).hexdigest(),
            micro_sam=name,
        )

    def know(name="cells", network=NETWORK, decoder=DECODER, variant="vit_tiny"):
        known = Checkpoint(
            name=name,
            weights=file(name, network),
            instance_decoder=file(f"{name}_decoder", decoder),
            licence="CC-BY-4.0",
            variant=variant,
            description="for tests",
        )
        monkeypatch.setattr(registry, "CHECKPOINTS", (*registry.CHECKPOINTS, known))
        return known

    return know


@pytest.fixture
def ours(tmp_path):
    return tmp_path / "ours" / "models"


@pytest.fixture
def theirs(tmp_path):
    folder = tmp_path / "theirs" / "models"
    folder.mkdir(parents=True)
    return folder


def files(folder):
    return {p.name for p in folder.iterdir() if p.suffix != ".lock"}


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def test_both_files_are_fetched_once_and_their_sha256_is_kept(know, server, ours):
    known = know()
    assert not is_cached("cells")
    assert fetch("cells", progress=False) == ours / "cells.pt"
    both = {"cells.pt", "cells_decoder.pt"}
    assert files(ours) == both | {f"{name}.sha256" for name in both}
    record = f"{sha256(NETWORK)}  cells.pt\n"  # as of the program sha256sum
    assert (ours / "cells.pt.sha256").read_text() == record
    assert is_cached("cells")
    fetch("cells", progress=False)
    assert len(server.ranges) == 2
    assert known_digests(known) == [sha256(NETWORK), sha256(DECODER)]
    assert verify("cells") is verify(ours / "cells_decoder.pt") is known


def test_a_file_of_another_digest_is_not_taken(know, server, ours):
    know()
    server.files["/cells"] = NETWORK[::-1]
    with pytest.raises(FetchError, match=r"xxh128 [0-9a-f]{32}\) at .*cells\.pt"):
        fetch("cells", progress=False)
    assert not files(ours)


def test_from_then_on_the_sha256_counts(know, ours, monkeypatch):
    know()
    fetch("cells", progress=False)
    forged = NETWORK[::-1]
    (ours / "cells.pt").write_bytes(forged)
    same = registry.CHECKPOINTS[0].weights.xxh128
    monkeypatch.setattr("napari_hqsam.models.digests.xxh128", lambda _: same)
    with pytest.raises(CheckpointError, match=r"cells\.pt .*fetch it again"):
        verify("cells")


def test_a_download_of_unknown_size_goes_on_where_it_stopped(know, server):
    know()
    server.plan = ["drop"]
    assert fetch("cells", progress=False).read_bytes() == NETWORK
    first, second, third = server.ranges
    assert first is third is None  # the third is for the decoder
    assert 0 < int(second.removeprefix("bytes=").removesuffix("-")) <= DROP_AFTER


def test_a_complete_part_file_of_unknown_size_is_used(know, server, ours):
    know()
    ours.mkdir(parents=True)
    (ours / "cells.pt.part").write_bytes(NETWORK)
    assert fetch("cells", progress=False).read_bytes() == NETWORK
    assert server.ranges == [f"bytes={len(NETWORK)}-", None]  # then the decoder


@pytest.mark.parametrize(
    "content", [NETWORK * 3, NETWORK[:1000]], ids=["long", "short"]
)
def test_a_file_of_quite_another_size_is_not_fetched(know, server, ours, content):
    know()
    server.files["/cells"] = content
    with pytest.raises(FetchError, match=f"the server has {len(content)} bytes"):
        fetch("cells", progress=False)
    assert not files(ours)


def test_what_micro_sam_has_fetched_is_used(know, server, ours, theirs):
    know()
    (theirs / "cells").write_bytes(NETWORK)
    assert not is_cached("cells")
    (theirs / "cells_decoder").write_bytes(DECODER)
    assert is_cached("cells")
    assert fetch("cells", progress=False) == theirs / "cells"
    assert server.ranges == []
    assert files(theirs) == {"cells", "cells_decoder"}
    assert files(ours) == {"cells.pt.sha256", "cells_decoder.pt.sha256"}


def test_another_version_in_micro_sams_cache_is_left_alone(know, ours, theirs):
    know()
    (theirs / "cells").write_bytes(NETWORK[::-1])
    (theirs / "cells_decoder").write_bytes(DECODER)
    assert fetch("cells", progress=False) == ours / "cells.pt"
    assert (theirs / "cells").read_bytes() == NETWORK[::-1]


# --- networks -----------------------------------------------------------------------


def saved(state):
    file = io.BytesIO()
    torch.save(state, file)
    return file.getvalue()


@pytest.fixture(scope="module")
def hq_state():
    torch.manual_seed(0)
    return build_network("vit_tiny").state_dict()


@pytest.fixture(scope="module")
def state(hq_state):
    hq = tuple(f"mask_decoder.{module}." for module in HQ_MODULES)
    return {k: v for k, v in hq_state.items() if not k.startswith(hq)}


@pytest.fixture(scope="module")
def decoder_state():
    torch.manual_seed(1)
    return UnetrDecoder().state_dict()


@pytest.fixture
def plain(tmp_path, state):
    """A file of MobileSAM."""
    path = tmp_path / "mobile_sam.pt"
    torch.save(state, path)
    return path


@pytest.mark.parametrize("kind", ["unetr", "unetr_transposed"])
def test_plain_sam_with_micro_sams_instance_decoder(plain, tmp_path, kind):
    drawn = UnetrDecoder(transposed=kind == "unetr_transposed").state_dict()
    torch.save(drawn, tmp_path / "decoder")
    model = load_model(plain, instance_decoder=tmp_path / "decoder", device="cpu")
    assert model.network.outputs == ("sam",)
    assert "without HQ" in model.description
    tile = model.network.prepare(torch.randn(1, 256, 4, 4), torch.empty(0))
    maps = model.network.instance_maps(tile)
    assert maps.shape == (1, 3, 16, 16)
    assert 0 <= maps.min() < maps.max() <= 1


def test_an_instance_decoder_that_does_not_fit_is_refused(plain, tmp_path):
    drawn = UnetrDecoder().state_dict()
    del drawn["base.block.1.weight"]
    torch.save(drawn, tmp_path / "decoder")
    with pytest.raises(CheckpointError, match=r"base\.block\.1\.weight"):
        load_model(plain, instance_decoder=tmp_path / "decoder", device="cpu")


def test_a_named_model_comes_with_its_instance_decoder(know, state, decoder_state):
    know(network=saved(state), decoder=saved(decoder_state))
    model = load_model("cells", device="cpu", precision="bfloat16", progress=False)
    assert model.network.outputs == ("sam",)
    own = model.network.instance_decoder
    assert torch.equal(own.out_conv.weight, decoder_state["out_conv.weight"])
    again = load_model("cells", device="cpu", download=False)
    assert again.decoder_digest == model.decoder_digest


def test_the_decoder_of_micro_sam_computes_in_float32(know, state, decoder_state):
    know(network=saved(state), decoder=saved(decoder_state))
    models = [
        load_model("cells", device="cpu", precision=each, progress=False)
        for each in ("float32", "bfloat16")
    ]
    features = torch.randn(1, 256, 4, 4).bfloat16().float()  # exact in both
    maps = [
        each.network.instance_maps(each.network.prepare(features, torch.empty(0)))
        for each in models
    ]
    assert models[1].dtype == torch.bfloat16
    assert torch.equal(*maps)


def test_hq_modules_of_the_same_encoder_are_not_put_into_a_sam(
    know, hq_state, state, decoder_state, ours
):
    """They were trained on features of SAM's own weights."""
    know(network=saved(state), decoder=saved(decoder_state))
    ours.mkdir(parents=True)
    torch.save(hq_state, ours / "sam_hq_vit_tiny.pth")
    model = load_model("cells", device="cpu", progress=False)
    assert model.network.outputs == ("sam",)
    assert not any("hf_token" in key for key in model.network.state_dict())


def test_some_hq_modules_alone_are_refused(tmp_path, hq_state, state):
    key = "mask_decoder.hf_token.weight"
    torch.save(state | {key: hq_state[key]}, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=r"24 missing .*hf_mlp"):
        load_model(tmp_path / "a.pth", device="cpu")


def test_the_decoder_of_another_model_is_refused(know, tmp_path, state, decoder_state):
    other = {k: v * 2 if v.is_floating_point() else v for k, v in decoder_state.items()}
    know(network=saved(state), decoder=saved(decoder_state))
    know("organelles", decoder=saved(other))
    know("large", decoder=saved({**other, "x": torch.ones(1)}), variant="vit_l")
    path = tmp_path / "decoder.pt"
    path.write_bytes(saved(other))
    with pytest.raises(CheckpointError, match=r"of organelles, not of cells: give"):
        load_model("cells", instance_decoder=path, device="cpu", progress=False)
    path.write_bytes(saved({**other, "x": torch.ones(1)}))
    torch.save(state, tmp_path / "mine.pt")
    with pytest.raises(CheckpointError, match=r"of large \(vit_l\), not of vit_tiny"):
        load_model(tmp_path / "mine.pt", instance_decoder=path, device="cpu")


@pytest.mark.parametrize(
    ("metadata", "word"),
    [({"variant": "vit_l"}, "of vit_l, not"), ({"encoder": "0" * 64}, "other weights")],
)
def test_metadata_tells_the_encoder_of_a_decoder(
    tmp_path, state, decoder_state, metadata, word
):
    torch.save(state, tmp_path / "mine.pt")
    path = tmp_path / "decoder.safetensors"
    safetensors.torch.save_file(decoder_state, path, metadata)
    with pytest.raises(CheckpointError, match=word):
        load_model(tmp_path / "mine.pt", instance_decoder=path, device="cpu")
    right = {"variant": "vit_tiny", "encoder": encoder_digest(state)}
    safetensors.torch.save_file(decoder_state, path, right)
    load_model(tmp_path / "mine.pt", instance_decoder=path, device="cpu")
