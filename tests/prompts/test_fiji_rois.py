"""ROIs of ImageJ and Fiji as prompts, and labels as ROIs."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest

from napari_hqsam.errors import ImageError, OutputError, PromptError
from napari_hqsam.labels import write_fiji_rois
from napari_hqsam.prompts import read_prompts

roifile = pytest.importorskip("roifile")
ROI_TYPE, ImagejRoi = roifile.ROI_TYPE, roifile.ImagejRoi


def roi(kind, box=(10, 20, 30, 60), **more):
    """Make a ROI in a box (top, left, bottom, right), as ImageJ draws it."""
    made = ImagejRoi()
    made.roitype = kind
    made.top, made.left, made.bottom, made.right = box
    for name, value in more.items():
        setattr(made, name, value)
    return made


def save(path, *rois):
    """Write ROIs as the ROI Manager does."""
    with zipfile.ZipFile(path, "w") as archive:
        for number, each in enumerate(rois):
            archive.writestr(f"{number:04d}-{each.name}.roi", each.tobytes())
    return path


def test_kinds_of_rois(tmp_path):
    points = ImagejRoi.frompoints(np.array([[5, 7], [9, 3]]))  # x, y by pixel
    points.roitype = ROI_TYPE.POINT
    exact = ImagejRoi.frompoints(np.array([[5.5, 7.5]]))  # the centre of a pixel
    exact.roitype = ROI_TYPE.POINT
    polygon = ImagejRoi.frompoints(np.array([[20, 10], [24, 10], [24, 13], [20, 12]]))
    polygon.roitype = ROI_TYPE.POLYGON
    line = roi(ROI_TYPE.LINE, x1=1.5, y1=2.5, x2=11.5, y2=2.5)
    path = save(
        tmp_path / "RoiSet.zip",
        points, exact, roi(ROI_TYPE.RECT), roi(ROI_TYPE.OVAL), polygon, line,
    )  # fmt: skip
    found = read_prompts(path)
    assert len(found) == 6
    assert np.array(found[0].points).tolist() == [[7, 5], [3, 9]]
    assert np.array(found[1].points).tolist() == [[7, 5]]
    assert tuple(found[2].box) == (9.5, 19.5, 29.5, 59.5)
    oval, shape = found[3], found[4]
    area = np.pi * 10 * 20
    assert oval.mask.sum() == pytest.approx(area, rel=0.02)
    assert tuple(shape.mask_offset) == (10, 20)
    assert shape.mask.tolist() == [[True] * 4, [True] * 4, [False, False, True, True]]
    assert {y for y, _ in found[5].points} == {2}
    assert {prompt.plane for prompt in found} == {None}


def test_planes_count_from_one_in_imagej(tmp_path):
    path = save(
        tmp_path / "RoiSet.zip",
        roi(ROI_TYPE.RECT, name="7", z_position=3, t_position=2, c_position=1),
        roi(ROI_TYPE.RECT, name="0001-0042", position=5),
    )
    first, second = read_prompts(path)
    assert (dict(first.plane), first.label_id) == ({"t": 1, "z": 2}, 7)
    assert (second.plane, second.label_id) == ((4,), None)


def test_one_roi_is_a_file_of_its_own(tmp_path):
    (tmp_path / "a.roi").write_bytes(roi(ROI_TYPE.RECT).tobytes())
    (prompt,) = read_prompts(tmp_path / "a.roi")
    assert tuple(prompt.box) == (9.5, 19.5, 29.5, 59.5)


@pytest.mark.parametrize("axes", ["yx", "zyx", "tyx", "tzyx"])
def test_labels_become_rois_and_these_the_same_masks(tmp_path, axes):
    shape = (2, 3, 40, 50)[4 - len(axes) :] if len(axes) > 2 else (40, 50)
    labels = np.zeros(shape, np.uint16)
    plane = labels.reshape(-1, 40, 50)[-1]
    plane[3:20, 5:30] = 3
    plane[8:12, 9:14] = 0  # a hole
    plane[30:33, 40:44] = 3  # another piece
    plane[25, 7] = 70_000 % 65_536  # one pixel
    labels.reshape(-1, 40, 50)[0, 0, 0:9] = 9  # at the edge
    count = write_fiji_rois(tmp_path / "RoiSet.zip", labels, axes=axes)
    prompts = read_prompts(tmp_path / "RoiSet.zip", (40, 50))
    assert len(prompts) == count == 3
    again = np.zeros_like(labels)
    for prompt in prompts:
        index = (
            ()
            if prompt.plane is None
            else tuple(dict(prompt.plane)[a] for a in axes[:-2])
        )
        at = again[index]
        if prompt.mask is None:
            y0, x0, y1, x1 = (round(v + 0.5) for v in prompt.box)
            at[y0:y1, x0:x1] = prompt.label_id
        else:
            (y, x), (h, w) = prompt.mask_offset, prompt.mask.shape
            at[y : y + h, x : x + w][prompt.mask] = prompt.label_id
    np.testing.assert_array_equal(again, labels)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is no ROI"),
        (b"Iout" + bytes(60), "not pairs of numbers"),
        (b"nonsense" * 9, "is no ROI"),
    ],
)
def test_what_is_no_roi(tmp_path, content, words):
    (tmp_path / "a.roi").write_bytes(content)
    with pytest.raises(PromptError, match=words) as caught:
        read_prompts(tmp_path / "a.roi")
    assert "\n" not in str(caught.value)


def test_what_is_no_set_of_rois(tmp_path, monkeypatch):
    (tmp_path / "a.zip").write_bytes(b"PK nonsense")
    save(tmp_path / "b.zip")
    for name in ("a.zip", "b.zip", "missing.zip"):
        with pytest.raises(PromptError, match=name):
            read_prompts(tmp_path / name)
    path = save(tmp_path / "c.zip", roi(ROI_TYPE.RECT))
    monkeypatch.setenv("NAPARI_HQSAM_DECODE_GB", "0.0000001")
    with pytest.raises(PromptError, match="the limit"):
        read_prompts(path)


def test_labels_that_cannot_be_rois(tmp_path):
    for labels, axes, error in (
        (np.zeros((4, 5), int), None, ImageError),
        (np.ones((4, 5)), None, ImageError),
        (np.ones((2, 4, 5), int), "cyx", ImageError),
    ):
        with pytest.raises(error):
            write_fiji_rois(tmp_path / "a.zip", labels, axes=axes)
    with pytest.raises(OutputError, match=r"NAME\.zip"):
        write_fiji_rois(tmp_path / "a.tif", np.ones((4, 5), int))
    assert list(tmp_path.iterdir()) == []
