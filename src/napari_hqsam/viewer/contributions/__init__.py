"""Contributions in napari's manifest: readers, writers and samples.

It declares the preferences as well: `viewer.preferences` reads and saves them.
"""
