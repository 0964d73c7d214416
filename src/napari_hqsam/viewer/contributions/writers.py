"""The writer of label files for napari's own dialogs."""

from __future__ import annotations

from typing import Any

from napari_hqsam.viewer.files.label_files import (
    FLAT,
    files_in_use,
    save_labels,
    warn_kept,
    without_step,
)
from napari_hqsam.viewer.files.save_listeners import (
    after_save,
    before_save,
    session_on,
)


def write_labels_layer(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:  # noqa: ANN401
    """Write a Labels layer, as npe2 calls it; its journal goes with it."""
    import napari

    from napari_hqsam.labels import check_writable
    from napari_hqsam.sessions import back_up_foreign_labels
    from napari_hqsam.viewer.files.journal_files import check_free

    viewer = napari.current_viewer()
    if viewer is not None:
        check_writable(path, sources=files_in_use(viewer))
    check_free(path, session_on(data))
    kept = back_up_foreign_labels(path)
    if kept is not None:
        warn_kept(path, kept)
    before_save(data)
    flat = attributes.get("metadata", {}).get(FLAT)
    labels = data if flat is None else data[(*[slice(None)] * flat, 0)]
    written = save_labels(path, labels, without_step(attributes, flat))
    after_save(written, data)
    return [written]
