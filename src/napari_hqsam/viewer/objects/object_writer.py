"""Write the mask of a prompt to the session as an object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_hqsam.sessions.journal.accept_options import AcceptOptions
from napari_hqsam.viewer.inference.requests.request import to_candidate

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_hqsam.masks import Mask
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.sessions.journal.headers import ModelRecord
    from napari_hqsam.sessions.session import Session
    from napari_hqsam.viewer.inference.requests.request import Request
    from napari_hqsam.viewer.planes import PlaneView
    from napari_hqsam.viewer.state import Settings


class ObjectWriter:
    """Accepts masks in a session, finished as the settings say.

    Parameters
    ----------
    settings : Settings
    finished : callable
        Fills and smooths a mask as chosen; returns the same one if nothing is chosen.
    """

    def __init__(
        self, settings: Settings, finished: Callable[[Mask, PlaneView], Mask]
    ) -> None:
        self._settings, self._finished = settings, finished

    def accept_options(self, request: Request, chosen: int) -> AcceptOptions:
        """Return what the journal keeps of a request and the number of its mask."""
        return AcceptOptions(
            segmentation=request.options,
            candidate=to_candidate(chosen),
            overlap=self._settings.overlap,
            corrects=request.corrects,
        )

    def write(
        self,
        session: Session,
        view: PlaneView,
        mask: Mask,
        prompt: Prompt,
        *,
        options: AcceptOptions,
        setup: ModelRecord,
        replaces: int | None = None,
    ) -> int:
        """Accept a mask as an object, filled and smoothed if the user chose so.

        Called in a group of the session, all this is one step of undo.

        Parameters
        ----------
        session : Session
        view : PlaneView
            Plane of the image.
        mask, prompt, options, setup
            As for `Session.accept`, which tells what is raised.
        replaces : int, optional
            Id of the object that it takes the place of; None: a new one.

        Returns
        -------
        int
            The object's id.
        """
        plane = view.labels_plane
        label_id = session.accept(
            mask,
            prompt,
            plane=plane,
            label_id=replaces,
            options=options,
            setup=setup,
            replaces=replaces is not None,
        )
        done = self._finished(mask, view)
        if done is not mask:
            overlap = self._settings.overlap
            session.reshape(label_id, done.bbox, done.data, plane, overlap=overlap)
        return label_id
