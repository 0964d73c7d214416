"""Widgets that the sections of the panel consist of."""
