"""Records of how accepted masks were made, as plain JSON values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, get_args

from napari_hqsam.labels.painting import Overlap
from napari_hqsam.network.outputs import OUTPUTS, Output
from napari_hqsam.segmentation.options import OptionArgs, SegmentOptions
from napari_hqsam.sessions.journal.json_values import (
    MAX_LEVEL,
    as_bool,
    as_float,
    as_int,
    as_list,
    check_keys,
    one_of,
    optional,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_hqsam.sessions.journal.lines import Json


@dataclass(frozen=True)
class CorrectedPrediction:
    """A prediction whose logits were the mask prompt of further clicks.

    Attributes
    ----------
    points : int
        Number of the prompt's points that it was predicted from: the first ones.
    candidate : int, optional
        Its chosen mask, as in `AcceptOptions`.
    output : {"sam+hq", "sam", "hq"}
        As in `Segmenter.segment`.
    """

    points: int
    candidate: int | None = None
    output: str = "sam+hq"

    def to_json(self) -> Json:
        """Return the record as a dict of plain JSON values."""
        return dict(vars(self))

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> CorrectedPrediction:
        """Make the record from what `to_json` returned; errors as of `json_values`."""
        check_keys(record, ("points", "candidate", "output"))
        return cls(
            as_int(record["points"]),
            optional(as_int, record.get("candidate")),
            one_of(OUTPUTS, record.get("output", "sam+hq")),
        )


@dataclass(frozen=True, kw_only=True)
class AcceptOptions:
    """How an accepted mask was segmented and painted.

    Attributes
    ----------
    segmentation : SegmentOptions
    candidate : int, optional
        Index in `Segmenter.candidates`, 0 for the best; None: the mask of
        `Segmenter.segment`.
    overlap : {"keep", "overwrite", "empty"}
        As in `paint`.
    corrects : tuple of CorrectedPrediction
        Predictions that the prompt's points corrected one after another, the
        first one first; empty where all points were given at once.
    """

    segmentation: SegmentOptions = field(default_factory=SegmentOptions)
    candidate: int | None = None
    overlap: Overlap = "keep"
    corrects: tuple[CorrectedPrediction, ...] = ()

    @property
    def output(self) -> Output:
        """The chosen output, as in `CorrectedPrediction`."""
        return self.segmentation.output

    def to_json(self) -> Json:
        """Return the record as a dict of plain JSON values."""
        plain: Json = {**self.segmentation.arguments(), "candidate": self.candidate}
        plain["overlap"] = self.overlap
        if plain["view_extent"] is None:
            del plain["view_extent"]
        if self.corrects:
            plain["corrects"] = [answer.to_json() for answer in self.corrects]
        return plain

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> AcceptOptions:
        """Make the record from what `to_json` returned; errors as of `json_values`."""
        own = "candidate", "overlap", "corrects"
        check_keys(plain, (*OptionArgs.__annotations__, *own))
        overlap: Any = one_of(get_args(Overlap), plain["overlap"])
        answers: list[Any] = as_list(plain.get("corrects", []))
        segmentation = SegmentOptions(
            level=_level(plain.get("level", "auto")),
            output=plain.get("output", "sam+hq"),
            clean=as_bool(plain.get("clean", True)),
            typical_size=optional(as_float, plain.get("typical_size")),
            view_extent=optional(as_float, plain.get("view_extent")),
        )
        return cls(
            segmentation=segmentation,
            candidate=optional(as_int, plain.get("candidate")),
            overlap=overlap,
            corrects=tuple(CorrectedPrediction.from_json(answer) for answer in answers),
        )


def _level(value: object) -> Any:  # noqa: ANN401 - checked by SegmentOptions
    if isinstance(value, str):
        return value
    return as_int(value, -MAX_LEVEL, MAX_LEVEL)
