"""Jobs over many images and blocks of one: overhead, workers, memory, kills.

    python benchmarks/jobs.py                 # all, at the sizes that are published
    python benchmarks/jobs.py overhead --images 40

The network is a stand-in that costs a fixed time and hardly any processor, so that the
number of cores does not decide.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
import tracemalloc
from contextlib import contextmanager, suppress
from itertools import chain, product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil
import reference  # noqa: F401 - puts the repository on the path

from napari_hqsam import Segmenter, open_image, read_labels
from napari_hqsam.jobs import blocks_file, run_job
from napari_hqsam.jobs.blocks.cells import CELL_TILES, Cells
from napari_hqsam.jobs.blocks.stages import CellsTask
from napari_hqsam.jobs.description import Job, ModelChoice, RunOptions
from napari_hqsam.jobs.description.schema import build
from napari_hqsam.jobs.executors import SerialExecutor
from napari_hqsam.jobs.reporter import Reporter
from napari_hqsam.tiling import Grid
from tests.helpers.bright_network import load_bright
from tests.jobs.blocks.conftest import volume

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MODEL = "bright:512:1:4"
OPTIONS = {"level": 0, "output": "sam"}
TILE = 128
"""Side of the network's input, where objects are counted: many borders of tiles."""
SPACING = 40
"""Distance of the known objects: not that of the cells, so that many lie across."""
SMALLEST = 9
"""Least radius of a known object, pixels. The maps of the stand-in have one value for
4 x 4 pixels, and it finds no disc of a radius below 6: a ball is one at its poles."""


def images(folder: Path, count: int) -> Path:
    """Write so many images of 512 x 512 pixels with bright discs."""
    inputs = folder / "images"
    inputs.mkdir()
    yy, xx = np.mgrid[:512, :512] % 128 - 64
    discs = np.where(yy**2 + xx**2 < 40**2, 200, 10).astype(np.uint8)
    for number in range(count):
        np.save(inputs / f"{number:04}.npy", np.roll(discs, number, (0, 1)))
    return inputs


def job_of(inputs: Path, folder: Path, workers: int, executor: str = "auto") -> Job:
    """Make the job of a folder."""
    return build(
        Job,
        {
            "inputs": {"paths": str(inputs), "normalization": "none"},
            "model": MODEL,
            "options": OPTIONS,
            "outputs": {"folder": str(folder), "suffix": ".tif"},
            "run": {"workers": workers, "executor": executor},
        },
    )


def overhead(count: int) -> None:
    """Compare a job with the bare segmentation of the same arrays."""
    with tempfile.TemporaryDirectory() as folder:
        inputs = images(Path(folder), count)
        model = load_bright(ModelChoice(name=MODEL), "cpu")
        start = time.perf_counter()
        for path in sorted(inputs.iterdir()):
            segmenter = Segmenter(
                open_image(path), model, normalization="none", cache=False
            )
            segmenter.segment_everything(**OPTIONS)
        bare = time.perf_counter() - start
        start = time.perf_counter()
        run_job(job_of(inputs, Path(folder, "out"), 1), load=load_bright)
        whole = time.perf_counter() - start
    print(
        f"overhead: {count} images of 512 x 512, bare {bare:.1f} s, job {whole:.1f} s: "
        f"{100 * (whole / bare - 1):+.1f} % (limit 10 %), "
        f"{1000 * (whole - bare) / count:.0f} ms an image"
    )


class Times(Reporter):
    """Notes when each image is done."""

    def __init__(self) -> None:
        self.times: list[float] = []

    @contextmanager
    def progress(self, unit: str, total: int | None = None) -> Iterator[Callable]:
        """Note the time of each call."""
        yield lambda _: self.times.append(time.perf_counter())


def workers(count: int) -> None:
    """Compare two workers with one: all of the run, and without their start."""
    seconds, paces = [], []
    with tempfile.TemporaryDirectory() as folder:
        inputs = images(Path(folder), count)
        for number in (1, 2):
            job = job_of(inputs, Path(folder, f"out{number}"), number, "processes")
            start, reporter = time.perf_counter(), Times()
            run_job(job, load=load_bright, reporter=reporter)
            seconds.append(time.perf_counter() - start)
            times = reporter.times[2:]  # both have begun
            paces.append((times[-1] - times[0]) / (len(times) - 1))
    print(
        f"workers: {count} images, one {seconds[0]:.1f} s, two {seconds[1]:.1f} s: "
        f"{seconds[0] / seconds[1]:.2f} times; without their start "
        f"{paces[0] / paces[1]:.2f} times (at least 1.7)"
    )


class Measured(SerialExecutor):
    """A serial executor that notes the highest memory of its tasks."""

    highest = 0

    def map(self, work: Callable, tasks: object) -> object:
        """Run tasks; see `Executor`."""
        for outcome in super().map(work, tasks):
            Measured.highest = max(Measured.highest, psutil.Process().memory_info().rss)
            yield outcome


def memory(sides: tuple[int, ...]) -> None:
    """Measure the memory of a worker for planes of several sizes."""
    from napari_hqsam.jobs.blocks import file

    found = []
    for side in sides:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "plane.npy")
            plane = np.lib.format.open_memmap(path, "w+", np.uint8, (side, side))
            for top in range(0, side, 256):
                row = (np.arange(side) % 128 < 60) * ((top // 256) % 2)
                plane[top : top + 100] = 10 + 190 * row.astype(np.uint8)
            del plane
            before = psutil.Process().memory_info().rss
            Measured.highest = 0
            file.make_executor = lambda _: Measured()
            blocks_file(
                path,
                Path(folder, "labels.ome.zarr"),
                choice=ModelChoice(name="bright:256:0:3"),
                load=load_bright,
                normalization="none",
                **OPTIONS,
            )
            found.append((side, (Measured.highest - before) / 2**20))
    text = ", ".join(f"{side} x {side}: {mib:.0f} MiB" for side, mib in found)
    print(f"memory of a worker above its start: {text}")


def scheduler(tiles: int) -> None:
    """Plan and pass on the tasks of so many tiles, without running them."""
    side = int(np.ceil(tiles**0.5))
    grid = Grid((side * 512 + 512, side * 512 + 512), 1024)
    cells = Cells(grid, 0)
    tracemalloc.start()
    start = time.perf_counter()
    count = 0
    tasks = (CellsTask((), n, 1, tuple(b)) for n, b in enumerate(cells.blocks(1)))
    for outcome in SerialExecutor().map(lambda task: len(task.cells), tasks):
        count += outcome.result * CELL_TILES**2
    seconds = time.perf_counter() - start
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print(
        f"scheduler: {count} tiles in tasks of one cell, {seconds:.1f} s, "
        f"{peak / 2**20:.1f} MiB"
    )


def objects(shape: tuple[int, int, int]) -> bool:
    """Segment a volume of known objects with each number of workers and size of block.

    Returns
    -------
    bool
        Whether every object was found once by each run, and all labels are equal.
    """
    pixels, wanted = volume(0, shape, spacing=SPACING, smallest=SMALLEST)
    first, right = None, True
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "volume.npy")
        np.save(path, pixels)
        print(f"objects: {wanted.max()} known, {across_cells(wanted)}", flush=True)
        for number, block in product((1, 2, 4), (1, 2, 3)):
            out = Path(folder, f"{number}-{block}.ome.zarr")
            start = time.perf_counter()
            blocks_file(
                path,
                out,
                choice=ModelChoice(name=f"bright:{TILE}:0:32"),
                load=load_bright,
                run=RunOptions(workers=number),
                block=block,
                axes="zyx",
                normalization="none",
                **OPTIONS,
            )
            labels = read_labels(out)
            first = labels if first is None else first
            equal = np.array_equal(labels, first)
            faults = compare(labels, wanted)
            right = right and equal and not any(faults.values())
            counts = ", ".join(f"{count} {name}" for name, count in faults.items())
            print(
                f"objects: {number} workers, blocks of {block} x {block} cells, "
                f"{time.perf_counter() - start:.0f} s: {labels.max()} found, {counts}; "
                f"equal to the first: {equal}",
                flush=True,
            )
    print(f"objects: every object once, none lost, divided or merged: {right}")
    return right


def compare(labels: np.ndarray, wanted: np.ndarray) -> dict[str, int]:
    """Count what differs between the objects of two label images."""
    both = (labels > 0) & (wanted > 0)
    pairs = np.unique(np.stack([labels[both], wanted[both]]), axis=1)
    of_found, of_wanted = (np.unique(row, return_counts=True)[1] for row in pairs)
    return {
        "lost": int(wanted.max()) - len(of_wanted),
        "invented": len(np.unique(labels[labels > 0])) - len(of_found),
        "divided": int((of_wanted > 1).sum()),
        "merged": int((of_found > 1).sum()),
    }


def across_cells(wanted: np.ndarray) -> str:
    """Count the objects that lie in several cells, and those in four at a corner."""
    cells = Cells(Grid(wanted.shape[1:], TILE), 0)
    rows, columns = cells.shape
    number = np.zeros(wanted.shape[1:], np.int64)
    for cell in product(range(rows), range(columns)):
        y0, x0, y1, x1 = cells.box(cell)
        number[y0:y1, x0:x1] = cells.number(cell)
    inside = np.stack([wanted, np.broadcast_to(number, wanted.shape)])[:, wanted > 0]
    counts = np.unique(np.unique(inside, axis=1)[0], return_counts=True)[1]
    two, more = (counts == 2).sum(), (counts > 2).sum()
    return f"{two} of them in two of {rows * columns} cells, {more} in more"


PROGRAM = """
import sys
from napari_hqsam.jobs import blocks_file
from napari_hqsam.jobs.description import ModelChoice, RunOptions
from tests.helpers.bright_network import load_bright

if __name__ == "__main__":
    blocks_file(
        sys.argv[1], sys.argv[2], choice=ModelChoice(name="bright:128:0.05:16"),
        block=1, load=load_bright, run=RunOptions(workers=2), level=0,
        normalization="none", output="sam",
    )
"""


def kills(count: int) -> bool:
    """Kill runs at so many random moments of their work, and compare the labels.

    A run is killed and started again until it is done; then the next one begins.

    Returns
    -------
    bool
        Whether all labels are those of an undisturbed run.
    """
    rng = random.Random(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / "p.npy", volume(2, (1, 600, 320))[0][0] + np.uint8(10))
        (folder / "program.py").write_text(PROGRAM)
        begun = time.perf_counter()
        with _at_work(folder, "whole.tif") as running:
            at_work = time.perf_counter()
            running.wait()
        seconds = time.perf_counter() - at_work
        print(f"kills: {at_work - begun:.0f} s to start, {seconds:.1f} s of work")
        whole = read_labels(folder / "whole.tif")
        killed = runs = equal = 0
        while killed < count or (folder / f"{runs}.tif.batch").exists():
            out = folder / f"{runs}.tif"
            with _at_work(folder, out.name) as running:
                if killed < count:
                    with suppress(subprocess.TimeoutExpired):
                        running.wait(rng.uniform(0, 0.7) * seconds)
                    if running.poll() is None:
                        running.kill()
                        killed += 1
                running.wait()
            if running.returncode not in (0, -signal.SIGKILL):
                sys.exit(f"kills: the run of {out.name} failed")
            if out.exists():
                equal += np.array_equal(read_labels(out), whole)
                runs += 1
                print(f"kills: {killed}, {equal} of {runs} runs equal", flush=True)
    print(f"kills: {killed} of {runs} runs, of which {equal} have equal labels")
    return equal == runs


@contextmanager
def _at_work(folder: Path, out: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a run; yield it when it has begun to work."""
    ledger = folder / f"{out}.batch" / "ledger.jsonl"
    size = ledger.stat().st_size if ledger.exists() else 0
    command = [sys.executable, "program.py", "p.npy", out]
    with subprocess.Popen(command, cwd=folder) as running:
        while running.poll() is None and not (
            ledger.exists() and ledger.stat().st_size > size
        ):
            time.sleep(0.01)
        yield running


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = ("overhead", "workers", "memory", "scheduler", "objects", "kills")
    parser.add_argument("parts", nargs="*", help=", ".join(names))
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--tiles", type=int, default=10**6)
    parser.add_argument("--sides", type=int, nargs="*", default=[4096, 8192])
    parser.add_argument("--volume", type=int, nargs=3, default=[6, 1800, 1800])
    parser.add_argument("--kills", type=int, default=30)
    chosen = parser.parse_args()
    parts = {
        "overhead": lambda: overhead(chosen.images),
        "workers": lambda: workers(min(chosen.images, 100)),
        "memory": lambda: memory(tuple(chosen.sides)),
        "scheduler": lambda: scheduler(chosen.tiles),
        "objects": lambda: objects(tuple(chosen.volume)),
        "kills": lambda: kills(chosen.kills),
    }
    results = [parts[name]() for name in chosen.parts or chain(parts)]
    if False in results:
        sys.exit(1)


if __name__ == "__main__":
    main()
