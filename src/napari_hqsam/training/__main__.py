"""Train the bundled model: ``python -m napari_hqsam.training DATA FOLDER``."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path

import torch

from napari_hqsam.datasets.labelled import read_datasets
from napari_hqsam.training.loop import Trainer
from napari_hqsam.training.recipes import RECIPES
from napari_hqsam.training.validate import validate
from napari_hqsam.training.weights import load_weights, save_weights, weights_step


def main() -> None:
    """Train, resuming where an earlier run stopped; then validate and export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder of data sets (NAME/train/...)")
    parser.add_argument("folder", type=Path, help="checkpoints, log, weights")
    parser.add_argument("--recipe", default="micro", choices=sorted(RECIPES))
    parser.add_argument(
        "--device", default="cuda" if torch.cuda.is_available() else "cpu"
    )
    parser.add_argument("--bf16", action="store_true", help="autocast to bfloat16")
    parser.add_argument("--threads", type=int, help="CPU threads")
    parser.add_argument("--until", type=int, help="stop before this step")
    parser.add_argument(
        "--encoder-weights", type=Path, help="ImageNet weights of the encoder (.pth)"
    )
    parser.add_argument(
        "--start",
        type=Path,
        help="start from these weights (.safetensors), at their step",
    )
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    train, validation = read_datasets(args.data, args.device)
    trainer = Trainer(
        RECIPES[args.recipe],
        train,
        args.folder,
        args.device,
        bf16=args.bf16,
        validation=validation,
        network=load_weights(args.start) if args.start else None,
        encoder_weights=args.encoder_weights,
    )
    if args.start:
        trainer.step = weights_step(args.start)
    if trainer.resume():
        print(f"resumed at step {trainer.step} of {trainer.recipe.steps}", flush=True)
    signal.signal(signal.SIGTERM, trainer.stop)
    signal.signal(signal.SIGINT, trainer.stop)
    trainer.run(args.until)
    if trainer.stopping:
        sys.exit(f"stopped and saved at step {trainer.step}; run again to go on")
    network = trainer.averaged()
    save_weights(network, args.folder / "micro.safetensors", trainer.step)
    scores = validate(network, validation)
    (args.folder / "validation.json").write_text(json.dumps(scores, indent=1))
    print(json.dumps(scores["mean"]))


if __name__ == "__main__":
    main()
