"""Train the bundled model: ``python -m napari_hqsam.training DATA FOLDER``."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from napari_hqsam.training.data import read_datasets
from napari_hqsam.training.loop import Trainer
from napari_hqsam.training.recipes import RECIPES
from napari_hqsam.training.validate import validate


def export(trainer: Trainer, path: Path) -> None:
    """Write the averaged weights as float16 safetensors with their description."""
    network = trainer.averaged()
    state = {
        k: v.half() if v.is_floating_point() else v
        for k, v in network.cpu().state_dict().items()
    }
    metadata = {
        "variant": "vit_tiny",
        "input_size": str(trainer.recipe.input_size),
        "render_prompts": "true",
        "steps": str(trainer.step),
    }
    save_file({k: v.contiguous() for k, v in state.items()}, path, metadata)
    path.chmod(0o644)  # safetensors leaves it to its owner alone


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
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    train, validation = read_datasets(args.data, args.device)
    trainer = Trainer(
        RECIPES[args.recipe], train, args.folder, args.device, bf16=args.bf16
    )
    if trainer.resume():
        print(f"resumed at step {trainer.step} of {trainer.recipe.steps}", flush=True)
    signal.signal(signal.SIGTERM, trainer.stop)
    signal.signal(signal.SIGINT, trainer.stop)
    trainer.run(args.until)
    if trainer.stopping:
        sys.exit(f"stopped and saved at step {trainer.step}; run again to go on")
    export(trainer, args.folder / "micro.safetensors")
    scores = validate(trainer.averaged(), validation)
    (args.folder / "validation.json").write_text(json.dumps(scores, indent=1))
    print(json.dumps(scores["mean"]))


if __name__ == "__main__":
    main()
