"""Ablation of the features of HQ-SAM's mask on our data.

``python -m napari_hqsam.training.ablation DATA FOLDER --weights FILE --steps N``

Reruns Table 3 of the HQ-SAM paper (arXiv 2306.01567, section 4.2): SAM is frozen, and
the HQ modules are trained from scratch, with the mask decoder's feature alone, with the
final or the early feature of the encoder added, and with both. Each is measured on
validation images; its weights are written too, so that ``napari-hqsam evaluate -m`` can
measure it on test images. The run can be interrupted and resumed.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from napari_hqsam.datasets.labelled import read_datasets
from napari_hqsam.training.initial import initial_network
from napari_hqsam.training.loop import Recipe, Stage, Trainer, is_hq
from napari_hqsam.training.validate import validate
from napari_hqsam.training.weights import load_weights, save_weights

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_hqsam.datasets.labelled import Dataset
    from napari_hqsam.network import HQSAM

FEATURES = {"final": "embedding_encoder", "early": "compress_vit_feat"}
"""Encoder features added to the mask decoder's own, and their modules."""
VARIANTS: dict[str, tuple[str, ...]] = {
    "mask feature": (),
    "with final": ("final",),
    "with early": ("early",),
    "all": ("final", "early"),
}
"""Variants that are trained, and the encoder features they use."""
SAM_ONLY = "SAM"
COLUMNS = {
    "box IoU": "box{}",
    "box BIoU 0.02": "box{}_boundary",
    "box BIoU 2 px": "box{}_2px",
    "click IoU": "click{}",
    "click BIoU 0.02": "click{}_boundary",
    "click BIoU 2 px": "click{}_2px",
}
"""Columns of the table, and their scores of `validate`."""


def with_new_hq(network: HQSAM, features: Iterable[str], seed: int = 0) -> HQSAM:
    """Reinitialise the HQ modules, with some of their features switched off.

    A feature is switched off by zeros in the last layer of its branch, so that the
    network keeps its structure; the parameters of `frozen_without` stay zero.

    Parameters
    ----------
    network : HQSAM
        Changed in place.
    features : iterable of {"final", "early"}
        Features that stay on.
    seed : int
        Seed of the new weights: the same for all variants.
    """
    torch.manual_seed(seed)
    fresh = initial_network(network.variant, network.input_size).state_dict()
    state = network.state_dict()
    network.load_state_dict({k: fresh[k] if is_hq(k) else v for k, v in state.items()})
    for name in FEATURES.keys() - set(features):
        last = getattr(network.mask_decoder, FEATURES[name])[-1]
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
    return network


def frozen_without(features: Iterable[str]) -> tuple[str, ...]:
    """Return the parameters to freeze if only these features are on."""
    off = sorted(FEATURES.keys() - set(features))
    return tuple(f"mask_decoder.{FEATURES[name]}." for name in off)


def hq_recipe(steps: int, input_size: int) -> Recipe:
    """Make the recipe of the HQ modules alone (HQ-SAM paper, section 3.3)."""
    stage = Stage(
        steps,
        side=224,
        images=4,
        prompts=8,
        lr=(1e-3, 0.0),
        sizes=(12.0, 180.0),
        balance=(0.5, 0.0),
        rounds=(1.0,),
        hq_only=True,
    )
    return Recipe((stage,), input_size=input_size, warmup=min(50, steps))


def table(results: dict[str, dict[str, float]]) -> str:
    """Write mean scores of the variants as a markdown table.

    Parameters
    ----------
    results : dict
        Variant to the "mean" of `validate`; `SAM_ONLY` first. Trained variants have
        a row for the HQ mask and one for SAM's with it added.
    """
    lines = [
        ["features of the HQ mask", "output", *COLUMNS],
        ["---"] * (len(COLUMNS) + 2),
    ]
    for variant, scores in results.items():
        outputs = (
            {"sam": "_sam"} if variant == SAM_ONLY else {"hq": "_hq", "sam+hq": ""}
        )
        for output, suffix in outputs.items():
            values = [scores[key.format(suffix)] for key in COLUMNS.values()]
            lines.append([variant, output, *(f"{v:.3f}" for v in values)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def main() -> None:
    """Train and measure all variants, resuming where an earlier run stopped."""
    args = _arguments()
    if args.threads:
        torch.set_num_threads(args.threads)
    train, validation = read_datasets(args.data, args.device)
    args.folder.mkdir(parents=True, exist_ok=True)
    scores: dict[str, dict[str, dict[str, float]]] = {}

    def measure(variant: str, network: HQSAM) -> None:
        network = network.to(args.device).eval()
        scores[variant] = validate(network, validation, args.crops, boundary=True)
        print(variant, json.dumps(scores[variant]["mean"]), flush=True)

    measure(SAM_ONLY, load_weights(args.weights))
    for variant, features in VARIANTS.items():
        path = args.folder / f"{variant.replace(' ', '_')}.safetensors"
        if not path.exists():
            _train(args, train, variant, features, path)
        measure(variant, load_weights(path))
    means = {variant: found["mean"] for variant, found in scores.items()}
    about = {"weights": args.weights.name, "steps": args.steps}
    (args.folder / "ablation.json").write_text(
        json.dumps({**about, "validation": scores}, indent=1) + "\n"
    )
    (args.folder / "ablation.md").write_text(table(means))
    print(table(means))


def _arguments() -> argparse.Namespace:
    """Parse and check the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder of data sets (NAME/train/...)")
    parser.add_argument("folder", type=Path, help="weights, checkpoints, results")
    parser.add_argument("--weights", type=Path, required=True, help="the frozen SAM")
    parser.add_argument("--steps", type=int, default=1000, help="of each variant")
    parser.add_argument(
        "--device", default="cuda" if torch.cuda.is_available() else "cpu"
    )
    parser.add_argument("--bf16", action="store_true", help="autocast to bfloat16")
    parser.add_argument("--threads", type=int, help="CPU threads")
    parser.add_argument("--crops", type=int, default=6, help="validated per data set")
    args = parser.parse_args()
    if args.steps < 1:
        parser.error(f"--steps {args.steps} trains nothing: give 1 or more")
    if not args.weights.is_file():
        parser.error(f"--weights {args.weights} is no file: give a .safetensors")
    return args


def _train(
    args: argparse.Namespace,
    train: list[Dataset],
    variant: str,
    features: tuple[str, ...],
    path: Path,
) -> None:
    """Train the HQ part of a variant, and write its weights; exit if interrupted."""
    network = with_new_hq(load_weights(args.weights), features)
    trainer = Trainer(
        hq_recipe(args.steps, network.input_size),
        train,
        path.with_suffix(""),
        args.device,
        bf16=args.bf16,
        network=network,
        frozen=frozen_without(features),
    )
    trainer.resume()
    signal.signal(signal.SIGTERM, trainer.stop)
    signal.signal(signal.SIGINT, trainer.stop)
    print(f"{variant}: step {trainer.step} of {args.steps}", flush=True)
    trainer.run()
    if trainer.stopping:
        sys.exit(f"stopped and saved in {variant}; run again to go on")
    save_weights(trainer.averaged(), path, trainer.step)
    (path.with_suffix("") / "checkpoint.pt").unlink()


if __name__ == "__main__":
    main()
