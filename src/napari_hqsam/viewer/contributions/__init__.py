"""What napari's manifest names: readers, writers, samples, preferences."""
