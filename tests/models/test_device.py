from __future__ import annotations

import pytest
import torch

from napari_hqsam.errors import ModelError
from napari_hqsam.models import choose_device, device


@pytest.fixture
def machine(monkeypatch):
    """Pretend to be a machine: machine(gpus=2, mps=True, cpu_bf16=True, ...)."""

    def pretend(gpus=0, gpu_bf16=True, mps=False, cpu_bf16=False):
        class Guard:
            def __init__(self, _):
                pass

            def __enter__(self):
                pass

            def __exit__(self, *_):
                pass

        cuda = torch.cuda
        monkeypatch.setattr(cuda, "is_available", lambda: gpus > 0)
        monkeypatch.setattr(cuda, "device_count", lambda: gpus)
        monkeypatch.setattr(cuda, "device", Guard)
        monkeypatch.setattr(cuda, "get_device_name", lambda _: "Some GPU")
        monkeypatch.setattr(
            cuda,
            "is_bf16_supported",
            lambda including_emulation=True: gpu_bf16 or including_emulation,
        )
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
        monkeypatch.setattr(
            torch.cpu,
            "get_capabilities",
            lambda: {"avx512_bf16": cpu_bf16},
            raising=False,  # torch 2.10 does not have it
        )

    return pretend


@pytest.mark.parametrize(
    ("has", "where", "dtype", "reason"),
    [
        ({"gpus": 1}, "cuda", torch.bfloat16, "Some GPU with"),
        ({"gpus": 1, "mps": True}, "cuda", torch.bfloat16, "Some GPU with"),
        ({"gpus": 1, "gpu_bf16": False}, "cuda", torch.float32, "Some GPU without"),
        ({"mps": True, "cpu_bf16": True}, "mps", torch.float32, "Apple"),
        ({"cpu_bf16": True}, "cpu", torch.bfloat16, "CPU with bfloat16"),
        ({}, "cpu", torch.float32, "CPU without bfloat16"),
    ],
)
def test_auto_takes_the_fastest_there_is(machine, has, where, dtype, reason):
    machine(**has)
    placement = choose_device()
    assert placement.device == torch.device(where)
    assert placement.dtype == dtype
    assert placement.reason.startswith(reason)


@pytest.mark.parametrize("name", ["cpu", "cuda", "cuda:1", torch.device("cuda:1")])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_device_and_precision_can_be_forced(machine, name, precision):
    machine(gpus=2)
    placement = choose_device(name, precision)
    assert placement.device == torch.device(name)
    assert placement.dtype == getattr(torch, precision)


@pytest.mark.parametrize(
    ("name", "precision", "word"),
    [
        ("cuda", "auto", "no CUDA device"),
        ("mps", "auto", "no MPS device"),
        ("tpu", "auto", "'tpu' is unknown"),
        ("xpu", "auto", "'xpu' is unknown"),
        ("", "auto", "'' is unknown"),
        ("cpu", "float16", "overflows"),
        ("cpu", "half", "overflows"),
        ("cpu", "float64", "'float64' is unknown"),
    ],
)
def test_what_is_not_to_be_had_is_an_error_with_a_remedy(
    machine, name, precision, word
):
    machine()
    with pytest.raises(ModelError, match=word) as caught:
        choose_device(name, precision)
    assert "use" in str(caught.value)


def test_a_gpu_beyond_the_last_is_an_error(machine):
    machine(gpus=2)
    with pytest.raises(ModelError, match=r"no cuda:2 here: the last is cuda:1"):
        choose_device("cuda:2")


def test_mps_computes_in_float32_only(machine):
    machine(mps=True)
    assert choose_device("mps", "float32").dtype == torch.float32
    with pytest.raises(ModelError, match="float32 only"):
        choose_device("mps", "bfloat16")


@pytest.mark.parametrize(
    ("flags", "native"),
    [("fpu avx2", False), ("fpu avx512_bf16 x", True), ("amx_bf16 amx_tile", True)],
)
def test_linux_is_asked_where_torch_cannot_tell(monkeypatch, tmp_path, flags, native):
    info = tmp_path / "cpuinfo"
    info.write_text(f"model name : X\nflags : {flags}\n")
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    monkeypatch.setattr(device, "CPU_INFO", info)
    assert choose_device("cpu").dtype == (torch.bfloat16 if native else torch.float32)
    monkeypatch.setattr(device, "CPU_INFO", tmp_path / "not_linux")
    assert choose_device("cpu").dtype == torch.float32


def test_this_machine_gets_an_answer_that_computes():
    placement = choose_device()
    x = torch.ones(4, 4, device=placement.device, dtype=placement.dtype)
    assert (x @ x).sum().item() == 64
