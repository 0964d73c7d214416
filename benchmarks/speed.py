"""Speed, agreement and memory against the reference implementation, in one run.

    python benchmarks/speed.py

The same weights, the same image and prompts, the same device and threads; the
implementations take turns within each round, so that a busy machine slows all of
them. A ratio is the median over the rounds of reference time / our time: 2 means
twice as fast. The reference runs as published, in float32; ours in float32 and in
the precision the package chooses here (or the one given). Rows:

encoder     preprocessed image to embedding
tile        the same, made ready for prompts (here we also compute what all prompts
            of a tile share; the reference computes it anew for each click)
click       one point on a tile that is ready, to low-resolution logits
64 prompts  64 points; the reference in one batch, as its automatic mode does it
first click encoder, tile and click together

Agreement is the share of pixels on which the 64 masks, at the image's own
resolution, are equal to the reference's. Peak memory is that of a process of its
own during a first click, weights, Python and torch included (Linux only).

Weights are seeded unless a checkpoint is given: times do not depend on them, and
masks of random weights, which hover about zero, are the harder test of agreement.
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import platform
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from PIL import Image
from reference import import_reference, load_reference

# reference.py made these importable
from tests.parity.cases import IMAGE_SHAPE, SIZE, image  # isort: skip
from tests.parity.seeded import seeded_state_dict  # isort: skip

from napari_hqsam.models import choose_device, read_state_dict
from napari_hqsam.network import (
    VARIANTS,
    build_network,
    combine,
    expected_shapes,
    find_variant,
    network_input,
    pack_tokens,
    upsample_logits,
)
from napari_hqsam.segmentation.plane.decoding import CPU_BATCH, GPU_BATCH

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from napari_hqsam.network import Variant

RESIZED = (731, SIZE)
REFERENCE = "reference"
State = tuple[Any, ...]  # an implementation knows its own
ROWS = ("encoder", "tile", "click", "64 prompts", "first click")


class Implementation(Protocol):
    """What is timed: an image to a tile, a tile and points to logits."""

    def encode(self, x: Tensor) -> State:
        """Encode (1, 3, 1024, 1024)."""

    def prepare(self, encoded: State) -> State:
        """Make an encoded image ready for prompts."""

    def decode(self, tile: State, points: Tensor) -> Tensor:
        """Decode (B, 1, 2) positive points to (B, 1, 256, 256) logits."""


class Reference:
    """The published network, used as its `SamPredictor` uses it."""

    def __init__(
        self,
        variant: Variant,
        state: dict[str, Tensor],
        device: str,
        folder: str | None,
    ) -> None:
        self.model: Any = load_reference(variant, state, folder).to(device)

    def encode(self, x: Tensor) -> State:
        """Run the image encoder."""
        return self.model.image_encoder(x)

    def prepare(self, encoded: State) -> State:
        """Do nothing: the reference keeps no more than the embedding."""
        return encoded

    def decode(self, tile: State, points: Tensor) -> Tensor:
        """Decode in one batch, as `predict_torch` does."""
        labels = torch.ones(points.shape[:2], dtype=torch.int, device=points.device)
        encoder = self.model.prompt_encoder
        sparse, dense = encoder((points, labels), None, None)
        logits, _ = self.model.mask_decoder(
            image_embeddings=tile[0],
            image_pe=encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=False,
            hq_token_only=False,
            interm_embeddings=tile[1],
        )
        return logits


class Ours:
    """Our network in its inference form."""

    def __init__(
        self,
        variant: Variant,
        state: dict[str, Tensor],
        device: str,
        dtype: torch.dtype,
    ) -> None:
        network = build_network(variant)
        network.load(state)
        self.network = network.to(device).optimize(dtype)
        self.device = torch.device(device)

    def encode(self, x: Tensor) -> State:
        """Run the image encoder."""
        return self.network.encode(x)

    def prepare(self, encoded: State) -> State:
        """Compute what all prompts of the tile share."""
        return self.network.prepare(*encoded)

    def decode(self, tile: State, points: Tensor) -> Tensor:
        """Decode in batches of the size that suits the device."""
        logits = []
        size = CPU_BATCH if self.device.type == "cpu" else GPU_BATCH
        for part in points.cpu().split(size):
            n = len(part)
            tokens = pack_tokens(list(part), [torch.ones(1)] * n, [None] * n)
            decoded = self.network.decode(tile, tokens.to(self.device))
            logits.append(combine(decoded, "sam+hq")[:, :1])
        return torch.cat(logits)


def build(
    name: str,
    variant: Variant,
    state: dict[str, Tensor],
    device: str,
    folder: str | None,
) -> Implementation:
    """Make the implementation of that name: "reference" or one of our dtypes."""
    if name == REFERENCE:
        return Reference(variant, state, device, folder)
    return Ours(variant, state, device, getattr(torch, name))


def weights(variant: Variant, checkpoint: str | None) -> dict[str, Tensor]:
    """Seeded, or those of a file."""
    if checkpoint is not None:
        return read_state_dict(checkpoint)[0]
    return seeded_state_dict(expected_shapes(variant))


def inputs(device: str) -> tuple[Tensor, Tensor]:
    """Give the preprocessed image and 64 points (64, 1, 2) on it, x and y."""
    resized = Image.fromarray(image()).resize(RESIZED[::-1], Image.Resampling.BILINEAR)
    x = network_input(torch.from_numpy(np.array(resized)).permute(2, 0, 1), SIZE)
    h, w = RESIZED
    ys, xs = (torch.arange(8) + 0.5) / 8 * h, (torch.arange(8) + 0.5) / 8 * w
    points = torch.stack(torch.meshgrid(xs, ys, indexing="xy"), -1).reshape(64, 1, 2)
    return x.to(device), points.to(device)


def steps(
    one: Implementation, x: Tensor, points: Tensor
) -> dict[str, Callable[[], Any]]:
    """Give the rows of the table for one implementation."""
    encoded = one.encode(x)
    tile = one.prepare(encoded)
    click = points[27:28]
    return {
        "encoder": lambda: one.encode(x),
        "tile": lambda: one.prepare(one.encode(x)),
        "click": lambda: one.decode(tile, click),
        "64 prompts": lambda: one.decode(tile, points),
        "first click": lambda: one.decode(one.prepare(one.encode(x)), click),
    }


def seconds(step: Callable[[], Any], device: str) -> float:
    """Time one call, the device's queue included."""
    start = time.perf_counter()
    step()
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return time.perf_counter() - start


def time_rows(
    all_steps: dict[str, dict[str, Callable[[], Any]]], rounds: int, device: str
) -> dict[str, dict[str, list[float]]]:
    """Seconds by row and implementation, after one call that does not count."""
    times: dict[str, dict[str, list[float]]] = {}
    for row in ROWS:
        times[row] = {name: [] for name in all_steps}
        for i in range(rounds + 1):
            for name, of in all_steps.items():
                taken = seconds(of[row], device)
                if i:
                    times[row][name].append(taken)
    return times


def agreement(one: Tensor, other: Tensor) -> float:
    """Share of equal mask pixels at the image's own resolution."""
    equal = [
        (upsample_logits(a[None], SIZE, RESIZED, IMAGE_SHAPE) > 0)
        == (upsample_logits(b[None], SIZE, RESIZED, IMAGE_SHAPE) > 0)
        for a, b in zip(one, other, strict=True)
    ]
    return torch.cat(equal).double().mean().item()


@torch.inference_mode()
def peak_memory(
    name: str, variant: Variant, checkpoint: str | None, device: str, folder: str | None
) -> float | None:
    """MiB at most in use during a first click. To be run in a fresh process."""
    one = build(name, variant, weights(variant, checkpoint), device, folder)
    gc.collect()
    x, points = inputs(device)
    on_gpu = device.startswith("cuda")
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    else:
        try:
            Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM
        except OSError:
            return None
    one.decode(one.prepare(one.encode(x)), points[27:28])
    if on_gpu:
        return torch.cuda.max_memory_allocated() / 2**20
    lines = Path("/proc/self/status").read_text().splitlines()
    peak = next(line for line in lines if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1024


@torch.inference_mode()
def measure(variant: Variant, names: list[str], args: argparse.Namespace) -> None:
    """Print the tables of one variant."""
    state = weights(variant, args.weights)
    where = (args.device, args.reference)
    built = {n: build(n, variant, state, *where) for n in names}
    del state
    x, points = inputs(args.device)
    all_steps = {n: steps(one, x, points) for n, one in built.items()}
    print(f"\n## {variant}\n")
    print("| | " + " | ".join(f"{n}, s" for n in names), end=" | ")
    print(" | ".join(f"ratio {n}" for n in names[1:]) + " |")
    print("|---" * (2 * len(names)) + "|")
    for row, of in time_rows(all_steps, args.rounds, args.device).items():
        cells = [f"{statistics.median(of[n]):.3f}" for n in names]
        for n in names[1:]:
            paired = zip(of[REFERENCE], of[n], strict=True)
            cells.append(f"**{statistics.median(a / b for a, b in paired):.2f}**")
        print(f"| {row} | " + " | ".join(cells) + " |", flush=True)
    masks = {n: of["64 prompts"]() for n, of in all_steps.items()}
    for n in names[1:]:
        print(f"\nagreement, {n}: {agreement(masks[n], masks[REFERENCE]):.4%}", end="")
    del built, all_steps
    gc.collect()
    peaks = []
    for n in names:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            peak = pool.apply(peak_memory, (n, variant, args.weights, *where))
        peaks.append(f"{n} {'not known' if peak is None else f'{peak:.0f} MiB'}")
    print(f"\n\npeak memory: {', '.join(peaks)}", flush=True)


def main() -> None:
    """Parse the options and run."""
    text, _, more = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=text,
        epilog=more,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("variants", nargs="*", help="default: vit_tiny vit_b")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda")
    parser.add_argument("--precision", default="auto", help="float32, bfloat16")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, help="of torch")
    parser.add_argument("--weights", help="checkpoint instead of seeded weights")
    parser.add_argument("--reference", help="folder with segment_anything_hq/")
    args = parser.parse_args()
    if unknown := set(args.variants) - set(VARIANTS):
        parser.error(f"no variant {unknown}: choose from {', '.join(VARIANTS)}")
    if args.threads:
        torch.set_num_threads(args.threads)
    place = choose_device(args.device, args.precision)
    args.device = str(place.device)
    if args.weights:
        shapes = {
            k: tuple(v.shape) for k, v in read_state_dict(args.weights)[0].items()
        }
        args.variants = [find_variant(shapes)]
    import_reference(args.reference)  # fetches it now, if it must
    chosen = str(place.dtype).removeprefix("torch.")
    names = list(dict.fromkeys([REFERENCE, "float32", chosen]))
    print(
        f"{place.reason}; {torch.get_num_threads()} threads; torch "
        f"{torch.__version__}; Python {platform.python_version()}; "
        f"median of {args.rounds} rounds; precision {chosen} ({args.precision})"
    )
    for variant in args.variants or ("vit_tiny", "vit_b"):
        measure(variant, names, args)


if __name__ == "__main__":
    main()
