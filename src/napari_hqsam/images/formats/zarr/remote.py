"""Zarr at an address: ``https://``, ``s3://`` and others, through fsspec.

A path that went through `pathlib` has lost a slash ("https:/host/a.zarr"), and is known
all the same. Only zarr is read from afar: chunk by chunk, as all else would be
downloaded whole.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from napari_hqsam.errors import ImageError, reason

if TYPE_CHECKING:
    import zarr

_ADDRESS = re.compile(r"([a-z][a-z0-9+]+):[/\\]+(.+)", re.DOTALL)
"""At least two letters: "C:/" is a drive."""
_ANONYMOUS = ("s3", "gs", "gcs")
"""Where buckets that are open to all want to be asked without a name."""


def address_of(source: object) -> str | None:
    """Return a source as an address (URL); None if it is not one.

    Parameters
    ----------
    source : object
        Such as "https://host/a.zarr", or a path made of that.
    """
    if not isinstance(source, (str, os.PathLike)):
        return None
    found = _ADDRESS.fullmatch(os.fspath(source))
    if found is None or found[1] == "file":
        return None
    return f"{found[1]}://{found[2].replace(os.sep, '/')}"


def open_address(address: str) -> zarr.Group | zarr.Array[Any]:
    """Open a zarr at an address, for reading.

    Parameters
    ----------
    address : str
        From `address_of`.

    Raises
    ------
    ImageError
        There is no zarr, it cannot be reached, or a package is missing.
    """
    import zarr

    scheme = address.split("://")[0]
    options: list[dict[str, Any]] = [{}]
    if scheme in _ANONYMOUS:
        key = "anon" if scheme == "s3" else "token"
        options = [{key: True if scheme == "s3" else "anon"}, {}]
    problem: Exception | None = None
    for each in options:
        try:
            return zarr.open(address, mode="r", storage_options=each or None)
        except MemoryError:
            raise
        except ImportError as error:
            raise ImageError(
                f"{address} needs packages that are not installed ({reason(error)}): "
                'pip install "napari-hqsam[remote]"'
            ) from error
        except Exception as error:  # of the network, fsspec, or the metadata
            problem = problem or error
    if isinstance(problem, FileNotFoundError):
        raise ImageError(
            f"{address} holds no zarr array or group; only zarr is read from an "
            "address: download all else"
        ) from problem
    assert problem is not None
    raise ImageError(
        f"{address} cannot be opened ({reason(problem)}): check address and network"
    ) from problem
