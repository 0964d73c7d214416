"""Records of registered models: their files and sources.

Facts only, no I/O and no torch, so that listing the models is instant.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from napari_hqsam.models.tuning import Tuning


@dataclass(frozen=True, kw_only=True)
class WeightsFile:
    """A file of weights, with the size and digests to verify it.

    Attributes
    ----------
    file : str
        File name, in the models folder or inside the package.
    url : str
        Where it is fetched from; empty if it ships inside the package.
    bytes : int
        Size of the file; about, where `sha256` is empty.
    sha256 : str
        Hex digest of the file. Empty where none is published: it is then computed
        when the file is first checked by `xxh128`, and kept beside it.
    xxh128 : str
        Hex digest of the file (xxHash, 128 bit); needed where `sha256` is empty.
    micro_sam : str
        Its name in micro-sam's cache; empty if micro-sam has no such file.
    """

    file: str
    url: str = ""
    bytes: int
    sha256: str = ""
    xxh128: str = ""
    micro_sam: str = ""

    @property
    def bundled(self) -> bool:
        """Whether the file ships inside the package."""
        return not self.url

    @property
    def has_exact_size(self) -> bool:
        """Whether `bytes` is exact."""
        return bool(self.sha256)

    @property
    def known_hash(self) -> str:
        """The published digest after the name of its algorithm, as pooch has it."""
        return f"sha256:{self.sha256}" if self.sha256 else f"xxh128:{self.xxh128}"


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A model that loads by name.

    Attributes
    ----------
    name : str
        What `load_model` calls it.
    weights : WeightsFile
        The network.
    instance_decoder : WeightsFile, optional
        Its instance decoder, where that has a file of its own.
    licence : str
        SPDX identifier.
    variant : str
        Image encoder: "vit_tiny", "vit_b", "vit_l" or "vit_h".
    input_size : int
        Side of the network's square input, pixels.
    description : str
        One line for a person who chooses.
    tuning : Tuning
        What was chosen for its weights; see ``benchmarks/tuning.py``.
    """

    name: str
    weights: WeightsFile
    instance_decoder: WeightsFile | None = None
    licence: str = "Apache-2.0"
    variant: str
    input_size: int = 1024
    description: str
    tuning: Tuning = field(default_factory=Tuning)

    @property
    def files(self) -> tuple[WeightsFile, ...]:
        """All its files."""
        return (self.weights, *filter(None, (self.instance_decoder,)))

    @property
    def bundled(self) -> bool:
        """Whether it ships inside the package."""
        return self.weights.bundled

    @property
    def bytes(self) -> int:
        """Size of all its files; about, unless `has_exact_size`."""
        return sum(each.bytes for each in self.files)

    @property
    def has_exact_size(self) -> bool:
        """Whether `bytes` is exact."""
        return all(each.has_exact_size for each in self.files)
