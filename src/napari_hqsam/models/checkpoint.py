"""Weights files as state dicts: reading what is one, naming what is not.

The official loaders take any pickle and ignore keys that do not fit. Here no
file can run code, and a file that is something else is refused with the name
of what it is. Must not know where files come from (`cache`) nor build networks
(`load`).
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import safetensors
import torch

from napari_hqsam.errors import CheckpointError
from napari_hqsam.network import HQ_MODULES

if TYPE_CHECKING:
    import os

State = dict[str, torch.Tensor]

ENCODER = "image_encoder."
DECODER = "mask_decoder."
# The modules that HQ-SAM adds to SAM (paper, section 3.2): 25 keys.
HQ_KEYS = tuple(f"{module}." for module in HQ_MODULES)
# Official file that has what a plain SAM or MobileSAM file lacks, by the width
# of its position embedding (TinyViT has none).
HQ_FILES = {768: "sam_hq_vit_b.pth", 1024: "sam_hq_vit_l.pth", 1280: "sam_hq_vit_h.pth"}


def read_state_dict(path: str | os.PathLike[str]) -> tuple[State, dict[str, str]]:
    """Read the weights of a whole HQ-SAM from a file.

    A state dict wrapped as ``{"model": ...}`` or ``{"state_dict": ...}`` is
    unwrapped, and the ``module.`` that data-parallel training puts before each
    key is dropped.

    Parameters
    ----------
    path : str or path
        A ``.safetensors`` file, or a ``.pth``/``.pt`` file of torch. What counts
        is what is in it, not the suffix.

    Returns
    -------
    state : dict of str to Tensor
        On the CPU, memory-mapped where the format allows it.
    metadata : dict of str to str
        Of a safetensors file; otherwise empty.

    Raises
    ------
    CheckpointError
        The file is missing, damaged, cut short, not a weights file, or holds
        other weights than a whole HQ-SAM's. Nothing in it was executed.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise CheckpointError(
            f"cannot read {path} ({error.strerror}): give the path of a .pth or "
            ".safetensors file"
        ) from error
    _refuse_text(path, head)
    content: object
    metadata: dict[str, str] = {}
    if head[8:9] == b"{":  # safetensors: after the header's length, 8 bytes
        content, metadata = _read_safetensors(path)
    else:
        # Memory mapping needs the zip format that torch.save has used since 1.6.
        content = _read_torch(path, mmap=head.startswith(b"PK"))
    state = _unwrap(path, content)
    _refuse_other_networks(path, state)
    return state, metadata


def _refuse_text(path: Path, head: bytes) -> None:
    """Refuse what downloads that went wrong leave behind."""
    start = head.lstrip().lower()
    if not head:
        kind = "is empty"
    elif start.startswith(b"version https://git-lfs"):
        kind = "is a git-LFS pointer, not the weights it points to"
    elif start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        kind = "is a web page, not weights"
    elif b"\0" not in head and head.isascii():
        kind = "is a text file, not weights"
    else:
        return
    raise CheckpointError(
        f"{path} {kind} ({path.stat().st_size} bytes): download the file itself, "
        "with `napari-hqsam models fetch NAME`"
    )


def _read_safetensors(path: Path) -> tuple[State, dict[str, str]]:
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            state = {key: file.get_tensor(key) for key in file.keys()}
            return state, file.metadata() or {}
    except (safetensors.SafetensorError, OSError) as error:
        raise _damaged(path, str(error)) from error


def _read_torch(path: Path, *, mmap: bool) -> object:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickle protocols: it fails or not
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
    except pickle.UnpicklingError as error:
        if "unsupported global" in str(error).lower():
            raise CheckpointError(
                f"{path} holds more than tensors and was not opened, since that "
                "could run a program: give a file that holds a state dict alone"
            ) from error
        raise _damaged(path, "not a file of torch.save") from error
    except Exception as error:  # torch raises what it likes at a damaged file
        why = str(error).partition(". ")[0] or type(error).__name__
        raise _damaged(path, why) from error


def _damaged(path: Path, why: str) -> CheckpointError:
    return CheckpointError(
        f"{path} ({path.stat().st_size} bytes) is damaged, cut short or not a weights "
        f"file ({why}): get it again"
    )


def _unwrap(path: Path, content: object) -> State:
    """State dict inside what training scripts save around it."""
    for key in ("model", "state_dict"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not content:
        raise CheckpointError(
            f"{path} holds no state dict but {type(content).__name__}: "
            "give a file of named weights"
        )
    for key, value in content.items():
        if not isinstance(key, str) or not isinstance(value, torch.Tensor):
            raise CheckpointError(
                f"{path} is no state dict, since {key!r} is {type(value).__name__} and "
                "no tensor: give a file of named weights"
            )
    if all(key.startswith("module.") for key in content):
        return {key.removeprefix("module."): content[key] for key in content}
    return dict(content)


def _refuse_other_networks(path: Path, state: State) -> None:
    """Name the usual mistakes; the network itself checks each key and shape."""
    if any(key.startswith("image_encoder.trunk.") for key in state):
        what, remedy = "is SAM 2, another network", "give an HQ-SAM (1) file"
    elif any(key.startswith("vision_encoder.") for key in state):
        what = "names its keys as the transformers library does"
        remedy = "give the official sam_hq_vit_*.pth file"
    elif any(key.startswith(HQ_KEYS) for key in state):
        what = "is a mask decoder alone, as training saves it (epoch_N.pth)"
        remedy = "put it together with its image encoder first"
    elif not any(key.startswith(ENCODER) for key in state):
        what = f"is no HQ-SAM (it holds {', '.join(list(state)[:3])}, ...)"
        remedy = "give an official sam_hq_vit_*.pth file or one made here"
    elif not any(key.removeprefix(DECODER).startswith(HQ_KEYS) for key in state):
        width = state.get(f"{ENCODER}pos_embed", torch.empty(0)).shape[-1]
        what = "is plain SAM or MobileSAM, without the 25 weights of HQ"
        remedy = f"get {HQ_FILES.get(width, 'sam_hq_vit_tiny.pth')}"
    else:
        return
    raise CheckpointError(f"{path} {what}: {remedy}")
