"""Labelled images on disk: find them, split them, load them as tensors.

Imports only torch, numpy, scipy, scikit-image and tifffile; must not know models,
prompts or how images are opened for use.
"""
