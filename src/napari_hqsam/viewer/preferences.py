"""Preferences of the plugin, as napari keeps them for the manifest."""

from __future__ import annotations

from typing import Any

from napari_hqsam.viewer.state import Settings

CATEGORY = "widget"
_NAMES = ("model", "device", "stretch", "overlap", "hover", "prefetch")


def preferred_settings() -> Settings:
    """Return the settings to begin with: those of napari's preferences, if any."""
    try:
        from napari.settings import get_plugin_settings

        chosen: Any = getattr(get_plugin_settings("napari-hqsam"), CATEGORY)
    except (ImportError, KeyError, AttributeError, ValueError):
        return Settings()  # napari before 0.9, or a plugin it does not know
    found = {name: getattr(chosen, name) for name in _NAMES if hasattr(chosen, name)}
    return Settings(**{name: getattr(v, "value", v) for name, v in found.items()})
