"""Page tables of TIFFs that lead in a circle, and metadata that name too much."""

import json
import signal
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_hqsam import open_image, read_labels
from napari_hqsam.errors import ImageError
from napari_hqsam.images.formats.tiff.tables import check_tables
from napari_hqsam.labels.software_tag import is_written_by_us

DATA = np.arange(3 * 32 * 48, dtype=np.uint16).reshape(3, 32, 48)
GREY = {"photometric": "minisblack"}

LIMITED = """
import resource, signal, sys
import napari_hqsam.images.formats.tiff.opening, napari_hqsam.labels
from napari_hqsam.errors import ImageError
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**30, used + 2**30))
signal.alarm(60)
try:
    print(napari_hqsam.images.open_image(sys.argv[1]).shape)
except ImageError as error:
    print(error, file=sys.stderr)
    sys.exit(2)
"""
"""Opens an image, with 1 GiB more than its modules take, or dies of a signal."""


def refused(path, why):
    """Open in another process; what it says is one line, and in time."""
    command = [sys.executable, "-W", "ignore", "-c", LIMITED, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr[-2000:])
    assert len(done.stderr.splitlines()) == 1
    assert why in done.stderr
    return done.stderr


def image_switcher(path, page):
    """Where in a file the offset of the page after this one stands."""
    with tifffile.TiffFile(path) as tif:
        offset, form = tif.pages[page].offset, tif.tiff
        number = len(tif.pages[page].tags)
    return offset, offset + form.tagnosize + number * form.tagsize, form.offsetformat


def lead(path, page, to):
    """Let a page be followed by another one."""
    target = image_switcher(path, to)[0]
    _, at, layout = image_switcher(path, page)
    content = bytearray(path.read_bytes())
    struct.pack_into(layout, content, at, target)
    path.write_bytes(content)


def tables(*pages, start=8):
    """A TIFF of nothing but tables: (offset of the next, tags) each."""
    content = struct.pack("<2sHI", b"II", 42, start)
    for image_switcher, tags in pages:
        content += struct.pack("<H", len(tags))
        content += b"".join(struct.pack("<HHII", *tag) for tag in tags)
        content += struct.pack("<I", image_switcher)
    return content


# --- tables -----------------------------------------------------------------------


@pytest.mark.parametrize("back", [0, 1, 2])
@pytest.mark.parametrize("how", [{}, {"bigtiff": True}, {"byteorder": ">"}], ids=str)
def test_pages_in_a_circle(tmp_path, back, how):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, DATA, metadata=None, **GREY, **how)
    lead(path, 2, back)
    refused(path, "lead in a circle")
    for read in (open_image, read_labels):
        with pytest.raises(ImageError, match="lead in a circle"):
            read(path)
    assert not is_written_by_us(path)


def without_end(path):
    """Two pages unlike each other, in a circle: tifffile looks for a third forever."""
    with tifffile.TiffWriter(path) as tif:
        for data in (DATA[0], DATA[0, :16, :16]):
            tif.write(data, metadata=None, **GREY)
    lead(path, 1, 0)


def test_pages_without_end(tmp_path):
    without_end(tmp_path / "a.tif")
    refused(tmp_path / "a.tif", "lead in a circle")


def test_a_circle_of_slides(tmp_path):
    """Hamamatsu writes 8 bytes of offset, and more after the table."""
    table = struct.pack("<H", 1) + struct.pack("<HHII", 256, 4, 1, 32)
    table += struct.pack("<Q", 12) + bytes(4)
    path = tmp_path / "a.ndpi"
    path.write_bytes(struct.pack("<2sHQ", b"II", 42, 12) + table)
    with pytest.raises(ImageError, match="lead in a circle"):
        check_tables(path)
    path.write_bytes(path.read_bytes()[:-12] + bytes(12))
    assert check_tables(path) == 32


@pytest.mark.parametrize("fan", [1, 2, 50])
def test_sub_ifds_in_a_circle(tmp_path, fan):
    """Each page holds itself, several times; or the next one, several times."""
    path = tmp_path / "a.tif"
    at = 8 + 2 + 12 + 4
    path.write_bytes(
        tables((0, [(330, 4, fan, at if fan > 1 else 8)]))
        + struct.pack("<I", 8) * fan
        + bytes(50_000)
    )
    with pytest.raises(ImageError, match=r"lead in a circle|pages overlap"):
        check_tables(path)


def test_tables_that_overlap(tmp_path):
    """Each byte begins a table of 4,096 tags, of which the last is the next."""
    path = tmp_path / "a.tif"
    number, size = 4096, 400_000
    content = bytearray(struct.pack("<2sHI", b"II", 42, 8) + bytes(size))
    for page in range(2000):
        offset = 8 + 12 * page
        struct.pack_into("<H", content, offset, number)
        struct.pack_into("<I", content, offset + 2 + 12 * number, offset + 12)
    path.write_bytes(content)
    refused(path, "tables of its pages overlap")


def test_tags_that_name_the_same_bytes(tmp_path):
    """4,000 descriptions, each as long as the file."""
    path = tmp_path / "a.tif"
    tags = [(270, 2, 2**20, 8)] * 4000
    path.write_bytes(tables((0, tags)) + bytes(2**20))
    refused(path, "again and again")


def test_a_table_that_lists_itself_many_times(tmp_path):
    path = tmp_path / "a.tif"
    number = 250_000
    table = [(256, 4, 1, 16)] * 3000 + [(330, 4, number, 50_000)]
    content = tables((0, table), (0, table[:3000])).ljust(100_000, b"\0")
    path.write_bytes(
        content[:50_000].ljust(50_000, b"\0") + struct.pack("<I", 8) * number
    )
    refused(path, "it is damaged")


# --- what is read as before ---------------------------------------------------------


def test_ordinary_files(tmp_path):
    """Nothing of them is refused, and their pixels are the same."""
    ways = {
        "plain.tif": {},
        "big.tif": {"bigtiff": True},
        "other.tif": {"byteorder": ">"},
        "tiles.tif": {"tile": (16, 16), "compression": "zlib"},
        "strips.tif": {"rowsperstrip": 1},
        "imagej.tif": {"imagej": True, "metadata": {"axes": "ZYX"}},
        "ome.ome.tif": {"metadata": {"axes": "ZYX"}, "ome": True},
        "pages.tif": {"metadata": None},
    }
    for name, how in ways.items():
        path = tmp_path / name
        tifffile.imwrite(path, DATA, **GREY, **how)
        plane = open_image(path).read_plane((2,))
        np.testing.assert_array_equal(plane[..., 0], DATA[2])


@pytest.mark.parametrize("ome", [False, True])
def test_pyramids_in_sub_ifds(tmp_path, ome):
    path = tmp_path / ("a.ome.tif" if ome else "a.tif")
    levels = [np.ones((256 >> n, 256 >> n), np.uint8) for n in range(3)]
    with tifffile.TiffWriter(path, ome=ome) as tif:
        how = {"tile": (16, 16), **GREY}
        tif.write(levels[0], subifds=2, **how)
        for level in levels[1:]:
            tif.write(level, subfiletype=1, **how)
    assert len(open_image(path).pyramid) == 2


def read_bytes():
    """How much this process has read so far."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(lines[0].split()[1])


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux what was read")
@pytest.mark.parametrize("pages", [1, 3000])
def test_little_more_is_read(tmp_path, pages):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as tif:
        for _ in range(pages):
            tif.write(np.zeros((64, 64), np.uint8), contiguous=False, metadata=None)
    check_tables(path)
    nothing = -read_bytes() + read_bytes()
    before = read_bytes()
    check_tables(path)
    assert read_bytes() - before - nothing < 300 * pages + 100
    with tifffile.TiffFile(path) as tif:
        assert len(tif.pages) == pages


# --- metadata -----------------------------------------------------------------------

OME = "http://www.openmicroscopy.org/Schemas/OME/2016-06"


def ome(path, data="<TiffData/>", more="", **sizes):
    """An OME-TIFF that says what it likes of its planes."""
    said = {"X": 48, "Y": 32, "Z": 3, "C": 1, "T": 1} | sizes
    attributes = " ".join(f'Size{axis}="{size}"' for axis, size in said.items())
    text = (
        f'<OME xmlns="{OME}"><Image ID="Image:0"><Pixels ID="Pixels:0" Type="uint16" '
        f'DimensionOrder="XYZCT" {attributes}>{data}</Pixels></Image>{more}</OME>'
    )
    tifffile.imwrite(path, DATA, description=text, metadata=None, **GREY)
    return path


def modulo(start, end, step):
    space = "openmicroscopy.org/omero/dimension/modulo"
    along = f'<ModuloAlongT Start="{start}" End="{end}" Step="{step}"/>'
    value = f"<Value><Modulo>{along}</Modulo></Value>"
    inner = f'<XMLAnnotation ID="A" Namespace="{space}">{value}</XMLAnnotation>'
    return f"<StructuredAnnotations>{inner}</StructuredAnnotations>"


def test_the_trap_is_an_image(tmp_path):
    assert open_image(ome(tmp_path / "a.ome.tif")).shape == (3, 32, 48)


@pytest.mark.parametrize(
    "said",
    [
        {"T": 10**9},
        {"X": 10**12},
        {"Z": 10**30},
        {"data": '<TiffData PlaneCount="1000000000"/>'},
        {"data": '<TiffData NumPlanes="1000000000"/>'},
        {"data": '<TiffData IFD="0" PlaneCount="20000000"/>' * 50, "Z": 10**7},
        {"T": 999, "more": modulo(0, 10**9, 1)},
        {"T": 999, "more": modulo(0, 10, 1e-9)},
    ],
    ids=str,
)
def test_planes_without_end(tmp_path, said):
    refused(ome(tmp_path / "a.ome.tif", **said), "planes, the limit is")


OUTSIDE = [
    "../secret.tif",
    "{folder}/secret.tif",
    "//server/share/a.tif",
    r"\\server\share\a.tif",
    r"\\?\UNC\server\share\a.tif",
    r"\\.\COM1",
    "//./COM1",
    r"\??\UNC\server\share\a.tif",
    "http://server/a.tif",
]


@pytest.mark.parametrize("name", OUTSIDE)
def test_other_files_lie_below_the_folder(tmp_path, name):
    (tmp_path / "in").mkdir()
    tifffile.imwrite(tmp_path / "secret.tif", DATA, **GREY)
    name = name.format(folder=tmp_path)
    data = (
        f'<TiffData PlaneCount="3"><UUID FileName="{name}">urn:uuid:1</UUID></TiffData>'
    )
    said = refused(ome(tmp_path / "in" / "a.ome.tif", data), "not below its folder")
    assert "\n" not in said.rstrip()


def test_a_file_may_name_itself_by_a_path_of_another_computer(tmp_path):
    uuid = '<UUID FileName="//server/share/a.ome.tif">urn:uuid:7</UUID>'
    path = ome(tmp_path / "a.ome.tif", f'<TiffData PlaneCount="3">{uuid}</TiffData>')
    refused(path, "not below its folder")
    with tifffile.TiffFile(path, mode="r+b") as tif:
        text = tif.pages[0].description.replace("<OME ", '<OME UUID="urn:uuid:7" ')
        tif.pages[0].tags["ImageDescription"].overwrite(text)
    assert open_image(path).shape == (3, 32, 48)


def test_other_files_are_read_if_they_can_be(tmp_path):
    data = (
        '<TiffData PlaneCount="3"><UUID FileName="b.tif">urn:uuid:1</UUID></TiffData>'
    )
    path, other = ome(tmp_path / "a.ome.tif", data), tmp_path / "b.tif"
    tifffile.imwrite(other, DATA + 5, metadata=None, **GREY)
    plane = open_image(path).read_plane((1,))
    np.testing.assert_array_equal(plane[..., 0], DATA[1] + 5)
    lead(other, 2, 0)
    refused(path, "lead in a circle")


def index(path, *entries):
    """The index of an NDTiff: axes and the name of a file."""
    with path.open("wb") as file:
        for axes, name in entries:
            for text in (json.dumps(axes).encode(), name.encode()):
                file.write(struct.pack("<I", len(text)) + text)
            file.write(struct.pack("<IiiiiIii", 0, 48, 32, 1, 0, 0, 0, 0))


def ndtiff(path):
    """A TIFF that says that it is part of an NDTiff."""
    summary = b"{}"
    tags = [(256, 4, 1, 48), (257, 4, 1, 32), (258, 3, 1, 16), (259, 3, 1, 1)]
    tags += [(262, 3, 1, 1), (273, 4, 1, 500), (277, 3, 1, 1), (278, 4, 1, 32)]
    tags += [(279, 4, 1, 3072), (51123, 2, 3, 64)]
    head = struct.pack("<2sHI", b"II", 42, 100)
    head += struct.pack("<IIIIII", 483729, 3, 0, 2355492, len(summary), 0)[:20]
    content = (head + summary).ljust(64, b"\0") + b"{}\0"
    content = content.ljust(100, b"\0") + tables((0, tags))[8:]
    path.write_bytes(content.ljust(500, b"\0") + DATA[0].tobytes())


def test_the_index_of_an_ndtiff(tmp_path):
    path = tmp_path / "in" / "a.tif"
    path.parent.mkdir()
    tifffile.imwrite(tmp_path / "secret.tif", DATA[1], **GREY)
    ndtiff(path)
    index(path.parent / "NDTiff.index", ({"z": 0}, "a.tif"))
    assert open_image(path).shape == (32, 48)
    with tifffile.TiffFile(path) as tif:
        assert tif.is_ndtiff  # else the rest would show nothing
    first = ({"z": 0, "t": 0, "c": 0}, "a.tif")
    index(
        path.parent / "NDTiff.index", first, ({"z": 0, "t": 0, "c": 0}, "../secret.tif")
    )
    refused(path, "not below its folder")
    index(
        path.parent / "NDTiff.index", first, ({"z": 4000, "t": 4000, "c": 40}, "a.tif")
    )
    refused(path, "planes, the limit is")


def test_the_axes_of_an_image_that_napari_shows(tmp_path):
    """They are looked up in its file, which may have been replaced since."""
    napari = pytest.importorskip("napari")
    channels = pytest.importorskip("napari_hqsam.viewer.canvas.channels")
    from napari.layers._source import layer_source

    path = tmp_path / "a.tif"
    tifffile.imwrite(path, DATA, imagej=True, metadata={"axes": "CYX"})
    with layer_source(path=str(path), reader_plugin="napari"):
        layer = napari.layers.Image(DATA)
    assert channels.channel_axis(layer).axis == 0
    without_end(path)

    took = []

    def give_up(*_):
        took.append("too long")
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(20)
    try:
        channels.channel_axis(layer)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    assert not took
