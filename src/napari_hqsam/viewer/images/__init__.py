"""Selection of the image in use, and the stored state of the others."""
