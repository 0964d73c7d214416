"""Preferences of the plugin: settings to begin with, declared in the manifest.

napari shows and keeps them (Preferences > HQ-SAM).
"""

from __future__ import annotations

from typing import Any

from napari_hqsam.viewer.state import Settings

CATEGORY = "widget"
_NAMES = (
    "model",
    "device",
    "stretch",
    "overlap",
    "hover",
    "prefetch",
    "accept_on_click",
)


def preferred_settings() -> Settings:
    """Return the initial settings: those of napari's preferences, else the defaults."""
    chosen = _preferences()
    found = {name: getattr(chosen, name) for name in _NAMES if hasattr(chosen, name)}
    return Settings(**{name: getattr(v, "value", v) for name, v in found.items()})


def save_preference(name: str, value: object) -> None:
    """Save a setting of the manifest as the value to begin with the next time."""
    chosen = _preferences()
    if chosen is not None:
        setattr(chosen, name, value)  # which napari saves


def _preferences() -> Any:  # noqa: ANN401 - napari makes it of the manifest
    """Return napari's preferences; None before napari 0.9, or if it has none."""
    try:
        from napari.settings import get_plugin_settings

        return getattr(get_plugin_settings("napari-hqsam"), CATEGORY)
    except (ImportError, KeyError, AttributeError, ValueError):
        return None
