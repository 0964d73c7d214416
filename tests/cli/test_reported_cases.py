"""Commands on files that went wrong elsewhere: the right plane, in its place.

The network is stood in for by one of known answers; all else is real.
"""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile

from napari_hqsam import open_image, read_labels
from napari_hqsam.errors import ImageError
from tests.helpers.bright_network import bright_model
from tests.helpers.placed_images import ZARRS, discs, ome_zarr

PROMPT = {"t": 2, "z": 0, "y": 20, "x": 76}
"""On the disc of the last t and the first z; there is none on any other plane."""


@pytest.fixture
def command(monkeypatch, run_command):
    """Run the command line in this process: exit code, output, error output."""
    model = bright_model()
    monkeypatch.setattr("napari_hqsam.models.load_model", lambda *_, **__: model)
    return run_command


def prompts_file(folder, kind, letters="tz"):
    """Write the prompt, its plane named by these letters."""
    path, plane = folder / f"p.{kind}", {a: PROMPT[a] for a in letters}
    if kind == "csv":
        named = plane | {"y": PROMPT["y"], "x": PROMPT["x"]}
        path.write_text(f"{','.join(named)}\n{','.join(map(str, named.values()))}\n")
    elif kind == "json":
        point = [PROMPT["y"], PROMPT["x"]]
        path.write_text(json.dumps({"prompts": [{"points": [point], "plane": plane}]}))
    else:
        point = {"type": "Point", "coordinates": [PROMPT["x"] + 0.5, PROMPT["y"] + 0.5]}
        feature = {"type": "Feature", "geometry": point, "properties": {"plane": plane}}
        if kind == "qupath.geojson":
            point["plane"], feature["properties"] = {"c": -1, **plane}, {}
        path.write_text(json.dumps(feature))
    return path


def arguments(name, image, prompts):
    """Return the command for one prompt."""
    given = {
        "segment": ("--prompts", prompts),
        "propagate": (prompts, "--across", "z", "--range", "0,1", "--spacing", "1"),
        "batch": (prompts, "--mode", "each"),
    }
    return (name, image, *given[name])


@pytest.mark.parametrize("kind", ["csv", "json", "geojson", "qupath.geojson"])
@pytest.mark.parametrize("name", ["segment", "propagate", "batch"])
def test_planes_are_those_of_the_letters(command, tmp_path, name, kind):
    image, out = tmp_path / "ztyx.ome.tif", tmp_path / "out.tif"
    tifffile.imwrite(image, discs("ztyx"), metadata={"axes": "ZTYX"})
    given = arguments(name, image, prompts_file(tmp_path, kind))
    code, _, err = command(*given, "-o", out)
    assert (code, err) == (0, "")
    assert open_image(out).axes == "ztyx"
    labels = read_labels(out)
    np.testing.assert_array_equal(np.argwhere(labels.any((2, 3))), [[0, 2]])
    truth = discs("ztyx")[0, 2] > 100
    assert (labels[0, 2] > 0)[truth].mean() > 0.95
    assert labels[0, 2].astype(bool).sum() < 1.2 * truth.sum()


@pytest.mark.parametrize("name", ["segment", "propagate", "batch"])
def test_an_axis_that_the_image_lacks_is_named(command, tmp_path, name):
    image, out = ome_zarr(tmp_path / "zyx.zarr", "overall"), tmp_path / "a.tif"
    given = arguments(name, image, prompts_file(tmp_path, "csv", "tz"))
    code, _, err = command(*given, "-o", out)
    assert code == 2
    assert "axis t, which zyx.zarr does not have" in err.splitlines()[-1]
    assert not out.exists()


@pytest.mark.parametrize("out", ["a.tif", "a.ome.tif", "a.ome.zarr", "labels/cells"])
@pytest.mark.parametrize("case", ZARRS)
def test_labels_lie_on_their_image(command, tmp_path, case, out):
    source = ome_zarr(tmp_path / "image.zarr", case)
    inside = out.startswith("labels")
    path = source / out if inside else tmp_path / out
    prompts = tmp_path / "p.csv"
    prompts.write_text("z,y,x\n1,48,20\n")
    code, _, err = command("segment", source, "--prompts", prompts, "-o", path)
    assert (code, err) == (0, "")
    image = open_image(source)
    labels = open_image(source, key=out) if inside else open_image(path)
    assert labels.axes == "zyx"  # planes of y and x
    space = image.space.select("zyx")
    assert labels.space.agrees(space, labels.shape)
    found = labels.space.to_world(np.argwhere(read_labels(path)).mean(0))
    np.testing.assert_allclose(found, space.to_world((1, 48, 20)), atol=0.1)


@pytest.mark.parametrize("case", ZARRS)
def test_propagation_knows_the_spacing(command, tmp_path, monkeypatch, case):
    known = []

    def stop(*_, spacing, **__):
        known.append(spacing)
        raise ImageError("that is all")

    monkeypatch.setattr("napari_hqsam.segmentation.propagation.iter_propagate", stop)
    source = ome_zarr(tmp_path / "image.zarr", case)
    prompts = tmp_path / "p.csv"
    prompts.write_text("z,y,x\n1,48,20\n")
    out = tmp_path / "a.tif"
    given = ("propagate", source, prompts, "--across", "z", "-o", out)
    command(*given)
    assert known == [8]
