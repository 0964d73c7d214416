"""Which plane of an image with further axes is meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

PlaneIndex = Mapping[str, int] | Sequence[int] | int
"""Axis letters to positions, such as ``{"z": 12}``. Or a sequence with one number for
each of the leading axes, in their order; an int is one."""
