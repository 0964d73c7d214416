"""What size costs: huge planes, cached tiles, the store, seams. All as ratios.

    python benchmarks/scaling.py [--model micro] [--only first-click seams ...]

Everything is measured in one run on one machine; where two things are compared
they take turns. The planes are computed where they are read, so no data are
needed. Rows:

first-click   time of the first click on a 100,000 x 100,000 plane over that on a
              1,000 x 1,000 one, each in processes of their own, and the difference
              of their peak memory. Normalisation included, weights loaded before.
second-click  time of a click on a cached tile over the bare decoder call
reopening     encoder calls of a first click with a warm store (must be 0), and its
              time over that of encoding the tile; also for ViT-B (seeded weights),
              whose encoder is not as fast as its decoder
store         megabytes a tile takes on disk, and the share of pixels on which masks
              from stored float16 embeddings equal those from fresh float32 ones
seams         objects larger than a tile, segmented tile by tile and in one untiled
              view (the same weights with a larger input): boundary displacement
              between the two at tile borders and elsewhere
slide         objects of a whole slide in zarr from the command line: peak memory
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy import ndimage

from napari_hqsam import Prompt, Segmenter, load_model
from napari_hqsam.models import Tuning, read_state_dict
from napari_hqsam.network import build_network, find_instance_decoder
from napari_hqsam.prompts import from_labels
from napari_hqsam.segmentation.plane.decoding import PlaneDecoder
from napari_hqsam.segmentation.plane.encode_prompts import tokens_on_tile
from napari_hqsam.segmentation.plane.levels import tile_for

if TYPE_CHECKING:
    from napari_hqsam.models import Model
    from napari_hqsam.network import TileFeatures, Variant
    from napari_hqsam.tiling import Tile

ROUNDS = 5
LEVEL = 0
LIMITS = (0.0, 255.0)


class Cells:
    """A plane of any size with a round textured cell every 96 pixels."""

    dtype = np.dtype(np.uint8)
    ndim = 2

    def __init__(self, side: int) -> None:
        self.shape = (side, side)

    def __getitem__(self, key: tuple[slice, slice]) -> np.ndarray:
        y, x = (
            np.arange(*part.indices(n), dtype=np.float32)
            for part, n in zip(key, self.shape, strict=True)
        )
        # products of what depends on y and on x alone: fast for large regions
        dy, dx = (y % 96 - 48)[:, None] ** 2, (x % 96 - 48)[None] ** 2
        texture = 1 + 0.15 * np.sin(y / 3)[:, None] * np.sin(x / 4)[None]
        inside = np.clip((900 - dy - dx) / 240 + 0.5, 0, 1)
        return (20 + 180 * inside * texture).clip(0, 255).astype(np.uint8)


def centre_of_cell(side: int) -> tuple[float, float]:
    """Centre of the cell nearest to the middle of the plane."""
    middle = side // 2 // 96 * 96 + 48.0
    return middle, middle


# --- the first click --------------------------------------------------------


def first_click_here(model_name: str, side: int) -> None:
    """Print seconds and peak memory of one first click (run in a process)."""
    import resource

    model = load_model(model_name)
    warm = Segmenter(Cells(500), model, cache=False)
    warm.segment(Prompt([centre_of_cell(500)]))  # thread pools, kernels
    segmenter = Segmenter(Cells(side), model, cache=False)
    start = time.perf_counter()
    mask = segmenter.segment(Prompt([centre_of_cell(side)]))
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found = {"seconds": seconds, "peak": peak, "area": mask.area}
    print(json.dumps(found | {"encoded": segmenter.source.encoded}))


def first_click(model_name: str) -> dict[str, Any]:
    """Compare a huge plane with a small one, in turns."""
    runs: dict[int, list[dict[str, float]]] = {1_000: [], 100_000: []}
    for _ in range(ROUNDS):
        for side, found in runs.items():
            command = [sys.executable, __file__, "--model", model_name]
            command += ["--first-click-here", str(side)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found.append(json.loads(done.stdout))
    small, huge = (
        {k: statistics.median(r[k] for r in found) for k in found[0]}
        for found in runs.values()
    )
    return {
        "seconds 1,000": small["seconds"],
        "seconds 100,000": huge["seconds"],
        "ratio (target 1.2)": huge["seconds"] / small["seconds"],
        "more peak memory, MiB (target 300)": huge["peak"] - small["peak"],
        "tiles encoded": [small["encoded"], huge["encoded"]],
        "mask areas": [small["area"], huge["area"]],
    }


# --- cached tiles and the store ---------------------------------------------


def second_click(model: Model) -> dict[str, Any]:
    """Compare a click on a cached tile with the decoder call it contains."""
    segmenter = Segmenter(Cells(1_000), model, normalization=LIMITS, cache=False)
    prompt = Prompt([centre_of_cell(1_000)])
    segmenter.segment(prompt, level=LEVEL)
    tile = tile_for(prompt, segmenter.grid, LEVEL)
    features = segmenter.source.features((), tile)
    tokens = tokens_on_tile([prompt], tile).to(model.device)

    def bare() -> None:
        with torch.inference_mode():
            decoded = model.network.decode(features, tokens)
            (decoded.sam + decoded.hq).float().cpu()

    def click() -> None:
        segmenter.segment(prompt, level=LEVEL)

    times: dict[Any, list[float]] = {bare: [], click: []}
    for _ in range(10 * ROUNDS):
        for call, taken in times.items():
            start = time.perf_counter()
            call()
            taken.append(time.perf_counter() - start)
    decoder, whole = (statistics.median(taken[3:]) for taken in times.values())
    return {
        "decoder, s": decoder,
        "click, s": whole,
        "ratio (target 1.2)": whole / decoder,
    }


def reopening(model: Model, rounds: int = ROUNDS) -> dict[str, Any]:
    """Click on an image whose tiles are stored."""
    prompt = Prompt([centre_of_cell(1_000)])
    cold, warm, calls = [], [], 0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds + 1):
            segmenter = Segmenter(
                Cells(1_000), model, normalization=LIMITS, cache=folder
            )
            start = time.perf_counter()
            segmenter.segment(prompt, level=LEVEL)
            (warm if number else cold).append(time.perf_counter() - start)
            calls += segmenter.source.encoded if number else 0
            segmenter.source.close()
        encoding = []
        for _ in range(rounds):
            fresh = Segmenter(Cells(1_000), model, normalization=LIMITS, cache=False)
            start = time.perf_counter()
            fresh.prepare([prompt], level=LEVEL)
            encoding.append(time.perf_counter() - start)
    return {
        "encoder calls (target 0)": calls,
        "encoding, s": statistics.median(encoding),
        "first click, s": statistics.median(warm),
        "ratio (target 0.1)": statistics.median(warm) / statistics.median(encoding),
    }


def seeded(variant: Variant, input_size: int = 1024) -> Model:
    """Make what stands for a model: an official network with seeded weights."""
    torch.manual_seed(0)
    stand_in: Any = SimpleNamespace(
        name=variant,
        digest=variant,
        variant=variant,
        network=build_network(variant, input_size=input_size).optimize(),
        input_size=input_size,
        device=torch.device("cpu"),
        dtype=torch.float32,
        tuning=Tuning(),
    )
    return stand_in  # type: ignore[no-any-return]


def store_size(variant: Variant) -> float:
    """Megabytes of one stored tile of an encoder."""
    with tempfile.TemporaryDirectory() as folder:
        segmenter = Segmenter(
            Cells(1_000), seeded(variant), normalization=LIMITS, cache=folder
        )
        segmenter.prepare([Prompt([(9, 9)])], level=LEVEL)
        segmenter.source.close()
        files = (p for p in Path(folder).rglob("*") if p.is_file())
        return sum(p.stat().st_size for p in files) / 1e6


def agreement(model: Model) -> float:
    """Share of equal pixels: masks from float16 embeddings against float32 ones."""
    image = Cells(1_000)
    segmenter = Segmenter(image, model, normalization=LIMITS, cache=False)
    points = [(48 + 96.0 * i, 48 + 96.0 * i) for i in range(10)]
    tile = segmenter.grid.tile(1, 0, 0)
    stored = PlaneDecoder(segmenter.source, model, segmenter.grid, ())
    same = total = 0
    with torch.inference_mode():
        fresh = fresh_features(model, segmenter, tile)
        for point in points:
            if not (max(point) < tile.region[2]):
                continue
            (answer,) = stored.decode([Prompt([point])], tile, hq=True)
            decoded = model.network.decode(
                fresh, tokens_on_tile([Prompt([point])], tile).to(model.device)
            )
            exact = (decoded.sam[0, 0] + decoded.hq[0, 0]).float().cpu() > 0
            same += int(((answer.logits("sam+hq") > 0) == exact).sum())
            total += exact.numel()
    return same / total


def fresh_features(model: Model, segmenter: Segmenter, tile: Tile) -> TileFeatures:
    """Features of a tile that were never rounded."""
    from napari_hqsam.images import read_rgb8
    from napari_hqsam.network import network_input

    pixels = read_rgb8(
        segmenter.image,
        segmenter.normalization,
        (),
        tile.region,
        tile.address.level,
    )
    image = torch.from_numpy(pixels).permute(2, 0, 1).to(model.device)
    return model.network.prepare(*model.network.encode(network_input(image, tile.size)))


def store(model: Model) -> dict[str, Any]:
    """Size and fidelity of what is stored."""
    return {
        "ViT-B, MB a tile (target 9)": store_size("vit_b"),
        "TinyViT, MB a tile": store_size("vit_tiny"),
        "equal pixels, float16 and float32 (target 0.999)": agreement(model),
    }


# --- seams ------------------------------------------------------------------


def seams(model: Model) -> dict[str, Any]:
    """Displacement of boundaries, tiled against untiled, at tile borders and not."""
    from skimage.io import imread
    from skimage.transform import resize

    from napari_hqsam.sample import NUCLEI

    size = model.input_size
    grey = imread(NUCLEI)
    grey = grey if grey.ndim == 2 else grey[..., 0]
    factor = 3 * size / max(grey.shape)  # six half tiles a side
    plane = resize(grey / grey.max(), [round(n * factor) for n in grey.shape], order=3)
    plane = (plane.clip(0, 1) * 255).astype(np.uint8)
    state = read_state_dict(model.path)[0]
    network = build_network(
        model.variant,
        input_size=3 * size,
        render_prompts=model.network.prompt_encoder.render_prompts,
        instance_decoder=find_instance_decoder(state),
    )
    network.load(state)
    wide = SimpleNamespace(**vars(seeded(model.variant, 3 * size)))
    wide.network, wide.tuning = network.optimize(), model.tuning
    blobs, _ = ndimage.label(ndimage.gaussian_filter(plane, 4) > 90)
    prompts = from_labels(blobs, kind="box")
    limits = (0.0, 255.0)
    tiled = Segmenter(plane, model, normalization=limits, cache=False)
    untiled = Segmenter(plane, wide, normalization=limits, cache=False)  # type: ignore[arg-type]
    at_seam: list[float] = []
    elsewhere: list[float] = []
    compared = 0
    for prompt in prompts:
        y0, x0, y1, x1 = prompt.focus
        if max(y1 - y0, x1 - x0) < size / 2 or min(y0, x0) < 8:
            continue  # within a tile, or cut by the image
        one = tiled.segment(prompt, level=LEVEL)
        other = untiled.segment(prompt, level=LEVEL)
        if not (one.area and other.area):
            continue
        compared += 1
        rows, cols, moved = displacement(
            one.to_plane(plane.shape), other.to_plane(plane.shape)
        )
        half = size // 2
        gap = np.minimum(
            np.abs((rows + half // 2) % half - half // 2),
            np.abs((cols + half // 2) % half - half // 2),
        )
        at_seam += moved[gap < 16].tolist()
        elsewhere += moved[gap >= 16].tolist()
    return {
        "objects": compared,
        "displacement at tile borders, px": float(np.median(at_seam)),
        "elsewhere, px": float(np.median(elsewhere)),
        "ratio of the medians (target 1)": float(
            np.median(at_seam) / max(np.median(elsewhere), 0.25)
        ),
        "90 % quantiles, px": [
            float(np.quantile(at_seam, 0.9)),
            float(np.quantile(elsewhere, 0.9)),
        ],
    }


def displacement(
    one: np.ndarray, other: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boundary pixels of one mask and their distance to the other's boundary."""
    edges = [mask & ~ndimage.binary_erosion(mask) for mask in (one, other)]
    distance = ndimage.distance_transform_edt(~edges[1])
    rows, cols = np.nonzero(edges[0])
    return rows, cols, distance[rows, cols]


# --- a whole slide from the command line ------------------------------------


def slide(model_name: str, side: int = 60_000) -> dict[str, Any]:
    """Segment 30 objects of a slide of several GB, and take the peak memory."""
    import resource

    import zarr

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        array = zarr.create_array(
            store=str(folder / "slide.zarr"),
            shape=(side, side),
            dtype="u1",
            chunks=(2048, 2048),
        )
        cells = Cells(side)
        rng = np.random.default_rng(0)
        places = rng.integers(1, side // 96 - 1, (30, 2)) * 96 + 48
        for y in range(0, side, 2048):
            for x in range(0, side, 2048):
                key = slice(y, min(y + 2048, side)), slice(x, min(x + 2048, side))
                array[key] = cells[key]
        points = folder / "points.csv"
        rows = ["y,x", *(f"{y},{x}" for y, x in places.tolist())]
        points.write_text("\n".join(rows) + "\n")
        start = time.perf_counter()
        subprocess.run(
            [
                *(sys.executable, "-m", "napari_hqsam.cli", "segment"),
                *(str(folder / "slide.zarr"), "-o", str(folder / "out.ome.zarr")),
                *("--prompts", str(points), "--model", model_name),
                *("--cache", str(folder / "cache"), "--axes", "yx"),
            ],
            check=True,
        )
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        return {
            "slide, GB uncompressed": side * side / 1e9,
            "seconds for 30 clicks": time.perf_counter() - start,
            "peak memory, MiB (target 2048)": peak,
        }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="micro")
    parser.add_argument("--only", nargs="+", help="names of rows")
    parser.add_argument("--first-click-here", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.first_click_here:
        first_click_here(args.model, args.first_click_here)
        return
    model = load_model(args.model)
    rows = {
        "first-click": lambda: first_click(args.model),
        "second-click": lambda: second_click(model),
        "reopening": lambda: reopening(model),
        "reopening-vit-b": lambda: reopening(seeded("vit_b"), rounds=1),
        "store": lambda: store(model),
        "seams": lambda: seams(model),
        "slide": lambda: slide(args.model),
    }
    for name, measure in rows.items():
        if args.only and name not in args.only:
            continue
        print(name, flush=True)
        for what, value in measure().items():
            shown = f"{value:.4g}" if isinstance(value, float) else value
            print(f"  {what:<50} {shown}", flush=True)


if __name__ == "__main__":
    main()
