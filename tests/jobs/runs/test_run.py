"""Jobs over many images: what they give, what they skip, and what they report."""

import json
import os
import shutil

import numpy as np
import pytest
from scipy import ndimage

from napari_hqsam import write_labels
from napari_hqsam.errors import JobError, OutputError
from napari_hqsam.files import try_lock
from napari_hqsam.jobs import plan_job, run_job
from napari_hqsam.jobs.runs.inputs import is_collection, iter_tasks
from napari_hqsam.jobs.runs.storage import FOLDER
from tests.helpers.bright_network import load_bright
from tests.jobs.runs.conftest import squares


def run(job, **how):
    return run_job(job, load=load_bright, **how)


def test_every_image_has_its_labels(job, tmp_path, labels_in):
    done = run(job())
    assert (done.images, done.resumed, done.objects, done.failed) == (5, 0, 25, ())
    labels = labels_in(tmp_path / "labels")
    assert list(labels) == [
        "img0.tif", "img1.tif", "img2.tif", "sub/img3.tif", "sub/img4.tif",
    ]  # fmt: skip
    for number, found in enumerate(labels.values()):
        wanted, count = ndimage.label(squares(3 + number, number) == 200)
        assert np.mean((found > 0) == (wanted > 0)) > 0.98
        middles = ndimage.median(found, wanted, range(1, count + 1))
        assert sorted(middles) == list(range(1, count + 1))
        assert found.max() == count


def test_what_is_done_is_not_done_again(job, tmp_path):
    run(job())
    times = {p: p.stat().st_mtime_ns for p in (tmp_path / "labels").rglob("*.tif")}
    done = run(job())
    assert (done.images, done.resumed, done.objects) == (5, 5, 25)
    assert times == {p: p.stat().st_mtime_ns for p in times}
    assert run(job(), restart=True).resumed == 0


def test_added_changed_and_removed_files_are_done(job, folder, tmp_path, labels_in):
    run(job())
    np.save(folder / "img9.npy", squares(2, 9))
    np.save(folder / "img1.npy", squares(7, 1))
    (tmp_path / "labels" / "img0.tif").unlink()
    done = run(job())
    assert (done.images, done.resumed, done.objects) == (6, 3, 3 + 7 + 5 + 6 + 7 + 2)
    assert labels_in(tmp_path / "labels")["img1.tif"].max() == 7


def test_a_damaged_image_costs_no_other(job, folder, tmp_path, labels_in):
    (folder / "img1.npy").write_bytes(b"\x93NUMPY rubbish")
    done = run(job())
    assert [name for name, _ in done.failed] == ["img1.npy"]
    assert "img1.npy" in done.failed[0][1]
    assert len(labels_in(tmp_path / "labels")) == 4
    np.save(folder / "img1.npy", squares(4, 1))
    done = run(job())
    assert (done.resumed, done.failed) == (4, ())
    assert len(labels_in(tmp_path / "labels")) == 5


def test_other_settings_are_refused(job, tmp_path):
    run(job())
    with pytest.raises(OutputError, match="differs in options"):
        run(job(options={"level": 1}))
    run(job(run={"workers": 1, "retries": 0}))
    assert run(job(options={"level": 1}), restart=True).resumed == 0


def test_a_job_runs_once_at_a_time(job, tmp_path):
    (tmp_path / "labels" / FOLDER).mkdir(parents=True)
    with try_lock(tmp_path / "labels" / FOLDER / "lock"):
        with pytest.raises(OutputError, match="another process runs"):
            run(job())
    assert run(job()).objects == 25


def test_a_line_cut_short_by_a_kill_is_done_again(job, tmp_path):
    run(job())
    ledger = tmp_path / "labels" / FOLDER / "ledger.jsonl"
    lines = ledger.read_bytes().splitlines(keepends=True)
    ledger.write_bytes(b"".join(lines[:-2]) + lines[-2][:-9])
    assert run(job()).resumed == 3
    assert all(json.loads(line) for line in ledger.read_text().splitlines())


def test_a_cancelled_job_goes_on(job):
    done = run(job(), cancelled=lambda: True)
    assert not done.complete
    done = run(job())
    assert (done.complete, done.resumed, done.objects) == (True, 1, 25)


def test_a_full_disk_ends_the_job(job, monkeypatch, tmp_path):
    from napari_hqsam.jobs.runs import work

    whole = work._automatic

    def full(job, load, task, reporter):
        if task.key == "img2.npy":
            raise OSError(28, "No space left on device")
        return whole(job, load, task, reporter)

    monkeypatch.setitem(work._ACTIONS, type(job().action), full)
    with pytest.raises(OutputError, match=r"img2\.npy.*free some space"):
        run(job())
    monkeypatch.undo()
    done = run(job())
    assert (done.resumed, done.objects) == (2, 25)


def test_prompts_of_each_image(job, folder, tmp_path, labels_in):
    for path in folder.rglob("*.npy"):
        y, x = np.argwhere(np.load(path) == 200)[0] + 3
        path.with_suffix(".csv").write_text(f"y,x\n{y},{x}\n")
    (folder / "img2.csv").unlink()
    action = {"kind": "prompts", "prompts": "{folder}/{stem}.csv"}
    done = run(job(action=action))
    assert [name for name, _ in done.failed] == ["img2.npy"]
    assert "img2.csv: no such file" in done.failed[0][1]
    for found in labels_in(tmp_path / "labels").values():
        assert 130 < (found == 1).sum() <= 144


def test_labels_beside_each_image_are_refined(job, folder, tmp_path, labels_in):
    for path in folder.rglob("*.npy"):
        pixels = np.load(path)
        right, _ = ndimage.label(pixels == 200)
        wrong = ndimage.shift(right, (3, 3), order=0).astype(np.uint16)
        write_labels(path.parent / f"{path.stem}_old.tif", wrong, axes="yx")
    (folder / "img2_old.tif").unlink()
    action = {"kind": "refine", "labels": "{folder}/{stem}_old.tif"}
    done = run(job(inputs={"pattern": "*.npy"}, action=action))
    assert [name for name, _ in done.failed] == ["img2.npy"]
    assert "img2_old.tif: no such file" in done.failed[0][1]
    assert done.objects == 3 + 4 + 6 + 7
    found = labels_in(tmp_path / "labels")
    assert list(found) == ["img0.tif", "img1.tif", "sub/img3.tif", "sub/img4.tif"]
    for name, labels in found.items():
        pixels = np.load((folder / name).with_suffix(".npy"))
        right = ndimage.label(pixels == 200)[0]
        assert (labels == right).mean() > 0.99, name


def test_stacks_are_linked(job, folder, labels_in, tmp_path):
    shutil.rmtree(folder)
    folder.mkdir()
    np.save(folder / "a.npy", np.stack([squares(4)] * 3))
    done = run(job(inputs={"axes": "zyx"}, outputs={"tracks": True}))
    assert done.objects == 4
    assert (tmp_path / "labels" / "a.tracks.csv").exists()


@pytest.mark.slow
def test_a_job_of_one_image_is_done_in_blocks(job, folder, tmp_path, labels_in):
    one = {"paths": str(folder / "img0.npy")}
    done = run(job(inputs=one, run={"executor": "processes"}))
    assert (done.images, done.objects, done.failed) == (1, 3, ())
    assert labels_in(tmp_path / "labels")["img0.tif"].max() == 3
    done = run(job(inputs=one))
    assert (done.resumed, done.objects) == (1, 3)


def test_inputs_by_pattern_and_by_name(job, folder):
    def keys(*paths, **more):
        made = job(inputs={"paths": [str(p) for p in paths], **more})
        return [task.key for task in iter_tasks(made)]

    assert keys(folder / "img*.npy") == ["img0.npy", "img1.npy", "img2.npy"]
    assert keys(folder / "**" / "*.npy")[-1] == "sub/img4.npy"
    assert keys(folder, pattern="*3.npy") == ["sub/img3.npy"]
    assert keys(folder / "img0.npy", folder / "img0.npy") == ["img0.npy"]
    with pytest.raises(JobError, match="no such file"):
        keys(folder / "none")
    with pytest.raises(JobError, match="matches no file"):
        keys(folder / "*.png")
    shutil.copy(folder / "img0.npy", folder / "img0.tif")
    with pytest.raises(JobError, match="would both be written"):
        keys(folder)
    made = job(outputs={"name": "{name}_labels"})
    assert os.path.basename(next(iter_tasks(made)).out) == "img0.npy_labels.tif"


def test_labels_among_the_images_are_not_segmented(job, folder):
    made = job(outputs={"folder": str(folder / "labels")})
    run(made)
    assert len(list(iter_tasks(made))) == 5


def test_fields_of_a_plate(job, tmp_path, labels_in):
    import zarr

    root = zarr.create_group(tmp_path / "p.zarr")
    root.attrs["ome"] = {
        "version": "0.5",
        "plate": {"wells": [{"path": "A/1"}, {"path": "B/2"}]},
    }
    for name in ("A/1", "B/2"):
        well = root.require_group(name)
        well.attrs["ome"] = {"version": "0.5", "well": {"images": [{"path": "0"}]}}
        field = well.create_group("0")
        axes = [{"name": n, "type": "space"} for n in "yx"]
        transforms = [{"type": "scale", "scale": [1, 1]}]
        datasets = [{"path": "0", "coordinateTransformations": transforms}]
        field.attrs["ome"] = {
            "version": "0.5",
            "multiscales": [{"axes": axes, "datasets": datasets}],
        }
        field.create_array("0", data=squares(3), chunks=(96, 128))
    assert is_collection(tmp_path / "p.zarr")
    done = run(job(inputs={"paths": str(tmp_path / "p.zarr")}))
    assert (done.objects, done.failed) == (6, ())
    assert list(labels_in(tmp_path / "labels")) == ["p/A_1_0.tif", "p/B_2_0.tif"]


def test_the_plan_counts_and_measures(job, folder):
    (folder / "img1.npy").write_bytes(b"rubbish")
    plan = plan_job(job(run={"workers": 2}), load=load_bright)
    assert (plan.images, plan.opened, plan.planes, plan.tiles) == (5, 4, 5, 5)
    assert [name for name, _ in plan.unreadable] == ["img1.npy"]
    assert plan.seconds_per_tile > 0
    assert plan.seconds == pytest.approx(5 * plan.seconds_per_tile / 2)
    assert plan.label_bytes == 5 * 96 * 128 * 4
    assert not (folder.parent / "labels").exists()
