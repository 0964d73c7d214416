"""OME-TIFF sets whose OME-XML is in one file of them: a companion, or a master TIFF."""

import numpy as np
import pytest
import tifffile

from napari_hqsam import open_image
from napari_hqsam.errors import HqsamWarning, ImageError

STACK = np.arange(2 * 3 * 20 * 30, dtype=np.uint16).reshape(2, 3, 20, 30)
HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/'
    'Schemas/OME/2016-06" UUID="urn:uuid:{}">'
)
IDS = [f"{n}1111111-1111-1111-1111-111111111111" for n in "129"]
SCALE = {"z": 0.5, "y": 0.1, "x": 0.1}


def whole(own):
    """The OME-XML of the set, in a file of this number."""
    planes = "".join(
        f'<TiffData IFD="0" FirstT="{t}" PlaneCount="3"><UUID FileName="t{t}.ome.tif">'
        f"urn:uuid:{IDS[t]}</UUID></TiffData>"
        for t in range(2)
    )
    return (
        HEAD.format(IDS[own])
        + '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" '
        'Type="uint16" SizeX="30" SizeY="20" SizeZ="3" SizeC="1" SizeT="2" '
        'PhysicalSizeX="0.1" PhysicalSizeY="0.1" PhysicalSizeZ="0.5">'
        f'<Channel ID="Channel:0:0" SamplesPerPixel="1"/>{planes}'
        "</Pixels></Image></OME>"
    )


def only_pixels(own, described_by):
    return (
        HEAD.format(IDS[own])
        + f'<BinaryOnly MetadataFile="{described_by}" UUID="urn:uuid:{IDS[2]}"/></OME>'
    )


def write(folder, *, master):
    """Write the set, described by its first file or by a companion."""
    texts = [only_pixels(t, "set.companion.ome") for t in range(2)]
    if master:
        texts = [whole(0), only_pixels(1, "t0.ome.tif")]
    else:
        (folder / "set.companion.ome").write_text(whole(2))
    for t, text in enumerate(texts):
        tifffile.imwrite(
            folder / f"t{t}.ome.tif",
            STACK[t],
            photometric="minisblack",
            metadata=None,
            description=text,
        )


@pytest.mark.parametrize(
    ("name", "master"),
    [
        ("set.companion.ome", False),
        ("t0.ome.tif", False),
        ("t1.ome.tif", False),
        ("t1.ome.tif", True),
    ],
)
def test_any_file_of_a_set_opens_all_of_it(tmp_path, name, master):
    write(tmp_path, master=master)
    image = open_image(tmp_path / name)
    assert (image.axes, image.scale) == ("tzyx", SCALE)
    assert image.units == dict.fromkeys("zyx", "micrometer")
    np.testing.assert_array_equal(
        image.read_plane({"t": 1, "z": 2})[..., 0], STACK[1, 2]
    )


def test_a_description_that_is_missing(tmp_path):
    write(tmp_path, master=False)
    (tmp_path / "set.companion.ome").unlink()
    with pytest.raises(ImageError, match=r"'set\.companion\.ome' describes, .*missing"):
        open_image(tmp_path / "t1.ome.tif")
    with pytest.warns(HqsamWarning, match="is missing"):
        image = open_image(tmp_path / "t1.ome.tif", allow_missing=True)
    np.testing.assert_array_equal(image.read_plane({"z": 2})[..., 0], STACK[1, 2])


def test_files_that_are_missing(tmp_path):
    write(tmp_path, master=False)
    (tmp_path / "t0.ome.tif").unlink()
    with pytest.raises(ImageError, match=r"3 of its 6 planes are in t0\.ome\.tif"):
        open_image(tmp_path / "set.companion.ome")
    (tmp_path / "t1.ome.tif").unlink()
    with pytest.raises(ImageError, match=r"names 2 TIFF files .*none of which"):
        open_image(tmp_path / "set.companion.ome")


@pytest.mark.parametrize("text", ["", "<OME>", "<OME/>"])
def test_companions_that_are_none(tmp_path, text):
    (tmp_path / "a.companion.ome").write_text(text)
    with pytest.raises(ImageError, match=r"a\.companion\.ome") as caught:
        open_image(tmp_path / "a.companion.ome")
    assert "\n" not in str(caught.value)


def test_files_elsewhere_are_not_opened(tmp_path):
    write(tmp_path, master=False)
    inner = tmp_path / "inner"
    inner.mkdir()
    text = whole(2).replace("t0.ome.tif", "../t0.ome.tif")
    (inner / "a.companion.ome").write_text(text.replace("t1.ome", "../t1.ome"))
    with pytest.raises(ImageError, match="none of which is beside it"):
        open_image(inner / "a.companion.ome")


def two_images(names):
    """The OME-XML of a set of two images of one file each."""
    images = ""
    for n, name in enumerate(names):
        uuid = f'<UUID FileName="{name}">urn:uuid:{IDS[n]}</UUID>'
        images += (
            f'<Image ID="Image:{n}" Name="{name}"><Pixels ID="Pixels:{n}" SizeX="30" '
            'DimensionOrder="XYZCT" Type="uint16" SizeY="20" SizeZ="3" SizeC="1" '
            f'SizeT="1" PhysicalSizeX="{n + 1}" PhysicalSizeY="{n + 1}">'
            f'<Channel ID="Channel:{n}:0" SamplesPerPixel="1"/>'
            f'<TiffData IFD="0" PlaneCount="3">{uuid}</TiffData></Pixels></Image>'
        )
    return HEAD.format(IDS[2]) + images + "</OME>"


def write_two(folder, text):
    (folder / "set.companion.ome").write_text(text)
    for n in range(2):
        tifffile.imwrite(
            folder / f"t{n}.ome.tif",
            STACK[n],
            photometric="minisblack",
            metadata=None,
            description=only_pixels(n, "set.companion.ome"),
        )


@pytest.mark.filterwarnings("ignore::napari_hqsam.errors.HqsamWarning")
def test_of_a_set_of_images_each_file_opens_its_own(tmp_path):
    write_two(tmp_path, two_images(["t0.ome.tif", "t1.ome.tif"]))
    for n in range(2):
        image = open_image(tmp_path / f"t{n}.ome.tif")
        assert image.scale["y"] == n + 1
        plane = image.read_plane({"z": 2})[..., 0]
        np.testing.assert_array_equal(plane, STACK[n, 2])
    other = open_image(tmp_path / "t1.ome.tif", key="0")
    assert other.scale["y"] == 1


def test_of_which_image_a_file_is_may_be_unclear(tmp_path):
    write_two(tmp_path, two_images(["t0.ome.tif", "t0.ome.tif"]))
    with pytest.raises(ImageError, match="of which of them is unclear: choose one"):
        open_image(tmp_path / "t1.ome.tif")
