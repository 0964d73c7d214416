"""Discs at known places, on axes in any order, and in OME-Zarr with a place."""

import numpy as np
import zarr

SIZES = {"t": 3, "z": 3, "y": 96, "x": 96}


def scale(*sizes):
    return {"type": "scale", "scale": list(sizes)}


ZARRS = {
    "overall": ([scale(1, 1, 1)], [scale(2, 0.25, 0.25)], "zyx"),
    "translated": (
        [scale(2, 0.25, 0.25), {"type": "translation", "translation": [10, 30, 40]}],
        (),
        "zyx",
    ),
    "xyz": ([scale(0.25, 0.25, 2)], (), "xyz"),
}
"""Transformations of the datasets and of the image, and axes."""


def centre(z=0, t=0):
    """(y, x) of the disc on a plane."""
    return 20 + 28 * z, 20 + 28 * t


def discs(axes):
    """(..., 96, 96) uint8: one disc of radius 10 on each plane, see `centre`."""
    pixels = np.full([SIZES[a] for a in axes], 20, np.uint8)
    y, x = np.mgrid[: SIZES["y"], : SIZES["x"]]
    for index in np.ndindex(*pixels.shape[:-2]):
        at = {"t": 0, "z": 0} | dict(zip(axes, index, strict=False))
        middle = centre(at["z"], at["t"])
        pixels[index][np.hypot(y - middle[0], x - middle[1]) < 10] = 220
    return pixels


def ome_zarr(path, case, inside=""):
    """Write a case of `ZARRS` as OME-Zarr 0.4 of two levels: discs along z."""
    transforms, overall, axes = ZARRS[case]
    group = zarr.open_group(path / inside, mode="w", zarr_format=2)
    pixels = discs("zyx").transpose(["zyx".index(a) for a in axes])
    for level in range(2):
        steps = tuple(slice(None, None, 1 if a == "z" else 2**level) for a in axes)
        group.create_array(str(level), data=np.ascontiguousarray(pixels[steps]))
    datasets = []
    for level in range(2):
        own = [dict(each) for each in transforms]
        own[0]["scale"] = [
            s * (1 if a == "z" else 2**level)
            for a, s in zip(axes, own[0]["scale"], strict=True)
        ]
        datasets.append({"path": str(level), "coordinateTransformations": own})
    named = [{"name": a, "type": "space", "unit": "micrometer"} for a in axes]
    entry = {"version": "0.4", "axes": named, "datasets": datasets}
    if overall:
        entry["coordinateTransformations"] = list(overall)
    group.attrs["multiscales"] = [entry]
    return path
