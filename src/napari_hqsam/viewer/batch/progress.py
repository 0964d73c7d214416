"""How far a job is, from the lines that it writes."""

from __future__ import annotations

from typing import Any

from napari_hqsam.viewer.time_left import TimeLeft

_Count = tuple[int, "int | None", str]
"""Units done, units in all if that is known, and what is counted."""


class BatchProgress:
    """Counts images, and the planes, tiles or blocks of the current one.

    Attributes
    ----------
    result : dict or None
        The last line of the job, once it is there.
    """

    def __init__(self) -> None:
        self.result: dict[str, Any] | None = None
        self.share = 0.0
        self._images: _Count = (0, None, "")
        self._inside: _Count = (0, None, "")
        self._step = ""
        self._time_left = TimeLeft()

    def take(self, line: dict[str, Any]) -> None:
        """Take a line of `jobs.background`."""
        if "step" in line:
            self._step, self._inside = str(line["step"]), (0, None, "")
        elif line.get("unit") == "image":
            self._images = line["done"], line["total"], "image"
            self._inside = 0, None, ""
        elif "unit" in line:
            self._inside = line["done"], line["total"], str(line["unit"])
        (done, total, _), (part, parts, _) = self._images, self._inside
        if total:
            within = part / parts if parts else 0.0
            # The stages of an image are loops of their own: never go back.
            self.share = max(self.share, min((done + within) / total, 1.0))

    def text(self) -> str:
        """Return the counts and the time left."""
        (done, total, _), (part, parts, unit) = self._images, self._inside
        found = []
        if total and total > 1:
            found.append(f"image {min(done + 1, total)} of {total}")
        if unit:
            found.append(f"{unit} {part} of {parts}" if parts else f"{part} {unit}s")
        elif self._step and not found:
            found.append(self._step)
        left = self._time_left.text(self.share)
        return ", ".join([*found, left] if left else found)
