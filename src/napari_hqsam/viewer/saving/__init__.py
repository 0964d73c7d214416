"""Saving labels, and going on with earlier sessions."""
