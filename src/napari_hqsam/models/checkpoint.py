"""Read files of weights as state dicts; explain what other files are.

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
from napari_hqsam.network import HQ_MODULES, INSTANCE

if TYPE_CHECKING:
    import os

State = dict[str, torch.Tensor]

ENCODER = "image_encoder."
# The modules that HQ-SAM adds to SAM (paper, section 3.2): 25 keys.
HQ_KEYS = tuple(f"{module}." for module in HQ_MODULES)
MAPS = 3
"""Outputs of an instance decoder; others are of another kind."""


def read_state_dict(path: str | os.PathLike[str]) -> tuple[State, dict[str, str]]:
    """Read the weights of a whole HQ-SAM or SAM from a file.

    A state dict wrapped as ``{"model": ...}`` or ``{"state_dict": ...}`` is
    unwrapped, and the ``module.`` that data-parallel training puts before each
    key is dropped. Of micro-sam's ``{"model_state": ..., "decoder_state": ...}`` the
    keys of the second come after "instance_decoder.".

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
        Metadata of a safetensors file; otherwise empty.

    Raises
    ------
    CheckpointError
        The file is missing, damaged, cut short, not a weights file, or holds
        other weights than a whole HQ-SAM's or SAM's. Nothing in it was executed.
    """
    path = Path(path)
    content, metadata = _read(path)
    state = _state_dict(path, content)
    _refuse_other_networks(path, state)
    _check_instance_decoder(path, state)
    return state, metadata


def read_instance_decoder(
    path: str | os.PathLike[str],
) -> tuple[State, dict[str, str]]:
    """Read the weights of an instance decoder that has a file of its own.

    So micro-sam keeps them, beside those of the network.

    Parameters
    ----------
    path : str or path
        As for `read_state_dict`.

    Returns
    -------
    state : dict of str to Tensor
        Each key after "instance_decoder.".
    metadata : dict of str to str
        Metadata of a safetensors file; otherwise empty. "variant" and "encoder" (as of
        `encoder_digest`) tell the image encoder that it was trained with.

    Raises
    ------
    CheckpointError
        As for `read_state_dict`, or it is no instance decoder.
    """
    path = Path(path)
    content, metadata = _read(path)
    state = {INSTANCE + key: value for key, value in _state_dict(path, content).items()}
    if f"{INSTANCE}out_conv.weight" not in state:
        raise CheckpointError(
            f"{path} is no instance decoder: give micro-sam's decoder file "
            "(vit_b_lm_decoder, ...)"
        )
    _check_instance_decoder(path, state)
    return state, metadata


def _read(path: Path) -> tuple[object, dict[str, str]]:
    """Read the content of a file of weights, and its metadata."""
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise CheckpointError(
            f"cannot read {path} ({error.strerror}): give the path of a .pth or "
            ".safetensors file"
        ) from error
    _refuse_text(path, head)
    if head[8:9] == b"{":  # safetensors: after the header's length, 8 bytes
        return _read_safetensors(path)
    # Memory mapping needs the zip format that torch.save has used since 1.6.
    return _read_torch(path, mmap=head.startswith(b"PK")), {}


def _refuse_text(path: Path, head: bytes) -> None:
    """Raise CheckpointError for a text file, which a failed download leaves."""
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
                "could run a program: give a file that holds a state dict alone (of "
                "micro-sam's best.pt: export_custom_sam_model makes one)"
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


def _state_dict(path: Path, content: object) -> State:
    """Find the state dict inside what training scripts save around it."""
    if isinstance(content, Mapping) and "model_state" in content:
        network = _state_dict(path, content["model_state"])
        decoder = content.get("decoder_state")
        if decoder is None:
            return network
        own = _state_dict(path, decoder)
        return network | {INSTANCE + key: value for key, value in own.items()}
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
    whole = any(key.startswith(ENCODER) for key in state)
    if any(key.startswith("image_encoder.trunk.") for key in state):
        what, remedy = "is SAM 2, another network", "give an HQ-SAM (1) file"
    elif any(key.startswith("vision_encoder.") for key in state):
        what = "names its keys as the transformers library does"
        remedy = "give the official sam_hq_vit_*.pth file"
    elif "out_conv.weight" in state and not whole:
        what = "is micro-sam's instance decoder alone"
        remedy = "give the file of its network, and this one as `instance_decoder`"
    elif any(key.startswith("sam.") for key in state):
        what = "is a file of micro-sam's training"
        remedy = "export it with micro_sam.util.export_custom_sam_model"
    elif any("w_a_linear" in key or ".qkv_proj." in key for key in state):
        what = "holds low-rank updates (LoRA) beside its weights"
        remedy = "merge them into the weights first"
    elif any(key.startswith(HQ_KEYS) for key in state):
        what = "is a mask decoder alone, as training saves it (epoch_N.pth)"
        remedy = "put it together with its image encoder first"
    elif not whole:
        what = f"is no SAM (it holds {', '.join(list(state)[:3])}, ...)"
        remedy = "give a file of HQ-SAM or SAM, or one made here"
    else:
        return
    raise CheckpointError(f"{path} {what}: {remedy}")


def _check_instance_decoder(path: Path, state: State) -> None:
    """Refuse decoders of other outputs, such as classes of a semantic one."""
    last = state.get(f"{INSTANCE}out_conv.weight")
    if last is not None and len(last) != MAPS:
        raise CheckpointError(
            f"{path} has a decoder with {len(last)} outputs, not the three of an "
            "instance decoder (it may be one for semantic segmentation): use the "
            "network without it"
        )
