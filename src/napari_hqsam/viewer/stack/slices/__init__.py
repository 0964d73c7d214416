"""Slices of an image: their axis, prompts on them, results."""
