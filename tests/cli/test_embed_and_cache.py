"""`embed` and `cache`: tiles are counted, and errors are one line."""

import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
import torch

from napari_hqsam.embeddings import StoreFolder, TileSource


class TinyNetwork:
    """Means of 16 x 16 pixels."""

    def encode(self, image):
        grey = torch.nn.functional.avg_pool2d(image.mean(1, keepdim=True), 16)
        return grey.expand(-1, 256, -1, -1), grey.permute(0, 2, 3, 1)


TINY = SimpleNamespace(
    name="tiny",
    digest="0" * 64,
    decoder_digest="1",
    dtype=torch.float32,
    device=torch.device("cpu"),
    input_size=448,
    network=TinyNetwork(),
)


@pytest.fixture
def command(monkeypatch, run_command, micro):
    """Run the command line in this process: exit code, output, error output."""
    from napari_hqsam import models

    known = {"tiny": TINY, "micro": micro}
    load = models.load_model
    monkeypatch.setattr(
        models,
        "load_model",
        lambda name, **options: known.get(name) or load(name, **options),
        raising=False,
    )

    def run(*args):
        if args[0] == "embed" and "--model" not in args:
            args = (*args, "--model", "tiny")
        return run_command(*args)

    return run


@pytest.fixture
def image(tmp_path, discs):
    """500 x 300 pixels: two tiles at level 0, one at level 1."""
    path = tmp_path / "cells.tif"
    tifffile.imwrite(path, np.tile(discs[0], (3, 1))[:500])
    return path


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "stores"


def counts(out):
    """Encoded, already there, tiles in the store."""
    found = re.search(r"encoded (\d+), already there (\d+)\n\S+: (\d+) tiles, ", out)
    return tuple(map(int, found.groups()))


def test_tiles_are_encoded_once_at_all_levels(command, image, cache):
    code, out, err = command("embed", image, "--level", "0", "--cache", cache)
    assert (code, err) == (0, "")
    assert counts(out) == (2, 0, 2)
    code, out, err = command("embed", image, "--cache", cache)
    assert (code, err) == (0, "")
    assert counts(out) == (1, 2, 3)
    (store,) = StoreFolder(cache).summaries()
    assert f"{store.path}: 3 tiles, {store.bytes / 1e6:.1f} MB" in out
    assert (store.image, store.model) == ("cells.tif", "tiny")


def test_what_was_embedded_serves_a_session(command, image, cache, micro):
    from napari_hqsam.images import normalization, open_image
    from napari_hqsam.tiling import Grid

    command("embed", image, "--level", "1", "--model", "micro", "--cache", cache)
    opened = open_image(image)
    source = TileSource(opened, micro, normalization(opened), cache=cache)
    source.features((), Grid(opened.plane_shape, micro.input_size).tile(1, 0, 0))
    assert source.encoded == 0


def test_planes_regions_and_levels_are_chosen(command, tmp_path, discs, cache):
    path = tmp_path / "stack.npy"
    np.save(path, np.stack([discs[0]] * 3))
    common = ("embed", path, "--axes", "zyx", "--cache", cache)
    code, out, _ = command(*common, "--plane", "1")
    assert (code, counts(out)) == (0, (1, 0, 1))
    code, out, _ = command(*common)
    assert (code, counts(out)) == (0, (2, 1, 3))
    one_of_two = ("--level", "-1", "--region", "0,0,200,20", "--plane", "2")
    code, out, _ = command(*common, *one_of_two)
    assert (code, counts(out)) == (0, (1, 0, 4))
    assert len(list(cache.glob("*.zarr/level/-1/record/c.2.0.0.0"))) == 1


def test_interrupted_it_keeps_what_it_has_and_goes_on(
    command, image, cache, monkeypatch
):
    embed = TileSource.embed

    def interrupted(source, index, tile):
        if source.encoded:
            raise KeyboardInterrupt
        return embed(source, index, tile)

    with monkeypatch.context() as patched:
        patched.setattr(TileSource, "embed", interrupted)
        code, out, err = command("embed", image, "--cache", cache)
    assert code not in (0, 2)
    assert "run it again to resume" in err
    assert "Traceback" not in err
    assert counts(out) == (1, 0, 1)
    code, out, _ = command("embed", image, "--cache", cache)
    assert (code, counts(out)) == (0, (2, 1, 3))


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--level", "9"), "level 9 is none"),
        (("--level", "-4"), "level -4 is none"),
        (("--level", "fine"), "--level"),
        (("--plane", "1"), "plane"),
        (("--region", "0,0,501,10"), "region 0,0,501,10 is not"),
        (("--region", "0,0,10"), "--region"),
        (("--region", "10,10,10,20"), "--region"),
        (("--cache", "none"), "or use the default (--cache)"),
        (("--normalization", "9,9"), "9"),
        (("--channels", "4"), "channel"),
        (("--axes", "zyx"), "axes"),
        (("--model", "sam9"), "sam9"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(
    command, image, tmp_path, monkeypatch, args, words
):
    monkeypatch.setenv("NAPARI_HQSAM_CACHE", str(tmp_path / "user"))
    code, _, err = command("embed", image, *args)
    assert code == 2
    assert err.count("\n") == 1
    assert words in err
    assert [p.name for p in tmp_path.iterdir()] == [image.name]


def test_a_folder_that_cannot_be_written_is_one_line(command, image, tmp_path):
    (tmp_path / "file").write_text("in the way")
    for folder in ("file", "file/below"):
        code, out, err = command("embed", image, "--cache", tmp_path / folder)
        assert code == 2
        assert out == "", "noticed too late"
        assert err.count("\n") == 1
        assert "file" in err


def test_more_than_the_budget_is_refused_after_the_first_tile(
    command, image, cache, monkeypatch
):
    monkeypatch.setenv("NAPARI_HQSAM_EMBEDDINGS_GB", "0.001")
    code, out, err = command("embed", image, "--cache", cache)
    assert code == 2
    assert "3 tiles take 1.2 MB" in err
    assert "may take 1.0 MB" in err
    assert err.count("\n") == 1
    assert counts(out) == (1, 0, 1)


def test_warnings_come_once_and_not_for_each_tile(command, tmp_path, discs, cache):
    pixels = np.tile(discs[0], (3, 1))[:500].astype(np.float32)
    pixels[:, ::7] = np.nan
    tifffile.imwrite(tmp_path / "nan.tif", pixels)
    code, out, err = command("embed", tmp_path / "nan.tif", "--cache", cache)
    assert (code, counts(out)) == (0, (3, 0, 3))
    assert err.count("NaN") == 1


def test_a_budget_below_one_tile_leaves_nothing(command, image, cache, monkeypatch):
    monkeypatch.setenv("NAPARI_HQSAM_EMBEDDINGS_GB", "0")
    code, _, err = command("embed", image, "--cache", cache)
    assert (code, err.count("\n")) == (2, 1)
    assert "NAPARI_HQSAM_EMBEDDINGS_GB" in err
    assert "all may take 0.0 MB" in err
    assert not cache.exists()


def test_limits_that_are_none_are_told_before_a_model_is_loaded(
    command, image, monkeypatch
):
    monkeypatch.delattr("napari_hqsam.models.load_model")
    code, _, err = command("embed", image, "--normalization", "3,3")
    assert (code, err.count("\n")) == (2, 1)


def test_an_image_of_several_is_chosen(command, tmp_path, discs, cache):
    with tifffile.TiffWriter(tmp_path / "two.tif") as writer:
        writer.write(discs[0][:20, :20])
        writer.write(discs[0])
    common = ("embed", tmp_path / "two.tif", "--cache", cache, "--level", "0")
    code, out, err = command(*common, "--key", "1")
    assert (code, err, counts(out)) == (0, "", (1, 0, 1))
    assert "(200, 300)" in out


# --- cache -------------------------------------------------------------------


@pytest.fixture
def stores(cache):
    """Two stores without the cost of making them."""
    for digit, image in (("a", "cells.tif"), ("b", "stack.npy")):
        record = cache / f"{digit * 32}.zarr" / "level" / "0" / "record"
        record.mkdir(parents=True)
        (record / "c.0.0.0").write_bytes(b"x" * 10**6)
        (record.parents[2] / "zarr.json").write_text(
            f'{{"attributes": {{"image": "{image}", "model": "micro"}}}}'
        )
    return cache


def test_stores_are_listed(command, stores):
    for args in (("cache", "--cache", stores), ("cache", "list", "--cache", stores)):
        code, out, err = command(*args)
        assert (code, err) == (0, "")
        assert re.search(r"aaaaaaaa .*1 tiles +1.0 MB +micro +cells.tif\n", out)
        assert "bbbbbbbb" in out
        assert f"2 stores, 2.0 MB in {stores}" in out


def test_looking_at_the_stores_needs_no_torch(stores):
    code = (
        "import sys, napari_hqsam.cli as c\n"
        f"sys.argv = ['napari-hqsam', 'cache', '--cache', {str(stores)!r}]\n"
        "try: c.main()\n"
        "except SystemExit: pass\n"
        "bad = {'torch', 'zarr', 'numpy'} & set(sys.modules)\n"
        "sys.exit(f'imported {bad}' if bad else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert "2 stores" in done.stdout


def test_the_folder_is_printed(command, stores, monkeypatch, tmp_path):
    assert command("cache", "path", "--cache", stores)[1] == f"{stores}\n"
    monkeypatch.setenv("NAPARI_HQSAM_CACHE", str(tmp_path / "user"))
    assert command("cache", "path")[1] == f"{tmp_path / 'user' / 'embeddings'}\n"
    assert "0 stores" in command("cache")[1]


@pytest.mark.parametrize("name", ["cells.tif", "aaaaaaaa", "a" * 32])
def test_one_store_is_cleared_by_its_name_or_its_image(command, stores, name):
    code, out, _ = command("cache", "clear", name, "--cache", stores)
    assert code == 0
    assert "removed 1 stores, 1.0 MB" in out
    assert [p.name[0] for p in stores.iterdir()] == ["b"]


def test_all_stores_are_cleared(command, stores):
    (stores / "notes.txt").write_text("of the user")
    code, out, _ = command("cache", "--cache", stores, "clear", "--all")
    assert code == 0
    assert "removed 2 stores" in out
    assert [p.name for p in stores.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("args", [(), ("cells",), ("a",), ("",), ("cells.tif", "x")])
def test_clearing_nothing_known_clears_nothing(command, stores, args):
    code, _, err = command("cache", "clear", *args, "--cache", stores)
    assert code == 2
    assert err.count("\n") == 1
    assert len(list(stores.iterdir())) == 2
