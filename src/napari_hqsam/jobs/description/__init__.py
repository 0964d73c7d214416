"""The description of a job: inputs, action, model, options, outputs, and how to run it.

A job is a tree of frozen dataclasses, written as YAML or JSON and validated when it is
read. It names files and settings only: nothing here opens an image or a model.
"""

from napari_hqsam.jobs.description.actions import (
    ACTIONS,
    Action,
    Automatic,
    Prompted,
    Propagated,
    Refined,
    Replayed,
)
from napari_hqsam.jobs.description.file import SUFFIXES, read_job, write_job
from napari_hqsam.jobs.description.job import (
    Inputs,
    Job,
    ModelChoice,
    Outputs,
    RunOptions,
)

__all__ = [
    "ACTIONS",
    "SUFFIXES",
    "Action",
    "Automatic",
    "Inputs",
    "Job",
    "ModelChoice",
    "Outputs",
    "Prompted",
    "Propagated",
    "Refined",
    "Replayed",
    "RunOptions",
    "read_job",
    "write_job",
]
