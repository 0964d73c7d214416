"""Crops per second of a training step, against another version of the code.

    git worktree add ../before COMMIT
    python benchmarks/training.py --against ../before/src --rounds 3

Each measurement is a process of its own, this version and the other in turn, on one
thread, on synthetic images: 4 crops of 224 px with 8 prompts, as most of the bundled
model's training. Seconds are processor time, so that other work on the machine
disturbs less. ``--variants`` names the encoders to train here; the other version
trains the one named by ``--other`` (only ``vit_tiny`` before EfficientNet came).
"""

from __future__ import annotations

import argparse
import inspect
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SRC = Path(__file__).resolve().parents[1] / "src"
WARM_UP = 3
"""Steps before the clock runs."""


def measure(variant: str, steps: int, bf16: bool) -> float:
    """Train for some steps in this process; return crops per processor second."""
    import numpy as np
    import torch

    from napari_hqsam.datasets.labelled import Dataset
    from napari_hqsam.training.loop import Recipe, Stage, Trainer
    from napari_hqsam.training.synthetic import synthetic_image

    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    images = [synthetic_image(rng, "cpu") for _ in range(8)]
    # Versions differ in where an option stands.
    options = {"variant": variant, "synthetic": 0.0}
    of_stage, of_recipe = (
        {k: v for k, v in options.items() if k in inspect.signature(kind).parameters}
        for kind in (Stage, Recipe)
    )
    sizes, balance = (10.0, 220.0), (0.4, 0.4)
    length = WARM_UP + steps
    stage = Stage(length, sizes=sizes, balance=balance, drawn=0.8, **of_stage)
    recipe = Recipe((stage,), **of_recipe)
    with tempfile.TemporaryDirectory() as folder:
        data = [Dataset("drawn", images)]
        trainer = Trainer(recipe, data, Path(folder), bf16=bf16)
        trainer.run(until=WARM_UP)
        started = time.process_time()
        trainer.run()
        return stage.images * steps / (time.process_time() - started)


def in_a_process(source: Path, variant: str, args: argparse.Namespace) -> float:
    """Measure the version in a source folder."""
    command = [sys.executable, __file__, "--child", variant, "--steps", str(args.steps)]
    env = {**os.environ, "PYTHONPATH": str(source), "OMP_NUM_THREADS": "1"}
    if args.fp32:
        command.append("--fp32")
    run = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    return float(json.loads(run.stdout.splitlines()[-1]))


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--against", type=Path, help="src folder of the other version")
    parser.add_argument("--other", default="vit_tiny", help="encoder trained there")
    parser.add_argument(
        "--variants", nargs="+", default=["vit_tiny", "efficientnet_lite0"]
    )
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--fp32", action="store_true", help="no bfloat16")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(json.dumps(measure(args.child, args.steps, not args.fp32)))
        return
    cases = {f"here, {variant}": (SRC, variant) for variant in args.variants}
    if args.against:
        cases = {f"other, {args.other}": (args.against, args.other), **cases}
    found: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(args.rounds):
        for name, (source, variant) in cases.items():
            found[name].append(in_a_process(source.resolve(), variant, args))
    first = statistics.median(next(iter(found.values())))
    print("| version, encoder | crops a second (min, median, max) | ratio |")
    print("|---|---|---|")
    for name, values in found.items():
        middle = statistics.median(values)
        spread = f"{min(values):.2f}, {middle:.2f}, {max(values):.2f}"
        print(f"| {name} | {spread} | {middle / first:.2f} |")


if __name__ == "__main__":
    main()
