"""What automatic segmentation finds, and what it costs.

One command, a part each:

    python benchmarks/automatic.py generator [--points 32]
    python benchmarks/automatic.py accuracy DATA [--split test] [--images 2]
    python benchmarks/automatic.py tiles
    python benchmarks/automatic.py plane [--side 20000] [--network bright]
    python benchmarks/automatic.py frames [--count 10]
    python benchmarks/automatic.py images IMAGE LABELS [IMAGE LABELS ...]

generator  the grid against the reference's automatic mask generator, 1024 x 1024
           pixels, the same seeded TinyViT weights, without limits of quality: seconds
           of CPU of each, and the IoU of their masks of the same clicks
accuracy   AP50 and mSA (mean of TP / (TP + FP + FN) over IoU .50:.05:.95) of the grid,
           AIS and APG, beside Otsu's threshold with a watershed, by data set
tiles      a generated picture of 9 tiles, tiled and in one untiled view of the same
           weights: objects found, found twice, cut
plane      a large generated plane, one disc every 500 pixels: discs found once, twice,
           cut or missed, and the peak memory beyond that after loading
frames     seconds, and CPU seconds, for a series of frames of 512 x 512 pixels
images     the same figures as `accuracy` for files of your own, with tiles and seconds;
           `--unfiltered`: without the filters of quality
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from automatic_planes import plane, tiles
from reference import import_reference, load_reference
from scaling import Cells, seeded
from scipy import ndimage

from napari_hqsam import Segmenter, batch_file, load_model, open_image, read_labels
from napari_hqsam.datasets.folders import find_folders
from napari_hqsam.evaluation.scoring import grey_plane, paint_all
from napari_hqsam.masks.metrics import average_precision, contingency_iou, iou
from napari_hqsam.network import build_network
from napari_hqsam.prompts import Prompt
from napari_hqsam.segmentation import Rules
from tests.parity.seeded import seeded_state_dict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from napari_hqsam.models import Model

UNFILTERED = Rules(quality=0.01, candidate_quality=2)
PROPOSERS = ("grid", "ais", "apg")


# --- against the reference's generator --------------------------------------


def generator(args: argparse.Namespace) -> None:
    """Time both on the same picture, and compare masks of the same clicks."""
    module = import_reference()
    model = seeded("vit_tiny")
    state = seeded_state_dict(
        {k: tuple(v.shape) for k, v in build_network("vit_tiny").state_dict().items()}
    )
    reference = load_reference("vit_tiny", state)
    network = build_network("vit_tiny")
    network.load(state)
    model.network = network.optimize()  # type: ignore[misc]
    picture = np.repeat(Cells(1024)[:, :][..., None], 3, -1)
    make = module.SamAutomaticMaskGenerator(
        reference,
        points_per_side=args.points,
        pred_iou_thresh=-1e9,
        stability_score_thresh=-1e9,
        box_nms_thresh=0.7,
    )
    start = time.process_time()
    theirs = make.generate(picture)
    seconds = time.process_time() - start
    image = open_image(picture, axes="yxc")
    segmenter = Segmenter(image, model, normalization="none", cache=False)
    start = time.process_time()
    ours = segmenter.segment_everything(
        level=0,
        proposer="grid",
        points_per_side=args.points,
        rules=Rules(quality=-1e9, candidate_quality=-1e9, sure_quality=1e9, share=1.0),
    )
    own_seconds = time.process_time() - start
    print(f"reference: {len(theirs)} masks, {seconds:.1f} s of CPU")
    print(
        f"grid: {len(ours)} masks, {own_seconds:.1f} s: {seconds / own_seconds:.1f} x"
    )
    print(f"masks of the same clicks: mean IoU {_same_clicks(make, segmenter):.3f}")


def _same_clicks(make: Any, segmenter: Segmenter, count: int = 8) -> float:  # noqa: ANN401
    """Mean IoU of the reference's and our single masks of some clicks."""
    picture = segmenter.image.read_plane()
    make.predictor.set_image(picture)
    ious = []
    for y, x in np.random.default_rng(0).integers(64, 960, (count, 2)).tolist():
        found, _, _ = make.predictor.predict(
            np.array([(x + 0.5, y + 0.5)]), np.ones(1), multimask_output=False
        )
        own = segmenter.segment(Prompt([(y, x)]), level=0, clean=False)
        ious.append(iou(found[0], own.to_plane(found[0].shape)))
    return float(np.mean(ious))


# --- labelled images --------------------------------------------------------


def accuracy(args: argparse.Namespace) -> None:
    """Print a row for each data set: AP50 and mSA of each method."""
    model = load_model(args.model)
    for folder in find_folders([Path(args.data)], args.split):
        if args.only and folder.name not in args.only:
            continue
        rows: dict[str, list[tuple[float, float]]] = {}
        for pair in folder.pairs[: args.images]:
            for name, found, truth, _ in _answers(
                model, pair.image, pair.labels, args.side, methods=PROPOSERS
            ):
                scores = average_precision(found, truth)
                rows.setdefault(name, []).append((scores["AP50"], scores["AP"]))
        figures = ", ".join(
            f"{name} {np.mean(each, 0)[0]:.2f} {np.mean(each, 0)[1]:.2f}"
            for name, each in rows.items()
        )
        print(f"{folder.name} ({len(rows['otsu'])} images): {figures}", flush=True)


def images(args: argparse.Namespace) -> None:
    """Print a line for each image and method, with its cost."""
    model = load_model(args.model)
    level = args.level if args.level == "auto" else int(args.level)
    rules = UNFILTERED if args.unfiltered else None
    for image, labels in zip(args.files[::2], args.files[1::2], strict=True):
        for name, found, truth, cost in _answers(
            model, image, labels, args.side, ("auto",), level=level, rules=rules
        ):
            scores = average_precision(found, truth)
            _, true_ids, ious = contingency_iou(found, truth)
            best = ious.toarray().max(0, initial=0).mean() if len(true_ids) else 1.0
            print(
                f"{Path(image).stem}, {name}: {len(np.unique(found)) - 1} found, "
                f"{len(true_ids)} labelled, AP {scores['AP']:.2f}, "
                f"AP50 {scores['AP50']:.2f}, best IoU {best:.2f}, {cost}",
                flush=True,
            )


def _answers(
    model: Model,
    image_path: str | Path,
    labels_path: str | Path,
    side: int,
    methods: Iterable[str],
    **options: Any,  # noqa: ANN401
) -> Iterable[tuple[str, NDArray[Any], NDArray[Any], str]]:
    """Yield name, labels found, true labels and cost of each method on an image."""
    image = open_image(image_path)
    region = _central(image.plane_shape, side)
    window = slice(region[0], region[2]), slice(region[1], region[3])
    truth = read_labels(labels_path)[window].astype(int)
    segmenter = Segmenter(image, model, cache=False)
    for name in methods:
        encoded, start = segmenter.source.encoded, time.perf_counter()
        masks = segmenter.segment_everything(region=region, proposer=name, **options)
        seconds = time.perf_counter() - start
        tiles = segmenter.source.encoded - encoded
        level = masks[0].level if masks else "-"
        found = paint_all(masks, image.plane_shape)[window]
        yield name, found, truth, f"level {level}, {tiles} tiles, {seconds:.0f} s"
    yield "otsu", _otsu_watershed(grey_plane(segmenter)[window]), truth, ""


def _otsu_watershed(grey: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Segment by Otsu's threshold; a watershed of the distances divides objects.

    The usual steps with usual settings, the same for every image: blur of 1 pixel, the
    brighter side unless most of the rim is on it, specks and holes away, seeds where
    the distance to the rim has a maximum at least 1 pixel high.
    """
    from skimage import filters, morphology, segmentation

    smooth = filters.gaussian(grey, 1)
    bright = smooth > filters.threshold_otsu(smooth)
    rim = np.concatenate([bright[0], bright[-1], bright[:, 0], bright[:, -1]])
    if rim.mean() > 0.5:
        bright = ~bright
    bright = ndimage.binary_fill_holes(morphology.opening(bright, np.ones((3, 3))))
    depth = ndimage.distance_transform_edt(bright)
    seeds, _ = ndimage.label(morphology.h_maxima(depth, 1))
    return np.asarray(segmentation.watershed(-depth, seeds, mask=bright), np.int32)


def _central(shape: tuple[int, int], side: int) -> tuple[int, int, int, int]:
    (y0, y1), (x0, x1) = (
        (max(0, n // 2 - side // 2), min(n, n // 2 + side // 2)) for n in shape
    )
    return y0, x0, y1, x1


def frames(args: argparse.Namespace) -> None:
    """Time a series of frames, from the file to the labels."""
    import tifffile
    from skimage.io import imread
    from skimage.transform import resize

    from napari_hqsam.sample import NUCLEI

    grey = imread(NUCLEI)
    grey = grey if grey.ndim == 2 else grey[..., 0]
    frame = (255 * resize(grey / grey.max(), (512, 512))).astype(np.uint8)
    moved = [np.roll(frame, 3 * t, axis=1) for t in range(args.count)]
    with tempfile.TemporaryDirectory() as folder:
        movie = Path(folder) / "movie.tif"
        tifffile.imwrite(movie, np.stack(moved), metadata={"axes": "TYX"})
        for proposer in args.proposers:
            start, cpu = time.perf_counter(), time.process_time()
            out = Path(folder) / f"{proposer}.tif"
            done = batch_file(
                movie, out, mode="auto", axes="tyx", proposer=proposer, cache=False
            )
            seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
            print(
                f"{proposer}: {done.objects} objects, {seconds:.0f} s, of the CPU "
                f"{cpu:.0f} s",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="micro")
    parts = parser.add_subparsers(required=True)

    def part(call: Any) -> argparse.ArgumentParser:  # noqa: ANN401
        made = parts.add_parser(call.__name__, help=call.__doc__)
        made.set_defaults(call=call)
        return made

    part(generator).add_argument("--points", type=int, default=32)
    of = part(accuracy)
    of.add_argument("data", help="folder of data sets")
    of.add_argument("--split", default="test", choices=("test", "validation"))
    of.add_argument("--images", type=int, default=2, help="of each data set, at most")
    of.add_argument("--only", nargs="*", default=(), help="names of data sets")
    of.add_argument("--side", type=int, default=512, help="of the central region")
    part(tiles).add_argument("--proposer", default="auto")
    of = part(plane)
    of.add_argument("--side", type=int, default=20_000)
    of.add_argument("--network", default="bright", help="bright, or a model")
    of.add_argument("--proposer", default="auto")
    of = part(frames)
    of.add_argument("--count", type=int, default=10)
    of.add_argument("--proposers", nargs="*", default=("apg", "ais"))
    of = part(images)
    of.add_argument("files", nargs="+", help="pairs of image and labels")
    of.add_argument("--level", default="auto")
    of.add_argument("--side", type=int, default=512, help="of the central region")
    of.add_argument("--unfiltered", action="store_true")
    args = parser.parse_args()
    load = ", ".join(f"{v:.1f}" for v in os.getloadavg())
    threads = torch.get_num_threads()
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, {threads} threads, load {load}"
    )
    args.call(args)


if __name__ == "__main__":
    main()
