"""The model section: the model, its device, and the download of weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from magicgui.widgets import show_file_dialog
from qtpy.QtWidgets import QHBoxLayout

from napari_hqsam.models import is_cached, list_models
from napari_hqsam.viewer.main_thread import notify
from napari_hqsam.viewer.parts.fields import (
    Choice,
    choice,
    progress_bar,
    show_progress,
)
from napari_hqsam.viewer.parts.forms import Section, button
from napari_hqsam.worker import Priority

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_hqsam.models.download import ProgressFactory
    from napari_hqsam.viewer.inference.controller import InferenceController
    from napari_hqsam.viewer.widget_options import ChoiceEntry
    from napari_hqsam.worker import Ticket, Worker


class ModelSection(Section):
    """Choice of model and device; downloads weights in the background.

    Parameters
    ----------
    controller : InferenceController
    files : Worker
        For downloads.
    """

    def __init__(self, controller: InferenceController, files: Worker) -> None:
        super().__init__("Model", "Which HQ-SAM, and where it computes", is_open=False)
        self.controller, self._files = controller, files
        form = self.form()
        self.model = Choice(
            tip="The bundled model needs nothing; the official ones are fetched once"
        )
        self.model.changed.connect(self._on_model)
        form.addRow("model", self.model.native)
        self.device = choice(controller.settings, "device")
        form.addRow("device", self.device.native)
        self.progress = progress_bar("Download of the weights")
        self.cancel = button(
            "Cancel", "Stop the download; it can go on later", self._cancel
        )
        self.cancel.hide()
        row = QHBoxLayout()
        row.addWidget(self.progress.native)
        row.addWidget(self.cancel)
        self.rows.addLayout(row)
        self._ticket: Ticket | None = None
        controller.settings.events.model.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """List the models, and which of them are on this machine."""
        chosen = self.controller.settings.model
        entries: list[ChoiceEntry] = []
        for found in list_models():
            size = f"{found.bytes / 1e6:.0f} MB"  # as in the README
            state = "" if is_cached(found.name) else ", fetch"
            text = f"{found.name} ({size}{state})"
            tip = f"{found.description} ({found.licence})"
            entries.append((text, found.name, tip))
        if chosen not in (name for _, name, _ in entries):
            entries.append((chosen, chosen, ""))
        self.model.offer([*entries, ("from a file ...", "", "")])
        self.model.show_value(chosen)

    def _on_model(self, name: str | None) -> None:
        if not name:
            name = show_file_dialog(
                "r",
                caption="HQ-SAM weights",
                filter="Weights (*.pth *.pt *.safetensors);;All files (*)",
                parent=self,
            )
            if not name:
                self.refresh()
                return
        elif not is_cached(name):
            self.fetch(name)
            return
        self.controller.settings.model = name

    def fetch(self, name: str) -> None:
        """Download the weights of a model in the background, then use it."""
        controller = self.controller
        show_progress(self.progress, 0.0)
        self.progress.show()
        self.cancel.show()

        def show(share: float) -> None:
            show_progress(self.progress, share)

        def work(ticket: Ticket) -> None:
            from napari_hqsam.models import fetch

            fetch(name, progress=progress_bars(ticket, controller.to_main, show))

        def done(_: None) -> None:
            self._end()
            controller.settings.model = name

        def failed(error: Exception) -> None:
            self._end()
            notify(error)

        self._ticket = self._files.submit(Priority.BATCH, "fetch", work, done, failed)

    def _cancel(self) -> None:
        if self._ticket is not None:
            self._ticket.cancel()
        self._end()

    def _end(self) -> None:
        self.progress.hide()
        self.cancel.hide()
        self.refresh()


def progress_bars(
    ticket: Ticket,
    to_main: Callable[[Callable[[], None]], None],
    show: Callable[[float], None],
) -> ProgressFactory:
    """Return a factory of progress bars that report a share on the main thread."""

    class Bar:
        def __init__(self, *, total: int, initial: int = 0, **_: object) -> None:
            self.total, self.done = total, initial

        def update(self, n: int, /) -> None:
            """Count bytes; raise if the download was cancelled."""
            ticket.check()
            self.done += n
            share = self.done / self.total
            to_main(lambda: show(share))

        def close(self) -> None:
            """Do nothing: the bar belongs to the section."""

    return Bar
