"""Pictures that a `BrightNetwork` knows the objects of."""

import numpy as np
import pytest

from tests.helpers.bright_network import bright_model


@pytest.fixture
def bright():
    """Make a model around a `BrightNetwork`."""
    return bright_model


class Drawn:
    """A plane of any size, computed where it is read; counts what is read.

    Parameters
    ----------
    shape : (h, w)
    value : callable
        (y, x) broadcastable float arrays -> 0..1.
    """

    dtype = np.dtype(np.uint8)
    ndim = 2

    def __init__(self, shape, value):
        self.shape, self.value = shape, value
        self.pixels_read = 0
        self.largest_read = 0

    def __getitem__(self, key):
        ys, xs = (
            np.arange(*part.indices(n)) for part, n in zip(key, self.shape, strict=True)
        )
        pixels = len(ys) * len(xs)
        self.pixels_read += pixels
        self.largest_read = max(self.largest_read, pixels)
        value = self.value(ys[:, None].astype(float), xs[None].astype(float))
        return np.broadcast_to(np.rint(value * 255), (len(ys), len(xs))).astype("u1")


def soft(distance):
    """Brightness of a shape from the signed distance to its outline, inside > 0."""
    return np.clip(distance / 4 + 0.5, 0, 1)


@pytest.fixture
def drawn():
    return Drawn


@pytest.fixture(name="soft")
def soft_fixture():
    return soft
