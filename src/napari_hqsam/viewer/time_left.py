"""How long work may still take."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SOONEST = 2.0
"""Seconds before anything is said: the first steps tell too little."""
LEAST = 0.02
"""Share of the work before anything is said."""


class TimeLeft:
    """Estimates the time left from the share that is done.

    Parameters
    ----------
    clock : callable
        Gives seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._begun = clock, clock()

    def text(self, share: float) -> str:
        """Say how long it may take; "" as long as nobody knows.

        Parameters
        ----------
        share : float
            Of the work that is done, 0 to 1.
        """
        spent = self._clock() - self._begun
        if spent < SOONEST or not LEAST <= share < 1:
            return ""
        left = spent * (1 - share) / share
        if left < 90:
            return f"{max(round(left), 1)} s left"
        if left < 90 * 60:
            return f"{round(left / 60)} min left"
        return f"{left / 3600:.1f} h left"
