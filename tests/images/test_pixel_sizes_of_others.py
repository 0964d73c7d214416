"""Pixel sizes in files as other programs lay them out."""

import numpy as np
import pytest
import tifffile

from napari_hqsam import open_image
from napari_hqsam.errors import HqsamWarning

STACK = np.zeros((3, 20, 30), np.uint16)
HEAD = (
    '<?xml version="1.0"?>'
    '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
)
OVERVIEW = (
    '<Image ID="Image:0" Name="overview"><Pixels ID="Pixels:0" Type="uint16" '
    'DimensionOrder="XYZCT" SizeX="30" SizeY="20" SizeZ="3" SizeC="1" SizeT="1" '
    'PhysicalSizeX="9" PhysicalSizeY="9" PhysicalSizeZ="9">{data}</Pixels></Image>'
)
STORED = (
    '<Image ID="Image:1" Name="stack"><Pixels ID="Pixels:1" Type="uint16" '
    'DimensionOrder="XYZCT" SizeX="30" SizeY="20" SizeZ="3" SizeC="1" SizeT="1" '
    'PhysicalSizeX="0.25" PhysicalSizeY="0.5" PhysicalSizeZ="2">{data}</Pixels></Image>'
)
ELSEWHERE = (
    '<TiffData IFD="0" PlaneCount="3"><UUID FileName="gone.ome.tif">urn:uuid:'
    "11111111-1111-1111-1111-111111111111</UUID></TiffData>"
)


def write_ome(path, *images):
    """Write one stack under an OME-XML of these images."""
    tifffile.imwrite(
        path,
        STACK,
        description=HEAD + "".join(images) + "</OME>",
        metadata=None,
        photometric="minisblack",
    )


@pytest.mark.parametrize("data", ["", "<MetadataOnly/>"])
def test_images_without_pixels_lend_no_size(tmp_path, data):
    write_ome(
        tmp_path / "a.ome.tif",
        OVERVIEW.format(data=data),
        STORED.format(data='<TiffData IFD="0" PlaneCount="3"/>'),
    )
    assert open_image(tmp_path / "a.ome.tif").scale == {"z": 2, "y": 0.5, "x": 0.25}


def test_images_in_files_that_are_gone_lend_no_size(tmp_path):
    write_ome(
        tmp_path / "a.ome.tif",
        OVERVIEW.format(data=ELSEWHERE),
        STORED.format(data='<TiffData IFD="0" PlaneCount="3"/>'),
    )
    with pytest.warns(HqsamWarning, match=r"gone\.ome\.tif"):
        image = open_image(tmp_path / "a.ome.tif")
    assert image.scale == {"z": 2, "y": 0.5, "x": 0.25}


def test_images_that_cannot_be_told_apart_have_no_size(tmp_path):
    # tifffile leaves the first out, since its size is not that of the pages.
    other = OVERVIEW.replace('SizeX="30"', 'SizeX="31"')
    write_ome(
        tmp_path / "a.ome.tif",
        other.format(data='<TiffData IFD="0" PlaneCount="3"/>'),
        STORED.format(data='<TiffData IFD="0" PlaneCount="3"/>'),
    )
    with pytest.warns(HqsamWarning) as warned:
        image = open_image(tmp_path / "a.ome.tif")
    assert any("tells of 2 images" in str(each.message) for each in warned)
    assert (image.scale, image.units) == ({}, {})


def test_a_renamed_file_is_known_by_its_number(tmp_path):
    uuid = "urn:uuid:22222222-2222-2222-2222-222222222222"
    data = (
        '<TiffData IFD="0" PlaneCount="3"><UUID FileName="before.ome.tif">'
        f"{uuid}</UUID></TiffData>"
    )
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        STACK,
        description=HEAD.replace("<OME ", f'<OME UUID="{uuid}" ')
        + OVERVIEW.format(data="")
        + STORED.format(data=data)
        + "</OME>",
        metadata=None,
        photometric="minisblack",
    )
    assert open_image(tmp_path / "a.ome.tif").scale == {"z": 2, "y": 0.5, "x": 0.25}


def test_the_offset_is_that_of_the_first_slice_not_of_the_first_line(tmp_path):
    planes = "".join(
        f'<Plane TheZ="{z}" TheC="0" TheT="0" PositionZ="{100 + 2 * z}" '
        'PositionZUnit="µm"/>'
        for z in (2, 1, 0)
    )
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        STACK,
        description=(HEAD + STORED.format(data=f"<TiffData/>{planes}") + "</OME>")
        .replace("<OME ", "<OME ")
        .encode(),
        metadata=None,
        photometric="minisblack",
    )
    image = open_image(tmp_path / "a.ome.tif")
    assert image.space.translation == (100, 0, 0)


def write_planes(path, places, size='PhysicalSizeZ="2"'):
    """Write a stack whose planes have these PositionZ."""
    planes = "".join(
        f'<Plane TheZ="{z}" TheC="0" TheT="0" PositionZ="{place}" PositionZUnit="nm"/>'
        for z, place in enumerate(places)
    )
    stored = STORED.replace('PhysicalSizeZ="2"', size)
    write_ome(path, stored.format(data=f"<TiffData/>{planes}"))
    return open_image(path).space


def test_a_stage_that_goes_down_gives_a_negative_size(tmp_path):
    space = write_planes(tmp_path / "a.ome.tif", (9000, 7000, 5000))
    assert (space.scale, space.translation) == ((-2, 0.5, 0.25), (9, 0, 0))
    assert space.spacing("z") == pytest.approx(2 / np.sqrt(0.125))
    # A stage has some jitter; one that is moved at will has no step.
    assert write_planes(tmp_path / "b.ome.tif", (9000, 7100, 5000)).scale[0] == -2
    assert write_planes(tmp_path / "c.ome.tif", (9000, 2000, 5000)).scale[0] == 2
    assert write_planes(tmp_path / "d.ome.tif", (9000, 9000, 9000)).scale[0] == 2


def test_the_stage_tells_the_size_where_nothing_else_does(tmp_path):
    space = write_planes(tmp_path / "a.ome.tif", (9000, 8500, 8000), size="")
    assert (space.scale[0], space.units[0]) == (-0.5, "micrometer")
    with pytest.warns(HqsamWarning, match="steps of 0.5 µm, PhysicalSizeZ is 2,"):
        space = write_planes(tmp_path / "b.ome.tif", (9000, 9500, 10000))
    assert space.scale[0] == 2


@pytest.mark.parametrize(
    ("dots", "per", "sizes"),
    [
        # As ImageJ 1.52 reads them: without a unit the resolution counts all the
        # same, but for 72 dots per inch, which other programs write by default.
        ((4, 1), None, {"z": 2, "y": 0.25, "x": 0.25}),
        ((72, 1), "INCH", {"z": 2}),
        ((720000, 10000), "INCH", {"z": 2}),
    ],
)
def test_imagej_without_a_unit(tmp_path, dots, per, sizes):
    tifffile.imwrite(
        tmp_path / "a.tif",
        STACK,
        imagej=True,
        resolution=(dots, dots),
        resolutionunit=per,
        metadata={"axes": "ZYX", "spacing": 2.0},
    )
    image = open_image(tmp_path / "a.tif")
    assert (image.scale, image.units) == (sizes, {})
