"""Changes of labels as patches, and the labels that they are written to."""
