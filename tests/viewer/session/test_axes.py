"""Labels have the axes of their image, and a replay on its file gives them again."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import tifffile

from napari_hqsam import cli, open_image, read_labels

SIZES = {"t": 2, "z": 4, "c": 2, "y": 96, "x": 112}


def disc_at(t, z):
    """Centre of the disc of a time and a slice."""
    return 20 + 12 * z, 30 + 40 * t


def hyperstack(path, axes):
    """An ImageJ hyperstack: one disc for each t and z, nothing in channel 1."""
    stack = np.full([SIZES[a] for a in axes], 10, np.uint8)
    y, x = np.mgrid[:96, :112]
    for index in np.ndindex(*stack.shape[:-2]):
        at = dict(zip(axes, index, strict=False))
        if at["c"] == 0:
            cy, cx = disc_at(at.get("t", 0), at["z"])
            stack[index][(y - cy) ** 2 + (x - cx) ** 2 < 100] = 200
    tifffile.imwrite(
        path,
        stack,
        imagej=True,
        resolution=(4, 4),
        metadata={"axes": axes.upper(), "spacing": 2.0, "unit": "um"},
    )


@pytest.mark.parametrize("axes", ["zcyx", "tzcyx"])
@pytest.mark.parametrize("suffix", [".tif", ".ome.tif", ".ome.zarr"])
def test_a_hyperstack_keeps_its_axes_and_is_replayed(
    viewer, open_widget, tmp_path, monkeypatch, axes, suffix
):
    image, out = tmp_path / "hyper.tif", tmp_path / f"labels{suffix}"
    hyperstack(image, axes)
    viewer.open(str(image), plugin="napari")
    hand = open_widget()
    hand.settings.channels = (0,)
    hand.settings.channel_axis = axes.index("c")
    clicks = ((0, 1), (1, 3)) if "t" in axes else ((0, 1), (0, 3))
    for t, z in clicks:
        at = {"t": t, "z": z, "c": 0}
        for axis, letter in enumerate(axes[:-2]):
            viewer.dims.set_current_step(axis, at[letter])
        hand.click(*disc_at(t, z))
        hand.key("N")
    assert not hand.notes
    hand.saver.save(str(out))
    hand.wait()
    own = axes.replace("c", "")
    saved = open_image(out)
    assert saved.axes == own
    labels = read_labels(out)
    assert labels.shape == tuple(SIZES[a] for a in own)
    for number, (t, z) in enumerate(clicks, 1):
        index = tuple({"t": t, "z": z}[a] for a in own[:-2])
        assert labels[(*index, *disc_at(t, z))] == number
    journal = tmp_path / f"labels{suffix}.journal.jsonl"
    header = json.loads(journal.read_text().splitlines()[0])
    hand.sessions.session.close()
    again = tmp_path / "again.tif"
    command = ["napari-hqsam", "replay", str(journal), str(image), "-o", str(again)]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0, header
    np.testing.assert_array_equal(read_labels(again), labels)
    assert open_image(again).axes == own


@pytest.mark.parametrize(
    ("labels", "letters"),
    [
        (("z", "t", "y", "x"), "ztyx"),
        (("time", "y", "x"), "tyx"),
        (("x", "y", "z"), "xyz"),
        (("position", "z", "y", "x"), "pzyx"),
    ],
)
def test_axes_of_a_layer_keep_their_names(
    viewer, open_widget, tmp_path, labels, letters
):
    rng = np.random.default_rng(0)
    shape = (3, 4, 40, 50)[4 - len(labels) :]
    stack = rng.integers(0, 50, shape, dtype=np.uint8)
    stack[..., 10:20, 20:35] = 200
    viewer.add_image(stack, axis_labels=labels, name="stack")
    hand = open_widget()
    view = hand.scene.view()
    assert view.names == letters
    hand.click(15, 25)
    hand.key("N")
    if "p" not in letters:  # which ImageJ does not have, and the writer says so
        hand.saver.save(str(tmp_path / "a.tif"))
        hand.wait()
        assert open_image(tmp_path / "a.tif").axes == letters
    assert hand.sessions.session.header.labels.space.axes == letters
