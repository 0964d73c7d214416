"""Kill processes that embed, at random moments, and look at what they leave.

    python -m tests.embeddings.kill_processes --kills 50

After each kill, a new process must find every tile that was done, encode only
the others, and give the features of an undisturbed run. The test suite does the
same with few kills.
"""

import argparse
import multiprocessing
import random
import tempfile
import time
from pathlib import Path

from tests.embeddings.tiny_encoder import (
    TinyNetwork,
    noise,
    same,
    tiles_of,
    tiny_model,
    tiny_source,
)

LEVELS = (0, 1)
READY = "ready"


def big_source(cache, **options):
    """10 tiles of 256 kB each: most of the time goes into writing them."""
    model = tiny_model(256, network=TinyNetwork(early_dim=256))
    return tiny_source(cache, noise((400, 500)), model=model, **options)


def embed_all(cache, said):
    """Put all tiles into the store; say of each when it is done."""
    source = big_source(cache)
    said.send(READY)
    for tile in tiles_of(source, LEVELS):
        source.embed((), tile)
        said.send(tile.address)


def start(work, *args):
    """Start a process, and give it a pipe to say what it does."""
    # Its parent has torch imported and no threads, unlike this process.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["napari_hqsam.embeddings.source", "zarr.codecs"])
    heard, said = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(*args, said))
    process.start()
    said.close()
    return process, heard


def finish(process, heard):
    """Wait for the end of a process; return all that it said."""
    lines = []
    with heard:
        while True:
            try:
                lines.append(heard.recv())
            except (EOFError, OSError):
                break
    process.join()
    return lines


def undisturbed():
    """Features of all tiles, encoded without a store."""
    source = big_source(False)
    return [source.features((), tile) for tile in tiles_of(source, LEVELS)]


def seconds_for_all(folder):
    """How long a process takes for all tiles, if nobody kills it."""
    process, heard = start(embed_all, folder)
    assert heard.recv() == READY
    begin = time.monotonic()
    finish(process, heard)
    assert process.exitcode == 0
    return time.monotonic() - begin


def kill_once(folder, wanted, delay):
    """Kill one process after a delay; check what it left.

    Returns how many tiles it had done, and whether it left one half written.
    """
    process, heard = start(embed_all, folder)
    assert heard.recv() == READY
    time.sleep(delay)
    process.kill()  # SIGKILL
    done = len(finish(process, heard))
    records = len([*folder.rglob("record/c*0")])
    torn = len([*folder.rglob("c.*")]) != 3 * records
    source = big_source(folder)
    tiles = tiles_of(source, LEVELS)
    found = [source.features((), tile) for tile in tiles]
    assert all(map(same, found, wanted)), "other features than undisturbed"
    # The tile in flight may have been written and not yet reported.
    missing = len(tiles) - done
    assert max(missing - 1, 0) <= source.encoded <= missing, (
        f"{done} of {len(tiles)} tiles were done, {source.encoded} encoded again"
    )
    again = big_source(folder)
    assert not any(again.embed((), tile) for tile in tiles), "not healed"
    return done, torn


def kill_many(kills, seed=0):
    """Kill so many processes, each on a new store, at random moments.

    Returns what `kill_once` does, for each.
    """
    moments = random.Random(seed)
    wanted = undisturbed()
    with tempfile.TemporaryDirectory() as folder:
        # The first process is slow; and none should be killed after its work.
        whole = min(seconds_for_all(Path(folder, f"whole{i}")) for i in range(3))
        return [
            kill_once(Path(folder, str(i)), wanted, moments.uniform(0, whole))
            for i in range(kills)
        ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    counts, torn = zip(*kill_many(given.kills, given.seed), strict=True)
    total = len(tiles_of(big_source(False), LEVELS))
    print(f"{len(counts)} kills, all healed; tiles done of {total}: {sorted(counts)}")
    print(f"{sum(torn)} of them left a tile half written")
