"""What automatic segmentation finds of the labelled objects of some images.

    python benchmarks/automatic.py IMAGE LABELS [IMAGE LABELS ...] [--level -1]

One line an image: objects found and labelled, AP and AP50 (TP / (TP + FP + FN)), mean
over the labelled objects of the IoU with the best mask, tiles, seconds. With
``--unfiltered`` the same without the filters of quality: what they are worth.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from napari_hqsam import Segmenter, load_model, open_image, paint, read_labels
from napari_hqsam.masks.metrics import average_precision, contingency_iou
from napari_hqsam.segmentation import Rules

UNFILTERED = Rules(quality=0.01, candidate_quality=2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", help="pairs of image and labels")
    parser.add_argument("--model", default="micro")
    parser.add_argument("--level", default="auto")
    parser.add_argument("--side", type=int, default=512, help="of the central region")
    parser.add_argument("--unfiltered", action="store_true")
    args = parser.parse_args()
    model = load_model(args.model)
    level = args.level if args.level == "auto" else int(args.level)
    rules = UNFILTERED if args.unfiltered else None
    for image_path, labels_path in zip(args.files[::2], args.files[1::2], strict=True):
        image = open_image(image_path)
        region = _central(image.plane_shape, args.side)
        window = slice(region[0], region[2]), slice(region[1], region[3])
        truth = read_labels(labels_path)[window].astype(int)
        segmenter = Segmenter(image, model, cache=False)
        start = time.perf_counter()
        masks = segmenter.segment_everything(region=region, level=level, rules=rules)
        seconds = time.perf_counter() - start
        labels = np.zeros(image.plane_shape, np.int32)
        for i, mask in enumerate(masks, 1):
            paint(labels, mask.bbox, mask.data, i)
        found = labels[window]
        scores = average_precision(found, truth)
        _, true_ids, ious = contingency_iou(found, truth)
        best = ious.toarray().max(0, initial=0).mean() if len(true_ids) else 1.0
        print(
            f"{image.name}: {len(masks)} found, {len(true_ids)} labelled, "
            f"AP {scores['AP']:.2f}, AP50 {scores['AP50']:.2f}, best IoU {best:.2f}, "
            f"level {masks[0].level if masks else '-'}, "
            f"{segmenter.source.encoded} tiles, {seconds:.0f} s",
            flush=True,
        )


def _central(shape: tuple[int, int], side: int) -> tuple[int, int, int, int]:
    (y0, y1), (x0, x1) = (
        (max(0, n // 2 - side // 2), min(n, n // 2 + side // 2)) for n in shape
    )
    return y0, x0, y1, x1


if __name__ == "__main__":
    main()
