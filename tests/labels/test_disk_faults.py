"""Labels are written while the disk fails, or are killed on the way: old or new."""

import numpy as np
import pytest

from napari_hqsam.errors import ImageError
from napari_hqsam.labels import read_labels, write_labels

faulty_disk = pytest.importorskip("tests.helpers.faulty_disk", reason="POSIX alone")

pytestmark = pytest.mark.slow

OLD = np.eye(20, 30, dtype=np.uint16)
NEW = np.full((20, 30), 7, np.uint16)


def is_(labels, expected):
    return labels is not None and np.array_equal(labels, expected)


def found(path):
    return read_labels(path) if path.exists() else None


@pytest.mark.filterwarnings("ignore:a program was killed")
@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif", "a.zarr", "a.ome.zarr"])
@pytest.mark.parametrize("begin", ["replaced", "new"])
def test_labels_are_the_old_or_the_new(tmp_path, name, begin):
    def prepare(folder):
        if begin == "replaced":
            write_labels(folder / name, OLD)
        return folder / name

    outcomes = set()
    for fault in faulty_disk.each_fault(
        tmp_path,
        prepare,
        lambda path: write_labels(path, NEW),
        (*faulty_disk.KINDS, "ENOLCK"),
    ):
        path, before = fault.state, OLD if begin == "replaced" else None
        now = found(path)
        if "ENOLCK" in fault.where:  # they only keep others from clearing up
            assert is_(now, NEW)
            assert not fault.told
        if is_(now, NEW):
            outcomes.add("new")
        elif before is None and now is None:
            outcomes.add("none")
            assert fault.killed or fault.told, fault.where
        elif is_(now, OLD):
            outcomes.add("old")
            assert fault.killed or fault.told, fault.where
        else:  # between the two renamings of a folder
            assert now is None, fault.where
            if not fault.killed:
                assert "what was there is now" in fault.told[0], fault.where
            with pytest.raises(ImageError, match=r"\.old"):
                read_labels(path)
        write_labels(path, OLD)
        assert is_(found(path), OLD), fault.where
        if (
            "ENOSPC" in fault.where or "ENOLCK" in fault.where
        ):  # to clear up needs no space
            assert [p.name for p in fault.folder.iterdir()] == [name], fault.where
    assert {"new", "old" if begin == "replaced" else "none"} <= outcomes
