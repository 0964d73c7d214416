"""What is replaced is there before or after, never neither."""

import os
import re
import stat
import subprocess
import sys
import time

import numpy as np
import pytest

from napari_hqsam.errors import HqsamWarning, ImageError, OutputError
from napari_hqsam.files import free_name, interrupted, replacing
from napari_hqsam.labels import read_labels, write_labels

OLD, NEW = np.full((20, 30), 7), np.full((20, 30), 9)

WRITER = """
import os, sys
from pathlib import Path
import numpy as np
from napari_hqsam.labels import write_labels

left = int(sys.argv[2])
rename = Path.rename

def counted(self, target):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), 9)
    return rename(self, target)

Path.rename = counted
write_labels(sys.argv[1], np.full((20, 30), 9))
"""


def killed(path, renames):
    """Write labels in a process that is killed after so many renamings."""
    command = [sys.executable, "-c", WRITER, str(path), str(renames)]
    assert subprocess.run(command).returncode == -9


def let_time_pass(folder):
    """As if what is there had been begun long ago."""
    for lock in folder.glob(".*/lock"):
        os.utime(lock, (time.time() - 3600,) * 2)


@pytest.fixture
def between(tmp_path):
    """Labels that were being replaced when a process was killed between renamings."""
    path = tmp_path / "a.ome.zarr"
    write_labels(path, OLD)
    killed(path, 1)
    assert not path.exists()
    let_time_pass(tmp_path)
    return path


def test_the_next_write_puts_back_what_was_there(between):
    with pytest.warns(HqsamWarning, match="is again as it was before") as told:
        with pytest.raises(OutputError, match="exists"):
            write_labels(between, NEW, overwrite=False)
    assert len(told) == 1
    assert (read_labels(between) == OLD).all()
    assert [path.name for path in between.parent.iterdir()] == ["a.ome.zarr"]


def test_the_next_write_replaces_it_then(between):
    with pytest.warns(HqsamWarning, match="is again as it was before"):
        write_labels(between, NEW)
    assert (read_labels(between) == NEW).all()
    assert [path.name for path in between.parent.iterdir()] == ["a.ome.zarr"]


def test_who_reads_is_told_where_it_is(between):
    left = interrupted(between)
    with pytest.raises(ImageError, match=re.escape(str(left))):
        read_labels(between)
    left.rename(between)
    assert (read_labels(between) == OLD).all()
    assert interrupted(between) is None


def test_what_others_put_in_its_place_is_kept_and_the_old_as_well(between):
    left = interrupted(between)
    other = between.parent / "other.ome.zarr"
    write_labels(other, NEW)
    other.rename(between)
    with pytest.warns(HqsamWarning, match="kept as .*old"):
        write_labels(between, OLD + 1)
    assert (read_labels(between) == OLD + 1).all()
    assert not left.exists()
    (kept,) = between.parent.glob("a.ome.zarr.old*")
    assert (read_labels(kept) == OLD).all()


def test_what_was_replaced_goes_if_the_new_is_in_place(tmp_path):
    path = tmp_path / "a.ome.zarr"
    write_labels(path, OLD)
    killed(path, 1)
    left = interrupted(path)
    (partial,) = tmp_path.glob(".*.partial/*.partial")
    partial.rename(path)  # as the process was about to do
    let_time_pass(tmp_path)
    write_labels(path, OLD + 1)
    assert not left.exists()
    assert [each.name for each in tmp_path.iterdir()] == ["a.ome.zarr"]


def test_a_process_that_still_replaces_is_left_alone(tmp_path):
    path = tmp_path / "a.ome.zarr"
    write_labels(path, OLD)
    with replacing(path) as partial:
        partial.mkdir()
        let_time_pass(tmp_path)
        aside = partial.parent.with_suffix(".old")
        path.rename(aside)  # as it does itself, a moment later
        write_labels(path, NEW)
        assert aside.exists()
        path.rename(tmp_path / "b.ome.zarr")
        aside.rename(path)


@pytest.mark.parametrize("name", ["a.tif", "a.ome.zarr"])
def test_permissions_stay(tmp_path, name):
    path = tmp_path / name
    write_labels(path, OLD)
    mode = 0o700 if path.is_dir() else 0o600
    path.chmod(mode)
    write_labels(path, NEW)
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_new_files_get_what_the_system_gives(tmp_path):
    before = os.umask(0o027)
    try:
        write_labels(tmp_path / "a.tif", OLD)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.tif").stat().st_mode) == 0o640


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("folder", [True, False])
def test_what_is_new_replaces_nothing(tmp_path, monkeypatch, links, folder):
    if not links:

        def refuse(*_, **__):
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "a"

    def make(partial, text):
        if folder:
            partial.mkdir()
            partial = partial / "inside"
        partial.write_text(text)

    with replacing(path, new=True) as partial:
        make(partial, "first")
    with pytest.raises(OutputError, match="exists"), replacing(path, new=True) as part:
        make(part, "second")
    assert (path / "inside" if folder else path).read_text() == "first"
    assert [each.name for each in tmp_path.iterdir()] == ["a"]


def test_a_name_that_is_free(tmp_path):
    path = tmp_path / "a.old"
    for expected in ("a.old", "a.old-1", "a.old-2"):
        assert free_name(path).name == expected
        free_name(path).symlink_to("nowhere")


def test_links_in_a_circle(tmp_path):
    (tmp_path / "a.tif").symlink_to("b.tif")
    (tmp_path / "b.tif").symlink_to("a.tif")
    with pytest.raises(OutputError), replacing(tmp_path / "a.tif") as partial:
        partial.write_text("x")
