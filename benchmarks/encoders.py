"""Time of one image encoder over that of another, in one run.

    python benchmarks/encoders.py
    python benchmarks/encoders.py efficientnet_lite0 --against vit_tiny --threads 1

Both in the form in which they answer clicks, with random weights, on a tile of the
same size, taking turns, so that a busy machine slows both. A ratio is the median
over the rounds; below 1 the encoder is the faster one.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch

from napari_hqsam.network import VARIANTS, build_network

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@torch.inference_mode()
def times(
    names: list[str], side: int, dtype: torch.dtype, rounds: int
) -> dict[str, list[float]]:
    """Seconds of each round, after two that do not count."""
    networks = {
        name: build_network(name, input_size=side).eval().optimize(dtype)
        for name in names
    }
    x = torch.rand(1, 3, side, side)
    found: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds + 2):
        for name, network in networks.items():
            start = time.perf_counter()
            network.encode(x)
            if number >= 2:
                found[name].append(time.perf_counter() - start)
    return found


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("encoder", nargs="?", default="efficientnet_lite0")
    parser.add_argument("--against", default="vit_tiny", choices=VARIANTS)
    parser.add_argument("--side", type=int, default=448, help="of a tile, pixels")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--threads", type=int, help="of torch")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    print(f"| precision | {args.against}, ms | {args.encoder}, ms | ratio |")
    print("|---|---|---|---|")
    for name, dtype in DTYPES.items():
        found = times([args.against, args.encoder], args.side, dtype, args.rounds)
        other, own = found[args.against], found[args.encoder]
        ratio = statistics.median(a / b for a, b in zip(own, other, strict=True))
        ms = (f"{statistics.median(t) * 1e3:.0f}" for t in (other, own))
        print(f"| {name} | {' | '.join(ms)} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
