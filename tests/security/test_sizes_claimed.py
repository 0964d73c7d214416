"""A few bytes that ask for gigabytes, or for other files: one line each."""

import json
import os
import struct
import subprocess
import sys
import threading
import zlib
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image as Pillow

from napari_hqsam import open_image, read_labels, read_prompts
from napari_hqsam.errors import CheckpointError, ImageError, PromptError
from napari_hqsam.prompts import parts
from napari_hqsam.prompts.geometry import ellipse_mask, polygon_mask
from napari_hqsam.prompts.prompt import Prompt

pytestmark = pytest.mark.slow

LIMITED = """
import resource, sys
import numpy, scipy.ndimage, napari_hqsam.prompts, napari_hqsam.images, PIL.Image
from napari_hqsam.errors import HqsamError
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**30, used + 2**30))
plane = tuple(map(int, sys.argv[2:])) or None
try:
    prompts = napari_hqsam.prompts.read_prompts(sys.argv[1], plane)
    print([prompt.mask.shape for prompt in prompts])
except HqsamError as error:
    print(error, file=sys.stderr)
    sys.exit(2)
"""
"""Reads prompts, with 1 GiB more than its modules take."""


def read_limited(path, *plane):
    command = [sys.executable, "-c", LIMITED, str(path), *map(str, plane)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode in (0, 2), done.stderr
    return done


def polygon(*ring):
    geometry = {"type": "Polygon", "coordinates": [list(map(list, ring))]}
    return {"type": "Feature", "properties": {}, "geometry": geometry}


@pytest.fixture
def prompts(tmp_path):
    def write(document, name="p.json"):
        path = tmp_path / name
        text = document if isinstance(document, str) else json.dumps(document)
        path.write_text(text)
        return path

    return write


# --- masks in prompts -----------------------------------------------------------


def own(mask):
    return {"prompts": [{"mask": mask, "mask_offset": [0, 0]}]}


@pytest.fixture
def secret(tmp_path):
    """A picture that is none of the file's business, and a folder for the file."""
    (tmp_path / "shared").mkdir()
    Pillow.fromarray(np.full((4, 5), 9, np.uint8)).save(tmp_path / "secret.png")
    (tmp_path / "shared" / "link.png").symlink_to(tmp_path / "secret.png")
    return tmp_path / "secret.png"


def test_masks_lie_below_the_folder_of_their_file(secret, prompts, tmp_path):
    (tmp_path / "shared/masks").mkdir()
    Pillow.open(secret).save(tmp_path / "shared/masks/a.png")
    path = prompts(own("masks/a.png"), "shared/p.json")
    assert read_prompts(path)[0].mask.all()
    outside = [
        str(secret),
        "../secret.png",
        "masks/../../secret.png",
        "masks/../masks/a.png",
        "link.png",
        ".",
        "",
        "\0",
        "a" * 5000,
        "/dev/zero",
        "/proc/self/mem",
        "//server/share/a.png",
        r"\\server\share\a.png",
        r"\\?\C:\a.png",
        r"\\.\COM1",
        "//./COM1",
        f"/{tmp_path}/shared/masks/a.png",  # there it is; but it must not be looked at
    ]
    for name in outside:
        with pytest.raises(PromptError, match="prompt 1: mask") as told:
            read_prompts(prompts(own(name), "shared/p.json"))
        assert "\n" not in str(told.value)
        assert len(str(told.value)) < 400


def test_no_other_program_is_started_for_a_mask(prompts, tmp_path, monkeypatch):
    """A PostScript file is one, whatever its name."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/gs").write_text(f"#!/bin/sh\ntouch '{tmp_path}/was-run'\n")
    (tmp_path / "bin/gs").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin{os.pathsep}{os.environ['PATH']}")
    script = "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage"
    (tmp_path / "a.png").write_text(script)
    with pytest.raises(PromptError, match=r"a\.png"):
        read_prompts(prompts(own("a.png")))
    for read in (open_image, read_labels):
        with pytest.raises(ImageError):
            read(tmp_path / "a.png")
    assert not (tmp_path / "was-run").exists()
    with Pillow.open(tmp_path / "a.png") as picture:  # the trap works
        with pytest.raises((OSError, ValueError)):
            picture.load()
    assert (tmp_path / "was-run").exists()


@pytest.mark.parametrize("mask", [5, ["a.png"], {"a": 1}, True])
def test_a_mask_is_the_name_of_a_file(prompts, mask):
    with pytest.raises(PromptError, match="not the name of a file"):
        read_prompts(prompts(own(mask)))


# --- outlines ------------------------------------------------------------------

SIDE = 16_383


def test_a_polygon_takes_no_more_than_its_plane(prompts):
    square = polygon((0, 0), (SIDE, 1), (SIDE, SIDE), (1, SIDE))
    path = prompts({"type": "FeatureCollection", "features": [square]})
    assert path.stat().st_size < 250
    done = read_limited(path, 100, 120)
    assert done.stdout == "[(100, 120)]\n", done.stderr
    done = read_limited(path)  # the plane is not known
    assert done.stdout.startswith("[(16"), done.stderr


def test_a_polygon_of_many_edges_is_drawn_in_parts(prompts):
    zigzag = [(x % 2 * 4400, x) for x in range(4400)]
    path = prompts({"type": "FeatureCollection", "features": [polygon(*zigzag)]})
    # 19 million crossings, each of which took 80 bytes at once
    assert read_limited(path).stdout.startswith("[(")


def test_an_ellipse_is_drawn_in_parts(prompts):
    rows = [(0, 0), (0, SIDE), (SIDE, SIDE), (SIDE, 0)]
    table = ["index,shape-type,axis-0,axis-1"]
    table += [f"0,ellipse,{y},{x}" for y, x in rows]
    done = read_limited(prompts("\n".join(table), "p.csv"))
    assert done.stdout.startswith("[(16"), done.stderr


RINGS = {
    "triangle": [np.array([(-5.0, 3), (30, -8), (22, 41)])],
    "with a hole": [
        np.array([(-3.0, -4), (-3, 33), (25, 33), (25, -4)]),
        np.array([(5.0, 5), (5, 9), (9.5, 9), (9.5, 5)]),
    ],
    "on centres": [np.array([(2.0, 2), (2, 50), (10, 50), (10, 2)])],
    "crossing itself": [np.array([(0.0, -20), (19, 60), (0, 60), (19, -20)])],
}


@pytest.mark.parametrize("name", RINGS)
def test_a_clipped_polygon_is_the_part_on_the_plane(name):
    rings, shape = RINGS[name], (20, 30)
    whole, clipped = np.zeros(shape, bool), np.zeros(shape, bool)
    mask, (y, x) = polygon_mask(rings)
    rows, cols = np.nonzero(mask)
    inside = (rows + y >= 0) & (rows + y < 20) & (cols + x >= 0) & (cols + x < 30)
    whole[rows[inside] + y, cols[inside] + x] = True
    mask, (y, x) = polygon_mask(rings, shape)
    clipped[y : y + mask.shape[0], x : x + mask.shape[1]] = mask
    assert whole.any()
    np.testing.assert_array_equal(clipped, whole)


def test_a_clipped_ellipse_is_the_part_on_the_plane():
    corners = np.array([(-5.0, -7), (3, 25), (28, 19), (20, -13)])
    mask, (y, x) = ellipse_mask(corners)
    small, (top, left) = ellipse_mask(corners, (16, 12))
    whole = np.zeros((60, 60), bool)
    whole[y + 20 : y + 20 + mask.shape[0], x + 20 : x + 20 + mask.shape[1]] = mask
    clipped = np.zeros((16, 12), bool)
    clipped[top : top + small.shape[0], left : left + small.shape[1]] = small
    np.testing.assert_array_equal(clipped, whole[20:36, 20:32])


@pytest.mark.parametrize("name", ["p.geojson", "p.csv", "p.json"])
def test_many_masks_take_no_more_than_one_may(prompts, tmp_path, name):
    """A line of text for each, and each as large as the plane."""
    count, side = 400, 2000
    ring = [[0, 0], [side, 0], [side, side - 9], [9, side], [0, 0]]
    match name:
        case "p.csv":
            lines = ["index,shape-type,vertex-index,axis-0,axis-1"]
            for n in range(count):
                lines += [f"{n},polygon,{i},{y},{x}" for i, (x, y) in enumerate(ring)]
            path = prompts("\n".join(lines), name)
        case "p.geojson":
            path = prompts({"type": "FeatureCollection", "features": [
                polygon(*ring) for _ in range(count)
            ]}, name)  # fmt: skip
        case _:
            Pillow.new("1", (side, side), 1).save(tmp_path / "all.png")
            path = prompts({"prompts": [{"mask": "all.png"}] * count}, name)
    assert path.stat().st_size < 10**5
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAPARI_HQSAM_DECODE_GB", "0.5")
        done = read_limited(path, side, side)
    assert done.returncode == 2, done.stdout[-200:]
    assert "more than 0.5 GB: give them in several files" in done.stderr


@pytest.mark.parametrize(
    "command", [["batch", "-o", "o.zarr"], ["embed", "--cache", "c"]]
)
def test_planes_without_end(run_command, tmp_path, monkeypatch, command):
    """A few hundred bytes of metadata name a billion of them."""
    monkeypatch.chdir(tmp_path)
    zarr.create_array(
        "a.zarr", shape=(10**9, 64, 64), chunks=(1, 64, 64), dtype="u1",
        dimension_names=["z", "y", "x"],
    )  # fmt: skip
    command, *rest = command
    many = [*rest, "--planes=5:999999999"] if command == "batch" else rest
    for options in (rest, many):
        code, _, text = run_command(command, "a.zarr", *options)
        assert (code, len(text.splitlines()[-1:])) == (2, 1)
        assert "more than can be listed" in text
    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]


def test_an_outline_beside_the_plane_is_refused(prompts):
    square = polygon((50, 50), (60, 51), (60, 60), (51, 60))
    path = prompts({"type": "FeatureCollection", "features": [square]})
    with pytest.raises(PromptError, match="outside the plane of 20 x 30"):
        read_prompts(path, (20, 30))


# --- text without end ---------------------------------------------------------------

DEEP = "[" * 100_000 + "]" * 100_000
DIGITS = "9" * 5000


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p.json", DEEP),
        ("p.json", '{"prompts": ' + DEEP + "}"),
        ("p.json", '{"prompts": [{"box": ' + "[" * 900 + "]" * 900 + "}]}"),
        ("p.json", '{"prompts": [{"points": [[' + DIGITS + ", 1]]}]}"),
        ("p.json", '{"prompts": [{"points": [[1, 1]], "id": ' + "9" * 4000 + "}]}"),
        ("p.geojson", '{"type": "FeatureCollection", "features": ' + DEEP + "}"),
        ("p.csv", f"axis-{DIGITS},axis-1\n1,2"),
        ("p.csv", f"y,x,z\n1,2,{DIGITS}"),
        ("p.csv", f"y,x\n{DIGITS},1"),
        ("p.csv", "y,x\n" + "1," * 200_000),
        ("p.csv", "y,x\n" + "1" * 200_000 + ",1"),
    ],
    ids=range(11),
)
def test_prompts_without_end(prompts, name, text):
    with pytest.raises(PromptError, match=r"p\.") as told:
        read_prompts(prompts(text, name))
    assert "\n" not in str(told.value)
    assert len(str(told.value)) < 400


@pytest.mark.parametrize("option", ["--plane", "--key", "--channels", "--level"])
def test_options_without_end(run_command, tmp_path, option):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((20, 30), np.uint8))
    arguments = ["-o", tmp_path / "b.tif", "--point=1,1", f"{option}={DIGITS}"]
    code, _, text = run_command("segment", tmp_path / "a.tif", *arguments)
    assert code == 2
    assert len(text.splitlines()) == 1


# --- pictures ------------------------------------------------------------------


def png_bomb(path, side):
    """A PNG of so many pixels a side, all 0, in a few bytes."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    packer = zlib.compressobj(9)
    row = bytes(side + 1)
    packed = b"".join(packer.compress(row) for _ in range(min(side, 200)))
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", packed + packer.flush()), (b"IEND", b"")]
    content = b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)
    path.write_bytes(content)


def tiff_bomb(path, height, width):
    """A TIFF of one strip that says it is larger than it is."""
    tifffile.imwrite(path, np.zeros((16, 16), np.uint8), compression="zlib")
    with tifffile.TiffFile(path, mode="r+b") as tif:
        tags = tif.pages[0].tags
        tags["ImageWidth"].overwrite(width, dtype="I")
        tags["ImageLength"].overwrite(height, dtype="I")
        tags["RowsPerStrip"].overwrite(height, dtype="I")


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_pictures_that_expand_to_gigabytes(tmp_path, monkeypatch, name):
    path = tmp_path / name
    if name == "a.png":
        png_bomb(path, 60_000)
    else:
        tiff_bomb(path, 60_000, 60_000)
    assert path.stat().st_size < 200_000
    for read in (open_image, read_labels):
        with pytest.raises(ImageError, match="set NAPARI_HQSAM_DECODE_GB to 4") as told:
            read(path)
        assert "\n" not in str(told.value)
    (tmp_path / "p.json").write_text(json.dumps(own(name)))
    with pytest.raises(PromptError, match="NAPARI_HQSAM_DECODE_GB"):
        read_prompts(tmp_path / "p.json")


def test_a_tiff_one_pixel_high_that_expands(tmp_path):
    tiff_bomb(tmp_path / "a.tif", 1, 2**31)
    with pytest.raises(ImageError, match="NAPARI_HQSAM_DECODE_GB"):
        open_image(tmp_path / "a.tif")


def test_what_is_not_compressed_may_be_larger(tmp_path, monkeypatch):
    """It is mapped into memory, nothing of it is decoded."""
    monkeypatch.setenv("NAPARI_HQSAM_DECODE_GB", "1e-6")
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((200, 300), np.uint8))
    assert open_image(tmp_path / "a.tif").read_plane((), (0, 0, 9, 9)).shape
    np.save(tmp_path / "a.npy", np.zeros((200, 300), np.uint8))
    assert open_image(tmp_path / "a.npy").read_plane((), (0, 0, 9, 9)).shape


def test_labels_larger_than_the_memory(tmp_path):
    import zarr

    zarr.create_array(
        str(tmp_path / "a"), shape=(2**20, 2**20), chunks=(64, 64), dtype="u4"
    )
    with pytest.raises(ImageError, match=r"4096\.0 GiB, .* free"):
        read_labels(tmp_path / "a")


@pytest.mark.parametrize(
    "header",
    [
        b"{'descr': '<u1', 'fortran_order': False, 'shape': (" + b"9" * 5000 + b",)}",
        b"(" * 9000,
        b"{'descr': '|O', 'fortran_order': False, 'shape': (3, 3)}",
        b"{'descr': [], 'fortran_order': False, 'shape': (3, 3)}",
        b"{'descr': '<u1', 'fortran_order': False, 'shape': (-3, -3)}",
        b"\xff\xfe",
    ],
    ids=range(6),
)
def test_headers_of_npy(tmp_path, header):
    header += b"\n"
    content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(99)
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(ImageError) as told:
        open_image(tmp_path / "a.npy")
    assert "\n" not in str(told.value)


# --- models --------------------------------------------------------------------


@pytest.mark.parametrize(
    "size", ["64000000", "8192", "0", "-64", "9" * 5000, "1e3", ""]
)
def test_a_model_of_any_input_size(tmp_path, size):
    import safetensors.torch

    from napari_hqsam.models import checkpoint_path, find_checkpoint, load_model
    from napari_hqsam.models.checkpoint import read_state_dict

    state, metadata = read_state_dict(checkpoint_path(find_checkpoint("micro")))
    path = tmp_path / "a.safetensors"
    safetensors.torch.save_file(state, path, metadata | {"input_size": size})
    with pytest.raises(CheckpointError, match=r"a\.safetensors") as told:
        load_model(path, device="cpu", precision="float32")
    assert "\n" not in str(told.value)


def test_a_mask_of_bool_is_taken_as_it_is():
    mask = np.zeros((50, 60), bool)
    mask[3, 4] = True
    assert np.shares_memory(Prompt(mask=mask, mask_offset=(0, 0)).mask, mask)


@pytest.fixture
def pipe(tmp_path):
    """A pipe as an archive may hold one; whoever opens it soon finds its end."""
    path = tmp_path / "cells.tif"
    os.mkfifo(path)
    done, opened = threading.Event(), []

    def end():
        while not done.wait(0.2):
            with suppress(OSError):  # nobody has opened it
                os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
                opened.append(path)

    thread = threading.Thread(target=end)
    thread.start()
    yield path
    done.set()
    thread.join()
    assert not opened


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX alone")
def test_a_pipe_is_not_waited_for(pipe):
    with pytest.raises(ImageError, match="is a pipe or a device"):
        open_image(pipe)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX alone")
def test_a_session_that_names_a_pipe_opens_nothing(pipe):
    context = pytest.importorskip("napari_hqsam.viewer.saving.session_context")

    class Viewer:
        layers = ()

        def open(self, path, plugin):
            Path(path).read_text()

    session = SimpleNamespace(
        context={"source": {"path": str(pipe), "reader": None}}, is_own=False
    )
    assert context.open_image_of(Viewer(), session) is None


@pytest.mark.parametrize("name", ["a.csv", "a.json", "shapes.csv"])
def test_more_prompts_than_a_file_may_hold(tmp_path, name, monkeypatch):
    """3 million rows, 12 MB, took more than 3 GB and minutes."""
    monkeypatch.setattr(parts, "MOST_PARTS", 1000)
    path, count = tmp_path / name, 2000
    if name == "a.csv":
        path.write_text("y,x,object\n" + "1,2,1\n" * count)
    elif name == "a.json":
        path.write_text(json.dumps({"prompts": [{"points": [[1, 2]]}] * count}))
    else:
        rows = (
            f"{i},rectangle,{y},{x}\n"
            for i in range(count)
            for y, x in ((1, 1), (1, 4), (4, 4), (4, 1))
        )
        path.write_text("index,shape-type,axis-0,axis-1\n" + "".join(rows))
    with pytest.raises(PromptError, match="more than 1,000 points") as told:
        read_prompts(path, (9, 9))
    assert "\n" not in str(told.value)


def test_large_files_of_prompts(tmp_path):
    path = tmp_path / "a.json"
    with path.open("wb") as file:
        file.truncate(2**38)
    with pytest.raises(PromptError, match="set NAPARI_HQSAM_DECODE_GB to 1375"):
        read_prompts(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_in_the_place_of_prompts(tmp_path):
    os.mkfifo(tmp_path / "a.csv")
    code = "import napari_hqsam, sys; napari_hqsam.read_prompts(sys.argv[1])"
    command = [sys.executable, "-c", code, str(tmp_path / "a.csv")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert "is no file" in done.stderr
