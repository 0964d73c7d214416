"""Requests: frozen snapshots of image, model, prompt and options; click history."""
