"""Use scipy while torch is being imported, as another thread may.

Run by `test_opening`, in a process where torch is not imported yet. Exits with 0
if that works and torch is what it is without it.
"""

import sys

from scipy.spatial.transform import Rotation

from napari_hqsam.viewer.inference.load_libraries import load_libraries

asked = []


class Meanwhile:
    """Is asked for every module first, and finds none."""

    @staticmethod
    def find_spec(name, *_):
        if name.startswith("torch."):
            asked.append(name)  # torch itself is half imported
            Rotation.from_quat([0.0, 0.0, 0.0, 1.0])


sys.meta_path.insert(0, Meanwhile)
load_libraries()
import torch  # noqa: E402

assert len(asked) > 100, asked
assert isinstance(torch.zeros(3), torch.Tensor)
assert torch.Tensor.__module__ == "torch"
assert torch.__loader__ is torch.__spec__.loader
assert torch.__loader__.get_source("torch")
