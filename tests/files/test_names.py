"""What a path says, before anything is looked at."""

from pathlib import PureWindowsPath

import pytest

from napari_hqsam.files import below, names_other_computer

UNC = [
    r"\\server\share\a.tif",
    "//server/share/a.tif",
    r"\/server\share\a.tif",
    r"\\?\UNC\server\share\a.tif",
    r"\\?\C:\a.tif",
    r"\\.\COM1",
    "//./COM1",
    "//?/C:/a.tif",
]


@pytest.mark.parametrize("path", [*UNC, r"\??\C:\a.tif", " //server/a", "smb://a/b"])
def test_paths_of_other_computers_and_devices(tmp_path, path):
    assert names_other_computer(path)
    assert below(tmp_path, path) is None
    if path in UNC:
        assert PureWindowsPath(path).drive.startswith("\\\\")


@pytest.mark.parametrize(
    "path", ["a.tif", "b/a.tif", r"b\a.tif", "/a/b", r"C:\a.tif", "a//b", r"a\\b", ""]
)
def test_paths_of_this_computer(path):
    assert not names_other_computer(path)


def test_what_is_below_a_folder(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link").symlink_to(tmp_path)
    (tmp_path / "in" / "round").symlink_to("round")
    folder = tmp_path / "in"
    for name in ("a.tif", "b/a.tif", str(folder / "a.tif"), "./a.tif"):
        assert below(folder, name) == (folder / name).resolve()
    for name in ("", ".", "..", "../in/a", "b/../a", "link/a", "/etc/passwd", "\0"):
        assert below(folder, name) is None
    below(folder, "round")  # no error, whatever the version of Python makes of it
