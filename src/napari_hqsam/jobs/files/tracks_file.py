"""Tracks of a batch as a table: one row per object and plane."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from napari_hqsam.errors import OutputError
from napari_hqsam.files import replacing
from napari_hqsam.labels import check_file

if TYPE_CHECKING:
    import os

    from napari_hqsam.masks.tracks import Tracks


def check_tracks_file(path: str | os.PathLike[str]) -> None:
    """Raise OutputError unless a table of tracks can be written there."""
    target = Path(path)
    if target.suffix.lower() != ".csv":
        raise OutputError(f"{target} is no .csv: name the tracks NAME.csv")
    check_file(target)


def write_tracks(path: str | os.PathLike[str], tracks: Tracks, axes: str) -> None:
    """Write tracks as CSV, atomically.

    Columns ``track``, one for each of the leading axes, ``y``, ``x`` (what a napari
    Tracks layer takes, in its order), then ``object`` (the id in the labels) and
    ``parents`` (tracks it comes from, with spaces between).

    Parameters
    ----------
    path : path
        ``.csv``; an existing file is replaced.
    tracks : Tracks
        From `tracks_of`.
    axes : str
        Letters of the leading axes.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    check_tracks_file(path)
    with replacing(Path(path)) as partial, partial.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["track", *axes, "y", "x", "object", "parents"])
        for row, label_id in zip(tracks.table, tracks.objects, strict=True):
            track, *where = row[:-2].astype(int).tolist()
            y, x = (f"{value:.2f}" for value in row[-2:])
            parents = " ".join(map(str, tracks.graph.get(track, [])))
            rows.writerow([track, *where, y, x, int(label_id), parents])
