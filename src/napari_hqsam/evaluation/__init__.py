"""Measure the quality of a model's masks on folders of images with labels."""
