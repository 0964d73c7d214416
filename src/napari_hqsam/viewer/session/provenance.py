"""Check that a session goes on with the image and the weights it was made with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject

from napari_hqsam.errors import HqsamError, HqsamWarning
from napari_hqsam.sessions import read_session, weights_difference
from napari_hqsam.viewer.inference.requests.request import Channels, ModelSpec
from napari_hqsam.viewer.main_thread import notify
from napari_hqsam.worker import Priority, Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from napari_hqsam.models import Model
    from napari_hqsam.sessions import RecordedSession, Session
    from napari_hqsam.viewer.canvas.scene import Scene
    from napari_hqsam.viewer.inference.engine import Engine


class ProvenanceCheck(QObject):
    """Compares image and weights with those of a session; asks or warns on differences.

    Parameters
    ----------
    scene : Scene
    engine : Engine
    worker : Worker
        That of the engine.
    files : Worker
        For what needs no model.
    """

    def __init__(
        self,
        scene: Scene,
        engine: Engine,
        worker: Worker,
        files: Worker,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._scene, self._engine = scene, engine
        self._worker, self._files = worker, files
        self.ask: Callable[[str], bool] = lambda text: True
        """Asks the user a yes-or-no question; replaced by the panel."""

    def check_image(
        self,
        journal: Path,
        on_same: Callable[[], None],
        on_refused: Callable[[Exception], None],
        task: str = "compare",
    ) -> None:
        """Compare the image in use with that of a session.

        Parameters
        ----------
        journal : Path
            Path of the journal of the session.
        on_same : callable
            Called if it is the same, or the user goes on all the same.
        on_refused : callable
            Called with the reason if not, or if the journal cannot be read.
        task : str
            Topic on the worker, by which it can be cancelled.
        """
        from napari.layers import Image

        image = self._scene.image
        assert image is not None
        name, own = image.name, _pixels(image)
        there = {
            layer.name: _pixels(layer)
            for layer in self._scene.viewer.layers
            if isinstance(layer, Image) and not self._scene.is_own_layer(layer)
        }

        def done(recorded: RecordedSession | None) -> None:
            if recorded is not None and not self.ask(
                f"{name} is not the image that the session was made on "
                f"({recorded.header.image.name}): pixels, axes or channels differ. Go "
                "on with it all the same?"
            ):
                on_refused(
                    HqsamWarning(f"the session made on {name} is left as it was")
                )
                return
            on_same()

        self._files.submit(
            Priority.CLICK,
            task,
            lambda _: _if_other(journal, own, there),
            done,
            on_refused,
        )

    def check_weights(self, session: Session) -> None:
        """Warn if objects were accepted with other weights of the model."""
        settings = self._scene.settings
        spec = ModelSpec(settings.model, settings.device)

        def done(model: Model) -> None:
            text = weights_difference(session.history.events, model)
            if text:
                notify(
                    HqsamWarning(
                        f"{text}; to go on as before, choose the former weights under "
                        "Model"
                    )
                )

        self._worker.submit(
            Priority.PREFETCH,
            "weights",
            lambda _: self._engine.model(spec),
            done,
            lambda _: None,  # the next click reports it
        )


def _pixels(layer: Any) -> Any:  # noqa: ANN401
    """Return what `open_image` takes for a layer."""
    return list(layer.data) if layer.multiscale else layer.data


def _if_other(
    journal: Path, pixels: object, there: Mapping[str, Any]
) -> RecordedSession | None:
    """Return a session if it was made on another image; None: it is the same.

    None also where a layer that was a channel is missing: `apply_choices` reports it.
    """
    from napari_hqsam.images import fingerprint, open_image

    recorded = read_session(journal)
    header = recorded.header
    names = recorded.context.get("settings", {}).get("more_layers", [])
    if any(name not in there for name in names):
        return None
    if names:
        pixels = Channels([pixels, *(there[name] for name in names)])
    channels = header.setup.channels if "c" in header.image.axes else None
    try:
        image = open_image(pixels, axes=header.image.axes, channels=channels)
        same = fingerprint(image) == header.image.fingerprint
    except HqsamError:  # it has other axes
        same = False
    return None if same else recorded
