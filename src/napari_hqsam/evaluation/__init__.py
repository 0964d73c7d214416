"""Evaluation: how good masks and label images are.

Importing this room needs numpy and scipy alone; what runs a model is imported
where it is used, so that training, too, can measure with `metrics`.
"""

from napari_hqsam.evaluation.metrics import (
    THRESHOLDS,
    average_precision,
    average_precision_scored,
    boundary,
    boundary_iou,
    boundary_ious,
    boundary_width,
    contingency_iou,
    iou,
    object_width,
    rank_labels,
)

__all__ = [
    "THRESHOLDS",
    "average_precision",
    "average_precision_scored",
    "boundary",
    "boundary_iou",
    "boundary_ious",
    "boundary_width",
    "contingency_iou",
    "iou",
    "object_width",
    "rank_labels",
]
