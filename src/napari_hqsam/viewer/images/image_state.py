"""The state of an image that is kept while another image is in use."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_hqsam.viewer.canvas.prompts.stored import (
    StoredPrompts,
    restore_prompts,
    store_prompts,
)

if TYPE_CHECKING:
    from napari_hqsam.viewer.canvas.scene import Scene
    from napari_hqsam.viewer.planes import PlaneView
    from napari_hqsam.viewer.state import CurrentObject


@dataclass
class ImageState:
    """What is kept of an image while another one is worked on.

    Attributes
    ----------
    channel_axis : int or None
        Data axis that holds channels.
    answered : bool
        Whether the user need not be asked about that axis any more.
    channels, more_layers : tuple
        As in the settings.
    prompts : StoredPrompts
    label_id, opened_on, chosen
        As in the current object.
    """

    channel_axis: int | None = None
    answered: bool = True
    channels: tuple[int, ...] = ()
    more_layers: tuple[str, ...] = ()
    prompts: StoredPrompts = field(default_factory=StoredPrompts)
    label_id: int | None = None
    opened_on: PlaneView | None = None
    chosen: int = 0

    def store(self, scene: Scene, current: CurrentObject) -> None:
        """Keep the settings of the image in use, its prompts and the current object."""
        settings = scene.settings
        self.channel_axis, self.channels = settings.channel_axis, settings.channels
        self.more_layers = settings.more_layers
        self.prompts = store_prompts(scene.prompts)
        self.label_id, self.opened_on = current.label_id, current.opened_on
        self.chosen = current.chosen

    def restore_settings(self, scene: Scene) -> None:
        """Choose the image's channels again, before it is used."""
        settings = scene.settings
        settings.channel_axis = self.channel_axis
        settings.channels, settings.more_layers = self.channels, self.more_layers

    def restore_prompts(self, scene: Scene, current: CurrentObject) -> bool:
        """Add the prompts of the image in use again; False if there are none."""
        if not self.prompts:
            return False
        scene.ensure_layers()
        restore_prompts(scene.prompts, self.prompts)
        current.label_id, current.chosen = self.label_id, self.chosen
        current.opened_on = self.opened_on
        return True
