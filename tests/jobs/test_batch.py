"""Batches over planes: what they give, and that nothing breaks them for good."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
import tracemalloc

import numpy as np
import pytest
from PIL import Image as Pillow

from napari_hqsam import Prompt, read_labels
from napari_hqsam.errors import HqsamWarning, ImageError, OutputError, PromptError
from napari_hqsam.images import open_image
from napari_hqsam.jobs import plan_batch, run_batch
from napari_hqsam.sample import NUCLEI

FIRST, SECOND = Prompt([(12, 10)]), Prompt([(25, 42)])


def run(segmenter, out, mode, prompts=(), **how):
    options = {k: how.pop(k) for k in list(how) if k in RUN}
    how.setdefault("level", 0)  # without it, levels are sampled with the network
    batch = plan_batch(segmenter.image, mode, prompts, **how)
    return run_batch(segmenter, out, batch, **options)


RUN = ("tracks", "overwrite", "restart", "progress", "cancelled")


@pytest.mark.parametrize("name", ["a.ome.zarr", "a.tif", "a.ome.tif"])
def test_the_same_prompts_give_the_same_ids_on_each_plane(
    squares, stack, tmp_path, name
):
    with pytest.warns(HqsamWarning, match="1 prompts of plane 3"):
        done = run(squares(stack), tmp_path / name, "same", [FIRST, SECOND])
    assert (done.complete, done.planes, done.objects, done.lost) == (True, 6, 2, 1)
    labels = read_labels(tmp_path / name)
    np.testing.assert_array_equal(labels, (stack == 200) + 2 * (stack == 150))
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_each_plane_has_its_own_prompts(squares, stack, tmp_path):
    prompts = [
        Prompt([(12, 10)], plane=(1,), label_id=7),
        Prompt([(12, 10)], plane=(2,), label_id=7),
        Prompt([(25, 40)], plane=(2,)),
    ]
    segmenter = squares(stack)
    run(segmenter, tmp_path / "a.tif", "each", prompts)
    labels = read_labels(tmp_path / "a.tif")
    assert segmenter.done == [(1,), (2,)]
    assert [np.unique(p).tolist() for p in labels] == [
        [0],
        [0, 7],
        [0, 1, 7],
        [0],
        [0],
        [0],
    ]


@pytest.mark.parametrize(("max_gap", "count"), [(0, 3), (1, 2)])
def test_without_prompts_objects_are_linked(squares, stack, tmp_path, max_gap, count):
    done = run(squares(stack), tmp_path / "a.zarr", "auto", max_gap=max_gap)
    labels = read_labels(tmp_path / "a.zarr")
    assert done.objects == count == labels.max()
    np.testing.assert_array_equal(labels > 0, stack > 100)
    for z in range(6):
        assert (labels[z][stack[z] == 200] == labels[0, 6, 6]).all()


def test_time_points_are_linked_apart_from_slices(squares, stack, tmp_path):
    both = np.stack([stack, stack[::-1]])
    done = run(squares(both, "tzyx"), tmp_path / "a.tif", "auto", max_gap=1)
    labels = read_labels(tmp_path / "a.tif")
    assert done.objects == 4
    assert not set(np.unique(labels[0])) & set(np.unique(labels[1])) - {0}
    done = run(
        *(squares(both, "tzyx"), tmp_path / "b.tif", "auto"),
        linked_axis="t",
        planes=[{"t": t, "z": z} for t, z in ((0, 2), (1, 2), (0, 1))],
    )
    assert done.planes == 3


def test_tracks_are_written(squares, stack, tmp_path):
    run(squares(stack), tmp_path / "a.tif", "auto", tracks=tmp_path / "t.csv")
    with (tmp_path / "t.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["track", "z", "y", "x", "object", "parents"]
    assert len(rows) == 11
    first = [r for r in rows if r["track"] == rows[0]["track"]]
    assert [int(r["z"]) for r in first] == list(range(6))
    assert {float(r["x"]) for r in first} == {9.5}


@pytest.mark.parametrize("mode", ["auto", "same"])
@pytest.mark.filterwarnings("ignore:1 prompts of plane 3")
def test_a_batch_goes_on_where_it_broke(squares, stack, tmp_path, mode):
    prompts = [] if mode == "auto" else [FIRST, SECOND]
    how = {"max_gap": 1, "tracks": tmp_path / "t.csv"}
    run(squares(stack), tmp_path / "whole.tif", mode, prompts, **how)
    wanted, table = (
        read_labels(tmp_path / "whole.tif"),
        (tmp_path / "t.csv").read_text(),
    )
    for at in range(6):
        segmenter = squares(stack)
        segmenter.fails_at = (at,)
        with pytest.raises(MemoryError):
            run(segmenter, tmp_path / "a.tif", mode, prompts, **how)
        assert not (tmp_path / "a.tif").exists()
        again = squares(stack)
        done = run(again, tmp_path / "a.tif", mode, prompts, **how)
        assert done.resumed == at
        assert again.done == [(z,) for z in range(at, 6)]
        np.testing.assert_array_equal(read_labels(tmp_path / "a.tif"), wanted)
        assert (tmp_path / "t.csv").read_text() == table
        assert done.objects == 2
        (tmp_path / "a.tif").unlink()


def test_a_torn_line_and_a_half_painted_plane_are_done_again(squares, stack, tmp_path):
    stop = iter([False] * 3 + [True] * 99)
    done = run(
        squares(stack),
        tmp_path / "a.zarr",
        "same",
        [FIRST],
        cancelled=lambda: next(stop),
    )
    assert not done.complete
    ledger = tmp_path / "a.zarr.batch" / "ledger.jsonl"
    lines = ledger.read_bytes().splitlines(keepends=True)
    ledger.write_bytes(b"".join(lines) + b'{"plane":[1],"obj')
    run(squares(stack), tmp_path / "a.zarr", "same", [FIRST])
    np.testing.assert_array_equal(read_labels(tmp_path / "a.zarr"), stack == 200)


def test_another_batch_does_not_go_on_with_this_one(squares, stack, tmp_path):
    out = tmp_path / "a.tif"
    run(squares(stack), out, "same", [FIRST], cancelled=lambda: True)
    with pytest.raises(OutputError, match=r"differs in prompts:.*restart"):
        run(squares(stack), out, "same", [SECOND])
    with pytest.raises(OutputError, match="differs in image"):
        run(squares(stack + 1), out, "same", [FIRST])
    done = run(squares(stack), out, "same", [FIRST], restart=True)
    assert done.resumed == 0
    assert out.exists()


@pytest.mark.parametrize("name", ["a.tif", "a.ome.zarr"])
def test_a_batch_does_not_go_on_at_another_scale(squares, stack, tmp_path, name):
    out = tmp_path / name

    def scaled(y):
        segmenter = squares(stack)
        segmenter.image = open_image(stack, axes="zyx", scale={"y": y}, units="um")
        return segmenter

    run(scaled(9), out, "same", [FIRST], cancelled=lambda: True)
    with pytest.raises(OutputError, match=r"differs in scale and units:.*restart"):
        run(scaled(0.25), out, "same", [FIRST])
    assert run(scaled(9), out, "same", [FIRST]).complete
    assert open_image(out).scale["y"] == 9


def test_labels_that_are_there_are_kept_unless_told(squares, stack, tmp_path):
    out = tmp_path / "a.zarr"
    run(squares(stack), out, "same", [FIRST])
    with pytest.raises(OutputError, match="exists"):
        run(squares(stack), out, "auto")
    assert read_labels(out).max() == 1
    run(squares(stack), out, "auto", overwrite=True)
    assert read_labels(out).max() == 3
    assert [p.name for p in tmp_path.iterdir()] == ["a.zarr"]


def test_two_processes_do_not_share_a_batch(squares, stack, tmp_path):
    out = tmp_path / "a.tif"

    def second(done, _):
        if done == 1:
            with pytest.raises(OutputError, match="another process"):
                run(squares(stack), out, "auto")

    assert run(squares(stack), out, "auto", progress=second).complete


@pytest.mark.parametrize(
    ("mode", "prompts", "how", "error", "says"),
    [
        ("same", [], {}, PromptError, "no prompts"),
        ("auto", [FIRST], {}, PromptError, "takes none"),
        ("some", [FIRST], {}, PromptError, "mode 'some' is unknown"),
        ("same", [Prompt([(400, 1)])], {}, PromptError, "outside the plane"),
        ("each", [Prompt([(4, 1)], plane=(9,))], {}, ImageError, "0 to 5"),
        ("each", [FIRST], {}, PromptError, "names no plane"),
        ("same", [Prompt([(4, 1)], plane=(1,))], {}, PromptError, "names plane"),
        ("auto", [], {"planes": [(7,)]}, ImageError, "0 to 5"),
        ("auto", [], {"min_overlap": 2}, ImageError, "overlap 2"),
        ("auto", [], {"linked_axis": "t"}, ImageError, "linked along 't'"),
        ("auto", [], {"level": "whole"}, PromptError, "whole"),
        ("auto", [], {"typical_size": 0}, PromptError, "typical size"),
    ],
)
def test_bad_plans_are_refused_in_one_line(stack, mode, prompts, how, error, says):
    with pytest.raises(error, match=says) as told:
        plan_batch(open_image(stack, axes="zyx"), mode, prompts, **how)
    assert "\n" not in str(told.value)


def test_one_plane_and_no_objects(squares, tmp_path):
    done = run(squares(np.zeros((1, 1), np.uint8), "yx"), tmp_path / "a.tif", "auto")
    assert (done.complete, done.objects) == (True, 0)
    assert read_labels(tmp_path / "a.tif").tolist() == [[0]]


def test_a_long_stack_takes_no_more_memory_than_a_short_one(squares, tmp_path):
    def peak(planes):
        shown = np.zeros((1, 300, 300), np.uint8)
        shown[0, 50:250, 50:250] = 200
        segmenter = squares(np.broadcast_to(shown, (planes, 300, 300)))
        tracemalloc.start()
        run(segmenter, tmp_path / f"{planes}.zarr", "auto")
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    peak(2)  # what is imported and kept once
    assert peak(40) < 1.5 * peak(4)


KILLED = """
import sys, numpy as np
from napari_hqsam import (
    Prompt, Segmenter, load_model, open_image, plan_batch, run_batch
)
model = load_model("micro", device="cpu", precision="float32")
image = open_image(sys.argv[1], axes="zyx")
segmenter = Segmenter(image, model, normalization="none", cache=False)
prompts = [Prompt([(45, 68)]), Prompt([(60, 20)])]
batch = plan_batch(image, "same", prompts, level=0)
run_batch(segmenter, sys.argv[2], batch)
"""


def test_a_killed_process_loses_one_plane_at_most(micro, tmp_path):
    from napari_hqsam import Segmenter

    with Pillow.open(NUCLEI) as picture:
        nuclei = np.asarray(picture.convert("L")).clip(0, 50) * np.uint8(5)
    pixels = np.stack([nuclei[20:120, 160 - 2 * z : 260 - 2 * z] for z in range(3)])
    np.save(tmp_path / "v.npy", pixels)
    out = tmp_path / "killed.tif"
    ledger = tmp_path / "killed.tif.batch" / "ledger.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path / "v.npy"), str(out)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        for _ in range(6000):
            if ledger.exists() and ledger.read_bytes().count(b"\n") >= 2:
                break
            assert process.poll() is None, "ended before it could be killed"
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not out.exists()
    assert json.loads(ledger.read_bytes().splitlines()[1])["plane"] == [0]

    def labels(path):
        segmenter = Segmenter(
            open_image(pixels, axes="zyx"), micro, normalization="none", cache=False
        )
        prompts = [Prompt([(45, 68)]), Prompt([(60, 20)])]
        done = run(segmenter, path, "same", prompts)
        return done.resumed, read_labels(path)

    resumed, found = labels(out)
    _, wanted = labels(tmp_path / "whole.tif")
    assert resumed >= 1
    np.testing.assert_array_equal(found, wanted)
    assert found.max() >= 1
