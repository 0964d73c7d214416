"""Options of accepted masks, flat."""

from napari_hqsam.segmentation import SegmentOptions
from napari_hqsam.sessions import AcceptOptions


def accept_options(
    output="sam+hq", candidate=None, level="auto", *, overlap="keep", corrects=(), **own
):
    return AcceptOptions(
        segmentation=SegmentOptions(output=output, level=level, **own),
        candidate=candidate,
        overlap=overlap,
        corrects=corrects,
    )
