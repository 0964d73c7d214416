"""Estimate of the time that work will still take."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SOONEST = 2.0
"""Seconds before an estimate is shown: the first steps are no sample yet."""
LEAST = 0.02
"""Share of the work before an estimate is shown."""


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
        """Return the time left as text; "" as long as there is no estimate.

        Parameters
        ----------
        share : float
            Share of the work that is done, 0 to 1.
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
