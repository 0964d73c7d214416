"""A store on a disk that fails, or killed: what is read from it is what was encoded."""

import pytest

from tests.embeddings.tiny_encoder import noise, same, tiles_of, tiny_source

faulty_disk = pytest.importorskip("tests.helpers.faulty_disk", reason="POSIX alone")

pytestmark = pytest.mark.slow


def test_a_store_holds_whole_tiles_or_none(tmp_path):
    pixels = noise((64, 100))
    wanted = tiny_source(False, pixels)
    tiles = tiles_of(wanted, [0])[:2]

    def embed(folder):
        source = tiny_source(folder / "cache", pixels)
        for tile in tiles:
            assert same(source.features((), tile), wanted.features((), tile))

    def prepare(folder):
        return folder

    encoded = set()
    for fault in faulty_disk.each_fault(
        tmp_path, prepare, embed, (*faulty_disk.KINDS, "ENOLCK")
    ):
        again = tiny_source(fault.folder / "cache", pixels)
        for tile in tiles:
            assert same(again.features((), tile), wanted.features((), tile)), (
                fault.where
            )
        if "ENOLCK" in fault.where:  # a store is shared without locks
            assert not again.encoded
            assert not fault.told
        if again.encoded and not fault.killed:
            assert fault.told, fault.where
        encoded.add(again.encoded)
    assert encoded == {0, 1, 2}
