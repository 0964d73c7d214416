"""Untrusted files, changed at random: read, or refused in one line.

1,000 of each kind; `scripts/test fuzz` reads 50,000, other ones each time. Nothing is
written meanwhile but by the test, and no more than 1 GiB of memory is taken.
"""

import copy
import itertools
import json
import math
import os
import resource
import signal
import struct
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_hqsam import open_image, read_labels, read_prompts
from napari_hqsam.errors import HqsamError
from napari_hqsam.images.memory import DECODE_VARIABLE
from napari_hqsam.jobs.batches.ledger import Ledger
from napari_hqsam.sessions import ArrayTarget, read_session, rebuild
from tests.helpers.hostile_files import HEADER, accept, sealed

pytestmark = pytest.mark.slow

VARIABLE = "NAPARI_HQSAM_FUZZ"
COUNT = int(os.environ.get(VARIABLE, "1000"))
SMALL = 10**6
"""Pixels up to which what was opened is read as well."""

EVIL = [
    *(None, True, False, -1, 0, 1, 3, 255, 2**31, 2**32, 2**63 - 1, 2**64, -(2**63)),
    *(0.5, -0.0, 1e308, math.inf, -math.inf, math.nan),
    *("", "a", "\0", "..", "../a", "/etc/passwd", "é" * 300, "0", "-1", "<u8", "|O"),
    *("9" * 5000, "yx", "auto", "pickle", "file:///etc/passwd", "2026-01-01"),
    *([], {}, [[]], [0] * 99, [2**31] * 3, [None], {"a": {}}, [1, 1], {"id": "pickle"}),
]
BYTES = [
    *(b"\0", b"\xff", b"\x01", b"\x7f", b"\0" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff"),
    *(b"\0" * 8, b"\xff" * 8, b'"', b"[", b"{", b",", b"\n", b"\r", b"1e999", b"-"),
]
CHANGES = st.lists(
    st.tuples(st.integers(0, 2**20), st.integers(0, 2**10)), min_size=1, max_size=3
)


def places(document):
    """Yield the containers of a document, and the keys in them."""
    if isinstance(document, dict | list):
        keys = document if isinstance(document, dict) else range(len(document))
        for key in keys:
            yield document, key
            yield from places(document[key])


def changed(document, changes):
    """A document with other values, without them, or with more of them."""
    document = copy.deepcopy(document)
    for where, what in changes:
        found = [*places(document)]
        if not found:
            break
        inside, key = found[where % len(found)]
        match what % (len(EVIL) + 2):
            case 0:
                del inside[key]
            case 1:
                if isinstance(inside, list):
                    inside.append(copy.deepcopy(inside[key]))
                else:
                    inside["more"] = inside[key]
            case number:
                inside[key] = copy.deepcopy(EVIL[number - 2])
    return document


def changed_bytes(content, changes):
    """Bytes with others in their place, cut short, or with some more."""
    for where, what in changes:
        at = where % (len(content) + 1)
        match what % (2 * len(BYTES) + 1):
            case 0:
                content = content[:at]
            case number:
                new, is_more = BYTES[(number - 1) // 2], number % 2
                content = (
                    content[:at] + new + content[at + (0 if is_more else len(new)) :]
                )
    return content


# --- what must not happen ---------------------------------------------------------

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_NAMES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink"}
_STARTS = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"}
_watched = None


def _audit(event, arguments):
    if _watched is None:
        return
    if event == "open":
        path, _, flags = arguments
        if isinstance(flags, int) and flags & _WRITES and path != os.devnull:
            _watched.append((event, path))
    elif event in _NAMES | _STARTS or event == "socket.connect":
        _watched.append((event, *arguments[:2]))


sys.addaudithook(_audit)


LONGEST = 60
"""Seconds; what is read here takes some thousandths of one."""


class Endless(BaseException):
    """It goes on and on."""


def _give_up(*_):
    raise Endless


@contextmanager
def nothing_happens():
    """Refuse whatever is none of our errors; and writing, programs and sockets."""
    global _watched
    before = signal.signal(signal.SIGALRM, _give_up)
    signal.alarm(LONGEST)
    _watched, told = [], ""
    happened = _watched
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except HqsamError as error:
        told = str(error)
    finally:
        _watched = None
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    assert not happened
    assert "\n" not in told
    assert len(told) < 2000


@pytest.fixture(autouse=True, scope="module")
def little_memory():
    os.environ[DECODE_VARIABLE] = "0.1"
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**30, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    del os.environ[DECODE_VARIABLE]


def fuzz(test):
    many = VARIABLE in os.environ
    how = settings(
        max_examples=COUNT,
        deadline=None,
        derandomize=not many,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    return how(given(changes=CHANGES, which=st.integers(0, 2**10))(test))


# --- the kinds of files -------------------------------------------------------------

CONTEXT = {"settings": {"channels": [0], "model": "micro"}, "source": {"path": "/a"}}
LINES = [
    HEADER,
    accept() | {"context": CONTEXT},
    {"event": "undo"},
    {"event": "redo"},
    {"event": "save", "digest": "ab" * 32, "lines": 2},
    {"event": "delete", "ids": [1], "patches": accept()["patches"]},
]


@fuzz
def test_journals(tmp_path_factory, changes, which):
    path = tmp_path_factory.getbasetemp() / "a.tif.journal.jsonl"
    if which % 4:
        lines = changed(LINES, changes)
        path.write_bytes(
            sealed(*(one for one in lines if isinstance(one, dict) and one))
        )
    else:
        path.write_bytes(changed_bytes(sealed(*LINES), changes))
    with nothing_happens():
        recorded = read_session(path)
        shape = recorded.header.labels.shape
        if math.prod(shape) < SMALL:
            rebuild(recorded, ArrayTarget(np.zeros(shape, np.uint16)))


POLYGON = [[[3, 4], [20, 4], [20, 30], [3, 30], [3, 4]], [[5, 6], [9, 6], [9, 9]]]
FEATURE = {
    "type": "Feature",
    "properties": {"object": 1, "z": 0, "name": "a", "label": 1},
    "geometry": {"type": "Polygon", "coordinates": POLYGON},
}
POINTS = {"type": "MultiPoint", "coordinates": [[3, 4], [5.5, 6]]}
DOCUMENTS = {
    "a.json": {
        "prompts": [
            {
                "points": [[3, 4], [5, 6]],
                "point_labels": [1, 0],
                "box": [1, 2, 9, 9],
                "id": 3,
                "plane": [0],
                "mask_offset": [0, 0],
            },
            {"mask": "a.png", "mask_offset": [1, 1]},
        ]
    },
    "a.geojson": {
        "type": "FeatureCollection",
        "features": [FEATURE, FEATURE | {"geometry": POINTS}],
    },
}
TABLE = b"object,label,z,y,x\n1,1,0,3,4\n1,0,0,9.5,8\n2,1,0,20,30\n"
BOXES = b"object,y0,x0,y1,x1\n1,3,4,9,9\n2,10,10,20,20\n"
SHAPES = (
    b"index,shape-type,vertex-index,axis-0,axis-1\n0,polygon,0,3,4\n0,polygon,1,9,4\n"
    b"0,polygon,2,9,9\n1,ellipse,0,1,1\n1,ellipse,1,9,1\n1,ellipse,2,9,9\n1,ellipse,3,1,9\n"
)


@fuzz
def test_prompts(tmp_path_factory, changes, which):
    names = [*DOCUMENTS, *DOCUMENTS, "table", "boxes", "shapes"]
    name = names[which % len(names)]
    if name in DOCUMENTS:
        text = json.dumps(changed(DOCUMENTS[name], changes)).encode()
        content = text if which % 5 else changed_bytes(text, changes)
    else:
        tables = {"table": TABLE, "boxes": BOXES, "shapes": SHAPES}
        content, name = changed_bytes(tables[name], changes), "a.csv"
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(content)
    with nothing_happens():
        for prompt in read_prompts(path, (40, 50)):
            prompt.clip_to((40, 50))


PLANE = {
    "plane": [0],
    "objects": [[1, 3, 4, 9, 9, 5.5, 6.5, 30, [2]], [2, 0, 0, 3, 3, 1.0, 1.0, 9, []]],
    "lost": 0,
    "level": 0,
    "chunks": {"0/c/0/0/0": [30, 12345], "0/c/0/1/0": None},
}
LEDGER = [
    {"image": "a", "mode": "same", "planes": [[0], [1]], "model": "micro"},
    PLANE,
    PLANE | {"plane": [1]},
]


@fuzz
def test_ledgers(tmp_path_factory, changes, which):
    path = tmp_path_factory.getbasetemp() / "ledger.jsonl"
    content = "".join(json.dumps(line) + "\n" for line in changed(LEDGER, changes))
    content = content.encode()
    path.write_bytes(content if which % 4 else changed_bytes(content, changes))
    with nothing_happens():
        ledger = Ledger(path)
        ledger.is_ledger()
        for plane in ledger.planes((2, 40, 50)):
            plane.to_json()


def look_at(path):
    """Open a file as image and as labels, and read it if it is small."""
    size = 0
    with nothing_happens():
        image = open_image(path)
        size = math.prod(image.shape)
        if size < SMALL:
            image.read_plane((0,) * len(image.leading_shape))
    if size < SMALL:
        with nothing_happens():
            read_labels(path)


class Files(list):
    """What is changed; kept out of the reports of failures."""

    def __repr__(self):
        return f"{len(self)} files"


@pytest.fixture(scope="module")
def zarrs(tmp_path_factory):
    """Small arrays of v2 and v3, and OME-Zarr; the metadata of each."""
    folder, found = tmp_path_factory.mktemp("zarrs"), []
    data = np.arange(12 * 14, dtype=np.uint16).reshape(12, 14)
    for version in (2, 3):
        path = folder / f"{version}.zarr"
        zarr.create_array(
            str(path), data=data, chunks=(6, 7), zarr_format=version, overwrite=True
        )
        found.append(path)
        group = zarr.create_group(
            str(folder / f"{version}.ome.zarr"), zarr_format=version
        )
        group.create_array("0", data=data, chunks=(12, 14))
        scale = [{"type": "scale", "scale": [0.5, 0.5]}]
        axes = [{"name": n, "type": "space", "unit": "micrometer"} for n in "yx"]
        datasets = [{"path": "0", "coordinateTransformations": scale}]
        scales = [{"axes": axes, "datasets": datasets, "name": "a", "version": "0.4"}]
        if version == 2:
            group.attrs["multiscales"] = scales
        else:
            group.attrs["ome"] = {"version": "0.5", "multiscales": scales}
        found.append(folder / f"{version}.ome.zarr")
    names = ("zarr.json", ".zarray", ".zattrs", ".zgroup")
    return Files(
        (root, file, file.read_bytes())
        for root in found
        for file in sorted(root.rglob("*"))
        if file.name in names
    )


@fuzz
def test_zarr_metadata(zarrs, changes, which):
    root, file, content = zarrs[which % len(zarrs)]
    text = json.dumps(changed(json.loads(content), changes)).encode()
    file.write_bytes(text if which % 5 else changed_bytes(content, changes))
    try:
        look_at(root)
    finally:
        file.write_bytes(content)


@pytest.fixture(scope="module")
def tiffs(tmp_path_factory):
    """Small TIFFs of several kinds."""
    folder, found = tmp_path_factory.mktemp("tiffs"), []
    data = np.arange(3 * 32 * 48, dtype=np.uint16).reshape(3, 32, 48) % 99
    grey = {"photometric": "minisblack"}
    for number, (how, ome) in enumerate(
        itertools.product(
            [grey, grey | {"tile": (16, 16)}, grey | {"compression": "zlib"}],
            [False, True],
        )
    ):
        path = folder / f"{number}.{'ome.tif' if ome else 'tif'}"
        tifffile.imwrite(path, data, metadata={"axes": "ZYX"}, ome=ome, **how)
        found.append(path)
    big = folder / "big.tif"
    tifffile.imwrite(big, data[0], bigtiff=True)
    return Files((path, path.read_bytes()) for path in [*found, big])


@fuzz
def test_tiff_headers(tiffs, changes, which):
    path, content = tiffs[which % len(tiffs)]
    # The pages' tables are at the beginning and the end; pixels are of no interest.
    ends = len(content[:4096]), len(content[-2048:])
    changes = [
        (w % ends[0] if w % 2 else len(content) - w % ends[1], what)
        for w, what in changes
    ]
    path.write_bytes(changed_bytes(content, changes))
    try:
        look_at(path)
    finally:
        path.write_bytes(content)


PIXELS = {"SizeX": 48, "SizeY": 32, "SizeZ": 3, "SizeC": 1, "SizeT": 1}
PIXELS |= {"DimensionOrder": "XYZCT", "Type": "uint16", "PhysicalSizeX": 0.5}
PLANES = [
    {"IFD": 0, "FirstZ": 0, "FirstC": 0, "FirstT": 0, "PlaneCount": 3},
    {"NumPlanes": 1, "UUID": {"FileName": "other.ome.tif", "": "urn:uuid:1"}},
    {"UUID": {"FileName": "a.tif", "": "urn:uuid:0"}},
]
ALONG = {"Type": "lambda", "Start": 0, "Step": 1, "End": 2, "Label": ["a"]}
MODULO = {
    "Namespace": "x/modulo",
    "ID": "A",
    "Value": {"Modulo": {"ModuloAlongZ": ALONG}},
}
OME = {
    "UUID": "urn:uuid:0",
    "Image": [
        {
            "Name": "a",
            "AnnotationRef": {"ID": "A"},
            "Pixels": PIXELS
            | {"Channel": [{"SamplesPerPixel": 1}], "TiffData": PLANES},
        },
        {"Pixels": PIXELS | {"TiffData": [{"IFD": 1}]}},
    ],
    "StructuredAnnotations": {"XMLAnnotation": MODULO},
}
IMAGEJ = {"ImageJ": "1.54f", "images": 3, "channels": 1, "slices": 3, "frames": 1}
IMAGEJ |= {"hyperstack": "true", "order": "czt", "spacing": 2.0, "unit": "micron"}
SHAPED = {"shape": [3, 32, 48], "axes": "ZYX", "truncated": False, "name": "a"}


def element(name, said):
    """An element of XML: its attributes are what holds nothing more."""
    if isinstance(said, list):
        return "".join(element(name, one) for one in said)
    if not isinstance(said, dict):
        return f"<{name}>{escape(str(said))}</{name}>"
    plain = {k: v for k, v in said.items() if k and not isinstance(v, dict | list)}
    attributes = "".join(f" {k}={quoteattr(str(v))}" for k, v in plain.items())
    more = "".join(element(k, v) for k, v in said.items() if isinstance(v, dict | list))
    return f"<{name}{attributes}>{more}{escape(str(said.get('', '')))}</{name}>"


METADATA = {
    "OME-XML": (OME, lambda said: element("OME", said)),
    "ImageJ": (IMAGEJ, lambda said: "\n".join(f"{k}={v}" for k, v in said.items())),
    "shaped": (SHAPED, json.dumps),
    "scan": (IMAGEJ, lambda said: f"state.configName={json.dumps(said)}"),
}


@fuzz
def test_tiff_metadata(tmp_path_factory, changes, which):
    document, write = METADATA[[*METADATA][which % len(METADATA)]]
    text = write(changed(document, changes)).encode(errors="replace")
    folder = tmp_path_factory.getbasetemp()
    more = {"compression": "zlib"} if which % 3 == 0 else {}
    for name, said in (("other.ome.tif", None), ("a.tif", text.replace(b"\0", b" "))):
        data = np.arange(3 * 32 * 48, dtype=np.uint16).reshape(3, 32, 48)
        how = {"photometric": "minisblack", "metadata": None} | more
        tifffile.imwrite(folder / name, data, description=said, **how)
    look_at(folder / "a.tif")


TAGS = [
    *(258, 273, 277, 279, 282, 305, 320, 324, 330, 338, 339, 347, 513, 514, 530),
    *(33471, 33560, 33628, 33629, 33630, 33631, 34118, 34361, 34362, 34363, 34386),
    *(34412, 34665, 34680, 34682, 34853, 37706, 42113, 50838, 50839, 51123),
    *(65420, 65426, 65432, 65439, 65449),
]
"""What tifffile reads in ways of its own: of microscopes, of slides."""
TYPES = [1, 2, 3, 4, 5, 7, 12, 13, 16]


@fuzz
def test_tiff_tags(tmp_path_factory, changes, which):
    """Tags of microscopes, that hold anything."""
    path = (
        tmp_path_factory.getbasetemp() / ["a.tif", "a.lsm", "a.stk", "a.svs"][which % 4]
    )
    tags = {}
    for where, what in changes:
        kind = TYPES[where % len(TYPES)]
        filling = BYTES[what % len(BYTES)] * (1 + where // 9 % 999)
        size = {2: 1, 3: 2, 4: 4, 5: 8, 12: 8, 13: 4, 16: 8}.get(kind, 1)
        content = filling[: len(filling) // size * size] or b"\1" * size
        tags[TAGS[what % len(TAGS)]] = kind, len(content) // size, content
    data = np.arange(32 * 48, dtype=np.uint16).reshape(32, 48)
    path.write_bytes(with_tags(data, tags))
    look_at(path)


def with_tags(data, tags):
    """A TIFF of one page, whose tags are these and what must be there."""
    height, width = data.shape
    must = {256: width, 257: height, 258: 16, 259: 1, 262: 1, 277: 1, 278: height}
    said = {code: (4, 1, struct.pack("<I", value)) for code, value in must.items()}
    said |= {
        273: (4, 1, struct.pack("<I", 8)),
        279: (4, 1, struct.pack("<I", data.nbytes)),
    }
    said |= tags
    content = struct.pack("<2sHI", b"II", 42, 8 + data.nbytes) + data.tobytes()
    table, values = struct.pack("<H", len(said)), b""
    after = len(content) + 2 + 12 * len(said) + 4
    for code, (kind, count, value) in sorted(said.items()):
        if len(value) > 4:
            values, value = values + value, struct.pack("<I", after + len(values))
        table += struct.pack("<HHI4s", code, kind, count, value)
    return content + table + bytes(4) + values
