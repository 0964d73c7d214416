"""Evaluation: how good a model's masks are, on folders of images with labels."""
