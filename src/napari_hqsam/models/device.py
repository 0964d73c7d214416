"""Choose the device and the precision of computation.

Asks the machine; must not know models. float16 is never chosen: in the ViT-H
encoder it overflows.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from napari_hqsam.errors import ModelError

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
# Matrix units; without them bfloat16 is emulated and slower than float32.
BF16_UNITS = ("amx_bf16", "avx512_bf16")
CPU_INFO = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Placement:
    """Where and how a network computes.

    Attributes
    ----------
    device : torch.device
    dtype : torch.dtype
        ``torch.float32`` or ``torch.bfloat16``.
    reason : str
        Why, for a person.
    """

    device: torch.device
    dtype: torch.dtype
    reason: str


def choose_device(
    device: str | torch.device = "auto", precision: str = "auto"
) -> Placement:
    """Choose device and precision, or check the ones asked for.

    Parameters
    ----------
    device : str or torch.device
        "auto" (CUDA, else MPS, else CPU), "cpu", "cuda", "cuda:1", "mps".
    precision : {"auto", "float32", "bfloat16"}
        "auto" takes bfloat16 where the hardware multiplies it natively.

    Raises
    ------
    ModelError
        There is no such device here, or it cannot compute in that precision.
    """
    place = _find_device(str(device))
    if precision == "auto":
        native, why = _native_bf16(place)
        dtype = torch.bfloat16 if native else torch.float32
        return Placement(place, dtype, why)
    if precision not in DTYPES:
        raise ModelError(_bad_precision(precision))
    if place.type == "mps" and precision != "float32":
        raise ModelError(f"mps computes in float32 only, not {precision}: leave it out")
    return Placement(place, DTYPES[precision], f"{_describe(place)}, as asked for")


def _find_device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if _has_cuda() else "mps" if _has_mps() else "cpu"
    try:
        place = torch.device(name)
    except RuntimeError as error:
        raise ModelError(_bad_device(name)) from error
    if place.type not in ("cpu", "cuda", "mps"):
        raise ModelError(_bad_device(name))
    if place.type == "mps" and not _has_mps():
        raise ModelError("there is no MPS device here: use device='cpu'")
    if place.type == "cuda":
        count = torch.cuda.device_count() if _has_cuda() else 0
        if count == 0:
            raise ModelError(
                "there is no CUDA device here, or torch was built without CUDA: "
                "use device='cpu' or install torch with CUDA"
            )
        if (place.index or 0) >= count:
            raise ModelError(f"there is no {name} here: the last is cuda:{count - 1}")
    return place


def _native_bf16(place: torch.device) -> tuple[bool, str]:
    described = _describe(place)
    if place.type == "cuda":
        with torch.cuda.device(place):
            native = torch.cuda.is_bf16_supported(including_emulation=False)
    elif place.type == "mps":
        return False, f"{described}, always in float32"
    else:
        native = _cpu_has_bf16_units()
    return native, f"{described} {'with' if native else 'without'} bfloat16 units"


def _describe(place: torch.device) -> str:
    if place.type == "cuda":
        return torch.cuda.get_device_name(place)
    return {"mps": "Apple GPU", "cpu": "CPU"}[place.type]


def _has_cuda() -> bool:
    return torch.cuda.is_available()


def _has_mps() -> bool:
    return torch.backends.mps.is_available()


def _cpu_has_bf16_units() -> bool:
    """Ask torch, or Linux where torch is too old to know."""
    if hasattr(torch.cpu, "get_capabilities"):
        found = torch.cpu.get_capabilities()
        return any(found.get(unit, False) for unit in BF16_UNITS)
    flags = CPU_INFO.read_text().split() if CPU_INFO.exists() else []
    return any(unit in flags for unit in BF16_UNITS)


def _bad_device(name: str) -> str:
    return f"device {name!r} is unknown: use auto, cpu, cuda, cuda:N or mps"


def _bad_precision(precision: str) -> str:
    remedy = f"use auto, {' or '.join(DTYPES)}"
    if precision in ("float16", "fp16", "half"):
        return f"precision {precision} overflows in the ViT-H image encoder: {remedy}"
    return f"precision {precision!r} is unknown: {remedy}"
