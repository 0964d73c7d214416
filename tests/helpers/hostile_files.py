"""Files that a stranger might send: journals whose checksums fit, whatever they say."""

import base64
import copy
import json
import os
import zlib

import numpy as np


class Program:
    """What is pickled runs a program when it is read: it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch '{self.path}'",)


HEADER = {
    "journal": "napari-hqsam",
    "version": 1,
    "package": "0.3.0",
    "image": {
        "name": "cells.tif",
        "axes": "yx",
        "shape": [12, 14],
        "fingerprint": "ab" * 32,
    },
    "labels": {
        "shape": [12, 14],
        "axes": "yx",
        "scale": None,
        "units": None,
        "base": None,
        "highest": 0,
    },
    "setup": {
        "model": "micro",
        "digest": "cd" * 32,
        "decoder_digest": "ef" * 32,
        "channels": [0, 0, 0],
        "limits": [[3.0, 250.5]],
    },
}


def runs(lengths, values):
    """Run lengths as a journal writes them, whether they make sense or not."""
    numbers = np.array([lengths, values], "<i8").tobytes()
    return base64.b64encode(zlib.compress(numbers, 9)).decode()


def bomb(size=2**31):
    """Runs that take so many bytes when decompressed, and a thousandth as text."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(2**20)) for _ in range(size >> 20))
    return base64.b64encode(packed + packer.flush()).decode()


def accept(bbox=(2, 3, 4, 6), mask=None, before=None, after=None):
    """A line that accepts object 1, a box full of it."""
    size = (bbox[2] - bbox[0]) * (bbox[3] - bbox[1])
    return {
        "time": "2026-01-02T03:04:05+00:00",
        "event": "accept",
        "id": 1,
        "plane": [],
        "prompt": {"points": [[3.0, 4.0]], "point_labels": [1]},
        "settings": {
            "output": "sam+hq",
            "candidate": None,
            "level": "auto",
            "typical_size": None,
            "clean": True,
            "overlap": "keep",
        },
        "setup": HEADER["setup"],
        "mask": {
            "bbox": list(bbox),
            "runs": mask or runs([size], [1]),
            "digest": "00" * 32,
            "area": size,
            "score": 0.9,
            "stability": 0.8,
            "level": 0,
            "complete": True,
        },
        "replaces": False,
        "patches": [
            {
                "plane": [],
                "bbox": list(bbox),
                "before": before or runs([size], [0]),
                "after": after or runs([size], [1]),
            }
        ],
    }


def header(**labels):
    """The first line, with other labels."""
    said = copy.deepcopy(HEADER)
    said["labels"] |= labels
    return said


def sealed(*lines):
    """The bytes of a journal with these lines, with checksums that fit."""
    content, checksum = b"", 0
    for said in lines:
        text = said if isinstance(said, str) else json.dumps(said)
        body = text.rstrip()[:-1].encode()
        checksum = zlib.crc32(body, checksum)
        content += body + b',"sum":"%08x"}\n' % checksum
    return content
