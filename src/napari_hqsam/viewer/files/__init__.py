"""Journals and label files: their names, and which of them are unsaved."""
