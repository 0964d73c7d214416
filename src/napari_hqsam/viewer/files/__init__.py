"""Journals and label files as the viewer finds and names them."""
