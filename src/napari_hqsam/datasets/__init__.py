"""Labelled images on disk: which there are, which are for what, as tensors.

Imports only torch, numpy, scipy, scikit-image and tifffile; must not know models,
prompts or how images are opened for use.
"""
