"""The labels section: the target of accepted objects, and actions on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Labels

from napari_hqsam.viewer.parts.fields import choice
from napari_hqsam.viewer.parts.forms import Section, actions

if TYPE_CHECKING:
    from napari_hqsam.viewer.inference.controller import InferenceController
    from napari_hqsam.viewer.objects.object_actions import ObjectActions
    from napari_hqsam.viewer.session.controller import SessionController

_UNDER_CURSOR = "the accepted object under the cursor"


class LabelsSection(Section):
    """Choice of the target and the overlap policy, and buttons for actions.

    Parameters
    ----------
    controller : InferenceController
    sessions : SessionController
    objects : ObjectActions
    """

    def __init__(
        self,
        controller: InferenceController,
        sessions: SessionController,
        objects: ObjectActions,
    ) -> None:
        super().__init__("Labels", "Where accepted objects go", is_open=True)
        self.sessions = sessions
        self.layer = self.layer_choice(
            Labels,
            tip="Labels layer that accepted objects go to; it must fit the image",
            nothing="a new layer",
        )
        self.layer.changed.connect(sessions.use_target)
        self.overlap = choice(controller.settings, "overlap")
        form = self.form()
        form.addRow("target", self.layer.native)
        form.addRow("overlap", self.overlap.native)
        self.rows.addLayout(
            actions(
                2,
                ("reopen", f"Open {_UNDER_CURSOR} again", objects.reopen),
                (
                    "delete",
                    f"Remove {_UNDER_CURSOR}; in a stack, from this slice",
                    objects.delete,
                ),
                ("merge", f"Add the current object to {_UNDER_CURSOR}", objects.merge),
                (
                    "split",
                    "Take the current object out of the one below it",
                    objects.split,
                ),
                ("clean", f"Fill and smooth {_UNDER_CURSOR}", objects.clean),
            )
        )
        sessions.changed.connect(self.refresh)
        self.refresh()

    def reset_choices(self) -> None:
        """Update the list of layers; the target stays chosen."""
        super().reset_choices()
        target = self.sessions.target
        self.layer.show_value(None if target is None else target.layer)

    def refresh(self) -> None:
        """Show the target."""
        self.reset_choices()
        self.setText(f"Labels{self._saved_text()}")

    def _saved_text(self) -> str:
        """Return what is saved, for the title, which is visible when folded as well."""
        labels = self.sessions.labels
        if labels is None or labels.session is None:
            return ""
        steps, file = labels.unsaved_steps, labels.file
        if steps:
            return f": {steps} change{'s' * (steps != 1)} not saved"
        return "" if file is None else f": saved in {file.name}"
