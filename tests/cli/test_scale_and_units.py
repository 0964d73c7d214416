"""--scale and --units: what a caller says of the pixels, instead of the file."""

import numpy as np
import pytest

from napari_hqsam import open_image
from napari_hqsam.errors import ImageError
from napari_hqsam.geometry import Space
from napari_hqsam.jobs import segment_file
from napari_hqsam.jobs.description import Inputs
from napari_hqsam.jobs.description.schema import build
from napari_hqsam.labels import write_labels
from tests.helpers.bright_network import bright_model
from tests.helpers.placed_images import discs

SCALE = ("--scale", "z=2,y=0.5,x=0.25")
SPACE = Space.of("zyx", scale=(2, 0.5, 0.25), units="um")


@pytest.fixture
def command(monkeypatch, run_command):
    """Run the command line in this process: exit code, output, error output."""
    model = bright_model()
    monkeypatch.setattr("napari_hqsam.models.load_model", lambda *_, **__: model)
    return run_command


@pytest.fixture
def stack(tmp_path):
    np.save(tmp_path / "stack.npy", discs("zyx"))
    (tmp_path / "p.csv").write_text("z,y,x\n1,48,20\n")
    return tmp_path / "stack.npy"


def arguments(name, folder, stack):
    """Return the command, which writes labels."""
    prompts = folder / "p.csv"
    given = {
        "segment": ("--prompts", prompts),
        "propagate": (prompts, "--range", "0,2"),
        "batch": (prompts, "--mode", "each"),
        "auto": ("--plane", "1", "--proposer", "grid"),
        "refine": (folder / "labels.npy",),
        "similar": (folder / "labels.npy",),
    }
    return name, stack, *given[name], "--axes", "zyx"


@pytest.mark.parametrize(
    "name", ["segment", "propagate", "batch", "auto", "refine", "similar"]
)
def test_labels_have_the_size_that_is_given(command, tmp_path, stack, name):
    np.save(tmp_path / "labels.npy", (discs("zyx") > 100).astype(np.uint8))
    out = tmp_path / "out.ome.tif"
    given = arguments(name, tmp_path, stack)
    code, _, err = command(*given, *SCALE, "--units", "um", "-o", out)
    assert code == 0, err
    space = open_image(out).space
    assert space.agrees(SPACE.select(space.axes)), space


def test_the_spacing_of_a_propagation_is_that_of_the_scale(
    command, tmp_path, stack, monkeypatch
):
    known = []

    def stop(*_, spacing, **__):
        known.append(spacing)
        raise ImageError("that is all")

    monkeypatch.setattr("napari_hqsam.segmentation.propagation.iter_propagate", stop)
    scale = ("--scale", "z=2,y=0.25,x=0.25")
    given = arguments("propagate", tmp_path, stack)[:3]
    for across, spacing in (("z", 8), ("y", 0.25 / np.sqrt(0.5))):
        out = tmp_path / f"{across}.tif"
        if across == "y":  # named as the slices are: z is across, y and x in the slice
            (tmp_path / "p.csv").write_text("z,y,x\n48,1,20\n")
        common = ("--axes", "zyx", "-o", out, "--across", across)
        _, _, err = command(*given, *scale, *common)
        assert "that is all" in err
        assert known.pop() == pytest.approx(spacing)


def test_only_what_is_given_replaces_what_the_file_says(command, tmp_path):
    source, out = tmp_path / "a.ome.zarr", tmp_path / "out.ome.zarr"
    space = Space.of("zyx", scale=(2, 0.5, 0.25), units="um", translate=(1, 2, 3))
    write_labels(source, discs("zyx"), space=space)
    common = ("segment", source, "--plane", "1", "--point", "48,20", "-o", out)
    code, _, err = command(*common, "--scale", "z=3", "--units", "z=nm")
    assert (code, err) == (0, "")
    found = open_image(out).space.select("zyx")
    assert found.scale == (3, 0.5, 0.25)
    assert found.units == ("nanometer", "micrometer", "micrometer")
    assert found.translation == (1, 2, 3)
    # One number for each axis; one unit for all of z, y and x.
    code, _, err = command(*common, "--scale", "3,1,1", "--units", "mm")
    assert (code, err) == (0, "")
    assert open_image(out).space.units == ("millimeter",) * 3


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("--scale", "t=2"), "names the axis t, the image has z, y, x"),
        (("--scale", "2,1"), "one number for each axis"),
        (("--scale", "z=2,z=3"), "each axis once"),
        (("--scale", "z="), "each axis once"),
        (("--scale", "z=far"), "no number"),
        (("--scale", "far"), "no number"),
        (("--scale", "z=0"), "has a size"),
        (("--scale", "z=nan"), "one number for each axis"),
        (("--units", "z=s"), "no unit of length"),
        (("--units", "parsnip"), "'parsnip'"),
        (("--units", "um,um"), "one for each axis"),
    ],
)
def test_what_does_not_fit_is_one_line(command, tmp_path, stack, given, says):
    out = tmp_path / "out.tif"
    code, _, err = command(*arguments("segment", tmp_path, stack), *given, "-o", out)
    assert code == 2
    assert says in err.splitlines()[-1]
    assert "Traceback" not in err
    assert not out.exists()


def test_in_python_and_in_job_files(tmp_path, stack):
    sizes = {"z": 2, "y": 0.5, "x": 0.25}
    image = open_image(stack, axes="zyx", scale=sizes, units="um")
    assert image.space.agrees(SPACE)
    out = tmp_path / "out.tif"
    segment_file(
        stack,
        out,
        tmp_path / "p.csv",
        axes="zyx",
        scale=sizes,
        units="um",
        model=bright_model(),
    )
    assert open_image(out).space.agrees(SPACE)
    inputs = build(
        Inputs, {"paths": "a.npy", "scale": sizes, "units": {"z": "um", "y": "nm"}}
    )
    assert (inputs.scale, inputs.units) == (sizes, {"z": "um", "y": "nm"})
    assert build(Inputs, {"paths": "a", "scale": [2, 1], "units": "um"}).units == "um"


def test_a_folder_of_images(command, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for name in "ab":
        np.save(folder / f"{name}.npy", discs("zyx")[1])
    out = tmp_path / "out"
    given = ("batch", folder, "--axes", "yx", "--scale", "0.5,0.25", "--units", "um")
    code, _, err = command(*given, "--proposer", "grid", "-o", out)
    assert code == 0, err
    written = sorted(out.rglob("*.ome.zarr"))
    assert len(written) == 2
    for path in written:
        assert open_image(path).space.agrees(SPACE.select("yx"))
