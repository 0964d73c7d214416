"""A zarr with chunks that are lost: what lies elsewhere is found as before."""

from __future__ import annotations

import numpy as np
import zarr

from napari_hqsam import read_labels


def test_missing_chunks_change_no_mask_elsewhere(run_command, tmp_path, discs):
    path = tmp_path / "slide.zarr"
    stored = zarr.create_array(
        str(path), shape=(200, 1200), dtype="u2", chunks=(100, 100)
    )
    stored[...] = np.tile(discs[0], (1, 4))
    common = ("--level", "0", "--normalization", "400,4000", "--cache", "none")
    # Three discs on the left, and one on the right whose place will be lost.
    for y, x in ((50, 60), (60, 160), (140, 80), (60, 1150)):
        common += ("--box", f"{y - 25},{x - 25},{y + 25},{x + 25}")
    whole, lost = tmp_path / "whole.tif", tmp_path / "lost.tif"
    code, _, err = run_command("segment", path, *common, "-o", whole)
    assert (code, err) == (0, "")
    for col in (10, 11):
        (path / "c" / "0" / str(col)).unlink()
    code, _, err = run_command("segment", path, *common, "-o", lost)
    assert code == 0
    assert err.count("are missing") == 1
    assert "2 of the 24 chunks are missing and count as 0" in err
    assert "copy the image again" in err
    wanted, found = read_labels(whole), read_labels(lost)
    assert np.unique(wanted).tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(found[:, :600], wanted[:, :600])
    assert (found == 4).sum() != (wanted == 4).sum()
