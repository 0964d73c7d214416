"""Describe a job by the image shown and the settings. Runs on the main thread.

The job reads files, and the settings are about layers. `BatchRequest.checked`, which
may take time, makes sure that the file holds the pixels of the layer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.errors import HqsamError, ImageError, JobError
from napari_hqsam.jobs.description import (
    Automatic,
    Inputs,
    Job,
    ModelChoice,
    Outputs,
    RunOptions,
)
from napari_hqsam.jobs.description.job import Options
from napari_hqsam.viewer.inference.requests.image_snapshot import image_spec
from napari_hqsam.viewer.planes import layer_shape

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_hqsam.segmentation.options import ProposerName
    from napari_hqsam.viewer.batch.state import BatchState
    from napari_hqsam.viewer.canvas.scene import Scene
    from napari_hqsam.viewer.inference.requests.request import ImageSpec
    from napari_hqsam.viewer.planes import PlaneView

LABELS = "labels"
"""Default name of the folder of labels."""
_CHECKED = 64
"""Side of the square of pixels in which a file is compared with its layer."""


@dataclass(frozen=True, eq=False)
class BatchRequest:
    """A job, and the image shown if its file is one of the images.

    Attributes
    ----------
    job : Job
    file : str
        The file of the image shown; "" if there is none.
    image : Image or None
        The layer.
    spec : ImageSpec or None
        Its pixels.
    position : tuple of int
        The plane shown.
    """

    job: Job
    file: str = ""
    image: Image | None = None
    spec: ImageSpec | None = None
    position: tuple[int, ...] = ()

    def checked(self) -> BatchRequest:
        """Return it with the axes by which the file is read as the layer is.

        Raises
        ------
        ImageError
            The file cannot be read, or holds other pixels than the layer.
        """
        if self.spec is None:
            return self
        for axes in (None, self.spec.axes):
            inputs = replace(self.job.inputs, axes=axes)
            if self._is_read_by(inputs):
                return replace(self, job=replace(self.job, inputs=inputs))
        raise ImageError(
            f"{self.file} holds other pixels than the layer {self.spec.name}: save the "
            "layer as a file (File > Save Selected Layers) and open that"
        )

    def _is_read_by(self, inputs: Inputs) -> bool:
        from napari_hqsam.images import open_image

        assert self.spec is not None
        layer = self.spec.open()
        try:
            file = open_image(self.file, axes=inputs.axes, channels=inputs.channels)
        except HqsamError:
            if inputs.axes is None:
                return False
            raise
        sizes = [(each.plane_shape, each.leading_shape) for each in (file, layer)]
        if sizes[0] != sizes[1]:
            return False
        (h, w), half = file.plane_shape, _CHECKED // 2
        region = (
            max(h // 2 - half, 0),
            max(w // 2 - half, 0),
            min(h // 2 + half, h),
            min(w // 2 + half, w),
        )
        pixels = [each.read_at(self.position, region) for each in (file, layer)]
        return _equal(*pixels)


def _equal(one: Any, other: Any) -> bool:  # noqa: ANN401 - arrays
    nan = one.dtype.kind == "f" and other.dtype.kind == "f"
    return one.shape == other.shape and np.array_equal(one, other, equal_nan=nan)


def describe(scene: Scene, state: BatchState, proposer: ProposerName) -> BatchRequest:
    """Describe a job that finds all objects with the current settings.

    Objects accepted so far make no difference, as they do for a click: a job that was
    interrupted must be the same one afterwards.

    Parameters
    ----------
    scene : Scene
        The image, and the settings.
    state : BatchState
    proposer : {"auto", "apg", "ais", "grid"}

    Raises
    ------
    ImageError, JobError
        There is no image, it has no file, or files cannot be read as it is shown.
    """
    settings = scene.settings
    request = _inputs(scene, state)
    level: Any = "auto"
    if settings.scale == "view" and scene.image is not None:
        view = scene.view()
        level = round(-math.log2(scene.viewport.pixel_size(scene.image, view)))
    job = replace(
        request.job,
        action=Automatic(proposer=proposer),
        model=ModelChoice(name=settings.model, device=(settings.device,)),
        options=Options(
            level=level,
            output=settings.output,
            clean=settings.clean,
        ),
        outputs=Outputs(folder=labels_folder(scene, state), suffix=state.suffix),
        run=RunOptions(workers=state.workers),
    )
    return replace(request, job=job)


def labels_folder(scene: Scene, state: BatchState) -> str:
    """Return the folder of the labels; "" if there is neither image nor folder."""
    if state.labels:
        return state.labels
    if state.source == "folder":
        return str(Path(state.folder, LABELS)) if state.folder else ""
    file = file_of(scene.image)
    if not file:
        return ""
    near = Path.home() if "://" in file else Path(file).absolute().parent
    return str(near / LABELS)


def file_of(image: Image | None) -> str:
    """Return the file that a layer was opened from; "" if it has none."""
    path = None if image is None else image.source.path
    return "" if path is None else str(path)


def _inputs(scene: Scene, state: BatchState) -> BatchRequest:
    """Return a job with its inputs alone, and what they are compared with."""
    if state.source == "folder" and not state.folder:
        raise JobError("which folder? Choose it under Batch, images")
    image, file = scene.image, file_of(scene.image)
    outputs = Outputs(folder=".")
    if image is None or (state.source == "folder" and not file):
        if state.source != "folder":
            scene.view()  # says that there is no image
        return BatchRequest(Job(inputs=Inputs(paths=(state.folder,)), outputs=outputs))
    if not file:
        raise ImageError(
            f"{image.name} has no file, and a batch reads files: save the layer (File "
            "> Save Selected Layers) and open the file"
        )
    view = scene.view()
    if view.axes != (view.ndim - 2, view.ndim - 1):
        raise ImageError(
            "a batch segments the planes of the file; roll the axes (Ctrl+E) until "
            f"the last two of {image.name} are shown"
        )
    spec = image_spec(scene, view)
    inputs = Inputs(
        paths=(_paths(state, file),),
        pattern=(f"*{_suffix(file)}",) if state.source == "beside" else (),
        channels=_channels(scene, spec) or None,
        normalization=_normalization(spec),
    )
    if "://" not in file and not Path(file).exists():
        raise ImageError(f"{file}, the file of {image.name}, is no longer there")
    return BatchRequest(
        Job(inputs=inputs, outputs=outputs),
        str(file if "://" in file else Path(file).absolute()),
        image,
        spec,
        _position(scene, view),
    )


def _position(scene: Scene, view: PlaneView) -> tuple[int, ...]:
    assert scene.image is not None
    return view.index(layer_shape(scene.image))


def _paths(state: BatchState, file: str) -> str:
    if state.source == "folder":
        return state.folder
    if "://" in file:
        if state.source == "beside":
            raise JobError(f"{file} is on the web: choose a folder of this computer")
        return file
    path = Path(file).absolute()
    return str(path.parent if state.source == "beside" else path)


def _suffix(file: str) -> str:
    name = Path(file).name.lower()
    double = next((s for s in (".ome.zarr", ".ome.tif") if name.endswith(s)), "")
    return double or Path(name).suffix


def _channels(scene: Scene, spec: ImageSpec) -> tuple[int, ...]:
    """Return the channels of the file, in the order of R, G and B."""
    image, settings = scene.image, scene.settings
    assert image is not None
    if spec.channels or len(scene.channels) == 1:
        if settings.more_layers:
            raise JobError(
                "a batch takes its channels from one file, and those chosen are of "
                "several: choose one layer under Image, or save them as one file"
            )
        return spec.channels
    names = [layer.name for layer in scene.channels]
    chosen = (image.name, *settings.more_layers)
    if not set(chosen) <= set(names):
        raise JobError(
            f"{', '.join(c for c in chosen if c not in names)} is in another file than "
            f"{image.name}: choose channels of one file under Image"
        )
    return tuple(names.index(name) for name in chosen)


def _normalization(spec: ImageSpec) -> Any:  # noqa: ANN401 - as of `Inputs`
    found = spec.normalization
    if isinstance(found, str):
        return found
    distinct = dict.fromkeys(found)
    if len(distinct) > 1:
        raise JobError(
            "the channels have different contrast limits, and a batch takes one pair "
            "for all: choose percentiles under Image, or set equal limits"
        )
    return next(iter(distinct))
