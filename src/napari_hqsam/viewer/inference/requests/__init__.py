"""Snapshots of all that an answer depends on, and what earlier clicks left to it."""
