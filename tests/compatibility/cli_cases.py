"""Commands on small inputs; the files they write and exit codes are kept in `cli`.

The network is stood in for by one of known answers (`bright`), so what is kept holds
whatever weights the package bundles. Run as a script, it writes what is kept anew:

    python -m tests.compatibility.cli_cases

which is right only where a change of what commands write is meant.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import shutil
import sys
import tempfile
import uuid
import zlib
from pathlib import Path
from unittest.mock import patch

import numcodecs
import numpy as np
import tifffile
import zarr

from napari_hqsam import cli
from tests.helpers.bright_network import bright_model

DATA = Path(__file__).parent
KEPT = DATA / "cli"
INPUTS = DATA / "0.1.0"
"""The volume and the journals of this version; see make_version."""
VERSIONS = {
    "numcodecs": numcodecs.__version__,
    "tifffile": tifffile.__version__,
    "zarr": zarr.__version__,
    "zlib": zlib.ZLIB_RUNTIME_VERSION,
}
"""What the bytes of compressed files depend on, beside the package."""

UUID = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""OME-TIFF files name themselves at random."""
NO_UUID = str(uuid.UUID(int=0)).encode()

PROMPTS = {
    "flat.csv": (
        "id,y,x,label,y0,x0,y1,x1\n5,13,14,1,,,,\n5,20,16,0,,,,\n,,,,28,12,44,29\n"
    ),
    "stack.csv": "object,z,y,x\n1,0,13,14\n1,3,13,20\n4,1,15,42\n",
    "each.csv": "object,z,y,x\n1,0,13,14\n2,0,36,20\n1,2,13,18\n3,3,38,45\n",
    "boxes.geojson": json.dumps(
        {
            "type": "FeatureCollection",
            "features": [
                {
                    "type": "Feature",
                    "properties": {},
                    "geometry": {
                        "type": "Polygon",
                        "coordinates": [
                            [[33, 5], [51, 5], [51, 25], [33, 25], [33, 5]]
                        ],
                    },
                },
                {
                    "type": "Feature",
                    "properties": {},
                    "geometry": {"type": "Point", "coordinates": [20, 36]},
                },
            ],
        }
    ),
    "points.json": json.dumps(
        {"prompts": [{"points": [[13, 14], [38, 45]], "point_labels": [1, 1]}]}
    ),
}

STACK = "cells.tif --axes zyx --normalization 0,255 -m bright"
FLAT = "flat.ome.tif --normalization 0,255 -m bright --cache none"
LIGHT = "--cache none --spacing 1"
CASES = {
    "demo": "demo -o demo -m bright",
    "segment points": (
        f"segment {FLAT} --point 13,14 --point 38,45 --level 0 -o out.tif"
    ),
    "segment csv": f"segment {FLAT} --prompts flat.csv --level 0 -o out.ome.tif",
    "segment geojson": (
        f"segment {FLAT} -m varied --prompts boxes.geojson --level whole "
        "--output hq -o out.ome.zarr"
    ),
    "segment json": (
        f"segment {FLAT} --prompts points.json --no-clean --level auto --output "
        "sam -o out.zarr"
    ),
    "segment box": (
        f"segment {FLAT} --box 5,33,25,51 --box 2,4,24,50 --overlap overwrite "
        "--overlay look.png --level 0 -o out.tif"
    ),
    "segment plane": (
        f"segment {STACK} --point 36,20 --plane 2 --level -1 --cache none -o out.tif"
    ),
    "segment channel": (
        "segment two.npy --axes cyx --channels 1 --normalization 0,255 -m "
        "bright --cache none --point 13,14 --level 0 -o out.tif"
    ),
    "batch same": (
        f"batch {STACK} --level 0 -o out.tif flat.csv --planes 1:4 --tracks tracks.csv"
    ),
    "batch each": f"batch {STACK} --level 0 -o out.ome.zarr each.csv --mode each",
    "batch auto": f"batch {STACK} -m wide --level -1 -o out.tif --tracks tracks.csv",
    "propagate": (
        f"propagate {STACK} stack.csv --level 0 {LIGHT} --confidence sure.csv -o "
        "out.tif"
    ),
    "propagate keep": (
        f"propagate {STACK} stack.csv --level 0 {LIGHT} --keep kept.tif --range "
        "0,4 -o out.ome.zarr"
    ),
    "propagate across": (
        f"propagate {STACK} across.csv --level 0 {LIGHT} --across y --range "
        "30,42 -o out.tif"
    ),
    "replay prompts": (
        "replay prompts.tif.journal.jsonl cells.tif --axes zyx -o out.ome.tif"
    ),
    "replay edits again": (
        "replay edits.tif.journal.jsonl cells.tif --axes zyx -m varied --cache "
        "none -o out.tif"
    ),
    "replay side again": (
        "replay side.tif.journal.jsonl cells.tif --axes zyx -m varied --cache "
        "none -o out.zarr"
    ),
    "evaluate": (
        "evaluate truth -m bright --level 0 --json figures.json --markdown figures.md"
    ),
    "embed": f"embed {STACK} --plane 1 --cache stores",
    "cache": "cache --cache stores",
    "cache path": "cache path --cache stores",
    "cache clear": "cache clear --all --cache stores",
    "models": "models",
    "models list": "models list",
    "models verify": "models verify micro",
    "doctor": "doctor",
    "version": "--version",
    "help": "--help",
    # What is wrong leaves the files as they were.
    "no command": "",
    "unknown command": "paint",
    "segment nothing": f"segment {FLAT} -o out.tif",
    "segment outside": f"segment {FLAT} --point 99,99 -o out.tif",
    "segment suffix": f"segment {FLAT} --point 9,9 -o out.jpg",
    "segment level": f"segment {FLAT} --point 9,9 --level x -o o.tif",
    "segment output": f"segment {FLAT} --point 9,9 --output hp -o o.tif",
    "segment stack": f"segment {STACK} --point 9,9 -o out.tif",
    "segment missing": "segment none.tif --point 9,9 -o out.tif",
    "batch typical size": f"batch {STACK} --typical-size 0 -o out.tif",
    "batch planes": f"batch {STACK} --planes 2:9 -o out.tif",
    "batch mode": f"batch {STACK} flat.csv --mode auto -o out.tif",
    "propagate flat": f"propagate {FLAT} flat.csv -o out.tif",
    "propagate range": f"propagate {STACK} stack.csv --range 1,9 -o out.tif",
    "propagate rule": f"propagate {STACK} stack.csv --contrast 2 -o out.tif",
    "replay no journal": "replay cells.tif cells.tif -o out.tif",
    "replay model": (
        "replay side.tif.journal.jsonl cells.tif --axes zyx -m nobody -o out.tif"
    ),
    "embed level": f"embed {STACK} --level 9 --cache stores",
    "embed nowhere": f"embed {STACK} --cache none",
    "cache clear nothing": "cache clear --cache stores",
    "evaluate nothing": "evaluate stores -m bright",
    "evaluate prompts": "evaluate truth -m bright --prompts song",
    "models unknown": "models verify nobody",
}


def make_inputs(folder):
    """Put all that the commands read into a folder."""
    for path in INPUTS.iterdir():
        if path.is_file() and path.suffix != ".npz":
            shutil.copy(path, folder)
    pixels = tifffile.imread(INPUTS / "cells.tif")
    tifffile.imwrite(
        folder / "flat.ome.tif",
        pixels[0],
        metadata={
            "axes": "YX",
            **{f"PhysicalSize{a}": 0.25 for a in "XY"},
            **{f"PhysicalSize{a}Unit": "µm" for a in "XY"},
        },
    )
    np.save(folder / "two.npy", np.stack([255 - pixels[0], pixels[0]]))
    for name, text in PROMPTS.items():
        (folder / name).write_text(text)
    (folder / "across.csv").write_text("object,z,y,x\n2,36,1,20\n")
    kept = np.zeros(pixels.shape, np.uint16)
    kept[:, 8:14, 36:42] = 9
    tifffile.imwrite(folder / "kept.tif", kept, photometric="minisblack")
    truth = np.zeros(pixels.shape[1:], np.uint16)
    for n, corner in enumerate([(4, 5), (6, 33), (28, 12), (30, 37)], 1):
        window = np.s_[corner[0] : corner[0] + 18, corner[1] : corner[1] + 19]
        truth[window] = np.where(pixels[0][window] > 100, n, truth[window])
    for kind, plane in (("images", pixels[0]), ("labels", truth)):
        (folder / "truth" / kind).mkdir(parents=True)
        tifffile.imwrite(folder / "truth" / kind / "a.tif", plane)


def models_of(nudge):
    """Stand in for `load_model`: "bright", "varied" and, for what is shipped, micro."""
    from napari_hqsam import models

    real = models.load_model
    made = {
        "bright": bright_model(64, nudge=nudge),
        "varied": bright_model(64, varied=True, nudge=nudge),
        "wide": bright_model(128, nudge=nudge),
    }

    def load_model(name="micro", **how):
        return made.get(name) or real(name, **how)

    return patch.object(models, "load_model", load_model, create=True)


def run_command(folder, said, nudge=0.0):
    """Run a command in a folder: exit code, and what it printed."""
    out, err = io.StringIO(), io.StringIO()
    code = 0
    with (
        models_of(nudge),
        contextlib.chdir(folder),
        patch.object(sys, "argv", ["napari-hqsam", *said]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code or 0
    return code, out.getvalue(), err.getvalue()


def files_of(folder):
    """Contents of all files below a folder, by name; locks are none."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith((".lock", "lock"))
    }


def run_case(name, folder, nudge=0.0):
    """Run a case in an empty folder: exit code, and the files that are new or other."""
    make_inputs(folder)
    if name.startswith("cache"):
        run_command(folder, CASES["embed"].split(), nudge)
    before = files_of(folder)
    code, *said = run_command(folder, CASES[name].split(), nudge)
    after = files_of(folder)
    gone = sorted(before.keys() - after.keys())
    new = {n: data for n, data in after.items() if before.get(n) != data}
    return code, new, gone, said


KINDS_KEPT = (".tif", ".csv", ".png")


def is_kept(name):
    """Whether a file is kept: labels, tables and pictures."""
    if name.startswith(("demo/nuclei_overlay", "stores")):  # large
        return False
    return name.endswith(KINDS_KEPT) or ".zarr/" in name


def main():
    """Write anew what is kept."""
    shutil.rmtree(KEPT, ignore_errors=True)
    kept = {"versions": VERSIONS, "codes": {}, "gone": {}}
    for name in CASES:
        runs = []
        for nudge in (2e-5, -2e-5, 0.0):
            with tempfile.TemporaryDirectory() as folder:
                code, new, gone, said = run_case(name, Path(folder), nudge)
            plain = (".tif", "/0")
            runs.append({n: d for n, d in new.items() if n.endswith(plain) and
                         ".ome.tif" not in n and n[:6] != "stores"})  # fmt: skip
        assert runs[0] == runs[1] == runs[2], f"{name} hinges on rounding"
        print(f"{code} {name}: {', '.join(new) or '-'} {said[1].strip()[:150]}")
        kept["codes"][name] = code
        kept["gone"][name] = gone
        for file, data in new.items():
            if is_kept(file):
                path = KEPT / name.replace(" ", "-") / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(
                    UUID.sub(b"00000000-0000-0000-0000-000000000000", data)
                )
        if name == "evaluate":
            rows = json.loads(new["figures.json"])["rows"]
            (KEPT / "figures.json").write_text(json.dumps(rows, indent=1) + "\n")
    (KEPT / "codes.json").write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
