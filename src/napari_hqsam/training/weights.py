"""Weights as they ship: float16 safetensors with their description."""

from __future__ import annotations

from typing import TYPE_CHECKING

from safetensors import safe_open
from safetensors.torch import save_file

from napari_hqsam.network import HQSAM, build_network, find_instance_decoder

if TYPE_CHECKING:
    from pathlib import Path


def save_weights(network: HQSAM, path: Path, steps: int) -> None:
    """Write the weights of an HQ-SAM that renders its prompts.

    Parameters
    ----------
    network : HQSAM
        On any device.
    path : Path
        The file.
    steps : int
        Optimiser steps of the training.
    """
    state = {
        k: (v.half() if v.is_floating_point() else v).cpu().contiguous()
        for k, v in network.state_dict().items()
    }
    metadata = {
        "variant": network.variant,
        "input_size": str(network.input_size),
        "render_prompts": "true",
        "steps": str(steps),
    }
    save_file(state, path, metadata)
    path.chmod(0o644)  # safetensors leaves it to its owner alone


def load_weights(path: Path) -> HQSAM:
    """Load a network from a file of `save_weights`, in float32 on the CPU.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    CheckpointError
        The weights do not fit the network.
    """
    with safe_open(path, "pt") as file:
        metadata = file.metadata() or {}
        state = {key: file.get_tensor(key) for key in file.keys()}
    network = build_network(
        metadata.get("variant", "vit_tiny"),
        input_size=int(metadata.get("input_size", 448)),
        render_prompts=metadata.get("render_prompts") == "true",
        instance_decoder=find_instance_decoder(state),
    )
    network.load(state)
    return network.eval()


def weights_step(path: Path) -> int:
    """Return the optimiser steps stored in a file of `save_weights`."""
    with safe_open(path, "pt") as file:
        return int((file.metadata() or {}).get("steps", 0))
