"""Make the golden values from the reference implementation.

Run once, when the cases or the seeded weights change (about 5 minutes on two
cores, 8 GB of memory for vit_h)::

    python -m tests.parity.make_golden [--reference FOLDER] [variant ...]

It writes ``keys.json``, the keys and shapes of each variant's state dict, and
``golden_<variant>.npz``. In a golden file, arrays are `cases.sample` of what the
reference gives in float32; ``samples`` tells the full shape and the stride of each:

====================  ========================================================
``features``, stats   image embedding (1, 256, 64, 64); mean and std of all of it
``early``, stats      first intermediate embedding (1, 64, 64, C), the same
``<kind>/masks``      (B, 5, 256, 256): SAM's mask, three candidates, the HQ mask
``<kind>/iou``        (B, 4), whole: predicted IoU of the four SAM masks
``<kind>/out_<m><h>`` (B, 1, 256, 256): the decoder's own output, m = multimask_output
                      (which picks the best candidate), h = hq_token_only
``<kind>/iou_<m>``    (B, 1), whole: the score that goes with it
``click<i>_<m><h>``   (1, 300, 420) logits of `SamPredictor.predict`, full path from
                      the uint8 image; ``again`` with its own answer as mask prompt
====================  ========================================================
"""

from __future__ import annotations

import argparse
import json
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import PIL
import torch

from benchmarks.reference import REQUIREMENT, import_reference, load_reference
from tests.parity.cases import CLICKS, Prompts, image, prompts, sample
from tests.parity.seeded import seeded_state_dict

HERE = Path(__file__).resolve().parent

if TYPE_CHECKING:
    from torch import Tensor

VARIANTS = ("vit_tiny", "vit_b", "vit_l", "vit_h")
FULL_PATH = ("vit_tiny", "vit_b")
Shapes = dict[str, tuple[int, ...]]


class Golden:
    """Gathers samples and the shapes they were taken from."""

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        self.samples: dict[str, dict[str, Any]] = {}

    def add(self, name: str, values: Tensor, count: int) -> None:
        """Keep about `count` values."""
        stride = prime_from(values.numel() // count)
        self.arrays[name] = sample(values, stride)
        self.samples[name] = {"shape": list(values.shape), "stride": stride}

    def add_whole(self, name: str, values: Tensor) -> None:
        """Keep all values."""
        self.arrays[name] = values.detach().float().numpy()


def prime_from(n: int) -> int:
    """Find the smallest prime that is at least `n`."""
    while any(n % p == 0 for p in range(2, int(n**0.5) + 1)):
        n += 1
    return n


def reference_shapes(variant: str, folder: str | None) -> Shapes:
    """Keys and shapes of the reference's state dict."""
    registry = import_reference(folder).sam_model_registry
    state = registry[variant]().state_dict()
    return {k: tuple(v.shape) for k, v in state.items()}


def decode(model: Any, predictor: Any, kind: str, asked: Prompts, to: Golden) -> None:
    """Record all that the decoder gives for one batch of prompts."""
    points = None if asked.points is None else (asked.points, asked.labels)
    sparse, dense = model.prompt_encoder(points, asked.boxes, asked.masks)
    shared = {
        "image_embeddings": predictor.features,
        "image_pe": model.prompt_encoder.get_dense_pe(),
        "sparse_prompt_embeddings": sparse,
        "dense_prompt_embeddings": dense,
    }
    decoder, early = model.mask_decoder, predictor.interm_features
    hq_features = decoder.embedding_encoder(predictor.features)
    hq_features = hq_features + decoder.compress_vit_feat(early[0].permute(0, 3, 1, 2))
    masks, iou = decoder.predict_masks(**shared, hq_features=hq_features)
    to.add(f"{kind}/masks", masks, 700 * len(masks) * 5)
    to.add_whole(f"{kind}/iou", iou)
    for multimask in (False, True):
        for hq_only in (False, True):
            out, score = decoder(
                **shared,
                multimask_output=multimask,
                hq_token_only=hq_only,
                interm_embeddings=early,
            )
            to.add(f"{kind}/out_{multimask:d}{hq_only:d}", out, 150 * len(out))
        to.add_whole(f"{kind}/iou_{multimask:d}", score)


def click(predictor: Any, to: Golden) -> None:
    """Record the full path: `predict` on the image set before."""
    for i, asked in enumerate(CLICKS):
        asked = {k: np.array(v) for k, v in asked.items()}
        low = None
        for name, multimask, hq_only in (("00", 0, 0), ("10", 1, 0), ("01", 0, 1)):
            masks, _, low_res = predictor.predict(
                **asked,
                multimask_output=bool(multimask),
                hq_token_only=bool(hq_only),
                return_logits=True,
            )
            low = low_res if low is None else low
            to.add(f"click{i}_{name}", torch.from_numpy(masks), 1500)
        masks, _, _ = predictor.predict(
            **asked, mask_input=low, multimask_output=False, return_logits=True
        )
        to.add(f"click{i}_again", torch.from_numpy(masks), 1500)


@torch.inference_mode()
def make(variant: str, shapes: Shapes, folder: str | None) -> Golden:
    """Run the reference of one variant."""
    model: Any = load_reference(variant, seeded_state_dict(shapes), folder)
    predictor = import_reference(folder).SamPredictor(model)
    predictor.set_image(image())
    golden = Golden()
    for name, values in (
        ("features", predictor.features),
        ("early", predictor.interm_features[0]),
    ):
        golden.add(name, values, 4000)
        golden.add_whole(f"{name}_stats", torch.stack([values.mean(), values.std()]))
    for kind, asked in prompts().items():
        decode(model, predictor, kind, asked, golden)
    if variant in FULL_PATH:
        click(predictor, golden)
    return golden


def main() -> None:
    """Write the key lists and the golden files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("variants", nargs="*", default=VARIANTS)
    parser.add_argument("--reference", help="folder with segment_anything_hq/")
    args = parser.parse_args()
    keys = HERE / "keys.json"
    known: dict[str, Shapes] = json.loads(keys.read_text()) if keys.exists() else {}
    for variant in args.variants:
        start = time.perf_counter()
        known[variant] = reference_shapes(variant, args.reference)
        golden = make(variant, known[variant], args.reference)
        made_with = {
            "reference": REQUIREMENT,
            "torch": torch.__version__,
            "numpy": np.__version__,
            "pillow": PIL.__version__,
            "image_crc32": zlib.crc32(image().tobytes()),
            "samples": golden.samples,
        }
        path = HERE / f"golden_{variant}.npz"
        np.savez_compressed(path, made_with=json.dumps(made_with), **golden.arrays)
        keys.write_text(json.dumps(known, separators=(",", ":")) + "\n")
        print(
            f"{path.name}: {path.stat().st_size} bytes, "
            f"{time.perf_counter() - start:.0f} s"
        )


if __name__ == "__main__":
    main()
