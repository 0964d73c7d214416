"""A pooch downloader that resumes interrupted downloads.

Bytes over HTTP into one file, nothing else: which file, and whether it is the
right one, is the business of `cache`. Pooch itself starts a broken download
again from nothing, which is no fun at 2.5 GB.
"""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING, Protocol, TypeAlias

import requests

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CHUNK = 1 << 16
TIMEOUT = (10.0, 60.0)  # seconds to connect, and without a byte


class Progress(Protocol):
    """Interface of progress bars; tqdm's and napari's have it."""

    def update(self, n: int, /) -> object:
        """Count `n` bytes more."""

    def close(self) -> object:
        """Remove the bar."""


ProgressFactory: TypeAlias = "Callable[..., Progress]"


class ResumingDownloader:
    """Download into a ``.part`` file with HTTP Range requests.

    Parameters
    ----------
    part : Path
        Where the bytes gather. It outlives a failure, and the next call goes on
        from there.
    size : int
        Bytes the whole file has.
    progress : callable
        Called with tqdm's keywords (total, initial, desc, unit, unit_scale).
    is_exact : bool
        Whether `size` is exact; if not, the server says it.
    """

    def __init__(
        self,
        part: Path,
        size: int,
        progress: ProgressFactory,
        *,
        is_exact: bool = True,
    ) -> None:
        self.part = part
        self.size = size
        self.progress = progress
        self.is_exact = is_exact

    def __call__(
        self, url: str, output_file: str, pooch: object, check_only: bool = False
    ) -> None:
        """Complete the part file, then move it to `output_file`.

        Pooch checks the digest of `output_file` next and deletes it when it is
        wrong: a spoilt part file does not survive, either.

        Raises
        ------
        requests.RequestException
            The connection failed or broke; what came is kept.
        """
        have = self.part.stat().st_size if self.part.exists() else 0
        if not self.is_exact:
            self._append(url, have)
        elif have != self.size:
            self._append(url, have if have < self.size else 0)
        os.replace(self.part, output_file)

    def _append(self, url: str, have: int) -> None:
        # identity: a compressed body would make byte offsets meaningless.
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
        with requests.get(
            url, headers=headers, stream=True, timeout=TIMEOUT
        ) as response:
            if response.status_code == requests.codes.requested_range_not_satisfiable:
                if not self.is_exact and _is_whole(response, have):
                    return
                self.part.unlink()  # there is no going on from here: begin again
            response.raise_for_status()
            # A server may ignore the range and send the whole file.
            have = have if _continues(response, have) else 0
            if not self.is_exact:
                self._learn_size(response, have)
            self._write(response, have)

    def _learn_size(self, response: requests.Response, have: int) -> None:
        """Take the size from the server, unless it is far from what is expected."""
        declared = response.headers.get("Content-Length", "")
        if not declared.isdecimal():
            raise requests.ConnectionError("the server does not say how much it sends")
        size = have + int(declared)
        if not self.size / 2 < size < self.size * 2:
            raise ValueError(f"the server has {size} bytes instead of {self.size}")
        self.size = size

    def _write(self, response: requests.Response, have: int) -> None:
        name = self.part.name.removesuffix(".part")
        bar = self.progress(
            total=self.size, initial=have, desc=name, unit="B", unit_scale=True
        )
        with self.part.open("ab" if have else "wb") as file, closing(bar):
            for chunk in response.iter_content(CHUNK):
                file.write(chunk)
                bar.update(len(chunk))
                have += len(chunk)
                if have > self.size:  # not our file: do not fill the disk with it
                    break
        if have < self.size:
            raise requests.ConnectionError(f"it ended after {have} bytes")


def _continues(response: requests.Response, have: int) -> bool:
    """Whether the body is the rest of the file, from byte `have` on."""
    return (
        response.status_code == requests.codes.partial_content
        and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
    )


def _is_whole(response: requests.Response, have: int) -> bool:
    """Whether the file ends at byte `have`."""
    return response.headers.get("Content-Range", "") == f"bytes */{have}"
