"""Contributions in napari's manifest: readers, writers, samples, preferences."""
