"""Load a model by name or path, ready for inference.

Joins the parts: `cache` finds the file, `checkpoint` reads it, `device` chooses
where, `network` is built. Must not know images or prompts.
"""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from torch.overrides import TorchFunctionMode

from napari_hqsam.errors import CheckpointError
from napari_hqsam.models.cache import fetched_paths, recognize, verified_paths
from napari_hqsam.models.checkpoint import (
    ENCODER,
    read_instance_decoder,
    read_state_dict,
)
from napari_hqsam.models.device import Placement, choose_device
from napari_hqsam.models.registry import find_checkpoint, list_models, tuning_for
from napari_hqsam.network import (
    INSTANCE,
    build_network,
    find_instance_decoder,
    find_variant,
    has_hq,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import torch

    from napari_hqsam.models.download import ProgressFactory
    from napari_hqsam.models.record import Checkpoint
    from napari_hqsam.models.tuning import Tuning
    from napari_hqsam.network import HQSAM

OFFICIAL_INPUT_SIZE = 1024


class BuildOptions(TypedDict):
    """Keywords of `build_network`."""

    input_size: int
    render_prompts: bool


@dataclass(frozen=True, eq=False)
class Model:
    """A network with its weights, on its device, and what it is known by.

    Attributes
    ----------
    name : str
        The name it was loaded by, or the stem of its file.
    path : Path
        File the weights came from.
    variant : str
        Image encoder.
    input_size : int
        Side of the square input, pixels.
    network : HQSAM
        In inference form (`HQSAM.optimize`), weights frozen.
    placement : Placement
        Device and dtype, and why these.
    digest : str
        SHA-256, hex, of the image encoder's weights alone: models that differ
        only in the decoder (SAM, HQ, a fine-tuned HQ head) share it, and so
        they share embeddings.
    decoder_digest : str
        SHA-256, hex, of all other weights: prompt encoder, mask decoder, HQ part.
    description : str
        One line for a person.
    tuning : Tuning
        Settings that depend on the weights: of the registered model, or a similar one.
    """

    name: str
    path: Path
    variant: str
    input_size: int
    network: HQSAM
    placement: Placement
    digest: str
    decoder_digest: str
    description: str
    tuning: Tuning

    @property
    def device(self) -> torch.device:
        """Device the network is on."""
        return self.placement.device

    @property
    def dtype(self) -> torch.dtype:
        """Dtype the network computes in."""
        return self.placement.dtype


def load_model(
    name_or_path: str | os.PathLike[str] = "micro",
    *,
    instance_decoder: str | os.PathLike[str] | None = None,
    device: str | torch.device = "auto",
    precision: str = "auto",
    download: bool = True,
    progress: bool | ProgressFactory = True,
) -> Model:
    """Load an HQ-SAM model.

    Parameters
    ----------
    name_or_path : str or path
        A name of `list_models` or the path of a ``.pth`` or ``.safetensors``
        file of HQ-SAM or SAM weights. A plain SAM has one output alone, "sam".
    instance_decoder : str or path, optional
        File of an instance decoder for this network, where it has one of its own, as
        micro-sam's have. Models with a name come with theirs.
    device, precision : str
        See `choose_device`.
    download : bool
        Fetch a named model that is not on this machine.
    progress : bool or callable
        See `fetch`.

    Raises
    ------
    ModelError
        No such model, device or precision.
    CheckpointError
        A file is not what it should be; the message says what it is.
    FetchError
        The weights are not here and cannot be had; the message says which file
        to put where.
    """
    placement = choose_device(device, precision)
    (path, *own_decoder), known = _find(
        name_or_path, download=download, progress=progress
    )
    state, metadata = read_state_dict(path)
    decoder = own_decoder[0] if instance_decoder is None and own_decoder else None
    if instance_decoder is not None:
        decoder = Path(instance_decoder).expanduser()
        _refuse_decoder_of_another(decoder, state, known)
    if decoder is not None:
        own = {k: v for k, v in state.items() if not k.startswith(INSTANCE)}
        state = own | read_instance_decoder(decoder)[0]
    network = _build(path, state, metadata)
    network.optimize(placement.dtype).to(placement.device)
    size = network.input_size
    return Model(
        name=known.name if known else path.stem,
        path=path,
        variant=network.variant,
        input_size=size,
        network=network,
        placement=placement,
        digest=encoder_digest(state),
        decoder_digest=decoder_digest(state),
        description=known.description if known else _describe(network, path),
        tuning=known.tuning if known else tuning_for(size),
    )


def encoder_digest(state: Mapping[str, torch.Tensor]) -> str:
    """Compute the SHA-256, hex, of the image encoder's weights in a state dict.

    Taken over names, shapes and values as float32, whatever precision the file
    has; counters of the batch norms are left out.
    """
    return _digest(state, [k for k in state if k.startswith(ENCODER)])


def decoder_digest(state: Mapping[str, torch.Tensor]) -> str:
    """Compute the SHA-256, hex, of all weights except the image encoder's."""
    return _digest(state, [k for k in state if not k.startswith(ENCODER)])


def _digest(state: Mapping[str, torch.Tensor], names: list[str]) -> str:
    keys = sorted(k for k in names if state[k].is_floating_point())
    with ThreadPoolExecutor() as pool:  # hashing releases the GIL
        parts = list(pool.map(lambda key: _tensor_digest(state[key]), keys))
    whole = hashlib.sha256()
    for key, part in zip(keys, parts, strict=True):
        whole.update(f"{key} {tuple(state[key].shape)} {part}\n".encode())
    return whole.hexdigest()


def _tensor_digest(tensor: torch.Tensor) -> str:
    values = tensor.detach().float().contiguous().numpy()
    return hashlib.sha256(values.data).hexdigest()


def _find(
    source: str | os.PathLike[str], *, download: bool, progress: bool | ProgressFactory
) -> tuple[tuple[Path, ...], Checkpoint | None]:
    """Find the paths of the weights, and their checkpoint if it is registered."""
    known = next((c for c in list_models() if c.name == source), None)
    if known is None:
        path = Path(source).expanduser()
        looks_like_path = path.suffix or len(path.parts) > 1 or path.exists()
        if not (looks_like_path or isinstance(source, os.PathLike)):
            find_checkpoint(str(source))  # raises, and lists the names
        return (path,), None
    if download:
        return fetched_paths(known, progress), known
    return verified_paths(known), known


def _refuse_decoder_of_another(
    path: Path, state: Mapping[str, torch.Tensor], known: Checkpoint | None
) -> None:
    """Refuse an instance decoder that was trained with another image encoder.

    micro-sam's have the same shapes for every encoder. So a file is recognised
    by its metadata, if it has any, or by its digest, if that is known here.
    """
    _, metadata = read_instance_decoder(path)
    variant = find_variant({k: tuple(v.shape) for k, v in state.items()})
    of_variant = metadata.get("variant", variant)
    owner = recognize(path)
    if owner is not None:
        of_variant = owner[0].variant
    if of_variant != variant:
        other = f"{owner[0].name} ({of_variant})" if owner else of_variant
    elif owner is not None and known is not None and owner[0] != known:
        other = owner[0].name
    elif metadata.get("encoder", encoder := encoder_digest(state)) != encoder:
        other = "other weights"
    else:
        return
    mine = known.name if known else variant
    raise CheckpointError(
        f"{path} is an instance decoder for the image encoder of {other}, not of "
        f"{mine}: give the one that was trained with these weights"
    )


def _describe(network: HQSAM, path: Path) -> str:
    """Describe the network in an unregistered file of weights."""
    kind = "HQ-SAM" if "hq" in network.outputs else "SAM (without HQ)"
    return f"{kind} {network.variant} at {network.input_size} pixels, from {path.name}"


def _build(
    path: Path, state: Mapping[str, torch.Tensor], metadata: Mapping[str, str]
) -> HQSAM:
    """Make the network that the weights are for, with these weights."""
    try:
        variant = find_variant({k: tuple(v.shape) for k, v in state.items()})
        declared = metadata.get("variant", variant)
        if declared != variant:
            raise ValueError(f"it says {declared} and holds {variant}")
        for key, value in state.items():
            if value.is_floating_point() and not bool(value.isfinite().all()):
                raise ValueError(f"NaN or infinite numbers in {key}")
        with _SkipInit():  # random numbers for 640 million weights take seconds
            network = build_network(
                variant,
                **_build_options(metadata),
                instance_decoder=find_instance_decoder(state),
                hq=has_hq(state),
            )
            network.load(state)
    except ValueError as error:
        # CheckpointErrors of the network are ValueErrors, and know no path.
        raise CheckpointError(f"{path} cannot be used: {error}") from error
    return network


def _build_options(metadata: Mapping[str, str]) -> BuildOptions:
    """Read what our own files say in their metadata; official ones have none."""
    render = metadata.get("render_prompts", "false").lower()
    if render not in ("true", "false"):
        raise ValueError(f"render_prompts is {render!r}: true and false are allowed")
    size = metadata.get("input_size", str(OFFICIAL_INPUT_SIZE))
    return {"input_size": int(size), "render_prompts": render == "true"}


class _SkipInit(TorchFunctionMode):
    """Skip the random initialisation of weights, which a checkpoint replaces."""

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: object,
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        kwargs = kwargs or {}
        if getattr(func, "__module__", "") == "torch.nn.init":
            return kwargs.get("tensor", next(iter(args), None))
        return func(*args, **kwargs)
