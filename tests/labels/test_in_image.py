"""Labels written into ``labels/`` of an OME-Zarr image, of both versions."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
import zarr

from napari_hqsam.errors import OutputError
from napari_hqsam.geometry import Space
from napari_hqsam.images import open_image
from napari_hqsam.labels import check_writable, labels_on_disk, write_labels

SHAPES = [(3, 40, 56), (3, 20, 28), (1, 10, 14)]
LABELS = np.random.default_rng(0).integers(0, 300, SHAPES[0]).astype(np.uint16)


@pytest.fixture(params=["0.4", "0.5"])
def image(request, tmp_path):
    """Make an image of three levels, with a channel axis, scale and translation."""
    version, path = request.param, tmp_path / "image.zarr"
    group = zarr.create_group(str(path), zarr_format=2 if version == "0.4" else 3)
    datasets = []
    for level, shape in enumerate(SHAPES):
        group.create_array(str(level), data=np.zeros((2, *shape), np.uint8))
        factors = [SHAPES[0][i] / shape[i] for i in range(3)]
        scale = [s * f for s, f in zip((2, 0.5, 0.25), factors, strict=True)]
        transforms = [
            {"type": "scale", "scale": [1.0, *scale]},
            {"type": "translation", "translation": [0.0, 7.0, 8.0, 9.0]},
        ]
        datasets.append({"path": str(level), "coordinateTransformations": transforms})
    axes = [{"name": "c", "type": "channel"}]
    axes += [{"name": a, "type": "space", "unit": "micrometer"} for a in "zyx"]
    entry = {"name": "image", "axes": axes, "datasets": datasets}
    if version == "0.4":
        group.attrs["multiscales"] = [entry | {"version": "0.4"}]
    else:
        group.attrs["ome"] = {"version": "0.5", "multiscales": [entry]}
    return path


def metadata(folder):
    """Return the OME metadata of a group, and its version of zarr."""
    if (folder / "zarr.json").is_file():
        return json.loads((folder / "zarr.json").read_text())["attributes"]["ome"], 3
    return json.loads((folder / ".zattrs").read_text()), 2


def test_they_are_registered_with_as_many_levels_as_the_image(image):
    target = image / "labels" / "cells"
    space = open_image(image).space.select("zyx")
    assert space.translation == (7, 8, 9)
    write_labels(target, LABELS, space=space, colors={3: (255, 0, 0, 255)})
    listed, version = metadata(image / "labels")
    assert listed["labels"] == ["cells"]
    assert version == metadata(image)[1]
    own, own_version = metadata(target)
    assert own_version == version
    (multiscale,) = own["multiscales"]
    group = zarr.open_group(str(target), mode="r")
    arrays = [group[each["path"]] for each in multiscale["datasets"]]
    assert [array.shape for array in arrays] == SHAPES
    np.testing.assert_array_equal(arrays[0][...], LABELS)
    assert set(np.unique(arrays[2][...])) <= set(np.unique(LABELS))
    assert own["image-label"]["source"] == {"image": "../../"}
    assert own["image-label"]["colors"] == [
        {"label-value": 3, "rgba": [255, 0, 0, 255]}
    ]
    of_image = metadata(image)[0]["multiscales"][0]["datasets"]
    for labels, pixels in zip(multiscale["datasets"], of_image, strict=True):
        for ours, theirs in zip(
            labels["coordinateTransformations"],
            pixels["coordinateTransformations"],
            strict=True,
        ):
            kind = ours["type"]
            assert ours[kind] == pytest.approx(theirs[kind][1:])
    # A second, and the first again: both are listed once.
    write_labels(image / "labels" / "nuclei", LABELS, space=space)
    write_labels(target, LABELS, space=space)
    assert metadata(image / "labels")[0]["labels"] == ["cells", "nuclei"]
    assert open_image(image).space.select("zyx") == space


def test_labels_that_fail_are_not_listed(image):
    def work():
        with labels_on_disk(image / "labels" / "cells", SHAPES[0]) as labels:
            labels[...] = 3
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert list((image / "labels").iterdir()) == []


def test_consolidated_metadata_are_renewed(image):
    zarr_format = metadata(image)[1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that v3 does not specify them
        zarr.consolidate_metadata(str(image), zarr_format=zarr_format)
    write_labels(image / "labels" / "cells", LABELS, axes="zyx")
    group = zarr.open_group(str(image), mode="r")
    assert "labels/cells/0" in group
    assert open_image(image, key="labels/cells").shape == SHAPES[0]


def test_other_places_in_an_image_are_refused(image):
    for path in (image / "cells.zarr", image / "0" / "cells.tif", image):
        with pytest.raises(OutputError):
            check_writable(path, sources=[image])
    check_writable(image / "labels" / "cells", sources=[image])
    other = image.with_name("group.zarr")
    zarr.create_group(str(other)).create_group("labels")
    with pytest.raises(OutputError, match="cannot tell the format"):
        write_labels(other / "labels" / "cells", LABELS)
    group = zarr.open_group(str(other))
    group.attrs["ome"] = {"multiscales": [{"datasets": [{"path": "gone"}]}]}
    with pytest.raises(OutputError, match="no OME-Zarr image"):
        write_labels(other / "labels" / "cells", LABELS)
    assert not list((other / "labels").glob("c*"))


def test_nearest_pixels_are_those_at_the_same_place():
    from napari_hqsam.labels.formats.levels import nearest

    assert nearest(8, 8, 4).tolist() == [1, 3, 5, 7]
    # Not further and further from the place of the pixel: 4 i + 2 of 8.
    assert nearest(8, 4, 2).tolist() == [0, 2]
    assert nearest(5, 5, 5).tolist() == [0, 1, 2, 3, 4]
    assert nearest(5, 5, 1).tolist() == [2]


def test_space_of_labels_without_a_place(image):
    """In pixels, the levels are those of the image all the same."""
    write_labels(image / "labels" / "cells", LABELS, space=Space.pixels("zyx"))
    reopened = open_image(image, key="labels/cells")
    assert reopened.space.scale == (1, 1, 1)
    assert reopened.levels == open_image(image).levels
