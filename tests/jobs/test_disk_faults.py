"""A batch on a disk that fails, or killed: it goes on, and gives the same labels."""

import numpy as np
import pytest

from napari_hqsam import Prompt, read_labels, write_labels
from napari_hqsam.jobs import plan_batch, run_batch

faulty_disk = pytest.importorskip("tests.helpers.faulty_disk", reason="POSIX alone")

pytestmark = pytest.mark.slow

OLD = np.full((2, 40, 60), 9, np.uint16)


@pytest.mark.filterwarnings("ignore:a program was killed")
@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("a.tif", ["kill", "ENOSPC", "EROFS", "ENOLCK"]),
        ("a.ome.zarr", ["kill", "EIO", "EROFS", "ENOLCK"]),
    ],
)
def test_labels_are_the_old_or_the_new_and_the_batch_goes_on(
    squares, stack, tmp_path, name, kinds
):
    def run(folder):
        segmenter = squares(stack[:2])
        batch = plan_batch(segmenter.image, "same", [Prompt([(12, 10)])], level=0)
        return run_batch(segmenter, folder / name, batch, overwrite=True)

    def prepare(folder):
        write_labels(folder / name, OLD, axes="zyx")
        return folder

    (tmp_path / "expected").mkdir()
    run(tmp_path / "expected")
    new = read_labels(tmp_path / "expected" / name)
    assert new.any()
    outcomes = set()
    for fault in faulty_disk.each_fault(tmp_path, prepare, run, kinds):
        path = fault.folder / name
        now = read_labels(path) if path.exists() else None
        if "ENOLCK" in fault.where:
            assert np.array_equal(now, new)
            (told,) = fault.told
            assert "does not support locks" in told
            assert "running the same batch" in told
        if now is None:  # between two renamings
            assert fault.killed or fault.told, fault.where
            aside = [*fault.folder.glob(f"{name}.batch/replaced*")]
            assert [np.array_equal(read_labels(a), OLD) for a in aside] == [True]
        elif np.array_equal(now, new):
            outcomes.add("new")
        else:
            assert np.array_equal(now, OLD), fault.where
            assert fault.killed or fault.told, fault.where
            outcomes.add("old")
        assert run(fault.folder).complete, fault.where
        assert np.array_equal(read_labels(path), new), fault.where
        if fault.killed:
            assert not path.with_name(f"{name}.batch").exists(), fault.where
    assert outcomes == {"old", "new"}
