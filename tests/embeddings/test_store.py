"""The store gives back what it was given, or nothing."""

import json
import os
import pickle
from dataclasses import replace
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_hqsam.embeddings import Embedding, EmbeddingStore, StoreFolder, StoreKey
from napari_hqsam.embeddings.folder import CHUNK, TRAILING, _tile, chunk_name
from napari_hqsam.images import Normalization, normalization, open_image
from napari_hqsam.tiling import Address, Grid
from tests.embeddings.tiny_encoder import (
    TinyNetwork,
    noise,
    same,
    tiles_of,
    tiny_model,
    tiny_source,
)

SHOWN, OTHER = b"1" * 32, b"2" * 32
AT = Address(0, 1, 2)


def embedding(seed=0):
    rng = np.random.default_rng(seed)
    return Embedding(
        rng.normal(size=(256, 4, 4)).astype(np.float16),
        rng.normal(size=(4, 4, 8)).astype(np.float16),
    )


@pytest.fixture
def store(tmp_path):
    return tiny_source(tmp_path).store


def reopened(store):
    """As another process sees it."""
    return tiny_source(store.folder.path).store


def equal(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def files(store, name="c.*"):
    """Chunks (or other files) of the store by array."""
    return {p.parent.name: p for p in store.path.glob(f"level/*/*/{name}")}


def test_a_tile_comes_back_as_it_was_kept(store):
    assert store.read((), AT, SHOWN) is None
    assert not store.path.exists()
    store.write((), AT, SHOWN, embedding())
    for each in (store, reopened(store)):
        assert equal(each.read((), AT, SHOWN), embedding())
        assert each.read((), Address(0, 1, 1), SHOWN) is None
        assert each.read((), Address(1, 1, 1), SHOWN) is None


def test_a_tile_of_other_pixels_is_not_there(store):
    store.write((), AT, SHOWN, embedding())
    assert store.read((), AT, OTHER) is None
    store.write((), AT, OTHER, embedding(1))
    assert equal(store.read((), AT, OTHER), embedding(1))
    assert store.read((), AT, SHOWN) is None


def test_planes_and_levels_of_a_stack_lie_apart(tmp_path):
    store = tiny_source(tmp_path, noise((2, 3, 150, 170)), axes="tzyx").store
    places = [((0, 0), AT), ((1, 2), AT), ((1, 0), AT), ((0, 0), Address(-1, 1, 2))]
    for i, (index, address) in enumerate(places):
        store.write(index, address, SHOWN, embedding(i))
    for i, (index, address) in enumerate(places):
        assert equal(store.read(index, address, SHOWN), embedding(i))


def test_it_is_a_zarr_group_that_explains_itself(tmp_path):
    source = tiny_source(tmp_path, noise((3, 150, 170)), axes="zyx")
    source.store.write((2,), AT, SHOWN, embedding())
    group = zarr.open_group(source.store.path, mode="r")
    said = group.attrs.asdict()
    assert said["normalization"] == repr(source.normalization)
    assert said["encoder"] == source.model.digest
    assert (said["image"], said["model"], said["format"]) == ("array", "tiny", 1)
    rows, cols = Grid((150, 170), 64).shape(0)
    for name, inner, dims in (
        ("features", (256, 4, 4), ("channel", "y", "x")),
        ("early", (4, 4, 8), ("y", "x", "channel")),
        ("record", (64,), ("byte",)),
    ):
        array = group[f"level/0/{name}"]
        assert array.shape == (3, rows, cols, *inner)
        assert array.chunks == (1, 1, 1, *inner)
        assert array.metadata.dimension_names == ("z", "row", "col", *dims)
        assert [c["name"] for c in array.metadata.to_dict()["codecs"]] == [
            "bytes",
            "crc32c",
        ]
    assert np.array_equal(group["level/0/early"][2, 1, 2], embedding().early)
    assert len(list(source.store.path.rglob("c.*"))) == 3


def test_a_tile_of_vit_b_takes_at_most_9_megabytes(tmp_path):
    source = tiny_source(
        tmp_path, model=tiny_model(1024, network=TinyNetwork(early_dim=768))
    )
    (tile,) = tiles_of(source)
    source.embed((), tile)
    assert 8e6 < sum(p.stat().st_size for p in tmp_path.rglob("*")) <= 9e6


# --- the key -----------------------------------------------------------------


def key(pixels=None, channels=None, limits=(0, 4000), **model):
    image = open_image(noise() if pixels is None else pixels, channels=channels)
    shown = normalization(image, limits)
    return StoreKey.of(image, tiny_model(**model), shown).name


def test_everything_that_changes_embeddings_changes_the_name():
    colour = noise((60, 70, 3)).astype(np.uint8)
    names = [
        key(),
        key(noise(seed=1)),
        key(limits=(0, 3999)),
        key(digest="1" * 64),
        key(dtype=torch.bfloat16),
        key(size=128),
        key(colour, limits="none"),
        key(colour, channels=(2, 1, 0), limits="none"),
    ]
    assert len({*names}) == len(names)


def test_nothing_else_does():
    known = StoreKey.of(
        open_image(noise()), tiny_model(), Normalization((0.0,), (4000.0,), (0, 0, 0))
    )
    assert key() == known.name == key(name="fine-tuned", network=TinyNetwork())
    assert replace(known, format=2).name != known.name


def test_a_finetuned_head_shares_the_store(tmp_path):
    tile = tiles_of(tiny_source(tmp_path))[0]
    sam, tuned = (
        tiny_source(tmp_path, model=tiny_model(name=name)) for name in ("sam", "tuned")
    )
    assert sam.embed((), tile)
    assert not tuned.embed((), tile)


# --- damage ------------------------------------------------------------------


def flip(path):
    content = bytearray(path.read_bytes() or b"?")
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path):
    path.write_bytes(b"")


def garble(path):
    path.write_bytes(b"\xff\x00 no json")


def remove(path):
    path.unlink()


@pytest.mark.parametrize("array", ["features", "early", "record"])
@pytest.mark.parametrize("harm", [flip, cut, empty, remove])
def test_a_damaged_tile_is_encoded_again_and_then_whole(tmp_path, array, harm):
    source = tiny_source(tmp_path)
    first, second, *_ = tiles_of(source)
    wanted = [source.features((), tile) for tile in (first, second)]
    harm(min(source.store.path.glob(f"level/0/{array}/c.*")))
    mending = tiny_source(tmp_path)
    found = [mending.features((), tile) for tile in (first, second)]
    assert mending.encoded == 1
    assert all(map(same, found, wanted))
    healed = tiny_source(tmp_path)
    assert not healed.embed((), first)
    assert not healed.embed((), second)


@pytest.mark.parametrize("where", [".", "level", "level/0", "level/0/early"])
@pytest.mark.parametrize("harm", [cut, empty, garble, remove])
def test_damaged_metadata_are_mended_and_cost_at_most_a_tile(tmp_path, where, harm):
    source = tiny_source(tmp_path)
    tiles = tiles_of(source)[:3]
    wanted = [source.features((), tile) for tile in tiles]
    good = {p: json.loads(p.read_bytes()) for p in tmp_path.rglob("zarr.json")}
    harm(source.store.path / where / "zarr.json")
    # One more tile than before, as a session goes on.
    mending = tiny_source(tmp_path)
    found = [mending.features((), tile) for tile in tiles]
    mending.features((), tiles_of(source)[3])
    assert mending.encoded <= 2
    assert all(map(same, found, wanted))
    assert {p: json.loads(p.read_bytes()) for p in good} == good


@pytest.mark.parametrize(
    ("right", "wrong"),
    [(b'"float16"', b'"float64"'), (b'"array"', b'"group"'), (b"256", b"250")],
)
def test_metadata_that_lie_are_mended(tmp_path, right, wrong):
    source = tiny_source(tmp_path)
    tile = tiles_of(source)[0]
    wanted = source.features((), tile)
    path = source.store.path / "level/0/features/zarr.json"
    good = path.read_bytes()
    path.write_bytes(good.replace(right, wrong))
    assert same(tiny_source(tmp_path).features((), tile), wanted)
    assert path.read_bytes() == good


def test_a_record_vouches_for_the_data_of_its_own_writer_alone(store):
    """As when two writers with other pixels take turns, array by array."""
    store.write((), AT, OTHER, embedding(1))
    parts = {name: path.read_bytes() for name, path in files(store).items()}
    for array in ("features", "early"):
        store.write((), AT, SHOWN, embedding())
        files(store)[array].write_bytes(parts[array])
        assert store.read((), AT, SHOWN) is None, array
        assert store.read((), AT, OTHER) is None, array


def test_the_record_goes_before_the_data_and_comes_after_them(store, monkeypatch):
    store.write((), AT, SHOWN, embedding())
    (record,) = store.path.glob("level/0/record/c.*")
    seen = []
    setting = zarr.Array.__setitem__

    def watched(array, place, value):
        seen.append((array.name.rpartition("/")[2], record.exists()))
        setting(array, place, value)

    monkeypatch.setattr(zarr.Array, "__setitem__", watched)
    store.write((), AT, OTHER, embedding(1))
    assert seen == [("features", False), ("early", False), ("record", False)]
    assert record.exists()


def test_a_store_that_was_cleared_meanwhile_is_made_anew(store):
    store.write((), AT, SHOWN, embedding())
    store.folder.remove(store.path)
    assert store.read((), AT, SHOWN) is None
    store.write((), AT, SHOWN, embedding())
    assert equal(reopened(store).read((), AT, SHOWN), embedding())
    assert (store.path / "zarr.json").exists()


TILES = [AT, Address(0, 0, 0), Address(1, 0, 1)]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["write", "write", "read", flip, cut, empty, remove]),
        st.integers(0, len(TILES) - 1),
        st.sampled_from([SHOWN, OTHER]),
        st.integers(0, 99),
    ),
    min_size=3,
    max_size=12,
)


@given(STEPS)
@settings(max_examples=15, deadline=None)
def test_whatever_happens_it_gives_what_was_kept_or_nothing(steps):
    with TemporaryDirectory() as folder:
        store = tiny_source(folder).store
        kept = {}
        for number, (step, tile, pixels, which) in enumerate(steps):
            if step == "write":
                kept[tile] = (pixels, embedding(number))
                store.write((), TILES[tile], pixels, kept[tile][1])
            elif step == "read":
                store = reopened(store)
            elif found := sorted(p for p in store.path.rglob("*") if p.is_file()):
                step(found[which % len(found)])
            back = store.read((), TILES[tile], pixels)
            if back is not None:
                assert pixels == kept[tile][0]
                assert equal(back, kept[tile][1])
        # Nothing is spoilt for good.
        store = reopened(store)
        for address in TILES:
            store.write((), address, SHOWN, embedding())
            assert equal(store.read((), address, SHOWN), embedding())


@given(
    st.sampled_from([*TRAILING]),
    st.lists(st.integers(0, 10**6), min_size=2, max_size=6).map(tuple),
)
def test_the_name_of_a_chunk_tells_its_tile(array, tile):
    name = chunk_name(array, tile)
    assert CHUNK.fullmatch(name)
    assert _tile(name, array) == tile


@pytest.mark.parametrize("name", ["zarr.json", "level"])
def test_something_else_in_its_place_gives_nothing_or_an_error(store, name):
    store.path.mkdir(parents=True)
    if name == "level":
        (store.path / name).write_text("in the way")
    else:
        (store.path / name).mkdir()
    assert store.read((), AT, SHOWN) is None
    with pytest.raises(OSError, match=name):
        store.write((), AT, SHOWN, embedding())


def test_reading_marks_a_tile_as_used(store):
    store.write((), AT, SHOWN, embedding())
    record = files(store)["record"]
    os.utime(record, (1000, 1000))
    store.read((), AT, OTHER)
    assert record.stat().st_mtime == 1000
    store.read((), AT, SHOWN)
    assert record.stat().st_mtime > 1000


def test_the_folder_may_be_named_in_any_way(tmp_path):
    folder = StoreFolder(tmp_path / "new" / "er")
    image = open_image(noise())
    store = EmbeddingStore(folder, image, tiny_model(), normalization(image))
    store.write((), AT, SHOWN, embedding())
    assert [s.path for s in folder.summaries()] == [store.path]


class Program:
    """What is pickled runs a program when it is read: it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch '{self.path}'",)


@pytest.mark.parametrize("array", ["record", "features", "early"])
def test_an_array_that_others_put_there_is_not_read(store, array, trace):
    """Caches are shared: one with a codec that runs programs is as good as none."""
    store.write((), AT, SHOWN, embedding())
    folder = store.path / "level" / "0" / array
    said = json.loads((folder / "zarr.json").read_text())
    (folder / "zarr.json").unlink()
    v2 = {
        "zarr_format": 2,
        "shape": said["shape"],
        "chunks": said["chunk_grid"]["configuration"]["chunk_shape"],
        "dtype": "|u1" if array == "record" else "<f2",
        "fill_value": 0,
        "order": "C",
        "filters": None,
        "compressor": {"id": "pickle", "protocol": 5},
    }
    (folder / ".zarray").write_text(json.dumps(v2))
    for chunk in folder.glob("c.*"):
        program = pickle.dumps(Program(trace))
        chunk.with_name(chunk.name.removeprefix("c.")).write_bytes(program)
    again = reopened(store)
    assert again.read((), AT, SHOWN) is None
    again.write((), AT, SHOWN, embedding())
    assert equal(again.read((), AT, SHOWN), embedding())
