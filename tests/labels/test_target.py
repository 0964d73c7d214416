"""A write happens wholly or not at all, and is checked before any work."""

from __future__ import annotations

import errno
import os
import stat

import numpy as np
import pytest
import zarr

from napari_hqsam.errors import ImageError, OutputError
from napari_hqsam.labels import check_writable, read_labels, write_labels

OLD = np.full((40, 50), 7)
NEW = np.random.default_rng(0).integers(0, 60000, (2, 300, 400))
NAMES = ["a.tif", "a.ome.tif", "a.ome.zarr"]


def tree(folder):
    """Every file below a folder with its content."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def tiny_disk():
    """Make writes beyond 100 kB of a file fail, for real."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("name", NAMES)
def test_old_labels_are_replaced(tmp_path, name):
    write_labels(tmp_path / name, OLD)
    write_labels(tmp_path / name, NEW)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    np.testing.assert_array_equal(read_labels(tmp_path / name), NEW)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("existing", [True, False])
def test_a_write_that_fails_midway_leaves_all_as_it_was(
    tmp_path, name, existing, request
):
    if existing:
        write_labels(tmp_path / name, OLD)
    before = tree(tmp_path)
    request.getfixturevalue("tiny_disk")
    with pytest.raises(OutputError, match="free some space") as caught:
        write_labels(tmp_path / name, NEW)
    assert "\n" not in str(caught.value)
    assert tree(tmp_path) == before
    assert len(list(tmp_path.iterdir())) == existing


@pytest.mark.parametrize("existing", [True, False])
def test_a_full_disk_is_named(tmp_path, existing, monkeypatch):
    if existing:
        write_labels(tmp_path / "a.tif", OLD)
    before = tree(tmp_path)

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left on device; free some space"):
        write_labels(tmp_path / "a.tif", NEW)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_interruption_leaves_all_as_it_was(tmp_path, name, error, monkeypatch):
    write_labels(tmp_path / name, OLD)
    before = tree(tmp_path)

    def stop(*args, **kwargs):
        raise error

    monkeypatch.setattr("tifffile.imwrite", stop)
    monkeypatch.setattr("zarr.Array.__setitem__", stop)
    with pytest.raises(error):
        write_labels(tmp_path / name, NEW)
    assert tree(tmp_path) == before
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_cannot_be_put_in_place_gives_the_old_one_back(
    tmp_path, monkeypatch
):
    target = tmp_path / "a.zarr"
    write_labels(target, OLD)
    before = tree(tmp_path)
    rename = type(target).rename

    def refuse(path, new):
        if path.name.endswith(".partial"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return rename(path, new)

    monkeypatch.setattr(type(target), "rename", refuse)
    with pytest.raises(OutputError, match="Permission denied"):
        write_labels(target, NEW)
    assert tree(tmp_path) == before


def test_a_symbolic_link_is_followed(tmp_path):
    (tmp_path / "real").mkdir()
    write_labels(tmp_path / "real" / "a.tif", OLD)
    link = tmp_path / "a.tif"
    link.symlink_to(tmp_path / "real" / "a.tif")
    write_labels(link, NEW)
    assert link.is_symlink()
    np.testing.assert_array_equal(read_labels(tmp_path / "real" / "a.tif"), NEW)


def test_the_file_gets_the_usual_permissions(tmp_path):
    (tmp_path / "plain").write_bytes(b"")
    write_labels(tmp_path / "a.tif", OLD)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert len(modes) == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.png", "cannot tell the format from '.png'"),
        ("a", "cannot tell the format from 'no suffix'"),
        ("missing/a.tif", "does not exist; create it first"),
        ("file/a.tif", "does not exist; create it first"),
        ("folder.tif", "holds no label image"),
        ("notes.zarr", "holds no label image"),
        ("image.zarr", "holds no label image"),
        ("file.zarr", "is a file, not a zarr folder"),
    ],
)
def test_targets_that_cannot_be_written_are_known_before(tmp_path, name, message):
    (tmp_path / "file").write_text("text")
    (tmp_path / "file.zarr").write_text("text")
    (tmp_path / "folder.tif").mkdir()
    (tmp_path / "notes.zarr").mkdir()
    (tmp_path / "notes.zarr" / "notes.txt").write_text("mine")
    zarr.create_group(
        str(tmp_path / "image.zarr"), attributes={"ome": {"multiscales": []}}
    )
    before = tree(tmp_path)
    for act in (check_writable, lambda path: write_labels(path, OLD)):
        with pytest.raises(OutputError, match=message) as caught:
            act(tmp_path / name)
        assert "\n" not in str(caught.value)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("name", NAMES)
def test_the_check_passes_and_leaves_nothing_behind(tmp_path, name):
    check_writable(tmp_path / name)
    assert list(tmp_path.iterdir()) == []
    write_labels(tmp_path / name, OLD)
    before = tree(tmp_path)
    check_writable(str(tmp_path / name))
    assert tree(tmp_path) == before


def test_properties_of_objects_in_the_metadata_are_not_replaced(tmp_path):
    """Such as their classes: labels that are written have none."""
    path = tmp_path / "a.ome.zarr"
    write_labels(path, OLD)
    group = zarr.open_group(path, mode="r+")
    ome = group.attrs["ome"]
    ome["image-label"]["properties"] = [{"label-value": 1, "class": "mitosis"}]
    group.attrs["ome"] = ome
    for act in (check_writable, lambda path: write_labels(path, OLD)):
        with pytest.raises(OutputError, match="properties of its objects"):
            act(path)
    assert zarr.open_group(path, mode="r").attrs["ome"] == ome


@pytest.mark.parametrize("inside", ["tables/features.csv", "notes.txt", "labels/a"])
@pytest.mark.parametrize("overwrite", [True, None])
def test_what_others_keep_beside_the_pixels_is_not_lost(tmp_path, inside, overwrite):
    """Such as the tables of measurements that other programs put into OME-Zarr."""
    target = tmp_path / "a.zarr"
    write_labels(target, OLD)
    (target / inside).parent.mkdir(exist_ok=True)
    (target / inside).write_text("mine")
    with pytest.raises(OutputError, match=f"more than labels .{inside.split('/')[0]}"):
        write_labels(target, OLD + 1, overwrite=overwrite)
    assert (target / inside).read_text() == "mine"
    np.testing.assert_array_equal(read_labels(target), OLD)


def test_what_desktops_put_into_folders_does_not_count(tmp_path):
    write_labels(tmp_path / "a.zarr", OLD)
    (tmp_path / "a.zarr" / ".DS_Store").write_bytes(b"Bud1")
    write_labels(tmp_path / "a.zarr", OLD + 1)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.zarr"), OLD + 1)


def test_labels_of_several_levels_are_replaced(tmp_path):
    group = zarr.create_group(str(tmp_path / "a.zarr"), zarr_format=2)
    levels = [{"path": name} for name in ("s0", "s1")]
    group.attrs.update({"multiscales": [{"datasets": levels}], "image-label": {}})
    for level in levels:
        group.create_array(level["path"], data=OLD)
    write_labels(tmp_path / "a.zarr", OLD + 1)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.zarr"), OLD + 1)


def test_an_empty_folder_may_become_labels(tmp_path):
    (tmp_path / "a.zarr").mkdir()
    write_labels(tmp_path / "a.zarr", OLD)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.zarr"), OLD)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_replaced_without_leave(tmp_path, name):
    write_labels(tmp_path / name, OLD, overwrite=False)
    with pytest.raises(OutputError, match="exists; choose another name"):
        check_writable(tmp_path / name, overwrite=False)
    with pytest.raises(OutputError, match="exists; choose another name"):
        write_labels(tmp_path / name, NEW, overwrite=False)
    np.testing.assert_array_equal(read_labels(tmp_path / name), OLD)


def test_the_image_that_is_read_is_never_the_target(tmp_path):
    write_labels(tmp_path / "a.tif", OLD)
    write_labels(tmp_path / "a.zarr", OLD)
    (tmp_path / "link.tif").symlink_to(tmp_path / "a.tif")
    for target, source in [
        ("a.tif", "a.tif"),
        ("link.tif", "a.tif"),
        ("a.zarr", "a.zarr/0"),
    ]:
        with pytest.raises(OutputError, match="is the image that is read"):
            check_writable(tmp_path / target, sources=[tmp_path / source])
    check_writable(tmp_path / "b.tif", sources=[tmp_path / "a.tif"])


def test_axes_are_checked_before_the_work(tmp_path):
    check_writable(tmp_path / "a.tif", axes="pyx")
    with pytest.raises(ImageError, match="OME-Zarr"):
        check_writable(tmp_path / "a.zarr", axes="pyx")


def test_a_folder_that_is_not_writable(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    for act in (check_writable, lambda path: write_labels(path, OLD)):
        with pytest.raises(OutputError, match=r"not writable \(Read-only file system"):
            act(tmp_path / "a.tif")


def test_permissions_are_respected(tmp_path):
    write_labels(tmp_path / "a.tif", OLD)
    (tmp_path / "a.tif").chmod(0o444)
    if os.access(tmp_path / "a.tif", os.W_OK):
        pytest.skip("this user may write anywhere")
    with pytest.raises(OutputError, match="write-protected"):
        check_writable(tmp_path / "a.tif")
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(OutputError, match="not writable"):
            check_writable(tmp_path / "b.tif")
    finally:
        tmp_path.chmod(0o755)
