"""TIFFs with the tags that microscopes and slide scanners write, byte by byte."""

import struct

import numpy as np
import tifffile


def write_lsm(path, stack, size, interval=0.0, dots_per_cm=None):
    """Zeiss LSM: CZ_LSMINFO of (t, z, c, y, x) pixels, a thumbnail after each plane.

    size: of a voxel along z, y, x, in metres, as the microscope writes it.
    dots_per_cm: along x and y, in the resolution tags.
    """
    t, z, c, y, x = stack.shape
    info = struct.pack(
        "<Ii 5i i 2i 3d 3d 2H 5I d 5I",
        *(67127628, 140, x, y, z, c, t, 2, 12, 8),
        *(*size[::-1], 0.0, 0.0, 0.0),
        *(6 if t > 1 else 0, 0, 0, 0, 0, 0, 0),  # 6: a stack for each time
        *(interval, 0, 0, 0, 0, 0),
    )
    info += b"\0" * (140 - len(info))
    separate = {"planarconfig": "separate", "extrasamples": ["unspecified"] * (c - 1)}
    resolution = {}
    if dots_per_cm:
        resolution = {"resolution": dots_per_cm, "resolutionunit": "CENTIMETER"}
    with tifffile.TiffWriter(path, byteorder="<") as tif:
        for number, plane in enumerate(stack.reshape(-1, c, y, x)):
            tif.write(
                plane if c > 1 else plane[0],
                photometric="minisblack",
                metadata=None,
                contiguous=False,
                extratags=[(34412, 1, len(info), info, True)] if number == 0 else [],
                **(separate if c > 1 else {}),
                **resolution,
            )
            thumbnail = np.zeros((3, 8, 12), np.uint8)
            tif.write(
                thumbnail,
                photometric="rgb",
                planarconfig="separate",
                subfiletype=1,
                metadata=None,
            )


def write_stk(path, stack, *, size, unit, steps, times):
    """MetaMorph STK: one page, all planes behind it, UIC tags.

    steps, times: ZDistance of each plane in micrometers; when it was made, in ms.
    """
    count, height, width = stack.shape
    data = bytearray(b"II*\0\0\0\0\0")

    def put(piece):
        at = len(data)
        data.extend(piece + b"\0" * (len(piece) % 2))
        return at

    at = put(stack.astype("<u2").tobytes())
    unit_at = put(struct.pack("<I", len(unit) + 1) + unit.encode("latin1") + b"\0")
    size_at = put(struct.pack("<2I", round(size * 10000), 10000))
    uic1 = put(struct.pack("<6I", 4, size_at, 5, size_at, 6, unit_at))
    uic2 = put(
        b"".join(
            struct.pack("<6I", round(step * 1000), 1000, 2455000, time, 2455000, time)
            for step, time in zip(steps, times, strict=True)
        )
    )
    tags = [
        *((256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 16), (259, 3, 1, 1)),
        *((262, 3, 1, 1), (273, 4, 1, at), (277, 3, 1, 1), (278, 4, 1, height)),
        *((279, 4, 1, height * width * 2), (33628, 4, 3, uic1)),
        *((33629, 5, count, uic2),),
    ]
    table = struct.pack("<H", len(tags))
    table += b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    data[4:8] = struct.pack("<I", put(table))
    path.write_bytes(data)


def write_svs(path, pixels, mpp):
    """Aperio SVS: slide, thumbnail, a reduced level, label, macro."""
    height, width = pixels.shape[:2]
    head = "Aperio Image Library v11.2.1 \r\n{0}x{1} [0,0 {0}x{1}] (240x240) JPEG/RGB"
    more = f"|AppMag = 20|MPP = {mpp}|Left = 25.691574|Top = 23.449873"
    small = pixels[::4, ::4]
    with tifffile.TiffWriter(path) as tif:

        def write(array, text, **how):
            tif.write(array, photometric="rgb", metadata=None, description=text, **how)

        write(pixels, head.format(width, height) + more, tile=(240, 240))
        write(small[:16, :16], "Aperio Image Library v11.2.1 \r\nthumbnail 16x16")
        reduced = head.format(small.shape[1], small.shape[0]) + more
        write(small, reduced, tile=(240, 240))
        write(small[:8, :8], "Aperio Image Library\r\nlabel 8x8", subfiletype=1)
        write(small[:8, :8], "Aperio Image Library\r\nmacro 8x8", subfiletype=9)


def write_tagged(path, pixels, *tags, **how):
    """Write a TIFF of one page with tags of its maker: (code, type, count, value)."""
    tifffile.imwrite(
        path,
        pixels,
        metadata=None,
        photometric="minisblack",
        extratags=[(*tag, True) for tag in tags],
        **how,
    )


def text_tag(code, text):
    """Make a tag that holds text."""
    return code, 2, len(text) + 1, text
